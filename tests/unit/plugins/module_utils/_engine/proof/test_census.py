# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.catalog import row_name
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof import (
    census,
    census_comparison,
    census_findings,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof.census_result import (
    DIGEST_MODULUS,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof.census_tally import Tally

from .tallies import KEY, count, refusal

SEALED = {"nonce": 12, "ciphertext": 5, "tag": 16}  # bytes of each


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


def test_plain_text_of_a_mixed_column_is_counted_apart_and_its_digest_shows_a_change(target, two_keys, vectors):
    row = vectors["rows"][0]

    def taken(*values):
        tally = Tally(replace(target, mixed=True))
        count(tally, [str(number) for number in range(len(values))], list(values), two_keys)
        return tally

    found = taken(row["stored_old"], "Ada", "gAAAAAbroken", None)
    assert found.result.classes == {"current": 1, "unreadable": 1, "empty": 1}
    assert (found.plain, found.result.plain) == (1, 1)
    assert [each.kind.code for each in census_findings.findings([found])] == ["E_UNREADABLE"]
    assert taken(row["stored_old"], "Ada").result.digest == taken(row["stored_new"], "Ada").result.digest
    assert taken(row["stored_old"], "Ada").result.digest != taken(row["stored_old"], "Ida").result.digest


def test_a_value_of_a_mixed_column_that_was_decrypted_meanwhile_has_another_digest(target, two_keys, vectors):
    row = vectors["rows"][0]
    taken = [Tally(replace(target, mixed=True)) for _ in range(2)]
    seen = [{"1": 0}, {"1": 0}]
    for tally, value, sums in zip(taken, (row["stored_old"], row["plaintext"]), seen):
        census.Census(None, (), two_keys, KEY)._count(tally, ["1"], [value], {}, sums)
    before, after = [[tally.result] for tally in taken]
    assert [before[0].plain, after[0].plain] == [0, 1]
    assert before[0].digest != after[0].digest
    assert seen[0] != seen[1], "the digests of the rows tell it too"
    for one, other in ((before, after), (after, before)):
        assert refusal(census_comparison.refuse_difference, one, other).code == "E_PLAIN_CHANGED"


@pytest.mark.parametrize("style", [{}, {"indent": 1}, {"separators": (",", ":")}])
def test_json_with_parts_of_a_ciphertext_in_base64_is_no_plain_text(target, two_keys, style):
    parts = {name: base64.b64encode(bytes(range(7, 7 + size))).decode() for name, size in SEALED.items()}
    tally = Tally(replace(target, mixed=True))
    count(tally, ["1", "2"], [json.dumps(parts, **style), json.dumps({**parts, "alg": "x", "kid": "y"})], two_keys)
    assert (dict(tally.classes), tally.plain) == ({"unreadable": 2}, 0)


def test_a_result_names_the_target(classed):
    named = {"model": "customer.Profile", "table": "profile", "column": "name", "scheme": "encryption_manager"}
    assert named.items() <= classed.result.as_result().items()


def test_the_digest_is_the_same_under_either_key_set(target, two_keys, vectors):
    before, after = Tally(target), Tally(target)
    for row in vectors["rows"]:
        count(before, [str(row["pk"])], [row["stored_old"]], two_keys)
        count(after, [str(row["pk"])], [row["stored_new"]], two_keys)
    assert before.result.digest == after.result.digest


def test_a_row_with_several_key_columns_has_one_name():
    assert row_name(("7", "de")) == "7,de"


def test_each_token_of_a_document_counts_and_the_document_is_one_row(document, two_keys, vectors):
    old, new = (vectors["rows"][0][which] for which in ("stored_old", "stored_new"))
    tally = Tally(document)
    for row, text in enumerate(
        [f'{{"a": "{old}", "b": ["{new}", "gAAAAAbroken"], "c": "clear"}}', "{}", '["x"]', None]
    ):
        count(tally, [str(row)], [text], two_keys)
    assert tally.result.classes == {"current": 1, "pending": 1, "unreadable": 1, "empty": 3}
    assert tally.rows == 4


def test_the_digest_distinguishes_the_places_in_a_document(document, two_keys, vectors):
    first, second = (row["stored_old"] for row in vectors["rows"][:2])

    def of(text: str) -> str:
        tally = Tally(document)
        count(tally, ["1"], [text], two_keys)
        return tally.result.digest

    assert of(f'["{first}", "{second}"]') == of(f'{{"a": "{first}", "b": "{second}"}}')
    assert of(f'["{first}", "{second}"]') != of(f'["{second}", "{first}"]')


def test_every_token_of_a_row_that_was_listed_is_left_alone(document, two_keys):
    tally = Tally(document)
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
        assert sum(sums.values()) % DIGEST_MODULUS == int(tally.result.digest, 16)
        assert len(sums) == len(values)
        assert sums[str(len(values) - 1)] == 0, "a row without a value is a row"


@pytest.mark.parametrize(
    ("value", "named"),
    [("ada@example.org", 0), ("Ada Lovelace", 0), ("12345", 0), ("5fe01c9a", 1), ('{"a": 1}', 1)],
)
def test_a_listed_value_that_is_neither_words_nor_a_number_needs_a_decision(target, two_keys, value, named):
    taken = census.Census(None, [target], two_keys, b"k", leave_alone=[f"{target.name}:1"])
    tally = Tally(target)
    taken._count(tally, ["1"], [value], {})
    assert [len(tally.unsettled), tally.left_alone] == [named, 1]
