# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import copy
import functools
import subprocess
import sys
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof import (
    model_readers,
    model_reading,
    value_text,
    write_counters,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.tests.expected_errors import Containing, expect_error

from ..odd_values import Numbers

NAME = {
    "name": "people.Person.name",
    "table": "person",
    "columns": ["person._name"],
    "read": 5,
    "failed": 0,
    "tokens": 0,
    "digest": "ab",
}
# Of two parts of its rows, what is stored and what is read: eight digits each.
PHONE = {**NAME, "name": "people.Person.phone", "columns": [], "parts": ["0000000100000001", "0000000200000002"]}
del PHONE["digest"]
READING: dict[str, Any] = {
    "readings": [NAME],
    "round_trips": [{"name": "people.Person.name", "outcome": "well"}],
    "unread": [],
    "check": {"security.W004": 1, "exit code": 0},
    "verify_encryption": {"exit code": 0, "errors": 2},
}


def reading(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(READING), **changes}


@pytest.mark.parametrize(
    "after",
    [
        reading(),
        reading(check={"exit code": 0}),
        reading(verify_encryption={"exit code": 0, "errors": 0}),
    ],
)
def test_the_same_or_better_is_well(after):
    model_reading.refuse_worse(READING, after)


@pytest.mark.parametrize(
    ("after", "shown"),
    [
        (
            reading(readings=[{**NAME, "digest": "cd"}]),
            "E_APPLICATION_READS: .* people.Person.name .*5 values, and 5 values",
        ),
        (reading(readings=[{**NAME, "read": 3, "failed": 2}]), "E_APPLICATION_READS: .*3 values, 2 not, and 5 values"),
        (reading(readings=[]), "E_APPLICATION_READS: .*nothing, and 5 values"),
        (
            reading(round_trips=[{"name": "people.Person.name", "outcome": "other_keys"}]),
            "E_ROUND_TRIP: .*people.Person.name encrypts under other keys",
        ),
        (
            reading(round_trips=[{"name": "people.Person.name", "outcome": "not_tried"}]),
            "E_ROUND_TRIP: .*people.Person.name can no longer be written",
        ),
        (
            reading(check={"security.W004": 1, "security.W009": 1, "exit code": 0}),
            "E_APPLICATION_CHECK: .*security.W009",
        ),
        (reading(check={"exit code": 1}), "E_APPLICATION_CHECK: .*exit code"),
        (reading(verify_encryption={"exit code": 0, "errors": 3}), "E_VERIFY_ENCRYPTION: .*errors"),
    ],
)
def test_what_is_worse_is_reported(after, shown):
    with pytest.raises(RotationError, match=shown):
        model_reading.refuse_worse(READING, after)


@pytest.mark.parametrize(
    "found", [{}, {"digest": "cd", "read": 0, "failed": 5}, {"digest": "cd"}], ids=["same", "fails", "otherwise"]
)
def test_an_attribute_that_is_made_from_one_more_column_than_before_is_compared(found):
    after = reading(readings=[{**NAME, "columns": [*NAME["columns"], "person._last"], **found}])
    with pytest.raises(RotationError, match="E_APPLICATION_READS") if found else contextlib.nullcontext():
        model_reading.refuse_worse(READING, after)


def test_a_reading_of_an_earlier_version_that_named_rows_in_another_way_is_compared_by_its_counts():
    now = {**NAME, "digest": "cd", "keyed": True}
    model_reading.refuse_worse(READING, reading(readings=[now]))
    with pytest.raises(RotationError, match="E_APPLICATION_READS"):
        model_reading.refuse_worse(READING, reading(readings=[{**now, "read": 3, "failed": 2}]))
    with pytest.raises(RotationError, match="E_APPLICATION_READS"):
        model_reading.refuse_worse(reading(readings=[{**now, "digest": "ab"}]), reading(readings=[now]))


WRITTEN = {"person": {"changed": 1, "inserted": 0, "deleted": 1}}


@pytest.mark.parametrize(
    "found", [{"digest": "cd"}, {"digest": "cd", "read": 3}, {"digest": "cd", "read": 900}, {"digest": "cd", "read": 5}]
)
def test_if_another_process_wrote_the_digest_may_be_another(found):
    model_reading.refuse_worse(READING, reading(readings=[{**NAME, **found}]), WRITTEN)


@pytest.mark.parametrize(
    ("found", "concurrent_rows"),
    [
        ({"digest": "cd", "read": 2}, WRITTEN),
        ({"digest": "cd", "failed": 1}, WRITTEN),
        ({"digest": "cd"}, {"pet": WRITTEN["person"]}),
    ],
)
def test_what_it_wrote_does_not_explain_is_reported(found, concurrent_rows):
    with pytest.raises(RotationError, match="E_APPLICATION_READS"):
        model_reading.refuse_worse(READING, reading(readings=[{**NAME, **found}]), concurrent_rows)


SHAPES = {
    "one attribute made from several columns": [{**NAME, "columns": ["person._first", "person._last"]}],
    "one name twice": [NAME, {**NAME, "table": "pet", "columns": ["pet._name"], "digest": "cd"}],
    "a column that is not encrypted": [PHONE, NAME],
    "one that fails": [{**NAME, "read": 0, "failed": 5}, {**NAME, "name": "people.Person.age", "tokens": 2}],
    "nothing at all": [],
}


@pytest.mark.parametrize("readings", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("concurrent_rows", [{}, {"person": {"changed": 1, "inserted": 0, "deleted": 1}}])
@pytest.mark.parametrize("unsteady", [[], [NAME["name"]]])
def test_a_reading_compared_with_itself_is_well(readings, concurrent_rows, unsteady):
    same = reading(readings=readings, unsteady=unsteady)
    model_reading.refuse_worse(same, copy.deepcopy(same), concurrent_rows)
    assert model_reading.changed(same, copy.deepcopy(same), concurrent_rows) == []


@pytest.mark.parametrize(
    ("parts", "well"),
    [
        (["0000000100000001", "0000000200000002"], True),
        (["0000000100000001", "0000000900000009"], True),  # another process wrote there
        (["0000000100000009", "0000000200000002"], False),  # what is stored is the same, and is read in another way
        (["0000000100000009", "0000000900000009"], False),
    ],
)
def test_a_column_that_is_not_encrypted_must_be_read_the_same_wherever_the_same_is_stored(parts, well):
    """Rows that others have changed meanwhile are no false alarm; a rotation changes none in such a column."""
    after = reading(readings=[{**PHONE, "parts": parts}])
    if well:
        model_reading.refuse_worse(reading(readings=[PHONE]), after)
        return
    with expect_error("E_APPLICATION_READS", names=Containing("people.Person.phone")):
        model_reading.refuse_worse(reading(readings=[PHONE]), after)


def test_tokens_that_are_read_as_values_are_reported_and_never_advised_to_be_left_out():
    with pytest.raises(RotationError, match="5 values, 2 of them as tokens") as refused:
        model_reading.refuse_worse(READING, reading(readings=[{**NAME, "tokens": 2, "digest": "cd"}]), WRITTEN)
    assert "key_rotation_application_ignore" not in str(refused.value)


@pytest.mark.parametrize(
    "before",
    [reading(earlier=True), reading(readings=[NAME, {**PHONE, "parts": ["0000000900000009", "0000000200000002"]}])],
)
def test_a_column_that_another_process_may_have_written_is_never_advised_to_be_left_out(before):
    """Not after an interruption either: since the reading was taken, anybody may have written."""
    after = reading(readings=[{**NAME, "digest": "cd" if before.get("earlier") else "ab"}, {**PHONE, "failed": 5}])
    after["readings"][1]["parts"] = ["0000000100000001", "0000000200000009"]
    with pytest.raises(RotationError) as refused:
        model_reading.refuse_worse(before, after)
    assert "key_rotation_application_ignore" not in str(refused.value)


SERVED = {write_counters.ANYWHERE: {"served": 9}, "order": {"served": 9}}
CARD = {**NAME, "name": "people.Person.card", "bare": False, "tables": ["person", "pet"]}
MADE = {"of an encrypted column": CARD, "of another one": {**PHONE, "name": "people.Person.hidden", "bare": False}}


@pytest.mark.parametrize("made", MADE.values(), ids=MADE)
def test_while_the_application_serves_what_code_makes_of_columns_may_be_of_any_table(made):
    """Such as a name and how many orders there are."""
    other = {"digest": "cd"} if "digest" in made else {"parts": ["0000000100000009", "0000000200000009"]}
    before, after = reading(readings=[made]), reading(readings=[{**made, **other}])
    model_reading.refuse_worse(before, after, SERVED)
    assert model_reading.changed(before, after, SERVED) == []
    for worse in ({"failed": 1}, {"tokens": 1}):
        with pytest.raises(RotationError, match="E_APPLICATION_READS"):
            model_reading.refuse_worse(before, reading(readings=[{**made, **other, **worse}]), SERVED)
    if made is CARD:  # a property that reads nothing where it cannot decrypt
        with pytest.raises(RotationError, match="E_APPLICATION_READS"):
            model_reading.refuse_worse(before, reading(readings=[{**made, **other, "read": 0}]), SERVED)
    for concurrent_rows in ({}, {"order": SERVED["order"]}):
        with pytest.raises(RotationError, match="E_APPLICATION_READS"):
            model_reading.refuse_worse(before, after, concurrent_rows)


def test_what_is_written_elsewhere_is_nothing_to_a_column():
    bare = {**NAME, "bare": True, "tables": ["person"]}
    with pytest.raises(RotationError, match="E_APPLICATION_READS"):
        model_reading.refuse_worse(reading(readings=[bare]), reading(readings=[{**bare, "digest": "cd"}]), SERVED)


@pytest.mark.parametrize("table", CARD["tables"])
def test_what_is_made_of_columns_of_two_tables_may_change_with_rows_of_either(table):
    after = reading(readings=[{**CARD, "digest": "cd"}])
    model_reading.refuse_worse(reading(readings=[CARD]), after, {table: {"changed": 1}})


def test_a_digest_in_any_order_is_not_compared_with_that_of_an_earlier_version():
    """A record of before an upgrade, in a rotation that is resumed after it."""
    new = {**CARD, "digest": "cd", "in_any_order": True}
    old = {name: value for name, value in CARD.items() if name not in ("bare", "tables")}
    model_reading.refuse_worse(reading(readings=[old]), reading(readings=[new]))
    with pytest.raises(RotationError, match="E_APPLICATION_READS"):
        model_reading.refuse_worse(reading(readings=[old]), reading(readings=[{**new, "failed": 1}]))
    with pytest.raises(RotationError, match="E_APPLICATION_READS"):
        model_reading.refuse_worse(reading(readings=[{**new, "digest": "ab"}]), reading(readings=[new]))


COLUMN = {**NAME, "name": "people.Person._name", "bare": True}
PROPERTY = {**NAME, "bare": False}
WELL = [{"name": NAME["name"], "outcome": "well"}]


@pytest.mark.parametrize(
    ("proof", "changes", "advised"),
    [
        (COLUMN, {}, True),
        (PROPERTY, {"round_trips": WELL}, True),
        (PROPERTY, {"round_trips": []}, False),  # it may say only whether there is a value
        ({**COLUMN, "columns": ["person._other"]}, {}, False),
        ({**COLUMN, "tokens": 1}, {}, False),
        (COLUMN, {"earlier": True}, False),
        ({**COLUMN, "read": 0}, {}, False),
    ],
)
def test_what_may_change_by_itself_is_advised_to_be_left_out_if_all_that_it_is_made_of_is_read_as_before(
    proof, changes, advised
):
    before = reading(readings=[proof, CARD], **changes)
    with pytest.raises(RotationError) as refused:
        model_reading.refuse_worse(before, {**before, "readings": [{**proof}, {**CARD, "digest": "cd"}]})
    told = str(refused.value)
    words = "If people.Person.card changes by itself (time, order, other rows), leave it out: -e "
    assert ("""'{"key_rotation_application_ignore": ["people.Person.card"]}'""" in told) is advised
    assert (words in told) is advised


def test_a_column_that_is_read_otherwise_too_is_no_proof():
    before = reading(readings=[COLUMN, CARD])
    after = reading(readings=[{**COLUMN, "digest": "cd"}, {**CARD, "digest": "cd"}])
    with pytest.raises(RotationError) as refused:
        model_reading.refuse_worse(before, after)
    assert "key_rotation_application_ignore" not in str(refused.value)


class Money:
    def __init__(self, amount: int) -> None:
        self.amount = amount


class Slotted:
    __slots__ = ("amount",)

    def __init__(self, amount: int) -> None:
        self.amount = amount


@pytest.mark.parametrize("cls", [Money, Slotted])
def test_objects_are_compared_by_what_they_hold_and_not_by_their_address(cls):
    assert value_text.text_of([cls(1)]) == value_text.text_of([cls(1)]) != value_text.text_of([cls(2)])
    assert value_text.text_of(object()) == value_text.text_of(object()), "of which nothing is known but its type"
    cls(1).amount = kept = cls(3)
    kept.amount = kept
    assert value_text.text_of(kept) == value_text.text_of(kept), "what holds itself has an end too"


AGE = {**NAME, "name": "people.Person.age", "columns": ["person._born"]}


SETS = ["{'a', 'b', 'c', 'd', 'e'}", "[frozenset('abcdef')]", "{'x': ({'a', 'b', 'c'},)}"]


def test_a_value_has_one_digest_in_every_process(checkout):
    """The order of a set of texts is another one in each."""
    tree = checkout / ".ansible/tree"
    module = "ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof.value_text"
    imports = f"import sys; sys.path.insert(0, {str(tree)!r}); from {module} import text_of"
    code = f"{imports}; print(*map(text_of, ({', '.join(SETS)})), sep='\\n')"
    told = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in "123456"
    }
    (texts,) = told
    assert len(texts.splitlines()) == len(SETS)


def test_every_member_of_an_array_counts_though_its_text_has_only_its_ends():
    numbers = Numbers(1.5, 2.25, 3.5)
    assert str(numbers) == str(Numbers(1.5, 2.5, 3.5))
    assert value_text.text_of(numbers) == value_text.text_of(Numbers(1.5, 2.25, 3.5))
    assert value_text.text_of(numbers) != value_text.text_of(Numbers(1.5, 2.5, 3.5))


def test_values_of_one_text_and_two_types_are_two():
    assert len({value_text.text_of(value) for value in ({"1"}, {1}, ["1"], ("1",), "{'1'}", frozenset("1"))}) == 6


def test_all_that_is_read_otherwise_is_reported_at_once_and_only_what_is_made_of_ciphertext_is_advised_to_be_left_out():
    age = {**AGE, "digest": "cd", "of_ciphertext": True}
    others = [{**NAME, "digest": "cd"}, age, {**NAME, "name": "people.Pet.name", "failed": 2}]
    before = reading(readings=[NAME, AGE, {**NAME, "name": "people.Pet.name"}])
    with pytest.raises(RotationError) as refused:
        model_reading.refuse_worse(before, reading(readings=others))
    told = str(refused.value)
    for words in ("people.Person.age (5 values, and 5 values before)", "people.Pet.name (5 values, 2 not, and 5"):
        assert words in told
    option = '{"key_rotation_application_ignore": ["people.Person.age"]}'
    assert f"-e '{option}'" in told, "what else reads otherwise may be lost"
    assert "Not all values of people.Pet.name are read as before. The application's log" in told
    assert "so it has the keys" not in told
    assert "people.Person.name returns as many values as before, but different ones." in told
    assert "ab" not in refused.value.what.split(), "no digest"


def test_that_the_application_has_the_keys_is_said_only_if_a_text_of_its_own_went_well():
    """Nothing here tells whether another key is missing."""
    after = reading(readings=[{**NAME, "read": 4, "failed": 1}])
    for outcome in ("well", "not_tried"):
        after["round_trips"] = [{"name": NAME["name"], "outcome": outcome}]
        with pytest.raises(RotationError) as refused:
            model_reading.refuse_worse(READING, after)
        assert ("so it has the keys in the .env file" in refused.value.todo) is (outcome == "well")
        assert ("Not all values of people.Person.name" in refused.value.todo) is (outcome != "well")
        assert "key that is not in the .env file" not in refused.value.todo


UNREAD = {**NAME, "read": 4, "failed": 1, "unread_rows": {"a1": "failed"}, "read_digest": "r"}
HEALED = {**NAME, "digest": "cd", "read_before_digest": "r"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (UNREAD, HEALED),
        ({**UNREAD, "read": 5, "failed": 0, "tokens": 1}, HEALED),  # a token that was read as it is
        ({**UNREAD, "read": 3, "failed": 2}, {**HEALED, "read": 4, "failed": 1}),
        ({**UNREAD, "of_ciphertext": True}, {**HEALED, "read_before_digest": "other"}),
    ],
)
def test_values_that_failed_before_and_are_read_now_are_no_worse(old, new):
    model_reading.refuse_worse(reading(readings=[old]), reading(readings=[new]))


