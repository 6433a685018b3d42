# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres import catalog
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.catalog import Table
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof import row_digests
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof.census_comparison import differing_rows
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof.census_result import CensusResult
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite.concurrent_writers import (
    ConcurrentWrites,
)

TABLE = Table("public", "profile", True)
BASELINE = [CensusResult(table="profile", column="name", digest="aa", rows=3)]
COLUMNS = ["profile.name"]
BEFORE = {"1": 10, "2": 20, "3": 1 << 255}
OTHERS = ConcurrentWrites({"default": "100"}, {"default": {101, 102}}, {"profile": {"2"}})


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "state" / "rows.sqlite3")


def record(path, rows=BEFORE, baseline=BASELINE):
    with row_digests.recording(path) as recording:
        recording.take(TABLE, {"name": rows}, [])
        recording.end(baseline)


def look(path, rows, writers=None, *, others=OTHERS, strict=(), baseline=BASELINE):
    """What a second look finds, each row with the transaction that wrote it."""
    with row_digests.comparison(path, baseline, others, strict) as comparison:
        if comparison is None:
            return None
        comparison.take(TABLE, {"name": rows}, [((name,), ("token", (writers or {}).get(name))) for name in rows])
        return comparison.looks(["profile"])


def test_the_same_rows_are_the_same(path):
    record(path)
    assert look(path, BEFORE)["profile"] == row_digests.TableComparison(same=3)


@pytest.mark.parametrize(
    ("name", "writer", "unexplained"),
    [
        ("1", None, ["1"]),  # nobody wrote it since
        ("1", "101", ["1"]),  # we did
        ("1", "300", []),  # another process did
        ("2", None, []),  # another process did, as we found when we re-encrypted it
        ("2", "102", []),
    ],
)
def test_a_row_that_differs_needs_another_process(path, name, writer, unexplained):
    record(path)
    found = look(path, {**BEFORE, name: 99}, {name: writer})["profile"]
    assert (found.changed, found.same, found.unexplained) == (1, 2, unexplained)


def test_a_rotation_that_is_resumed_knows_what_others_changed_before(path):
    """The digests from before its first write stay, and what differs by then is another process's doing."""
    first = [replace(BASELINE[0], digest="bb")]
    with row_digests.recording(path, "key 1") as recording:
        recording.take(TABLE, {"name": BEFORE}, [])
        recording.end(first)
    with row_digests.recording(path, "key 1") as recording:
        recording.take(TABLE, {"name": {**BEFORE, "1": 99, "4": 40}}, [])
        recording.end(BASELINE)
    found = look(path, {**BEFORE, "1": 99, "3": 98, "4": 40})["profile"]
    assert (found.changed, found.values, found.unexplained) == (2, {"name": ["1", "3"]}, ["3"])
    assert look(path, BEFORE, baseline=first) is None


def test_another_rotation_writes_a_new_file(path):
    for key in ("key 1", "key 2"):
        with row_digests.recording(path, key) as recording:
            recording.take(TABLE, {"name": {**BEFORE, "1": len(key) + ord(key[-1])}}, [])
            recording.end(BASELINE)
    assert look(path, {**BEFORE, "1": 5 + ord("2")})["profile"] == row_digests.TableComparison(same=3)


def test_a_value_that_differs_is_named_by_its_column_and_row(path):
    columns = {"name": {"1": 10, "2": 20}, "phone": {"1": 30, "2": 40}}
    baseline = [*BASELINE, replace(BASELINE[0], column="phone")]
    with row_digests.recording(path) as recording:
        recording.take(TABLE, columns, [])
        recording.end(baseline)
    with row_digests.comparison(path, baseline, OTHERS, ()) as comparison:
        page = [((name,), ("token", "token", "300")) for name in ("1", "2")]
        comparison.take(TABLE, {"name": {"1": 10, "2": 99}, "phone": {"1": 0, "2": 99}}, page)
        found = comparison.looks(["profile"])["profile"]
    assert (found.changed, found.values) == (2, {"phone": ["1", "2"], "name": ["2"]})


def test_rows_that_are_gone_or_new_are_counted(path):
    record(path)
    found = look(path, {"2": 20, "4": 40, "5": 0})["profile"]
    assert found.as_result() == {"changed": 0, "inserted": 2, "deleted": 2}
    assert found.unexplained == []


def test_a_new_row_without_a_value_is_not_named(path):
    record(path)
    with row_digests.comparison(path, BASELINE, OTHERS, ()) as comparison:
        comparison.take(TABLE, {"name": {"4": 40, "5": 0}}, [(("4",), ("token", "300")), (("5",), (None, "300"))])
        found = comparison.looks(["profile"])["profile"]
    assert (found.inserted, found.new) == (2, ["4"])


def test_a_table_that_is_empty_now_has_lost_its_rows(path):
    record(path)
    assert look(path, {})["profile"].as_result() == {"changed": 0, "inserted": 0, "deleted": 3}


