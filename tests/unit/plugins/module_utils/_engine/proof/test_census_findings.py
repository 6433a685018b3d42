# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import schemes
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings import settlements
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof import (
    census_findings,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof.census_tally import Rows, Tally
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.value_forms.recognized_formats import (
    SIGNATURES,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError

from .tallies import count, refusal

PLAIN = ("Ada Lovelace", "+49 30 0000001", "4711", '{"city": "London"}', "kX9vQ2mB7nR4", "chef@example.org")


def staying(target, two_keys, reason):
    tally = Tally(replace(target, mixed=True))
    count(tally, [str(number) for number in range(len(PLAIN))], list(PLAIN), two_keys)
    settled = settlements.parse({target.name: {"mixed": reason}})
    return {each.fields["look"]: each for each in census_findings.staying_plain([tally], settled)}


@pytest.mark.parametrize(
    ("reason", "stops"),
    [
        ("encrypted since 2024", {"numbers", "JSON", "codes"}),
        ("encrypted since 2024; Numbers and codes are plain", {"JSON"}),
        ("numbers, json, codes: looked at each", set()),
        ("renumbers and encodes", {"numbers", "JSON", "codes"}),
    ],
)
def test_plain_text_that_ciphertext_can_look_like_stops_until_the_reason_names_it(target, two_keys, reason, stops):
    found = staying(target, two_keys, reason)
    assert {look: each.fields["count"] for look, each in found.items()} == {
        "words": 2,
        "numbers": 2,
        "JSON": 1,
        "codes": 1,
    }
    assert {look for look, each in found.items() if each.kind.stops} == stops
    assert {each.kind.code for each in found.values() if each.kind.stops} <= {"E_PLAIN_UNCLEAR"}
    assert found["numbers"].fields["rows"] == "profile.name:1, profile.name:2"
    assert found["codes"].listed.keys == ["4"], "all rows are in the file of the findings"


def test_what_is_not_settled_is_reported_by_its_look_and_not_as_a_fact(target, two_keys):
    tally = Tally(target)
    count(tally, [str(number) for number in range(len(PLAIN))], list(PLAIN), two_keys)
    (found,) = census_findings.findings([tally])
    assert found.what.startswith("6 values do not look encrypted: profile.name:0, ")
    assert "(by appearance: JSON 1, codes 1, numbers 2, words 2)" in found.what
    assert "values under a rotated key would be lost" in found.todo
    assert census_findings.staying_plain([tally], {}) == []


def test_few_odd_values_are_all_named_as_they_are_listed_to_be_left_alone(target, two_keys):
    name, phone = Tally(target), Tally(replace(target, column="phone"))
    name.add("unreadable", "4")
    phone.add("plaintext", "9")
    phone.add("current", "10")
    error = refusal(census_findings.refuse_other_than, "current", [name, phone], two_keys)
    assert (error.where["count"], error.where["rows"]) == (2, "profile.name:4, profile.phone:9")


def test_of_many_odd_values_the_first_few_of_each_column_are_named_and_the_rest_counted(target):
    tallies = [Tally(replace(target, column=column)) for column in ("a", "b", "c")]
    for tally in tallies:
        for row in range(1, 8):
            tally.add("unreadable", str(row))
    error = refusal(census_findings.refuse_unreadable, tallies)
    for column in "abc":
        named = ", ".join(f"profile.{column}:{row}" for row in range(1, 6))
        assert f"no known key decrypts 7 values: {named} and 2 more" in str(error)


@pytest.mark.parametrize(("value_class", "code"), [("unreadable", "E_UNREADABLE"), ("plaintext", "E_PLAINTEXT")])
def test_a_value_under_no_key_is_refused_and_its_row_named(tally, value_class, code):
    tally.add("current", "1")
    tally.add(value_class, "2")
    error = refusal(census_findings.refuse_unreadable, [tally])
    assert error.code == code
    assert (error.where["count"], error.where["rows"]) == (1, "profile.name:2")


def test_every_column_and_class_of_values_under_no_key_is_in_one_error_with_its_rows(target):
    """An unreadable value never hides one that is not encrypted: the next run would name only that."""
    name, phone = Tally(target), Tally(replace(target, column="phone"))
    name.add("unreadable", "4")
    name.add("plaintext", "5")
    phone.add("plaintext", "9")
    error = refusal(census_findings.refuse_unreadable, [name, phone])
    assert error.code == "E_FINDINGS"
    for part in (
        "E_UNREADABLE: no known key decrypts 1 value",
        "profile.name:4",
        "E_PLAINTEXT: 1 value does",
        "profile.name:5",
        "profile.phone:9",
    ):
        assert part in str(error)
    found = [(each["code"], each["column"]) for each in error.as_result()["findings"]]
    assert found == [
        ("E_UNREADABLE", "profile.name"), ("E_PLAINTEXT", "profile.name"), ("E_PLAINTEXT", "profile.phone"),
    ]  # fmt: skip
    again = error.with_changed("Something was changed.")
    assert (again.code, again.what, again.changed) == (error.code, error.what, "Something was changed.")


def test_who_cannot_tell_what_does_not_open_asks_for_the_rest_alone(tally):
    tally.add("unreadable", "1")
    assert census_findings.refuse_unreadable([tally], ["plaintext"]) is None
    tally.add("plaintext", "2")
    assert refusal(census_findings.refuse_unreadable, [tally], ["plaintext"]).code == "E_PLAINTEXT"


@pytest.mark.parametrize(
    ("value_class", "functions", "leaving", "needs"),
    [
        ("pending", False, ["pending"], True),
        ("pending", False, [], False),
        ("current", False, ["pending"], False),
        ("empty", False, ["pending"], False),
        ("nested", False, ["pending"], True),
        ("nested", False, [], False),  # re-encryption unwraps it
        ("nested_unreadable", False, ["pending"], True),
        ("nested_unreadable", False, [], True),  # and cannot
        ("other_scheme", False, ["pending"], False),  # by the version that opens it: the next test
        ("unreadable", False, ["pending"], False),  # it opens under no version
        ("unreadable", True, ["pending"], True),  # which is no proof
        ("unreadable", True, [], True),
    ],
)
def test_what_may_need_a_version_that_is_about_to_leave(
    tally, two_keys, monkeypatch, value_class, functions, leaving, needs
):
    described = {"application": {"decrypt": "a.b", "encrypt": "a.c"}}
    if functions:
        own = schemes.tried({"own": described}, set())["own"]
        monkeypatch.setitem(two_keys.schemes, tally.target.scheme, own)
    tally.add(value_class, "7")
    found = census_findings.needing([tally], two_keys, leaving)
    named = [{"column": "profile.name", "class": value_class, "count": 1, "rows": ["profile.name:7"]}]
    assert found == (named if needs else [])


@pytest.mark.parametrize(
    ("stage", "leaving", "needs"),
    [
        ("pending", ["pending"], True),
        ("current", ["pending"], False),
        ("pending", [], False),  # re-encryption brings it back in its own format
        ("nested", [], True),  # and cannot unwrap it
    ],
)
def test_a_value_in_another_format_needs_the_version_that_opens_it(tally, two_keys, stage, leaving, needs):
    tally.add("other_scheme", "7")
    tally.others[stage] = Rows()
    tally.others[stage].add("7")
    named = [{"column": "profile.name", "class": "other_scheme", "count": 1, "rows": ["profile.name:7"]}]
    assert census_findings.needing([tally], two_keys, leaving) == (named if needs else [])


def test_values_under_any_known_key_are_not_refused(tally):
    for value_class in ("current", "pending", "older-1f0c2b9a7d5e4c31", "empty"):
        tally.add(value_class, "1")
    assert census_findings.refuse_unreadable([tally]) is None


@pytest.mark.parametrize("value_class", ["pending", "previous", "unreadable", "plaintext"])
def test_any_other_class_than_the_stage_asked_for_is_refused(tally, two_keys, old_keys, value_class):
    tally.add("current", "1")
    tally.add(value_class, "2")
    with pytest.raises(RotationError) as refused:
        census_findings.refuse_other_than("current", [tally], two_keys)
    assert refused.value.code == "E_NOT_CURRENT"
    assert (refused.value.where["rows"], refused.value.where["key_id"]) == ("profile.name:2", old_keys.key_id)


def test_empty_values_are_under_every_key(tally, two_keys):
    tally.add("current", "1")
    tally.add("empty", "2")
    assert census_findings.refuse_other_than("current", [tally], two_keys) is None


def test_a_row_in_a_format_that_is_known_is_in_one_finding_alone(target):
    tally = Tally(target)
    for row in "1234567":
        tally.add("unreadable", row)
    tally.formats = {SIGNATURES[0]: ["2", "7"]}
    told = {each.kind.code: each.fields for each in census_findings.findings([tally])}
    assert (told["E_FORMAT"]["count"], told["E_UNREADABLE"]["count"]) == (2, 5)
    name = target.name
    assert told["E_UNREADABLE"]["rows"] == ", ".join(f"{name}:{row}" for row in "13456")
