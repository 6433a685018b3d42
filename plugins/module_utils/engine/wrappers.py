# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies around a token, as ciphers around a cipher: several keys, a prefix, base64, ASCII armour, a search hash."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from .tokens import Cipher, Opened


@dataclass(frozen=True)
class AnyOf:
    """Several keys: all open, the first one seals."""

    ciphers: Sequence[Cipher] = field(repr=False)

    def open(self, token: bytes) -> Opened | None:
        return next((inside for cipher in self.ciphers if (inside := cipher.open(token)) is not None), None)

    def seal(self, inside: Opened) -> bytes:
        return self.ciphers[0].seal(inside)


@dataclass(frozen=True)
class Prefixed:
    """A fixed text before the token, such as ``enc$``."""

    inner: Cipher = field(repr=False)
    prefix: bytes

    def open(self, token: bytes) -> Opened | None:
        return self.inner.open(token[len(self.prefix) :]) if token.startswith(self.prefix) else None

    def seal(self, inside: Opened) -> bytes:
        return self.prefix + self.inner.seal(inside)


@dataclass(frozen=True)
class Base64:
    """The token once more in urlsafe base64."""

    inner: Cipher = field(repr=False)

    def open(self, token: bytes) -> Opened | None:
        try:
            return self.inner.open(base64.urlsafe_b64decode(token))
        except (binascii.Error, ValueError):
            return None

    def seal(self, inside: Opened) -> bytes:
        return base64.urlsafe_b64encode(self.inner.seal(inside))


@dataclass(frozen=True)
class Armor:
    """The token as ASCII armour (RFC 4880 section 6.2), as django-pgcrypto and PostgreSQL's armor() write it."""

    inner: Cipher = field(repr=False)

    HEAD, TAIL = b"-----BEGIN PGP MESSAGE-----", b"-----END PGP MESSAGE-----"
    _TEXT = re.compile(
        HEAD + rb"\n(?:[^\n]+\n)*\n(?P<body>[\w+/=\n]*)\n=(?P<check>[\w+/]{4})\n" + TAIL + rb"\s*", re.ASCII
    )

    def open(self, token: bytes) -> Opened | None:
        found = self._TEXT.fullmatch(token)
        if found is None:
            return None
        try:
            raw = base64.b64decode(found["body"])
        except binascii.Error:
            return None
        return self.inner.open(raw) if _crc24(raw) == base64.b64decode(found["check"]) else None

    def seal(self, inside: Opened) -> bytes:
        raw = self.inner.seal(inside)
        lines = [self.HEAD, b"", base64.b64encode(raw), b"=" + base64.b64encode(_crc24(raw)), self.TAIL]
        return b"\n".join(lines)


def _crc24_of_byte(byte: int) -> int:
    crc = byte << 16
    for _bit in range(8):
        crc = crc << 1 ^ (0x1864CFB if crc & 0x800000 else 0)
    return crc


_CRC24 = [_crc24_of_byte(byte) for byte in range(256)]


def _crc24(data: bytes) -> bytes:
    """RFC 4880 section 6.1."""
    crc = 0xB704CE
    for byte in data:
        crc = (crc << 8 & 0xFFFFFF) ^ _CRC24[crc >> 16 ^ byte]
    return crc.to_bytes(3, "big")


@dataclass(frozen=True)
class Nested:
    """Tokens inside the token: quoted ones, under the same key, as django-mirage-field's JSON field leaves them.

    Between two NULs, which no text in PostgreSQL holds, stands what was in the inner token.
    """

    inner: Cipher = field(repr=False)

    _QUOTED = re.compile(rb'(?<=")[\w=-]{22,}(?=\\*")', re.ASCII)
    _BARED = re.compile(rb"\0([^\0]*)\0")

    def open(self, token: bytes) -> Opened | None:
        inside = self.inner.open(token)
        return inside and replace(inside, plaintext=self._QUOTED.sub(self._bare, inside.plaintext))

    def seal(self, inside: Opened) -> bytes:
        text = self._BARED.sub(lambda found: self.inner.seal(Opened(found[1])), inside.plaintext)
        return self.inner.seal(replace(inside, plaintext=text))

    def _bare(self, found: re.Match[bytes]) -> bytes:
        inside = self.inner.open(found[0])
        return found[0] if inside is None else b"\0" + inside.plaintext + b"\0"


@dataclass(frozen=True)
class Hashed:
    """``token$hash``, the hash being SHA-256 of plaintext and salt in hex; a token without one stays without."""

    inner: Cipher = field(repr=False)
    salt: bytes = field(repr=False)

    def open(self, token: bytes) -> Opened | None:
        bare, dollar, _ = token.partition(b"$")
        inside = self.inner.open(bare)
        return replace(inside, hashed=bool(dollar)) if inside is not None else None

    def seal(self, inside: Opened) -> bytes:
        token = self.inner.seal(inside)
        if not inside.hashed:
            return token
        return token + b"$" + hashlib.sha256(inside.plaintext + self.salt).hexdigest().encode()
