# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import schemes
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.aes_cbc import fastest_hmac
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery import settlements
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.signatures import SIGNATURES
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.catalog import row_name
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof import census
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof.census_result import CensusResult
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof.row_digests import TableComparison
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError

KEY = bytes(32)
SEALED = {"nonce": 12, "ciphertext": 5, "tag": 16}  # bytes of each


def count(tally, rows, values, keyring, leave_alone=()):
    """Put these values of these rows into a tally."""
    census.Census(None, (), keyring, KEY, leave_alone)._count(tally, rows, values, {})


@pytest.fixture
def tally(target):
    return census.Tally(target)


@pytest.fixture
def classed(tally, two_keys, vectors):
    """A tally of one value each: under the old keys, the new ones, none (3 ways), and one listed to be left alone."""
    row = vectors["rows"][0]
    values = [row["stored_old"], row["stored_new"], None, "", "Ada", "gAAAAAbroken", "gAAAAAlisted"]
    for key, value in enumerate(values, start=1):
        count(tally, [str(key)], [value], two_keys, ["profile.name:7"])
    return tally


@pytest.fixture
def document(target):
    return replace(target, type="jsonb", column="data")


def test_every_value_is_of_one_class(classed):
    assert classed.result.classes == {"current": 1, "pending": 1, "empty": 2, "plaintext": 1, "unreadable": 1}
    assert (classed.rows, classed.left_alone) == (7, 1)
    assert classed.examples["unreadable"] == ["6"]


def test_what_is_left_to_do_is_all_but_empty_left_alone_and_done(classed):
    assert classed.result.not_under("pending") == 3
    assert classed.result.not_under("previous") == 4


def test_plain_text_of_a_mixed_column_is_counted_apart_and_its_digest_tells_a_change(target, two_keys, vectors):
    row = vectors["rows"][0]

    def taken(*values):
        tally = census.Tally(replace(target, mixed=True))
        count(tally, [str(number) for number in range(len(values))], list(values), two_keys)
        return tally

    found = taken(row["stored_old"], "Ada", "gAAAAAbroken", None)
    assert found.result.classes == {"current": 1, "unreadable": 1, "empty": 1}
    assert (found.plain, found.result.plain) == (1, 1)
    assert [each.kind.code for each in census.findings([found])] == ["E_UNREADABLE"]
    assert taken(row["stored_old"], "Ada").result.digest == taken(row["stored_new"], "Ada").result.digest
    assert taken(row["stored_old"], "Ada").result.digest != taken(row["stored_old"], "Ida").result.digest


def test_a_value_of_a_mixed_column_that_was_decrypted_meanwhile_has_another_digest(target, two_keys, vectors):
    row = vectors["rows"][0]
    taken = [census.Tally(replace(target, mixed=True)) for _ in range(2)]
    seen = [{"1": 0}, {"1": 0}]
    for tally, value, sums in zip(taken, (row["stored_old"], row["plaintext"]), seen):
        census.Census(None, (), two_keys, KEY)._count(tally, ["1"], [value], {}, sums)
    before, after = [[tally.result] for tally in taken]
    assert [before[0].plain, after[0].plain] == [0, 1]
    assert before[0].digest != after[0].digest
    assert seen[0] != seen[1], "the digests of the rows tell it too"
    for one, other in ((before, after), (after, before)):
        assert refusal(census.refuse_difference, one, other).code == "E_PLAIN_CHANGED"


PLAIN = ("Ada Lovelace", "+49 30 0000001", "4711", '{"city": "London"}', "kX9vQ2mB7nR4", "chef@example.org")


def staying(target, two_keys, reason):
    tally = census.Tally(replace(target, mixed=True))
    count(tally, [str(number) for number in range(len(PLAIN))], list(PLAIN), two_keys)
    settled = settlements.parse({target.name: {"mixed": reason}})
    return {each.facts["look"]: each for each in census.staying_plain([tally], settled)}


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
    assert {look: each.facts["count"] for look, each in found.items()} == {
        "words": 2,
        "numbers": 2,
        "JSON": 1,
        "codes": 1,
    }
    assert {look for look, each in found.items() if each.kind.stops} == stops
    assert {each.kind.code for each in found.values() if each.kind.stops} <= {"E_PLAIN_UNCLEAR"}
    assert "profile.name:1, profile.name:2" in found["numbers"].what
    assert found["codes"].listed.keys == ["4"], "all rows are in the file of the findings"


