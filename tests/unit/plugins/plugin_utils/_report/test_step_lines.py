# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report import step_lines


def test_a_census_is_one_line_per_target_with_the_largest_class_first():
    targets = [
        {"table": "profile", "column": "name", "rows": 1200, "classes": {"empty": 9, "current": 1190}, "left_alone": 1},
        {"table": "a", "column": "b", "rows": 0, "classes": {}, "left_alone": 0},
    ]
    assert list(step_lines.census(targets)) == [
        "  profile.name      1,200 rows: 1,190 current, 9 empty, 1 left alone",
        "  a.b                   0 rows: none",
    ]


def test_a_census_of_nothing_has_no_lines():
    assert list(step_lines.census([])) == []


def test_what_is_prepared_is_one_line_per_column_and_what_is_not_has_its_reason():
    columns = [{"table": "t", "column": name, "rows": 7} for name in ("a", "name")]
    result = {
        "columns": columns,
        "excluded": {"u": "functions of the application encrypt it"},
        "rows": 3,
        "seconds": 1.5,
    }
    assert list(step_lines.prepared(result)) == [
        "  t.a             7 rows prepared",
        "  t.name          7 rows prepared",
        "  u: not prepared, since functions of the application encrypt it",
        "  1.5 s while the application serves, 3 rows prepared by this run",
    ]


def test_what_the_application_reads_as_it_is_stored_is_no_value_that_it_decrypts():
    decrypting = {"name": "a.B.c", "read": 9, "tokens": 1}
    stored = {"name": "a.B.d", "read": 26, "tokens": 26, "as_stored": True}
    reading = {"readings": [decrypting, stored], "unread": ["a_b.d"]}
    untried = "  no attribute of a model decrypts a_b.d: the application's own decryption was not tried"
    read = "  the application itself reads 8 values by 1 attribute of its models"
    assert list(step_lines.reading(reading, {})) == [read, untried]
    assert list(step_lines.reading({**reading, "readings": [stored]}, {})) == [untried]
