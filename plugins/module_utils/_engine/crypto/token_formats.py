# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The formats of tokens. Each opens a token to its bytes, seals bytes into a token, and keeps a token's time."""

from __future__ import annotations

import base64
import contextlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import text_encoding
from .fernet import AesCbcHmac, Fernet256, fastest_fernet
from .openpgp import OpenPgp
from .openpgp_pair import PAIR_BEGIN, OpenPgpPair
from .tokens import Cipher, Opened, SingleTokenCipher
from .unauthenticated import AesCbcFixedIv, AesEcb
from .wrappers import unbase64

if TYPE_CHECKING:
    from .scheme_description import KeyRole

with contextlib.suppress(ImportError):  # module.run reports it
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers import Cipher as BlockCipher
    from cryptography.hazmat.primitives.ciphers import algorithms, modes
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_HEX = re.compile(rb"(?:[\da-fA-F]{2})+")


class AesGcm(SingleTokenCipher):
    """AES-256-GCM in raw bytes: nonce, tag, ciphertext, as django-searchable-encrypted-fields has it."""

    NONCE = 16

    def __init__(self, key: bytes) -> None:
        if len(key) != 32:
            raise ValueError("an AES-256 key has 32 bytes")
        self._algorithm = algorithms.AES(key)

    def open(self, token: bytes) -> Opened | None:
        nonce, tag, ciphertext = token[: self.NONCE], token[self.NONCE : 32], token[32:]
        if len(tag) != 16:
            return None
        decryptor = BlockCipher(self._algorithm, modes.GCM(nonce, tag)).decryptor()
        try:
            return Opened(decryptor.update(ciphertext) + decryptor.finalize())
        except InvalidTag:
            return None

    def seal(self, inside: Opened) -> bytes:
        nonce = os.urandom(self.NONCE)
        encryptor = BlockCipher(self._algorithm, modes.GCM(nonce)).encryptor()
        ciphertext = encryptor.update(inside.plaintext) + encryptor.finalize()
        return nonce + encryptor.tag + ciphertext


class AesGcmNonceFirst(SingleTokenCipher):
    """AES-GCM in raw bytes: a nonce of 12 bytes, ciphertext, a tag of 16 (NIST SP 800-38D), as AESGCM of cryptography
    returns it after the nonce."""

    SIZES: tuple[int, ...] = (16, 24, 32)  # bytes of a key
    SHORTEST = 28  # bytes of a token

    def __init__(self, key: bytes) -> None:
        if len(key) not in self.SIZES:
            raise ValueError("not as long as a key of this format")
        self._cipher = AESGCM(key)

    def open(self, token: bytes) -> Opened | None:
        if len(token) < self.SHORTEST:
            return None
        try:
            return Opened(self._cipher.decrypt(token[:12], token[12:], None))
        except InvalidTag:
            return None

    def seal(self, inside: Opened) -> bytes:
        nonce = os.urandom(12)
        return nonce + self._cipher.encrypt(nonce, inside.plaintext, None)


class AesGcmUrlsafe(AesGcmNonceFirst):
    """AES-256-GCM in urlsafe base64, as django-field-encryption has it."""

    SIZES = (32,)

    def open(self, token: bytes) -> Opened | None:
        return super().open(unbase64(token))

    def seal(self, inside: Opened) -> bytes:
        return base64.urlsafe_b64encode(super().seal(inside))


class AesGcmHex(AesGcmNonceFirst):
    """AES-256-GCM in hex, with a colon after the nonce, as DefectDojo has it after ``AES.2:``."""

    SIZES = (32,)

    def open(self, token: bytes) -> Opened | None:
        nonce, colon, rest = token.partition(b":")
        if not colon or len(nonce) != 24 or not _HEX.fullmatch(nonce + rest):
            return None
        return super().open(bytes.fromhex((nonce + rest).decode()))

    def seal(self, inside: Opened) -> bytes:
        raw = super().seal(inside)
        return raw[:12].hex().encode() + b":" + raw[12:].hex().encode()


class AesGcmBytes(AesGcmNonceFirst):
    """AES-GCM in raw bytes, as applications make it by hand. One in 2**28 of these tokens is ASCII, as most plain
    values are, and does not count."""

    def open(self, token: bytes) -> Opened | None:
        return None if token.isascii() else super().open(token)


