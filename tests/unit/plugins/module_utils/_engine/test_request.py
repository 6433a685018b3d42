# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.request import Request


def test_a_request_never_shows_a_value():
    assert "CANARY" not in repr(Request("/srv/app", None, {"current": {"SECRET_KEY": "CANARY"}}))
