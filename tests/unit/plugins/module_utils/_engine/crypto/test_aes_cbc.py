# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hmac
import os

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import aes_cbc
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

LENGTHS = [0, 1, 15, 16, 17, 31, 32, 33, 100, 5_000, 1, 16, 0]


@pytest.mark.parametrize("size", [0, 1, 16, 32, 63, 64, 65, 200])
def test_a_mac_is_that_of_the_standard_library(size):
    key, messages = os.urandom(size), [os.urandom(length) for length in LENGTHS]
    assert aes_cbc.HmacSha256(key).digests(messages) == [hmac.digest(key, text, "sha256") for text in messages]


@pytest.mark.parametrize("size", [16, 24, 32])
def test_each_text_is_what_it_is_one_by_one(size):
    key = os.urandom(size)
    algorithm = algorithms.AES(key)
    texts = [aes_cbc.pad(os.urandom(length)) for length in LENGTHS]
    ivs = [os.urandom(16) for _ in texts]
    alone = []
    for iv, text in zip(ivs, texts):
        encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
        alone.append(encryptor.update(text) + encryptor.finalize())
    assert aes_cbc.cbc_encrypt(algorithm, ivs, texts) == alone
    assert aes_cbc.cbc_decrypt(algorithm, ivs, alone) == texts


def test_nothing_is_nothing():
    algorithm = algorithms.AES(bytes(16))
    assert aes_cbc.cbc_encrypt(algorithm, [], []) == aes_cbc.cbc_decrypt(algorithm, [], []) == []


@pytest.mark.parametrize("length", range(33))
def test_padding_comes_off_as_it_went_on(length):
    text = os.urandom(length)
    assert len(aes_cbc.pad(text)) % 16 == 0
    assert aes_cbc.unpad(aes_cbc.pad(text)) == text


@pytest.mark.parametrize("end", [b"\0", b"\x11", b"\1\2", b"\3\3\2", b"\xff" * 16])
def test_wrong_padding_is_none(end):
    assert aes_cbc.unpad(b"x" * (16 - len(end)) + end) is None
