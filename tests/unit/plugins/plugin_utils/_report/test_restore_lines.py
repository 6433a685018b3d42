# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report import restore_lines


def test_what_was_dropped_is_reported_and_what_was_looked_for_if_nothing_was():
    sought = ["before_spring:orders", "key_rotation_1_spring"]
    assert list(restore_lines.dropped({"dropped": sought[:1], "sought": sought})) == [
        "  dropped    before_spring:orders"
    ]
    told = "  nothing to drop: there is no database before_spring:orders or key_rotation_1_spring"
    assert list(restore_lines.dropped({"dropped": [], "sought": sought})) == [told]
    assert list(restore_lines.dropped({"failed": True})) == []
