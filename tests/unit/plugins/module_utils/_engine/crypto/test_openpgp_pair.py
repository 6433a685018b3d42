# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import openpgp, openpgp_pair
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.openpgp_pair import OpenPgpPair
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.tokens import Opened
from ansible_collections.tetech.key_rotation.tests.key_pairs import KeyPair, key_pair

PAIRS = {"rsa": ("first",), "other rsa": ("second",), "elgamal": ("third", "elg1024")}


def halves(pair: KeyPair) -> tuple[bytes, bytes]:
    return pair.private.encode(), pair.public.encode()


def cipher(name: str) -> OpenPgpPair:
    return OpenPgpPair(*halves(key_pair(*PAIRS[name])))


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("length", [0, 1, 10_000])
def test_what_a_pair_sealed_opens_under_it_and_under_no_other(name, length):
    inside = Opened(b"x" * length, frame=b"\x09")
    token = cipher(name).seal(inside)
    assert token.startswith(openpgp_pair.PAIR_BEGIN)
    assert {other: cipher(other).open(token) for other in PAIRS} == {**dict.fromkeys(PAIRS), name: inside}


@pytest.mark.parametrize("name", ["rsa", "elgamal"])
def test_a_message_that_was_changed_or_cut_short_does_not_open(name):
    own = cipher(name)
    inside = Opened(b"a text", frame=b"\7")
    token = own.seal(inside)
    opened = []
    for place in range(len(token)):
        assert own.open(token[:place]) is None, place
        found = own.open(token[:place] + bytes([token[place] ^ 1]) + token[place + 1 :])
        opened += [] if found is None else [found]
    assert own.open(token + b"\0") is None
    # How many bits a number has is said before it, and counts in whole bytes.
    assert opened in ([], [inside], [inside] * 2)


def test_a_message_for_two_readers_is_left_to_them():
    own, other = cipher("rsa"), cipher("other rsa")
    for_own, for_other = (list(openpgp.packets(each.seal(Opened(b"a text")))) for each in (own, other))
    token = b"".join(openpgp.packet(*each) for each in (for_own[0], for_other[0], for_own[1]))
    assert openpgp_pair.is_under_key_pair(token)
    assert own.open(token) is None


@pytest.mark.parametrize(
    ("pair", "found"),
    [
        (lambda: key_pair("locked", passphrase="a passphrase"), "passphrase"),
        (lambda: key_pair("two", "rsa2048", "rsa2048"), "exactly one subkey"),
        (lambda: key_pair("curve", "cv25519", main="ed25519"), "exactly one subkey"),
        (lambda: KeyPair(*reversed(key_pair())), "two halves"),
        (lambda: KeyPair(key_pair("second").public, key_pair().private), "two halves"),
        (lambda: KeyPair("-----BEGIN PGP PUBLIC KEY BLOCK-----", "a text"), "exactly one subkey"),
    ],
)
def test_a_pair_that_pgcrypto_could_not_use_makes_no_cipher(pair, found):
    with pytest.raises(ValueError, match=found):
        OpenPgpPair(*halves(pair()))


def test_a_key_that_was_changed_or_cut_short_makes_no_cipher():
    private, public = halves(key_pair())
    lines = private.splitlines(keepends=True)
    turned = lines[9].strip()[::-1] + b"\n"
    for changed in ([*lines[:9], *lines[10:]], [*lines[:9], turned, *lines[10:]]):
        with pytest.raises(ValueError, match="exactly one subkey"):
            OpenPgpPair(b"".join(changed), public)


def test_a_file_may_have_other_ends_of_lines_and_a_comment():
    private, public = halves(key_pair())
    commented = public.replace(b"BLOCK-----\n", b"BLOCK-----\nVersion: 1\nComment: a, b\n", 1).replace(b"\n", b"\r\n")
    assert openpgp_pair.half_of(commented).key_id == openpgp_pair.half_of(private).key_id