class AesGcmText(AesGcmBytes):
    """The same in hex or base64. Each token keeps its encoding, since the application may read no other one.

    Some tokens have no character in which the two alphabets of base64 differ. They are sealed until the new one has
    none either.
    """

    def open(self, token: bytes) -> Opened | None:
        encoding = text_encoding.of(token)
        inside = super().open(text_encoding.decode(token, encoding)) if encoding else None
        return inside and inside._replace(frame=encoding)

    def seal(self, inside: Opened) -> bytes:
        while True:
            token = text_encoding.encode(super().seal(inside), inside.frame)
            if not inside.frame or text_encoding.is_same(text_encoding.of(token), inside.frame):
                return token


class FieldEncryption(AesGcmUrlsafe):
    """AesGcmUrlsafe after the ID of its key and a colon, as django-field-encryption has it. ``named`` is ID:key."""

    def __init__(self, named: bytes) -> None:
        super().__init__(named[-32:])
        self._prefix = named[:-32]

    def open(self, token: bytes) -> Opened | None:
        return super().open(token[len(self._prefix) :]) if token.startswith(self._prefix) else None

    def seal(self, inside: Opened) -> bytes:
        return self._prefix + super().seal(inside)


class SecretBox(SingleTokenCipher):
    """A secretbox of libsodium (XSalsa20-Poly1305) in raw bytes, the nonce first, as django-nacl-fields has it.

    By the PyNaCl of the application: cryptography has no XSalsa20. Raise ValueError without it.
    """

    def __init__(self, key: bytes) -> None:
        from ..._system import library_warnings

        try:
            with library_warnings.ignored():
                from nacl.secret import SecretBox as Box
        except ImportError:
            raise ValueError("PyNaCl is not installed") from None
        self._box: Any = Box(key)

    def open(self, token: bytes) -> Opened | None:
        from nacl.exceptions import CryptoError

        try:
            return Opened(bytes(self._box.decrypt(token)))
        except (CryptoError, ValueError):
            return None

    def seal(self, inside: Opened) -> bytes:
        return bytes(self._box.encrypt(inside.plaintext))


@dataclass(frozen=True)
class Format:
    """A format of the registry: its cipher, the keys that it takes, and the marker with which each of its tokens
    begins."""

    make: Callable[..., Cipher]
    keys: tuple[KeyRole, ...] = ("key",)
    marker: bytes = b""  # none: any value may be a token
    text: bool = True  # its tokens are ASCII; otherwise raw bytes
    authenticated: bool = True  # a token opens under its own key alone
    several_sizes: bool = False  # it takes keys of several lengths, and the application may take a part of its setting
    loose: bool = False  # its libraries pass over foreign signs in a token, as base64.urlsafe_b64decode does


FORMATS: dict[str, Format] = {
    "fernet": Format(fastest_fernet, marker=b"gAAAAA", loose=True),
    "fernet_256": Format(Fernet256, marker=b"gAAAAA", loose=True),
    "aes_cbc_hmac": Format(AesCbcHmac, keys=("key", "signing_key"), marker=b"\x80\x00\x00\x00\x00", text=False),
    "aes_gcm": Format(AesGcm, text=False),
    "aes_gcm_nonce_first": Format(AesGcmUrlsafe),
    "aes_gcm_hex": Format(AesGcmHex),
    "aes_gcm_bytes": Format(AesGcmBytes, text=False, several_sizes=True),
    "aes_gcm_text": Format(AesGcmText, several_sizes=True),
    "field_encryption": Format(FieldEncryption),
    "secretbox": Format(SecretBox, text=False),
    "openpgp": Format(OpenPgp, marker=b"\xc3", text=False),
    "openpgp_pair": Format(OpenPgpPair, keys=("key", "public_key"), marker=PAIR_BEGIN, text=False),
    "aes_ecb": Format(AesEcb, text=False, authenticated=False, several_sizes=True),
    "aes_cbc_fixed_iv": Format(AesCbcFixedIv, keys=("key", "iv"), text=False, authenticated=False, several_sizes=True),
}
