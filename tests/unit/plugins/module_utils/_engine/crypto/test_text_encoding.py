# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The encoding of AES-GCM tokens as text: an application reads no other one than its own."""

from __future__ import annotations

import base64
import random

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import text_encoding
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.token_formats import AesGcmText
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY = bytes(range(32))


def padded(text: str) -> str:
    return text + "=" * (-len(text) % 4)


def strictly(text: str, alphabet: bytes) -> bytes:
    return base64.b64decode(text, altchars=alphabet, validate=True)


# What an application writes, and what it reads: nothing but that.
CODECS = {
    "hex": (bytes.hex, lambda text: bytes.fromhex(text) if text.islower() else b""),
    "capital hex": (lambda raw: raw.hex().upper(), lambda text: bytes.fromhex(text) if text.isupper() else b""),
    "standard": (lambda raw: base64.b64encode(raw).decode(), lambda text: strictly(text, b"+/")),
    "urlsafe": (lambda raw: base64.urlsafe_b64encode(raw).decode(), lambda text: strictly(text, b"-_")),
    "standard without padding": (
        lambda raw: base64.b64encode(raw).decode().rstrip("="),
        lambda text: b"" if text.endswith("=") else strictly(padded(text), b"+/"),
    ),
    "urlsafe without padding": (
        lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("="),
        lambda text: b"" if text.endswith("=") else strictly(padded(text), b"-_"),
    ),
}


@pytest.mark.parametrize("name", CODECS)
def test_each_token_keeps_its_encoding(name: str) -> None:
    write, read = CODECS[name]
    chance, gcm, cipher = random.Random(name), AESGCM(KEY), AesGcmText(KEY)
    for _ in range(1500):  # of short ones a tenth has no character that says which alphabet it is in
        plaintext, nonce = chance.randbytes(chance.randrange(40)), chance.randbytes(12)
        inside = cipher.open(write(nonce + gcm.encrypt(nonce, plaintext, None)).encode())
        assert inside is not None
        assert inside.plaintext == plaintext

        token = cipher.seal(inside)

        raw = read(token.decode())
        assert gcm.decrypt(raw[:12], raw[12:], None) == plaintext
        assert cipher.open(token) == inside


@pytest.mark.parametrize(
    "token",
    [
        b"",
        b"a" * 37,
        b"a" * 41,
        b"a" * 39 + b" ",
        b"+" * 20 + b"-" * 20,
        b"a" * 38 + b"=",
        b"a" * 40 + b"=",
        b"\xc5" * 40,
    ],
)
def test_what_is_in_none_of_them_is_no_token(token: bytes) -> None:
    assert text_encoding.of(token) == b""
    assert AesGcmText(KEY).open(token) is None