@pytest.mark.parametrize(
    ("old", "changes"),
    [
        (UNREAD, {"read_before_digest": "other"}),  # a row that was read before reads otherwise, or fails
        (UNREAD, {"read": 4, "failed": 1}),  # none was healed, and the digest of all differs
        (UNREAD, {"read": 3}),
        (UNREAD, {"tokens": 1}),
        ({**UNREAD, "failed": 0}, {"read": 5}),
        ({**UNREAD, "tokens": 2}, {"tokens": 0, "failed": 2}),
        ({name: UNREAD[name] for name in UNREAD if name not in ("unread_rows", "read_digest")}, {}),
    ],
)
def test_nothing_else_is_taken_for_healed(old, changes):
    """A record of an earlier version does not say which rows were read."""
    with pytest.raises(RotationError, match="E_APPLICATION_READS"):
        model_reading.refuse_worse(reading(readings=[old]), reading(readings=[{**HEALED, **changes}]))


HANDED_ON = {**NAME, "bare": True, "tokens": 5}


@pytest.mark.parametrize("old", [HANDED_ON, {**HANDED_ON, "read": 0, "tokens": 0}, {**HANDED_ON, "tokens": 3}])
def test_rows_that_were_written_explain_tokens_if_these_are_read_as_they_are(old):
    concurrent_rows = {"person": {"inserted": 3, "changed": 0}}

    def grown(by: int, **more: int) -> dict[str, Any]:
        return reading(
            readings=[{**old, "digest": "cd", "read": old["read"] + by, "tokens": old["tokens"] + by, **more}]
        )

    model_reading.refuse_worse(reading(readings=[old]), grown(3), concurrent_rows)
    for worse in (grown(4), grown(3, failed=1), grown(2, failed=1)):
        with pytest.raises(RotationError, match="E_APPLICATION_READS"):
            model_reading.refuse_worse(reading(readings=[old]), worse, concurrent_rows)


