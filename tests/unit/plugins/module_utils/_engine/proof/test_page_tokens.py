# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The class of what does not open in a column of tokens without a marker."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import schemes
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import Keyring
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.tokens import Opened
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof import page_tokens
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..conftest import nothing_set

BY_HAND = Keyring(schemes.of_keys(["APP_KEY"]), {"current": KeySet({"APP_KEY": "CANARY"})}, nothing_set)
TEXT, BYTES = "aes_gcm_text_sha256_of_APP_KEY", "aes_gcm_bytes_sha256_of_APP_KEY"
STRANGE = bytes(range(100, 112)) + AESGCM(bytes(32)).encrypt(bytes(range(100, 112)), b"under another key", None)
OWN = BY_HAND.cipher(TEXT, "current").seal(Opened(b"CANARY", frame=b"hex"))
WITH_CONTEXT = bytes(12) + AESGCM(hashlib.sha256(b"CANARY").digest()).encrypt(bytes(12), b"x", b"row 1")


@pytest.mark.parametrize(
    ("scheme", "value", "expected"),
    [
        (TEXT, b"Ada Lovelace", "plaintext"),
        (TEXT, b"12", "plaintext"),
        (TEXT, b"to be encrypted, as soon as somebody saves it again", "plaintext"),
        (TEXT, base64.b64encode(STRANGE), "unreadable"),
        (TEXT, STRANGE.hex().encode() + b"\n", "unreadable"),
        (TEXT, base64.b64encode(WITH_CONTEXT), "unreadable"),
        (TEXT, OWN + b"\n", "token_in_text"),
        (BYTES, b"Ada Lovelace", "plaintext"),
        (BYTES, STRANGE, "unreadable"),
        (BYTES, WITH_CONTEXT, "unreadable"),
    ],
    ids=lambda given: None if isinstance(given, str) else f"{len(given)} bytes",  # tokens are random
)
def test_plain_text_among_tokens_by_hand_is_plain_text_and_what_may_be_a_token_is_not(target, scheme, value, expected):
    held = replace(target, scheme=scheme, type="text" if scheme == TEXT else "bytea")
    assert page_tokens.why_unopened(value, held, BY_HAND) == expected
    assert page_tokens.stays_plain(value, replace(held, mixed=True), BY_HAND) == (expected == "plaintext")
