# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils.engine import census
from ansible_collections.tetech.key_rotation.plugins.module_utils.errors import RotationError

KEY = bytes(32)


@pytest.fixture
def tally(target):
    return census.Tally(target)


@pytest.fixture
def classed(tally, two_keys, vectors):
    """A tally of one value each: under the old keys, the new ones, none (3 ways), and one listed to be left alone."""
    row = vectors["rows"][0]
    values = [row["stored_old"], row["stored_new"], None, "", "Ada", "gAAAAAbroken", "gAAAAAlisted"]
    for key, value in enumerate(values, start=1):
        census._class(tally, str(key), value, two_keys, KEY, ["profile.name:7"])
    return tally


def test_every_value_is_of_one_class(classed):
    assert classed.as_result()["classes"] == {"current": 1, "pending": 1, "empty": 2, "plaintext": 1, "unreadable": 1}
    assert (classed.total, classed.left_alone) == (7, 1)
    assert classed.rows["unreadable"] == ["6"]


def test_what_is_left_to_do_is_all_but_empty_left_alone_and_done(classed):
    assert classed.not_under("pending") == 3
    assert classed.not_under("previous") == 4


def test_a_result_names_the_target(classed):
    named = {"model": "customer.Profile", "table": "profile", "column": "name", "scheme": "encryption_manager"}
    assert named.items() <= classed.as_result().items()


def digest(target, *values: tuple[str, bytes], key: bytes = KEY) -> str:
    tally = census.Tally(target)
    for row, plaintext in values:
        tally.digest(key, row, plaintext)
    return tally.as_result()["digest"]


def test_the_digest_does_not_depend_on_the_order_of_the_rows(target):
    assert digest(target, ("1", b"a"), ("2", b"b")) == digest(target, ("2", b"b"), ("1", b"a"))


@pytest.mark.parametrize(
    "values",
    [
        [("1", b"b"), ("2", b"a")],
        [("1", b"a")],
        [("1", b"a"), ("2", b"b"), ("2", b"b")],
        [("1", b"a"), ("2", b"B")],
        [],
    ],
    ids=["swapped", "one less", "one more", "changed", "none"],
)
def test_the_digest_tells_plaintexts_apart(target, values):
    assert digest(target, *values) != digest(target, ("1", b"a"), ("2", b"b"))


def test_a_row_that_is_seen_twice_does_not_cancel_itself_out(target):
    assert digest(target, ("1", b"a"), ("1", b"a")) != digest(target)


def test_the_digest_tells_keys_and_columns_apart(target):
    one = digest(target, ("1", b"a"))
    assert one != digest(target, ("1", b"a"), key=bytes([1]) * 32)
    assert one != digest(replace(target, column="phone"), ("1", b"a"))


def test_the_digest_is_the_same_under_either_key_set(target, two_keys, vectors):
    before, after = census.Tally(target), census.Tally(target)
    for row in vectors["rows"]:
        census._class(before, str(row["pk"]), row["stored_old"], two_keys, KEY, ())
        census._class(after, str(row["pk"]), row["stored_new"], two_keys, KEY, ())
    assert before.as_result()["digest"] == after.as_result()["digest"]


def test_only_the_first_few_odd_rows_are_named(tally):
    for row in range(1, 8):
        tally.add("unreadable", str(row))
    assert tally.odd(["unreadable"]) == (7, "1, 2, 3, 4, 5, ...")


def test_few_odd_rows_are_all_named(tally):
    tally.add("unreadable", "4")
    tally.add("plaintext", "9")
    assert tally.odd(["unreadable", "plaintext"]) == (2, "4, 9")


@pytest.mark.parametrize(("value_class", "code"), [("unreadable", "E_UNREADABLE"), ("plaintext", "E_PLAINTEXT")])
def test_a_value_under_no_key_is_refused_and_its_row_named(tally, value_class, code):
    tally.add("current", "1")
    tally.add(value_class, "2")
    with pytest.raises(RotationError) as refused:
        census.refuse_unreadable([tally])
    assert refused.value.code == code
    assert refused.value.where == {"table": "profile", "column": "name", "count": 1, "rows": "2"}


def test_values_under_any_known_key_are_not_refused(tally):
    for value_class in ("current", "pending", "older-1f0c2b9a7d5e4c31", "empty"):
        tally.add(value_class, "1")
    assert census.refuse_unreadable([tally]) is None


@pytest.mark.parametrize("value_class", ["pending", "previous", "unreadable", "plaintext"])
def test_any_other_class_than_the_stage_asked_for_is_refused(tally, two_keys, old_keys, value_class):
    tally.add("current", "1")
    tally.add(value_class, "2")
    with pytest.raises(RotationError) as refused:
        census.refuse_other_than("current", [tally], two_keys)
    assert refused.value.code == "E_NOT_CURRENT"
    assert (refused.value.where["rows"], refused.value.where["key_id"]) == ("2", old_keys.key_id)


def test_empty_values_are_under_every_key(tally, two_keys):
    tally.add("current", "1")
    tally.add("empty", "2")
    assert census.refuse_other_than("current", [tally], two_keys) is None


BEFORE = [{"table": "profile", "column": "name", "rows": 3, "digest": "aa"}]


@pytest.mark.parametrize(
    ("after", "code"),
    [
        ([], "E_COUNT_CHANGED"),
        ([{**BEFORE[0], "rows": 2}], "E_COUNT_CHANGED"),
        ([{**BEFORE[0], "column": "phone"}], "E_COUNT_CHANGED"),
        ([{**BEFORE[0], "digest": "ab"}], "E_DIGEST_CHANGED"),
    ],
    ids=["target gone", "row gone", "column gone", "plaintext changed"],
)
def test_a_difference_to_the_census_before_is_refused(after, code):
    with pytest.raises(RotationError) as refused:
        census.refuse_difference(BEFORE, after)
    assert refused.value.code == code


def test_the_same_plaintexts_are_not_refused():
    after = [{"table": "profile", "column": "phone", "rows": 9, "digest": "cc"}, *BEFORE]
    assert census.refuse_difference(BEFORE, after) is None


def test_targets_are_grouped_so_that_each_table_is_read_once(target):
    other = replace(target, table="address")
    phone = replace(target, column="phone")
    assert census.by_table([phone, other, target]) == [
        ("address", other.key, [other]),
        ("profile", target.key, [target, phone]),
    ]


def test_a_row_with_several_key_columns_has_one_name():
    assert census.row_name(("7", "de")) == "7,de"
