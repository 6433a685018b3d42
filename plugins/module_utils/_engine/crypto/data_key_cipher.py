# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values under a data key, which is itself encrypted under a master key and stored next to them (envelope encryption).

Only formats with authentication are known, since a value that opens is the proof of its key: Fernet, and AES-GCM with a
nonce of 12 bytes before ciphertext and tag. Both may be bytes, or in base64 or hex.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .fernet import VERSION, fastest_fernet, is_fernet_frame
from .token_formats import AesGcmNonceFirst
from .wrappers import to_base64, unbase64

SIZES, SHORTEST = AesGcmNonceFirst.SIZES, AesGcmNonceFirst.SHORTEST  # bytes of a key, and of a value
FERNET_KEY = 32  # bytes
_HEX = re.compile(rb"(?:[\da-fA-F]{2})+")
_NONCE_IN_HEX = re.compile(rb"([\da-fA-F]{24}):((?:[\da-fA-F]{2}){16,})")  # AesGcmHex of token_formats.py


def possible_keys(plaintext: bytes) -> list[bytes]:
    """Return the data keys that a decrypted value may be: its bytes, or what it is the base64 or hex of. A number is
    not a key."""
    if plaintext.isdigit():
        return []
    text = plaintext.strip() if plaintext.isascii() else plaintext
    return [raw for raw in dict.fromkeys((plaintext, *_decoded(text))) if len(raw) in SIZES]


def is_random_key(plaintext: bytes) -> bool:
    """Return whether a decrypted value can hardly be anything other than a key: it is, or stands for, random bytes."""
    return any(not raw.isascii() and (len(raw) == max(SIZES) or raw == plaintext) for raw in possible_keys(plaintext))


class DataKeyCipher:
    """Opens values under one of a few data keys."""

    def __init__(self, keys: list[bytes]) -> None:
        self._fernets = [fastest_fernet(key) for key in keys if len(key) == FERNET_KEY]
        self._ciphers = [*map(AesGcmNonceFirst, keys)]

    def open(self, stored: bytes) -> bytes | None:
        """Return what is encrypted. None if the value does not open under the key."""
        for raw in _decoded(stored.strip() if stored.isascii() else stored):
            opened = self._open_raw(raw)
            if opened is not None:
                return opened
        return None

    def _open_raw(self, raw: bytes) -> bytes | None:
        if raw[:1] == VERSION and is_fernet_frame(raw):
            token = to_base64(raw)
            for fernet in self._fernets:
                inside = fernet.open(token)
                if inside is not None:
                    return inside.plaintext
        opened = (inside.plaintext for cipher in self._ciphers if (inside := cipher.open(raw)) is not None)
        return next(opened, None)


def _decoded(stored: bytes) -> Iterator[bytes]:
    """Yield a value as it is, and what it is the hex or base64 of, also of base64 once more."""
    yield stored
    if not stored.isascii():
        return
    if match := _NONCE_IN_HEX.fullmatch(stored):
        yield bytes.fromhex((match[1] + match[2]).decode())
    if _HEX.fullmatch(stored):
        yield bytes.fromhex(stored.decode())
    raw = unbase64(stored)
    if raw:
        yield raw
    if raw and raw.isascii() and (inner := unbase64(raw)):
        yield inner
