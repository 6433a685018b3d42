# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Functions of an application's own: AES-GCM in hex or base64, and with an error or a text for what does not open."""

from __future__ import annotations

import base64
import hashlib
import os
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import models

NONCE_BYTES = 12
ERROR_TEXT = "[Decryption Error]"


def seal(text: str) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + _cipher().encrypt(nonce, text.encode(), None)


def unseal(token: bytes) -> str:
    return _cipher().decrypt(token[:NONCE_BYTES], token[NONCE_BYTES:], None).decode()


def _cipher() -> AESGCM:
    return AESGCM(hashlib.sha256(settings.OWN_KEY.encode()).digest())


def encrypt_hex(text: str) -> str:
    return seal(text).hex()


def decrypt_hex(stored: str) -> str:
    """Raises for what it cannot open."""
    return unseal(bytes.fromhex(stored))


def decrypt_hex_or_text(stored: str) -> str:
    try:
        return decrypt_hex(stored)
    except Exception:
        return ERROR_TEXT


def encrypt_base64(text: str) -> str:
    return base64.b64encode(seal(text)).decode()


def decrypt_base64(stored: str) -> str:
    """Raises for what it cannot open."""
    return unseal(base64.b64decode(stored, validate=True))


def decrypt_base64_or_text(stored: str) -> str:
    try:
        return decrypt_base64(stored)
    except Exception:
        return ERROR_TEXT


class OwnField(models.TextField):
    """A text that two of these functions decrypt and encrypt."""

    def __init__(self, decrypt: str = "", encrypt: str = "", **options: Any) -> None:
        super().__init__(**options)
        self.functions = decrypt, encrypt

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        return None if value is None else globals()[self.functions[0]](value)

    def get_prep_value(self, value: str | None) -> str | None:
        return None if value is None else globals()[self.functions[1]](value)