def test_rows_that_were_written_explain_no_token_if_the_application_decrypts():
    concurrent_rows = {"person": {"inserted": 3, "changed": 0}}
    with pytest.raises(RotationError, match="E_APPLICATION_READS"):
        model_reading.refuse_worse(
            READING, reading(readings=[{**NAME, "digest": "cd", "read": 8, "tokens": 1}]), concurrent_rows
        )


@pytest.mark.parametrize("kind", ["of_ciphertext", "dated"])
def test_what_was_made_of_ciphertext_or_of_the_date_before_is_only_counted(kind):
    before = reading(readings=[{**NAME, kind: True}])
    model_reading.refuse_worse(before, reading(readings=[{**NAME, "digest": "cd"}]))
    for worse in ({"failed": 1}, {"tokens": 1}, {"read": 4, "failed": 1}, {"read": 6, "tokens": 1}):
        with pytest.raises(RotationError, match="E_APPLICATION_READS"):
            model_reading.refuse_worse(before, reading(readings=[{**NAME, "digest": "cd", **worse}]))


@pytest.mark.parametrize("found", [4, 6])
def test_a_term_that_ends_at_midnight_may_be_read_of_more_or_fewer_rows(found):
    """Such as days left, which are none once they are over."""
    other = reading(readings=[{**NAME, "digest": "cd", "read": found}])
    model_reading.refuse_worse(reading(readings=[{**NAME, "dated": True}]), other)
    for before in (NAME, {**NAME, "of_ciphertext": True}):
        with pytest.raises(RotationError, match="E_APPLICATION_READS"):
            model_reading.refuse_worse(reading(readings=[before]), other)


