# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two implementations of Fernet, which nobody can tell apart but by their speed."""

from __future__ import annotations

import base64
import hmac
import os

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import aes_cbc, fernet
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.fernet import (
    FERNETS,
    FernetToken,
    LibraryFernet,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.token_formats import FORMATS
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.tokens import Opened
from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.ciphers import algorithms

KEY, OTHER_KEY = bytes(range(32)), bytes(range(1, 33))
TIMES = 20
LIBRARY = Fernet(base64.urlsafe_b64encode(KEY))
TEXTS = [os.urandom(length) for length in (*range(50), 100, 1_000, 100_000)]
INSIDES = [Opened(text, 1_500_000_000 + place) for place, text in enumerate(TEXTS)]


@pytest.fixture(params=FERNETS, ids=lambda implementation: implementation.__name__)
def implementation(request):
    return request.param


@pytest.fixture
def unmeasured():
    fernet._fastest.cache_clear()
    yield
    fernet._fastest.cache_clear()


def encoded(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw)


def flipped(token: bytes, place: int) -> bytes:
    raw = bytearray(base64.urlsafe_b64decode(token))
    raw[place] ^= 1
    return encoded(raw)


def framed(text: bytes) -> bytes:
    """A token with the right MAC, be the inside whatever it is."""
    frame = b"\x80" + bytes(8) + text
    return encoded(frame + hmac.digest(KEY[:16], frame, "sha256"))


def misencrypted(blocks: bytes) -> bytes:
    """A token with the right MAC, and these blocks in it."""
    return framed(aes_cbc.cbc_encrypt(algorithms.AES(KEY[16:]), [blocks])[0][:-16])  # without the padding of its own


GOOD = LIBRARY.encrypt(b"any text")
BAD = {
    "nothing": b"",
    "a text": b"a text",
    "of another key": Fernet(encoded(OTHER_KEY)).encrypt(b"theirs"),
    "another version": flipped(GOOD, 0),
    "another time": flipped(GOOD, 5),
    "another IV": flipped(GOOD, 12),
    "another ciphertext": flipped(GOOD, 30),
    "another MAC": flipped(GOOD, -1),
    "a byte less": encoded(base64.urlsafe_b64decode(GOOD)[:-1]),
    "a byte more": encoded(base64.urlsafe_b64decode(GOOD) + b"x"),
    "signed, no ciphertext": framed(bytes(16)),
    "signed, half a block": framed(bytes(40)),
    "signed, no IV": framed(b""),
    "signed, padding of 0": misencrypted(bytes(32)),
    "signed, padding too long": misencrypted(bytes(15) + b"\x11"),
    "signed, padding of two kinds": misencrypted(bytes(14) + b"\1\2"),
    "a foreign sign in it": GOOD[:20] + b"\n" + GOOD[20:],
    "a foreign sign at its end": GOOD + b"\n",
    "more behind its end": GOOD + b"====",
}


def test_the_library_opens_every_token(implementation):
    tokens = implementation(KEY).seal_all(INSIDES)
    several = MultiFernet([Fernet(encoded(OTHER_KEY)), LIBRARY])
    assert [LIBRARY.decrypt(token) for token in tokens] == TEXTS
    assert [several.decrypt(token) for token in tokens] == TEXTS
    assert [LIBRARY.extract_timestamp(token) for token in tokens] == [inside.timestamp for inside in INSIDES]


def test_it_opens_every_token_of_the_library(implementation):
    tokens = [LIBRARY.encrypt_at_time(inside.plaintext, inside.timestamp) for inside in INSIDES]
    assert implementation(KEY).open_all(tokens) == INSIDES


@pytest.mark.parametrize("opens", FERNETS)
@pytest.mark.parametrize("seals", FERNETS)
def test_each_opens_what_the_other_sealed(seals, opens):
    assert opens(KEY).open_all(seals(KEY).seal_all(INSIDES)) == INSIDES


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_one_bad_token_spoils_none_next_to_it(implementation, bad):
    tokens = [LIBRARY.encrypt_at_time(inside.plaintext, inside.timestamp) for inside in INSIDES[:5]]
    assert implementation(KEY).open_all([bad, *tokens[:2], bad, *tokens[2:], bad]) == [
        None, *INSIDES[:2], None, *INSIDES[2:5], None
    ]  # fmt: skip


@pytest.mark.parametrize("name", [name for name in BAD if not name.startswith("signed, padding")])
def test_nothing_is_decrypted_whose_mac_or_length_is_wrong(name, monkeypatch):
    seen = []

    def decrypt(algorithm, sealed):
        seen.extend(sealed)
        return aes_cbc.cbc_decrypt(algorithm, sealed)

    monkeypatch.setattr(fernet, "cbc_decrypt", decrypt)
    FernetToken(KEY).open_all([GOOD, BAD[name]])
    assert seen == [base64.urlsafe_b64decode(GOOD)[9:-32]]


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_a_key_of_another_length_is_refused(implementation, size):
    with pytest.raises(ValueError, match=r"."):
        implementation(bytes(size))


def slowed(implementation):
    """The same, with many times the work."""

    class Slowed(implementation):
        def seal_all(self, insides):
            return [super(Slowed, self).seal_all(insides) for _ in range(TIMES)][-1]

        def open_all(self, tokens):
            return [super(Slowed, self).open_all(tokens) for _ in range(TIMES)][-1]

    return Slowed


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize(
    ("both", "faster"),
    [
        ((FernetToken, slowed(LibraryFernet)), FernetToken),
        ((slowed(FernetToken), LibraryFernet), LibraryFernet),
    ],
    ids=["ours", "the library's"],
)
def test_the_faster_one_is_taken_once_for_all(both, faster, monkeypatch):
    monkeypatch.setattr(fernet, "FERNETS", both)
    assert type(FORMATS["fernet"].make(KEY)) is faster
    monkeypatch.setattr(fernet, "FERNETS", ())
    assert type(FORMATS["fernet"].make(OTHER_KEY)) is faster