def test_what_is_not_settled_is_told_by_its_look_and_not_as_a_fact(target, two_keys):
    tally = census.Tally(target)
    count(tally, [str(number) for number in range(len(PLAIN))], list(PLAIN), two_keys)
    (found,) = census.findings([tally])
    assert found.what.startswith("6 values do not look encrypted: profile.name:0, ")
    assert "(by their look: JSON 1, codes 1, numbers 2, words 2)" in found.what
    assert "what is under a key that is rotated would be lost" in found.todo
    assert census.staying_plain([tally], {}) == []


@pytest.mark.parametrize("style", [{}, {"indent": 1}, {"separators": (",", ":")}])
def test_json_with_parts_of_a_ciphertext_in_base64_is_no_plain_text(target, two_keys, style):
    parts = {name: base64.b64encode(bytes(range(7, 7 + size))).decode() for name, size in SEALED.items()}
    tally = census.Tally(replace(target, mixed=True))
    count(tally, ["1", "2"], [json.dumps(parts, **style), json.dumps({**parts, "alg": "x", "kid": "y"})], two_keys)
    assert (dict(tally.classes), tally.plain) == ({"unreadable": 2}, 0)


def test_a_result_names_the_target(classed):
    named = {"model": "customer.Profile", "table": "profile", "column": "name", "scheme": "encryption_manager"}
    assert named.items() <= classed.result.as_result().items()


def digest(target, *values: tuple[str, bytes], key: bytes = KEY) -> str:
    tally = census.Tally(target)
    tally.digest(fastest_hmac()(key), [(row, 0, plaintext) for row, plaintext in values])
    return tally.result.digest


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
        count(before, [str(row["pk"])], [row["stored_old"]], two_keys)
        count(after, [str(row["pk"])], [row["stored_new"]], two_keys)
    assert before.result.digest == after.result.digest


def refusal(call, *args) -> RotationError:
    with pytest.raises(RotationError) as refused:
        call(*args)
    return refused.value


def test_few_odd_values_are_all_named_as_they_are_listed_to_be_left_alone(target, two_keys):
    name, phone = census.Tally(target), census.Tally(replace(target, column="phone"))
    name.add("unreadable", "4")
    phone.add("plaintext", "9")
    phone.add("current", "10")
    error = refusal(census.refuse_other_than, "current", [name, phone], two_keys)
    assert (error.where["count"], error.where["rows"]) == (2, "profile.name:4, profile.phone:9")


def test_of_many_odd_values_the_first_few_of_each_column_are_named_and_the_rest_counted(target):
    tallies = [census.Tally(replace(target, column=column)) for column in ("a", "b", "c")]
    for tally in tallies:
        for row in range(1, 8):
            tally.add("unreadable", str(row))
    error = refusal(census.refuse_unreadable, tallies)
    for column in "abc":
        named = ", ".join(f"profile.{column}:{row}" for row in range(1, 6))
        assert f"7 values open under no known key: {named} and 2 more" in str(error)


@pytest.mark.parametrize(("value_class", "code"), [("unreadable", "E_UNREADABLE"), ("plaintext", "E_PLAINTEXT")])
def test_a_value_under_no_key_is_refused_and_its_row_named(tally, value_class, code):
    tally.add("current", "1")
    tally.add(value_class, "2")
    error = refusal(census.refuse_unreadable, [tally])
    assert error.code == code
    assert (error.where["count"], error.where["rows"]) == (1, "profile.name:2")