def test_of_many_attributes_the_first_are_reported_and_all_are_in_the_advice():
    many = [{**NAME, "name": f"people.Person.name_{number}"} for number in range(9)]
    with pytest.raises(RotationError, match=r"4 more.*name_8") as refused:
        model_reading.refuse_worse(reading(readings=many), reading(readings=[{**one, "digest": "cd"} for one in many]))
    assert "name_8" not in refused.value.what


def test_what_is_left_out_may_have_been_read_before_the_run_was_interrupted():
    before = reading(readings=[NAME, AGE])
    model_reading.refuse_worse(before, READING, ignore=["people.Person.age"])
    with pytest.raises(RotationError, match=r"age \(nothing, and 5 values before"):
        model_reading.refuse_worse(before, READING, ignore=["people.Person.name"])


def test_what_two_readings_under_the_same_keys_read_in_two_ways_proves_nothing():
    after = reading(readings=[{**NAME, "digest": "cd"}])
    assert model_reading.changed(READING, after) == ["people.Person.name"]
    assert model_reading.changed(READING, after, WRITTEN) == []
    assert model_reading.changed({}, after) == []
    assert model_reading.unsteady(after, after) == []
    wavering = {**after, "unsteady": model_reading.unsteady(after, reading(readings=[{**NAME, "digest": "ef"}]))}
    model_reading.refuse_worse(READING, wavering)
    wavering["readings"][0]["failed"] = 1
    with pytest.raises(RotationError, match="E_APPLICATION_READS"):
        model_reading.refuse_worse(READING, wavering)


