# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a token is. Each format opens a token to its bytes and seals bytes to a token, and keeps a token's time."""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher as BlockCipher
from cryptography.hazmat.primitives.ciphers import algorithms, modes

from .openpgp import OpenPgp
from .tokens import Cipher, Opened
from .unauthenticated import AesCbcFixedIv, AesEcb

BLOCK = 16  # bytes of an AES block
MAC = 32  # bytes of an HMAC-SHA256
VERSION = b"\x80"  # of https://github.com/fernet/spec
TIME = struct.Struct(">Q")
HEADER = len(VERSION) + TIME.size + BLOCK


class AesCbcHmac:
    """Fernet's frame in raw bytes, with an AES key and a signing key of any length, as django-cryptography has it
    (facts/django-encryption.md, section 2)."""

    def __init__(self, key: bytes, signing_key: bytes) -> None:
        self._algorithm = algorithms.AES(key)
        self._signing_key = signing_key

    def open(self, token: bytes) -> Opened | None:
        if len(token) < HEADER + BLOCK + MAC or token[:1] != VERSION:
            return None
        frame, mac = token[:-MAC], token[-MAC:]
        if not hmac.compare_digest(mac, hmac.digest(self._signing_key, frame, "sha256")):
            return None
        plaintext = _cbc_open(self._algorithm, frame[HEADER - BLOCK : HEADER], frame[HEADER:])
        return None if plaintext is None else Opened(plaintext, TIME.unpack(frame[1:9])[0])

    def seal(self, inside: Opened) -> bytes:
        iv = os.urandom(BLOCK)
        frame = VERSION + TIME.pack(inside.timestamp or 0) + iv + _cbc_seal(self._algorithm, iv, inside.plaintext)
        return frame + hmac.digest(self._signing_key, frame, "sha256")


class _Text:
    """The frame in urlsafe base64; one key gives both: the first half signs, the second encrypts."""

    length = 0  # of the key, in bytes

    def __init__(self, key: bytes) -> None:
        if len(key) != self.length:
            raise ValueError(f"the key has {self.length} bytes")
        half = self.length // 2
        self._frame = AesCbcHmac(key[half:], key[:half])

    def open(self, token: bytes) -> Opened | None:
        raw = _unbase64(token)
        return None if raw is None else self._frame.open(raw)

    def seal(self, inside: Opened) -> bytes:
        return base64.urlsafe_b64encode(self._frame.seal(inside))


class FernetToken(_Text):
    """A Fernet token (https://github.com/fernet/spec). It begins with gAAAAA until the year 2106.

    Not by the library's own class, which spends most of its time in setting up each call (facts/re-encryption.md 3.6).
    """

    length = 32


class Fernet256(_Text):
    """Fernet with AES-256, as ansible/eda-server has it."""

    length = 64


class AesGcm:
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


class AesGcmNonceFirst(AesGcm):
    """AES-256-GCM in urlsafe base64: a nonce of 12 bytes, ciphertext, tag, as django-field-encryption has it."""

    def open(self, token: bytes) -> Opened | None:
        raw = _unbase64(token)
        if raw is None or len(raw) < 28:
            return None
        decryptor = BlockCipher(self._algorithm, modes.GCM(raw[:12], raw[-16:])).decryptor()
        try:
            return Opened(decryptor.update(raw[12:-16]) + decryptor.finalize())
        except InvalidTag:
            return None

    def seal(self, inside: Opened) -> bytes:
        nonce = os.urandom(12)
        encryptor = BlockCipher(self._algorithm, modes.GCM(nonce)).encryptor()
        ciphertext = encryptor.update(inside.plaintext) + encryptor.finalize()
        return base64.urlsafe_b64encode(nonce + ciphertext + encryptor.tag)


def _cbc_open(algorithm: algorithms.AES, iv: bytes, ciphertext: bytes) -> bytes | None:
    if not ciphertext or len(ciphertext) % BLOCK:
        return None
    decryptor = BlockCipher(algorithm, modes.CBC(iv)).decryptor()
    padded = decryptor.update(ciphertext) + decryptor.finalize()
    length = padded[-1]
    # Authenticated before it comes here: how the padding is checked tells nobody anything.
    return padded[:-length] if 1 <= length <= BLOCK and padded.endswith(bytes([length]) * length) else None


def _cbc_seal(algorithm: algorithms.AES, iv: bytes, plaintext: bytes) -> bytes:
    length = BLOCK - len(plaintext) % BLOCK
    encryptor = BlockCipher(algorithm, modes.CBC(iv)).encryptor()
    return encryptor.update(plaintext + bytes([length]) * length) + encryptor.finalize()


def _unbase64(token: bytes) -> bytes | None:
    try:
        return base64.urlsafe_b64decode(token)
    except (binascii.Error, ValueError):
        return None


@dataclass(frozen=True)
class Format:
    """What the registry says of a format: how it is made, which keys it takes, what each of its tokens begins with."""

    make: Callable[..., Cipher]
    keys: tuple[str, ...] = ("key",)
    marker: bytes = b""  # none: any value may be a token
    text: bool = True  # its tokens are ASCII; otherwise raw bytes
    authenticated: bool = True  # a token opens under its own key alone


FORMATS: dict[str, Format] = {
    "fernet": Format(FernetToken, marker=b"gAAAAA"),
    "fernet_256": Format(Fernet256, marker=b"gAAAAA"),
    "aes_cbc_hmac": Format(AesCbcHmac, keys=("key", "signing_key"), marker=b"\x80\x00\x00\x00\x00", text=False),
    "aes_gcm": Format(AesGcm, text=False),
    "aes_gcm_nonce_first": Format(AesGcmNonceFirst),
    "openpgp": Format(OpenPgp, marker=b"\xc3", text=False),
    "aes_ecb": Format(AesEcb, text=False, authenticated=False),
    "aes_cbc_fixed_iv": Format(AesCbcFixedIv, keys=("key", "iv"), text=False, authenticated=False),
}
