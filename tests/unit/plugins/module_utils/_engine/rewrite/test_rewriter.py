# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.columns.search_recipes import (
    SearchColumnRecipe,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite import rewriter
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError


@pytest.fixture
def translate(two_keys):
    """To the pending keys; profile.name:7 is listed to be left alone."""
    return Translate(two_keys, "pending", leave_alone=["profile.name:7"])


class Translate:
    """The change of one row."""

    def __init__(self, keyring, destination, **options):
        self.rewriting = rewriter.Rewriting([], keyring, destination, **options)

    def row(self, members, key, values):
        changes = self.rewriting.changes(members, [(key, tuple(values))], {})
        return changes[0] if changes else None


@pytest.fixture
def phone(target):
    return replace(target, column="phone")


@pytest.fixture
def document(target):
    return replace(target, type="jsonb", column="data")


def test_a_token_under_other_keys_is_rewritten_with_the_same_inside(translate, target, two_keys, vectors):
    old = vectors["rows"][0]["stored_old"]
    change = translate.row([target], ("1",), [old])
    assert (change.key, change.old, change.tokens) == (("1",), (old,), (1,))
    stage, inside = two_keys.stage_of(target.scheme, change.new[0].encode())
    assert stage == "pending"
    assert inside == two_keys.stage_of(target.scheme, old.encode())[1]


def test_a_row_that_is_where_it_should_be_is_left(translate, target, vectors):
    assert translate.row([target], ("1",), [vectors["rows"][0]["stored_new"]]) is None


@pytest.mark.parametrize("value", [None, ""])
def test_an_empty_value_is_left(translate, target, value):
    assert translate.row([target], ("1",), [value]) is None


def test_of_a_row_done_by_half_only_the_rest_changes(translate, target, phone, vectors):
    done, left = vectors["rows"][0]["stored_new"], vectors["rows"][1]["stored_old"]
    change = translate.row([target, phone], ("1",), [done, left])
    assert change.tokens == (0, 1)
    assert change.old == (done, left)
    assert change.new[0] == done
    assert change.new[1] != left


@pytest.mark.parametrize(("value", "code"), [("gAAAAAbroken", "E_UNREADABLE"), ("CANARY", "E_PLAINTEXT")])
def test_a_value_under_no_key_stops_the_work(translate, target, value, code):
    with pytest.raises(RotationError) as refused:
        translate.row([target], ("1",), [value])
    assert refused.value.code == code
    assert refused.value.where["rows"] == "profile.name:1"
    assert value not in str(refused.value)


def test_a_value_that_was_listed_is_left_and_its_neighbour_is_not(translate, target, phone, vectors):
    change = translate.row([target, phone], ("7",), ["gAAAAAbroken", vectors["rows"][0]["stored_old"]])
    assert change.new[0] == "gAAAAAbroken"
    assert change.tokens == (0, 1)


def test_on_the_way_back_a_value_under_no_key_is_left(two_keys, target):
    back = Translate(two_keys, "current", policy=rewriter.RewritePolicy(stop_at_unreadable=False))
    assert back.row([target], ("1",), ["gAAAAAbroken"]) is None


def test_a_token_too_long_for_its_column_is_refused(translate, target, vectors):
    row = vectors["rows"][0]
    fits = replace(target, limit=len(row["stored_new"]))
    assert translate.row([fits], ("1",), [row["stored_old"]]) is not None
    with pytest.raises(RotationError) as refused:
        translate.row([replace(fits, limit=fits.limit - 1)], ("1",), [row["stored_old"]])
    assert refused.value.code == "E_TOKEN_TOO_LONG"
    assert refused.value.where["needed"] == fits.limit


def test_what_was_changed_is_one_sentence():
    work = rewriter.Work()
    assert rewriter.changed(work, "1f0c2b9a7d5e4c31") == "No value was changed."
    work.values.update({"profile.name": 3, "profile.phone": 2})
    assert rewriter.changed(work, "1f0c2b9a7d5e4c31") == (
        "5 values were re-encrypted to the keys 1f0c2b9a7d5e4c31; the store has every version."
    )


