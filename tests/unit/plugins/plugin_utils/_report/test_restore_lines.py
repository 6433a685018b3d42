# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.tetech.key_rotation.plugins.module_utils._record.events import RestoreEvent
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report import restore_lines


def lines(rows):
    return [row.as_line() for row in rows]


def restored(changed=True, lost=(), **done):
    snapshot = {"snapshot": {"time": "2026-11-26T12:00:00Z"}}
    return RestoreEvent(changed=changed, lost=lost, restored=done, backup=snapshot)


def test_a_restore_is_reported_with_the_values_that_it_has_and_the_rows_that_were_lost():
    event = restored(
        database="orders",
        under={"current": 1200, "unreadable": 1},
        aside="before_r1:orders",
        lost=[{"table": "t", "added": 1, "changed": 0, "deleted": 2}],
    )
    rows = [
        "  orders is now the backup of 2026-11-26T12:00:00Z",
        "  values     1,200 current, 1 unreadable",
        "  lost       t: rows since 1 added, 2 deleted",
        "  aside      before_r1:orders, without connections, until you drop it",
    ]
    assert lines(restore_lines.format_restore(event)) == rows
    shown = restore_lines.without_values(restore_lines.format_restore(event))
    assert lines(shown) == [row for row in rows if "values" not in row]


def test_a_restore_that_did_nothing_is_reported_by_sentences_in_one_column():
    shown = list(restore_lines.format_restore(restored(changed=False, database="orders")))
    assert lines(shown) == [
        "  NOTHING WAS RESTORED NOW: this backup replaced the database at an earlier time. To restore it again,",
        "  first drop the database that was kept: -e key_rotation_restore_drop=true",
    ]
    assert [row.label for row in shown] == ["", ""]


def test_what_was_dropped_is_reported_and_what_was_looked_for_if_nothing_was():
    sought = ["before_spring:orders", "key_rotation_1_spring"]
    assert lines(restore_lines.dropped({"dropped": sought[:1], "sought": sought})) == [
        "  dropped    before_spring:orders"
    ]
    told = "  nothing to drop: there is no database before_spring:orders or key_rotation_1_spring"
    assert lines(restore_lines.dropped({"dropped": [], "sought": sought})) == [told]
    assert lines(restore_lines.dropped({"failed": True})) == []