class Reading:
    """A reader of one attribute of a row that is always the same."""

    compares = decrypts = True
    read, failed, refused = 5, 0, ()

    def __init__(self, name: str) -> None:
        self.full_name = self.name_in_models = name
        self.targets = [type("Target", (), {"name": "person._name"})]
        self.targeted = ["person._name"]

    def as_result(self) -> dict[str, Any]:
        return {**NAME, "name": self.full_name}


@pytest.mark.parametrize(
    ("ignore", "broken", "unknown"),
    [
        ([], ["people.Person.phone"], {}),
        (["people.Person.phone"], [], {}),
        (["people.Person.phon"], ["people.Person.phone"], {"people.Person.phon": ["people.Person.phone"]}),
    ],
)
def test_before_a_rotation_it_is_seen_what_is_broken_and_what_is_misspelled(monkeypatch, ignore, broken, unknown):
    known = [Reading("people.Person.name"), Reading("people.Person.phone")]
    read: list[str] = []
    monkeypatch.setattr(model_reading, "by_model", lambda targets, keyring, key: [known])
    monkeypatch.setattr(model_reading, "_read", lambda found, *rest: read.extend(each.full_name for each in found))
    monkeypatch.setattr(model_reading, "is_of_ciphertext", lambda *about: False)
    monkeypatch.setattr(model_reading, "is_of_plaintext", lambda *about: True)
    monkeypatch.setattr(
        model_reading,
        "try_round_trip",
        lambda reader, keyring: "not_returned" if reader.full_name.endswith("phone") else "well",
    )
    found = model_reading.beforehand([], None, ignore)
    lost = "does not return the value that was written"
    assert found["broken"] == [{"name": name, "fault": lost} for name in broken]
    assert {name: near[:1] for name, near in found["unknown"].items()} == unknown
    assert set(read) == {each.full_name for each in known} - set(ignore), "what is left out is not read"