def test_each_token_of_a_document_is_rewritten_in_its_place(translate, document, two_keys, vectors):
    (one, _), (two, done) = ((row["stored_old"], row["stored_new"]) for row in vectors["rows"][:2])
    text = f'{{"a" : ["{one}", 1.50, "clear"], "{one}": "{done}", "b": "{two}"}}'
    change = translate.row([document], ("1",), [text])
    assert change.tokens == (3,)
    fresh = change.new[0]
    before, after = (document.kind.tokens(value, b"gAAAAA") for value in (text, fresh))
    assert [two_keys.stage_of(document.scheme, token)[0] for token in after] == ["pending"] * 4
    assert [two_keys.stage_of(document.scheme, token)[1] for token in after] == [
        two_keys.stage_of(document.scheme, token)[1] for token in before
    ]
    assert after[2].decode() == done
    for old, new in zip(before, after):
        fresh = fresh.replace(f'"{new.decode()}"', f'"{old.decode()}"')
    assert fresh == text


def test_a_document_with_one_token_under_no_key_stops_the_work(translate, document, vectors):
    old = vectors["rows"][0]["stored_old"]
    with pytest.raises(RotationError) as refused:
        translate.row([document], ("1",), [f'["{old}", "gAAAAAbroken"]'])
    assert (refused.value.code, refused.value.where["rows"]) == ("E_UNREADABLE", "profile.data:1")


def test_a_bytea_value_stays_bytes(target, translate, two_keys, vectors):
    row = vectors["rows"][0]
    stored = replace(target, type="bytea")
    change = translate.row([stored], ("1",), [memoryview(row["stored_old"].encode())])
    assert isinstance(change.new[0], bytes)
    assert two_keys.stage_of(target.scheme, change.new[0])[0] == "pending"


def test_a_search_column_is_recreated_under_the_salt_of_the_destination(target, translate, new_keys, vectors):
    row = vectors["rows"][0]
    searched = replace(target, derived=(SearchColumnRecipe("search", "xx", "ENCRYPTION_SALT"),))
    change = translate.row([searched], ("1",), [row["stored_old"]])
    salted = row["plaintext"].encode() + new_keys.values["ENCRYPTION_SALT"].encode()
    assert [*change.derived] == ["search"]
    unchanged, *_normalized = change.derived["search"].values()
    assert unchanged == "xx" + hashlib.sha256(salted).hexdigest()
    assert None not in change.derived["search"], "what was made of another value stays"
    assert translate.row([searched], ("1",), [row["stored_new"]]) is None


def test_a_cipher_that_does_not_give_back_what_went_in_stops_the_work(target, two_keys, vectors, monkeypatch):
    class Forgetful:
        def __init__(self, cipher):
            self.open_all = cipher.open_all
            self._seal_all = cipher.seal_all

        def seal_all(self, insides):
            return self._seal_all([inside._replace(timestamp=0) for inside in insides])

    cipher = two_keys.cipher
    monkeypatch.setattr(two_keys, "cipher", lambda scheme, stage: Forgetful(cipher(scheme, stage)))
    translate = Translate(two_keys, "pending")
    with pytest.raises(RotationError) as refused:
        translate.row([target], ("1",), [vectors["rows"][0]["stored_old"]])
    assert refused.value.code == "E_SELF_CHECK"


def test_of_a_page_each_row_is_decided_by_itself(translate, target, phone, two_keys, vectors):
    rows = vectors["rows"][:3]
    page = [
        (("1",), (rows[0]["stored_old"], None)),
        (("2",), (rows[1]["stored_new"], "")),
        (("3",), (rows[2]["stored_new"], rows[0]["stored_old"])),
    ]
    changes = translate.rewriting.changes([target, phone], page, {})
    assert [(change.key, change.tokens) for change in changes] == [(("1",), (1, 0)), (("3",), (0, 1))]
    assert changes[0].new[1] is None
    assert changes[1].new[0] == rows[2]["stored_new"]
    for token in (changes[0].new[0], changes[1].new[1]):
        assert two_keys.stage_of(target.scheme, token.encode())[1].plaintext == rows[0]["plaintext"].encode()


def test_what_the_journal_knows_to_be_done_is_left(translate, target, two_keys, vectors):
    page = [(("1",), (vectors["rows"][0]["stored_new"],))]
    known = {("profile.name", "1"): two_keys.key_id("pending")}
    assert translate.rewriting.changes([target], page, known) == []
    with pytest.raises(RotationError, match="E_UNREADABLE"):
        translate.rewriting.changes([target], page, {("profile.name", "1"): "0" * 16})


@pytest.mark.parametrize("hosts", [1, 2, 3, 7])
def test_every_span_is_of_exactly_one_host(hosts):
    shares = [rewriter.Share(number, hosts) for number in range(hosts)]
    assert all(sum(share.has(turn) for share in shares) == 1 for turn in range(50))