def test_without_knowing_since_when_nobody_is_excused(path):
    record(path)
    with row_digests.comparison(path, BASELINE, ConcurrentWrites(), ()) as comparison:
        comparison.take(TABLE, {"name": {"1": 99}}, [(("1",), ("token",))])
        assert comparison.looks(["profile"])["profile"].unexplained == ["1"]


def test_in_a_strict_table_a_row_that_differs_is_named_whoever_wrote_it(path):
    """A value there cannot tell under which keys it is: it may have been opened under wrong ones."""
    record(path)
    found = look(path, {**BEFORE, "1": 99}, {"1": "300"}, strict={"profile"})["profile"]
    assert (found.strict, found.unexplained, found.values) == (True, ["1"], {"name": ["1"]})
    assert not found.is_theirs("name", "1")


def test_a_file_of_another_census_counts_for_nothing(path):
    record(path)
    assert look(path, BEFORE, baseline=[replace(BASELINE[0], digest="bb")]) is None


def test_a_file_that_was_not_ended_counts_for_nothing(path):
    with row_digests.recording(path) as recording:
        recording.take(TABLE, {"name": BEFORE}, [])
    assert look(path, BEFORE) is None


@pytest.mark.parametrize("content", [None, b"", b"no database"])
def test_no_file_or_another_one_counts_for_nothing(path, content):
    if content is not None:
        Path(path).parent.mkdir()
        Path(path).write_bytes(content)
    assert look(path, BEFORE) is None


def test_the_file_is_its_owner_s_alone_and_holds_names_and_digests(path):
    record(path)
    assert Path(path).stat().st_mode & 0o777 == 0o600
    assert Path(path).parent.stat().st_mode & 0o777 == 0o700
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT place, name, digest FROM rows WHERE name = '1'").fetchall() == [
            ("profile", "1", bytes(15) + b"\n")
        ]


def test_the_next_run_writes_it_again(path):
    record(path)
    record(path, {"9": 1})
    assert look(path, {"9": 1})["profile"] == row_digests.TableComparison(same=1)


def test_what_a_link_leads_to_is_not_written(path, tmp_path):
    Path(path).parent.mkdir()
    Path(path).symlink_to(tmp_path / "elsewhere")
    record(path)
    assert not (tmp_path / "elsewhere").exists()
    assert look(path, BEFORE) is not None


@pytest.mark.parametrize("path", [None, "", "/proc/none/rows"])
def test_without_a_place_there_is_nothing(path):
    with row_digests.recording(path) as recording:
        assert recording is None
    assert look(path, BEFORE) is None


def test_a_python_without_sqlite_continues_without_it(path, monkeypatch):
    monkeypatch.setattr(row_digests, "sqlite3", None)
    with row_digests.recording(path) as recording:
        assert recording is None


def test_a_full_disk_does_not_stop_a_census(path):
    with row_digests.recording(path) as recording:
        recording._connection.execute("PRAGMA max_page_count = 3")
        for turn in range(50):
            recording.take(TABLE, {"name": {f"{turn} {name}": 1 for name in range(100)}}, [])
        recording.end(BASELINE)
    assert look(path, BEFORE) is None


def test_of_rows_that_nobody_wrote_those_of_a_column_are_named(monkeypatch):
    monkeypatch.setattr(row_digests, "NAMED", 3)
    look = row_digests.TableComparison()
    for name, columns in (("a", ["x"]), ("b", ["x", "y"]), ("c", ["y"]), ("d", ["y"])):
        look.note(name, columns)
        if name != "a":
            look.blame(name)
    assert (look.unexplained_in("x"), look.unexplained_in("y")) == (["b"], ["b", "c", "d"])
    look.blame("e")
    assert look.more == 1


def test_a_file_that_an_unfinished_rotation_left_is_known_by_its_key(path):
    with row_digests.recording(path, "k2") as recording:
        recording.take(TABLE, {"name": BEFORE}, [])
        recording.end(BASELINE)
    with row_digests.left_over(path, {"current": "k1"}, (), COLUMNS) as left:
        assert left is None
    now = {**BEFORE, "2": 21, "4": 40}
    with row_digests.left_over(path, {"current": "k1", "pending": "k2"}, (), COLUMNS) as left:
        stage, rows = left
        rows.take(TABLE, {"name": now}, [((name,), ("token", None)) for name in now])
        look = rows.looks(["profile"])["profile"]
    assert (stage, look.is_same, look.values, look.new) == ("pending", False, {"name": ["2"]}, ["4"])
    with row_digests.left_over(path, {"pending": "k2"}, (), COLUMNS) as left:
        left[1].take(TABLE, {"name": BEFORE}, [((name,), ("token", None)) for name in BEFORE])
        assert left[1].looks(["profile"])["profile"].is_same
    with row_digests.left_over(None, {"pending": "k2"}, (), COLUMNS) as left:
        assert left is None


@pytest.mark.parametrize(("strict", "theirs"), [((), ["2"]), (("profile",), ["1", "2"])])
def test_of_a_table_that_cannot_tell_its_keys_every_changed_value_may_be_another_s(path, strict, theirs):
    record(path)
    found = look(path, {**BEFORE, "1": 11, "2": 21}, strict=strict)["profile"]
    assert found.theirs("name") == theirs