def test_every_column_and_class_of_values_under_no_key_is_in_one_error_with_its_rows(target):
    """An unreadable value never hides one that is not encrypted: the next run would name only that."""
    name, phone = census.Tally(target), census.Tally(replace(target, column="phone"))
    name.add("unreadable", "4")
    name.add("plaintext", "5")
    phone.add("plaintext", "9")
    error = refusal(census.refuse_unreadable, [name, phone])
    assert error.code == "E_FINDINGS"
    for part in (
        "E_UNREADABLE: 1 value opens",
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
    assert census.refuse_unreadable([tally], ["plaintext"]) is None
    tally.add("plaintext", "2")
    assert refusal(census.refuse_unreadable, [tally], ["plaintext"]).code == "E_PLAINTEXT"


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
    found = census.needing([tally], two_keys, leaving)
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
    tally.others[stage] = census.Rows()
    tally.others[stage].add("7")
    named = [{"column": "profile.name", "class": "other_scheme", "count": 1, "rows": ["profile.name:7"]}]
    assert census.needing([tally], two_keys, leaving) == (named if needs else [])


def test_values_that_no_key_opened_before_may_be_let_pass_but_no_more_of_them(tally):
    tally.add("current", "1")
    tally.add("unreadable", "2")
    before = [tally.result]
    (same,) = census.beyond([tally], before)
    assert (census.refuse_unreadable([same]), dict(same.classes)) == (None, {"current": 1})
    tally.add("unreadable", "3")
    assert refusal(census.refuse_unreadable, census.beyond([tally], before)).where["count"] == 1
    assert census.beyond([tally], [])[0].classes == tally.classes, "nothing is known of another column"
    before = [replace(before[0], classes={"current": 1, "nested_unreadable": 2})]
    assert dict(census.beyond([tally], before)[0].classes) == {"current": 1}, "which one version alone does not open"


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
    assert (refused.value.where["rows"], refused.value.where["key_id"]) == ("profile.name:2", old_keys.key_id)


def test_empty_values_are_under_every_key(tally, two_keys):
    tally.add("current", "1")
    tally.add("empty", "2")
    assert census.refuse_other_than("current", [tally], two_keys) is None


BEFORE = [CensusResult(table="profile", column="name", rows=3, digest="aa")]


@pytest.mark.parametrize(
    ("after", "code"),
    [
        ([], "E_COUNT_CHANGED"),
        ([replace(BEFORE[0], rows=2)], "E_COUNT_CHANGED"),
        ([replace(BEFORE[0], column="phone")], "E_COUNT_CHANGED"),
        ([replace(BEFORE[0], digest="ab")], "E_DIGEST_CHANGED"),
        ([replace(BEFORE[0], digest="ab", plain=1)], "E_PLAIN_CHANGED"),
        ([replace(BEFORE[0], plain=1)], "E_PLAIN_CHANGED"),
    ],
    ids=["target gone", "row gone", "column gone", "plaintext changed", "decrypted", "plain by another count"],
)
def test_a_difference_to_the_census_before_is_refused(after, code):
    with pytest.raises(RotationError) as refused:
        census.refuse_difference(BEFORE, after)
    assert refused.value.code == code


LOOKED = replace(BEFORE[0], rows=9, digest="ab")


def test_where_every_row_was_looked_at_those_of_another_process_may_differ():
    look = TableComparison(changed=1, inserted=6, same=2)
    for after in (LOOKED, replace(LOOKED, plain=2)):
        assert census.refuse_difference(BEFORE, [after], {"profile": look}) is None


def test_a_row_that_nobody_wrote_is_refused_by_its_name():
    look = TableComparison(changed=2, same=1, values={"name": ["6", "7"]}, unexplained=["7"])
    error = refusal(census.refuse_difference, BEFORE, [LOOKED], {"profile": look})
    assert error.code == "E_DIGEST_CHANGED"
    assert "profile.name: the decrypted data changed since the rotation began: profile.name:7." in str(error)
    assert refusal(census.refuse_difference, BEFORE, [LOOKED], {"pet": look}).code == "E_COUNT_CHANGED"
    error = refusal(census.refuse_difference, BEFORE, [replace(LOOKED, plain=2)], {"profile": look})
    assert (error.code, error.where["before"], error.where["after"]) == ("E_PLAIN_CHANGED", 0, 2)
    assert "2 are: profile.name:7." in str(error)


def test_the_same_plaintexts_are_not_refused():
    after = [CensusResult(table="profile", column="phone", rows=9, digest="cc"), *BEFORE]
    assert census.refuse_difference(BEFORE, after) is None


def test_a_row_with_several_key_columns_has_one_name():
    assert row_name(("7", "de")) == "7,de"


def test_each_token_of_a_document_counts_and_the_document_is_one_row(document, two_keys, vectors):
    old, new = (vectors["rows"][0][which] for which in ("stored_old", "stored_new"))
    tally = census.Tally(document)
    for row, text in enumerate(
        [f'{{"a": "{old}", "b": ["{new}", "gAAAAAbroken"], "c": "clear"}}', "{}", '["x"]', None]
    ):
        count(tally, [str(row)], [text], two_keys)
    assert tally.result.classes == {"current": 1, "pending": 1, "unreadable": 1, "empty": 3}
    assert tally.rows == 4


def test_the_digest_tells_the_places_in_a_document_apart(document, two_keys, vectors):
    first, second = (row["stored_old"] for row in vectors["rows"][:2])

    def of(text: str) -> str:
        tally = census.Tally(document)
        count(tally, ["1"], [text], two_keys)
        return tally.result.digest

    assert of(f'["{first}", "{second}"]') == of(f'{{"a": "{first}", "b": "{second}"}}')
    assert of(f'["{first}", "{second}"]') != of(f'["{second}", "{first}"]')


def test_every_token_of_a_row_that_was_listed_is_left_alone(document, two_keys):
    tally = census.Tally(document)
    count(tally, ["7"], ['["gAAAAAone", "gAAAAAtwo"]'], two_keys, ["profile.data:7"])
    assert (tally.left_alone, dict(tally.classes)) == (2, {})


class Seen:
    """What a census gives of each row."""

    def __init__(self):
        self.sums = {}

    def since(self, alias):
        return ""

    def take(self, table, sums, page):
        self.sums.update(sums)


def test_the_digests_of_the_rows_add_up_to_those_of_the_columns(target, two_keys, vectors):
    phone = replace(target, column="phone")
    values = [(row["stored_old"], row["stored_new"]) for row in vectors["rows"]] + [(None, "")]
    page = [((str(number),), value) for number, value in enumerate(values)]
    seen = Seen()
    group = census.Census(None, (), two_keys, KEY)._counted([target, phone], [page], seen)
    for tally in group:
        sums = seen.sums[tally.target.column]
        assert sum(sums.values()) % census.DIGEST_MODULUS == int(tally.result.digest, 16)
        assert len(sums) == len(values)
        assert sums[str(len(values) - 1)] == 0, "a row without a value is a row"


def test_a_row_in_a_format_that_is_known_is_in_one_finding_alone(target):
    tally = census.Tally(target)
    for row in "1234567":
        tally.add("unreadable", row)
    tally.formats = {SIGNATURES[0]: ["2", "7"]}
    told = {each.kind.code: each.facts for each in census.findings([tally])}
    assert (told["E_FORMAT"]["count"], told["E_UNREADABLE"]["count"]) == (2, 5)
    name = target.name
    assert told["E_UNREADABLE"]["rows"] == ", ".join(f"{name}:{row}" for row in "13456")


@pytest.mark.parametrize(
    ("value", "named"),
    [("ada@example.org", 0), ("Ada Lovelace", 0), ("12345", 0), ("5fe01c9a", 1), ('{"a": 1}', 1)],
)
def test_a_listed_value_that_is_neither_words_nor_a_number_needs_a_decision(target, two_keys, value, named):
    taken = census.Census(None, [target], two_keys, b"k", leave_alone=[f"{target.name}:1"])
    tally = census.Tally(target)
    taken._count(tally, ["1"], [value], {})
    assert [len(tally.unsettled), tally.left_alone] == [named, 1]
