# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Formats without a MAC: a wrong key also opens about one value in several 100,000, so opening proves nothing.

Under which keys such a value is comes from the journal (journal.py), not from the value.
"""

from __future__ import annotations

import contextlib

from . import text_encoding
from .aes_cbc import BLOCK, unpad
from .tokens import Opened, SingleTokenCipher

with contextlib.suppress(ImportError):  # module.run reports it
    from cryptography.hazmat.primitives.ciphers import Cipher as BlockCipher
    from cryptography.hazmat.primitives.ciphers import algorithms, modes


class AesBlocks(SingleTokenCipher):
    """AES over whole blocks with the padding of PKCS #7 (RFC 5652 section 6.3), one mode for all values.

    The inside is the blocks with their padding, which go unchanged into the new token. A value opens if the padding is
    right and the rest is text in UTF-8. Of random blocks, fewer than one in 100,000 has both.
    """

    def __init__(self, key: bytes, mode: modes.ECB | modes.CBC) -> None:
        self._cipher = BlockCipher(algorithms.AES(key), mode)

    def open(self, token: bytes) -> Opened | None:
        if not token or len(token) % BLOCK:
            return None
        decryptor = self._cipher.decryptor()
        blocks = decryptor.update(token) + decryptor.finalize()
        text = unpad(blocks)
        return Opened(blocks) if text is not None and text_encoding.is_utf8(text) else None

    def seal(self, inside: Opened) -> bytes:
        encryptor = self._cipher.encryptor()
        return encryptor.update(inside.plaintext) + encryptor.finalize()


class AesEcb(AesBlocks):
    """AES-ECB, as django-mirage-field has it by default (docs/design/django-encryption.md)."""

    def __init__(self, key: bytes) -> None:
        super().__init__(key, modes.ECB())  # noqa: S305  # theirs, not ours


class AesCbcFixedIv(AesBlocks):
    """AES-CBC with one IV for all values, as django-mirage-field and django-pgcrypto have it."""

    def __init__(self, key: bytes, iv: bytes) -> None:
        super().__init__(key, modes.CBC(iv))
