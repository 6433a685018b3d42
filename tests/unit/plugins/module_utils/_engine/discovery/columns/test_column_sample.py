# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.columns import column_sample


def test_what_a_sample_is_asked_by_is_no_pattern():
    assert column_sample._containing(b"50%_\\$", "text") == "%50\\%\\_\\\\$%"
    assert column_sample._containing(b"\x80_", "bytea") == b"\x80\\_%"
    assert column_sample._containing(b"gAAAAA", "bytea") == b"%gAAAAA%"
