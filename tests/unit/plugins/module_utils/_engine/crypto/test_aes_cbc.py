# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hmac
import os

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import aes_cbc
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

LENGTHS = [0, 1, 15, 16, 17, 31, 32, 33, 100, 5_000, 1, 16, 0]


@pytest.mark.parametrize("implementation", aes_cbc.HMACS)
@pytest.mark.parametrize("size", [0, 1, 16, 32, 63, 64, 65, 200])
def test_a_mac_is_that_of_the_standard_library(implementation, size):
    key, messages = os.urandom(size), [os.urandom(length) for length in LENGTHS]
    assert implementation(key).digests(messages) == [hmac.digest(key, text, "sha256") for text in messages]


@pytest.mark.parametrize("size", [16, 24, 32])
def test_each_text_is_cbc_under_its_own_iv_as_if_it_were_alone(size):
    key = os.urandom(size)
    texts = [os.urandom(length) for length in LENGTHS]
    sealed = aes_cbc.cbc_encrypt(algorithms.AES(key), texts)
    alone = []
    for text, one in zip(texts, sealed):
        encryptor = Cipher(algorithms.AES(key), modes.CBC(one[:16])).encryptor()
        alone.append(one[:16] + encryptor.update(aes_cbc.pad(text)) + encryptor.finalize())
    assert sealed == alone
    assert aes_cbc.cbc_decrypt(algorithms.AES(key), sealed) == texts


def test_texts_open_in_any_order_and_company():
    algorithm = algorithms.AES(os.urandom(16))
    texts = [os.urandom(length) for length in LENGTHS]
    sealed = aes_cbc.cbc_encrypt(algorithm, texts)
    assert aes_cbc.cbc_decrypt(algorithm, sealed[::-1]) == texts[::-1]
    assert [aes_cbc.cbc_decrypt(algorithm, [one])[0] for one in sealed] == texts


def test_an_iv_is_the_cipher_of_random_bytes_that_are_its_own(monkeypatch):
    """SP 800-38A, appendix C: whoever cannot predict the random bytes cannot predict the IV."""
    key, asked = os.urandom(16), []

    def urandom(size: int, real=os.urandom) -> bytes:
        asked.append(real(size))
        return asked[-1]

    monkeypatch.setattr(aes_cbc.os, "urandom", urandom)
    sealed = aes_cbc.cbc_encrypt(algorithms.AES(key), [b"the same text"] * 100)
    blocks, first = asked
    assert (len(blocks), len(first)) == (16 * 100, 16)
    decryptor = Cipher(algorithms.AES(key), modes.ECB()).decryptor()
    before = first
    for place, one in enumerate(sealed):
        nonce = bytes(a ^ b for a, b in zip(decryptor.update(one[:16]), before))
        assert nonce == blocks[16 * place : 16 * place + 16]
        before = one[-16:]


def test_no_block_is_like_another_however_alike_the_texts_are():
    algorithm = algorithms.AES(bytes(16))
    sealed = [one for _ in range(2) for one in aes_cbc.cbc_encrypt(algorithm, [bytes(40)] * 10_000)]
    blocks = [one[at : at + 16] for one in sealed for at in range(0, 64, 16)]
    assert len({one[:16] for one in sealed}) == 20_000
    assert len({*blocks}) == 80_000


def test_nothing_is_nothing():
    algorithm = algorithms.AES(bytes(16))
    assert aes_cbc.cbc_encrypt(algorithm, []) == aes_cbc.cbc_decrypt(algorithm, []) == []


@pytest.mark.parametrize("length", range(33))
def test_padding_comes_off_as_it_went_on(length):
    text = os.urandom(length)
    assert len(aes_cbc.pad(text)) % 16 == 0
    assert aes_cbc.unpad(aes_cbc.pad(text)) == text


@pytest.mark.parametrize("end", [b"\0", b"\x11", b"\1\2", b"\3\3\2", b"\xff" * 16])
def test_wrong_padding_does_not_count(end):
    assert aes_cbc.unpad(b"x" * (16 - len(end)) + end) is None
