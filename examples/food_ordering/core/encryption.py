# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Encryption of single fields, under a key derived from SECRET_KEY and ENCRYPTION_SALT, or under a list of keys.

What is odd here is so on purpose: this is how the application of the runbook stores and fails.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterable
from typing import Any

from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from django.conf import settings
from django.utils import timezone

logger = logging.getLogger(__name__)


class EncryptionManager:
    """Encrypts and decrypts text. The key lives in the class, so a process keeps the first key it used."""

    _encryption_key: bytes | None = None
    _fernet: Fernet | MultiFernet | None = None

    @classmethod
    def _get_encryption_key(cls) -> bytes:
        if cls._encryption_key is None:
            kdf = PBKDF2HMAC(algorithm=hashes.SHA256(), length=32, salt=settings.ENCRYPTION_SALT, iterations=100000)
            cls._encryption_key = base64.urlsafe_b64encode(kdf.derive(settings.SECRET_KEY.encode("utf-8")))
        return cls._encryption_key

    @classmethod
    def _get_fernet(cls) -> Fernet | MultiFernet:
        if cls._fernet is None:
            # Of a list, every key is read, and the first one encrypts: such an application is rotated without a stop.
            keys = [Fernet(key) for key in settings.ENCRYPTION_KEYS]
            cls._fernet = MultiFernet(keys) if keys else Fernet(cls._get_encryption_key())
        return cls._fernet

    @classmethod
    def encrypt(cls, plaintext: str | None) -> str | None:
        """Return the Fernet token of a text, or None for None and the empty text."""
        if plaintext is None or plaintext == "":
            return None
        return cls._get_fernet().encrypt(str(plaintext).encode("utf-8")).decode("ascii")

    @classmethod
    def decrypt(cls, ciphertext: str | None) -> str | None:
        """Return the text of a token. Whatever goes wrong is logged and becomes None."""
        if ciphertext is None or ciphertext == "":
            return None
        try:
            return cls._get_fernet().decrypt(ciphertext.encode("utf-8")).decode("utf-8")
        except Exception as exc:
            # The original never logs this record either, so no log has the words "decrypt_failed".
            audit_info: dict[str, Any] = {"action": "decrypt_failed", "timestamp": timezone.now().isoformat()}
            audit_info["error"] = type(exc).__name__
            # InvalidToken has no text: the line ends after the colon.
            logger.error("Decryption failed: %s", exc)
            return None

    @classmethod
    def encrypt_dict(cls, data: dict[str, Any], fields: Iterable[str]) -> dict[str, Any]:
        """Return a copy of a dictionary with the named members encrypted."""
        return {**data, **{name: cls.encrypt(data[name]) for name in fields if name in data}}

    @classmethod
    def decrypt_dict(cls, data: dict[str, Any], fields: Iterable[str]) -> dict[str, Any]:
        """Return a copy of a dictionary with the named members decrypted."""
        return {**data, **{name: cls.decrypt(data[name]) for name in fields if name in data}}


class EncryptedField:
    """Descriptor over a column named `_<attribute>_encrypted`. The models do not use it."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.column = f"_{name}_encrypted"

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        return EncryptionManager.decrypt(getattr(instance, self.column)) or ""

    def __set__(self, instance: Any, value: str | None) -> None:
        setattr(instance, self.column, EncryptionManager.encrypt(value))
