# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import hashlib

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.fernet import FernetToken
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.tokens import Opened
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.wrappers import (
    AnyOf,
    Armor,
    Base64,
    Hashed,
    Nested,
    Prefixed,
)

FIRST, SECOND, OTHER = (FernetToken(bytes([number]) * 32) for number in (1, 2, 3))
INSIDE = Opened("Žluťoučký".encode(), 1_500_000_000)
SALT = b"a salt CANARY"
HASH = hashlib.sha256(INSIDE.plaintext + SALT).hexdigest().encode()


def test_of_several_keys_all_open_and_the_first_seals():
    cipher = AnyOf([FIRST, SECOND])
    assert cipher.open(FIRST.seal(INSIDE)) == INSIDE
    assert cipher.open(SECOND.seal(INSIDE)) == INSIDE
    assert cipher.open(OTHER.seal(INSIDE)) is None
    token = cipher.seal(INSIDE)
    assert FIRST.open(token) == INSIDE
    assert SECOND.open(token) is None


def test_an_empty_inside_is_found_under_a_later_key_too():
    empty = Opened(b"", 0)
    assert AnyOf([FIRST, SECOND]).open(SECOND.seal(empty)) == empty


def test_a_prefix_is_put_before_each_token_and_asked_of_each():
    cipher = Prefixed(FIRST, b"enc$")
    token = cipher.seal(INSIDE)
    assert token.startswith(b"enc$gAAAAA")
    assert cipher.open(token) == INSIDE
    assert FIRST.open(token[4:]) == INSIDE
    for other in (token[4:], b"enc$" + token, b"tok$" + token[4:], b"enc" + token[4:], b"ENC$" + token[4:], b"enc$"):
        assert cipher.open(other) is None


ARMORED = """-----BEGIN PGP MESSAGE-----
Version: django-pgcrypto 3.1.0
Comment: by another program, in lines

NnpSmG1kfq8HO4Bl
adCpEw==
=+vzh
-----END PGP MESSAGE-----
"""


class Bare:
    """A cipher that changes nothing."""

    def open(self, token):
        return Opened(token)

    def seal(self, inside):
        return inside.plaintext


def test_armor_is_taken_off_and_put_on():
    raw = base64.b64decode("NnpSmG1kfq8HO4BladCpEw==")
    assert Armor(Bare()).open(ARMORED.encode()) == Opened(raw)
    plain = "-----BEGIN PGP MESSAGE-----\n\nNnpSmG1kfq8HO4BladCpEw==\n=+vzh\n-----END PGP MESSAGE-----"
    assert Armor(Bare()).seal(Opened(raw)) == plain.encode()
    assert Armor(Bare()).open(Armor(Bare()).seal(Opened(b""))) == Opened(b"")


@pytest.mark.parametrize(
    ("old", "new"),
    [("+vzh", "+vzi"), ("NnpS", "NnpT"), ("NnpS", "Nnp"), ("\n\n", "\n"), ("BEGIN", "Begin"), ("=+vzh\n", "")],
)
def test_damaged_armor_does_not_open(old, new):
    assert Armor(Bare()).open(ARMORED.replace(old, new).encode()) is None


def test_a_token_inside_a_token_comes_along():
    cipher, new = Nested(FIRST), Nested(SECOND)
    inner = FIRST.seal(Opened(b'{"a": "kept"}', 5))
    token = FIRST.seal(Opened(b'\'"\\"' + inner + b'\\""\'::jsonb', 7))
    inside = cipher.open(token)
    assert inner not in inside.plaintext
    fresh = new.seal(inside)
    assert new.open(fresh) == inside
    outer = SECOND.open(fresh)
    assert outer.plaintext.startswith(b'\'"\\"gAAAAA')
    assert SECOND.open(outer.plaintext[4:-11]).plaintext == b'{"a": "kept"}'


def test_quoted_text_that_is_no_token_stays():
    cipher = Nested(FIRST)
    text = b'{"a_long_name_of_letters_only": "another_long_one_of_letters"}'
    assert cipher.open(cipher.seal(Opened(text, 1))) == Opened(text, 1)
    assert FIRST.open(cipher.seal(Opened(text, 1))).plaintext == text


def test_a_token_is_in_one_more_base64():
    cipher = Base64(FIRST)
    token = cipher.seal(INSIDE)
    assert FIRST.open(base64.urlsafe_b64decode(token)) == INSIDE
    assert cipher.open(token) == INSIDE
    for other in (FIRST.seal(INSIDE), base64.urlsafe_b64encode(token), token[:-1], b"", b"\xff", "ů".encode()):
        assert cipher.open(other) is None


def test_a_hash_that_was_there_is_made_of_the_new_salt():
    cipher = Hashed(FIRST, SALT)
    stored = FIRST.seal(INSIDE) + b"$" + b"0" * 64
    inside = cipher.open(stored)
    assert (inside.plaintext, inside.timestamp, inside.hashed) == (INSIDE.plaintext, INSIDE.timestamp, True)
    token, _, found = cipher.seal(inside).partition(b"$")
    assert FIRST.open(token) == INSIDE
    assert found == HASH
    assert cipher.open(cipher.seal(inside)) == inside


def test_a_token_without_a_hash_stays_without():
    cipher = Hashed(FIRST, SALT)
    inside = cipher.open(FIRST.seal(INSIDE))
    assert inside == INSIDE
    assert b"$" not in cipher.seal(inside)
    assert cipher.open(OTHER.seal(INSIDE) + b"$" + HASH) is None


def test_wrappers_lie_around_each_other_in_their_order():
    cipher = Prefixed(Base64(Hashed(AnyOf([FIRST, SECOND]), SALT)), b"tok_1_")
    theirs = b"tok_1_" + base64.urlsafe_b64encode(SECOND.seal(INSIDE) + b"$" + HASH)
    inside = cipher.open(theirs)
    assert inside.hashed
    token = base64.urlsafe_b64decode(cipher.seal(inside)[6:])
    assert FIRST.open(token.partition(b"$")[0]) == INSIDE
    assert token.endswith(b"$" + HASH)


def test_no_wrapper_shows_a_key_or_a_salt():
    for cipher in (AnyOf([FIRST]), Prefixed(FIRST, b"x"), Base64(FIRST), Hashed(FIRST, SALT)):
        assert "CANARY" not in repr(cipher)
        assert "Fernet" not in repr(cipher)
