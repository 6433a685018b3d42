# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.token_formats import FORMATS
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.tokens import Opened
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

KEY, IV = bytes(range(32)), b"1234567890abcdef"
KEYS = {"aes_ecb": [KEY], "aes_cbc_fixed_iv": [KEY, IV]}
TEXT = "Žluťoučký CANARY".encode()


def theirs(name: str, text: bytes) -> bytes:
    """As the libraries make it."""
    padder = padding.PKCS7(128).padder()
    mode = modes.ECB() if name == "aes_ecb" else modes.CBC(IV)
    encryptor = Cipher(algorithms.AES(KEY), mode).encryptor()
    return encryptor.update(padder.update(text) + padder.finalize()) + encryptor.finalize()


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("text", [b"", b"x", b"x" * 15, b"x" * 16, TEXT])
def test_what_is_sealed_again_is_what_was_there(name, text):
    cipher = FORMATS[name].make(*KEYS[name])
    token = theirs(name, text)
    inside = cipher.open(token)
    assert inside.plaintext.startswith(text)
    assert len(inside.plaintext) % 16 == 0
    assert cipher.seal(inside) == token


@pytest.mark.parametrize("name", KEYS)
def test_what_is_no_such_value_does_not_open(name):
    cipher = FORMATS[name].make(*KEYS[name])
    for token in (b"", b"x", b"x" * 17, theirs(name, TEXT)[:16], theirs(name, b"\xff\xfe")):
        assert cipher.open(token) is None


@pytest.mark.parametrize("name", KEYS)
def test_a_wrong_key_hardly_ever_opens(name):
    other = FORMATS[name].make(bytes(32), *KEYS[name][1:])
    assert not any(other.open(theirs(name, b"value %d" % number)) for number in range(2_000))


@pytest.mark.parametrize("name", KEYS)
def test_it_says_of_itself_that_it_proves_nothing(name):
    assert not FORMATS[name].authenticated
    assert Opened(b"x") not in (None, FORMATS[name])
