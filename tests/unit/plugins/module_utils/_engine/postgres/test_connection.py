# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Libpq


def test_connection_parameters_never_show_the_password():
    assert "CANARY" not in repr(Libpq("db", "5432", "app", "app", "CANARY"))