def test_without_a_reading_from_before_only_the_round_trips_count():
    model_reading.refuse_worse({}, reading(check={"exit code": 1}))
    with pytest.raises(RotationError, match="E_ROUND_TRIP"):
        model_reading.refuse_worse({}, reading(round_trips=[{"name": "a.B.c", "outcome": "not_returned"}]))


class Descriptor:
    def __init__(self, column: str) -> None:
        self.column = column

    def __get__(self, instance: Any, owner: Any = None) -> str:
        raise AssertionError("nothing is called to find out")


def decrypted(column: str) -> property:
    def read(self: Any) -> str:
        return getattr(self, column)

    return property(read)


class Person:
    _name = ""
    phone = Descriptor("_phone")
    tax_number = decrypted("_tax_number")
    account = property(lambda self, column="_account": getattr(self, column))
    other = Descriptor("_other")

    @property
    def name(self) -> str:
        return self._name

    @functools.cached_property
    def shown(self) -> str:
        return getattr(self, "_phone", "")

    @property
    def age(self) -> int:
        raise AssertionError("nothing is called to find out")


@pytest.mark.parametrize(
    ("column", "made"),
    [
        ("_name", ["name"]),
        ("_phone", ["phone", "shown"]),
        ("_tax_number", ["tax_number"]),
        ("_account", ["account"]),
        ("_email", []),
    ],
)
def test_attributes_that_are_made_from_a_column_are_found_by_their_code(column, made):
    assert model_readers.made_from(Person, column) == made


def test_one_stale_token_does_not_make_an_attribute_one_that_hands_tokens_on():
    """It decrypts 999 values: 50 more that it does not are lost, however many rows were written."""
    old = {**NAME, "read": 1000, "tokens": 1, "digest": "ab"}
    new = {**NAME, "read": 1050, "tokens": 51, "digest": "cd"}
    concurrent_rows = {"person": {"theirs": 50}}
    with pytest.raises(RotationError, match="E_APPLICATION_READS"):
        model_reading.refuse_worse(reading(readings=[old]), reading(readings=[new]), concurrent_rows)
    handed_on = {**old, "tokens": 1000}, {**new, "tokens": 1050}
    model_reading.refuse_worse(reading(readings=[handed_on[0]]), reading(readings=[handed_on[1]]), concurrent_rows)