def recorded(path, rows, *, key="key", baseline=None):
    """A census of a table by column; the rows that were found to differ from those of an earlier one."""
    results = [replace(BASELINE[0], column=catalog.word(column)) for column in rows]
    with row_digests.recording(path, key) as recording:
        recording.take(TABLE, rows, [])
        recording.end(baseline or results)
    with row_digests.comparison(path, baseline or results, OTHERS, ()) as comparison:
        return sorted(name for _, name in comparison.earlier)


NAMES = {"1": 10, "2": 20}
PHONES = {"1": 30, "2": 40}
BOTH = {"name": NAMES, "the.phone": PHONES}  # the second of which is written in quotes


@pytest.mark.parametrize(
    ("first", "second"), [({"the.phone": PHONES}, BOTH), (BOTH, {"the.phone": PHONES}), (BOTH, {"name": NAMES})]
)
def test_a_table_with_other_encrypted_columns_than_before_begins_again(path, first, second):
    """By an option, or by the first value in a column: nobody has written its rows."""
    assert recorded(path, first) == []
    assert recorded(path, second) == []
    now = {column: {**rows, "2": 99} for column, rows in second.items()}
    baseline = [replace(BASELINE[0], column=catalog.word(column)) for column in second]
    with row_digests.comparison(path, baseline, ConcurrentWrites(), ()) as comparison:
        comparison.take(TABLE, now, [((name,), ("token",)) for name in NAMES])
        found = comparison.looks(["profile"])["profile"]
    names = {column.column: ["2"] for column in baseline}
    assert (found.same, found.values, found.unexplained) == (1, names, ["2"])
    assert differing_rows(baseline, {"profile": found}) == {f"profile.{column}": ["2"] for column in names}


def test_of_a_table_that_begins_again_nothing_is_excused_by_what_others_wrote_before(path):
    assert recorded(path, {"name": NAMES}) == []
    assert recorded(path, {"name": {**NAMES, "1": 11}}) == ["1"]
    assert recorded(path, BOTH) == []


def test_a_table_that_was_left_out_for_one_run_begins_again(path):
    elsewhere = [replace(BASELINE[0], table="restaurant")]
    recorded(path, {"the.phone": PHONES})
    with row_digests.recording(path, "key") as recording:
        recording.end(elsewhere)
    assert recorded(path, BOTH) == []


def test_with_the_same_columns_it_is_known_what_others_wrote(path):
    assert recorded(path, BOTH) == []
    assert recorded(path, {**BOTH, "the.phone": {**PHONES, "2": 41}}) == ["2"]


@pytest.mark.parametrize("now", [BOTH, {"name": NAMES, "the.phone": {**PHONES, "1": 99}}])
def test_a_column_that_has_its_first_value_since_hides_no_other_difference(path, now):
    baseline = [BASELINE[0]]
    recorded(path, {"name": NAMES}, baseline=baseline)
    with row_digests.comparison(path, baseline, ConcurrentWrites(), ()) as comparison:
        comparison.take(TABLE, now, [((name,), ("token", "token")) for name in NAMES])
        assert comparison.looks(["profile"])["profile"] == row_digests.TableComparison(same=2)
    with row_digests.comparison(path, baseline, ConcurrentWrites(), ()) as comparison:
        comparison.take(TABLE, {**now, "name": {**NAMES, "2": 99}}, [((name,), ("token", "token")) for name in NAMES])
        found = comparison.looks(["profile"])["profile"]
    assert (found.same, found.values, found.unexplained) == (1, {"name": ["2"]}, ["2"])


@pytest.mark.parametrize("columns", [[], ["profile.name", "profile.phone"], ["profile.phone"], ["restaurant.name"]])
def test_a_file_that_was_left_with_other_columns_says_nothing_of_what_is_as_before(path, columns):
    with row_digests.recording(path, "k2") as recording:
        recording.take(TABLE, {"name": BEFORE}, [])
        recording.end(BASELINE)
    with row_digests.left_over(path, {"pending": "k2"}, (), columns) as left:
        assert left is None


def test_what_is_prepared_is_continued_only_by_who_says_so(path):
    """Until the application is stopped, its users write the rows."""
    prepared, edited = row_digests.of_preparation("key"), {"name": {**NAMES, "1": 11}}
    recorded(path, {"name": NAMES}, key=prepared)
    with row_digests.left_over(path, {"pending": "key"}, (), COLUMNS) as left:
        assert left is None
    assert recorded(path, edited) == []
    assert recorded(path, {"name": NAMES}) == ["1"], "from here on it is the census of before the first write"

    recorded(path, {"name": NAMES}, key=row_digests.of_preparation("key 2"))
    with row_digests.recording(path, "key 2", row_digests.of_preparation("key 2")) as recording:
        assert recording.goes_on
        recording.forget(TABLE, ["1"])
        recording.take(TABLE, {"name": {"1": 11}}, [])
        recording.end(BASELINE)
    assert recorded(path, edited, key="key 2") == []
    assert recorded(path, {"name": NAMES}, key="key 2") == ["1"]
