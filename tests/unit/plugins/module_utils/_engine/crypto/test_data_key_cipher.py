# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values under a data key, in each way in which applications write the key and the value."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.data_key_cipher import (
    DataKeyCipher,
    is_random_key,
    possible_keys,
)
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY = bytes(range(100, 132))  # not ASCII alone
TEXT = b"123-45-6789"
KEYS: dict[str, Callable[[bytes], bytes]] = {
    "bytes": bytes,
    "base64": base64.b64encode,
    "urlsafe base64": base64.urlsafe_b64encode,
    "hex": lambda key: key.hex().encode(),
    "a line": lambda key: base64.b64encode(key) + b"\n",
}


def seal_gcm(key: bytes) -> bytes:
    nonce = os.urandom(12)
    return nonce + AESGCM(key).encrypt(nonce, TEXT, None)


def in_hex(key: bytes) -> bytes:
    sealed = seal_gcm(key)
    return f"{sealed[:12].hex()}:{sealed[12:].hex()}".encode()


def fernet(key: bytes) -> bytes:
    return Fernet(base64.urlsafe_b64encode(key)).encrypt(TEXT)


VALUES: dict[str, Callable[[bytes], bytes]] = {
    "Fernet": fernet,
    "Fernet in base64": lambda key: base64.b64encode(fernet(key)),
    "Fernet on a line": lambda key: fernet(key) + b"\n",
    "GCM": seal_gcm,
    "GCM in base64": lambda key: base64.b64encode(seal_gcm(key)),
    "GCM in urlsafe base64": lambda key: base64.urlsafe_b64encode(seal_gcm(key)),
    "GCM in hex": lambda key: seal_gcm(key).hex().encode(),
    "GCM in hex with a colon": in_hex,
}


@pytest.mark.parametrize("written", KEYS)
@pytest.mark.parametrize("format_", VALUES)
def test_a_value_opens_under_its_key_alone(format_: str, written: str) -> None:
    cipher = DataKeyCipher(possible_keys(KEYS[written](KEY)))
    value = VALUES[format_](KEY)
    assert cipher.open(value) == TEXT
    assert DataKeyCipher(possible_keys(os.urandom(32))).open(value) is None
    assert cipher.open(VALUES[format_](os.urandom(32))) is None


@pytest.mark.parametrize("size", [16, 24, 32])
def test_a_key_of_aes_may_be_shorter(size: int) -> None:
    key = os.urandom(size)
    assert DataKeyCipher(possible_keys(base64.b64encode(key))).open(seal_gcm(key)) == TEXT


@pytest.mark.parametrize("place", range(12 + len(TEXT) + 16))
def test_no_byte_of_a_value_can_be_another_one(place: int) -> None:
    value = bytearray(seal_gcm(KEY))
    value[place] ^= 1
    assert DataKeyCipher([KEY]).open(bytes(value)) is None


@pytest.mark.parametrize("plaintext", [b"", b"a plain text", b"123-45-6789", bytes(31), bytes(33), b"4111111111111111"])
def test_other_plaintexts_are_no_keys(plaintext: bytes) -> None:
    assert possible_keys(plaintext) == []


@pytest.mark.parametrize("written", KEYS)
def test_random_bytes_can_hardly_be_anything_other_than_a_key(written: str) -> None:
    assert is_random_key(KEYS[written](KEY))
    assert not is_random_key(b"12 St James's Sq")
    assert not is_random_key(bytes(range(100, 116)).hex().encode()), "many tokens are as long"


@pytest.mark.parametrize("value", [b"", b"short", b"a plain text of some length, longer than a nonce and a tag"])
def test_other_values_do_not_open(value: bytes) -> None:
    assert DataKeyCipher([KEY]).open(value) is None
