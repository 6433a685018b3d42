# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts around a token, each a cipher around a cipher: several keys, a prefix, base64, ASCII armor, a search
hash."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from .tokens import BatchCipher, Cipher, Opened, SingleTokenCipher, key_number, numbered

_STANDARD = bytes.maketrans(b"-_", b"+/")  # urlsafe base64 as the standard one
_URLSAFE = bytes.maketrans(b"+/", b"-_")


@dataclass(frozen=True)
class AnyOf(BatchCipher):
    """Several keys: all open, the first one seals."""

    ciphers: Sequence[Cipher] = field(repr=False)

    def open_all(self, tokens: Sequence[bytes]) -> list[Opened | None]:
        opened: list[Opened | None] = [None] * len(tokens)
        for number, cipher in enumerate(self.ciphers, 1):
            left = [place for place, inside in enumerate(opened) if inside is None]
            for place, inside in zip(left, cipher.open_all([tokens[place] for place in left])):
                opened[place] = inside and numbered(inside, number)
        return opened

    def seal_all(self, insides: Sequence[Opened]) -> list[bytes]:
        return self.ciphers[0].seal_all(insides)


@dataclass(frozen=True)
class Prefixed(BatchCipher):
    """A fixed text before the token, such as ``enc$``."""

    inner: Cipher = field(repr=False)
    prefix: bytes

    def open_all(self, tokens: Sequence[bytes]) -> list[Opened | None]:
        length = len(self.prefix)
        return self.inner.open_all([token[length:] if token.startswith(self.prefix) else b"" for token in tokens])

    def seal_all(self, insides: Sequence[Opened]) -> list[bytes]:
        return [self.prefix + token for token in self.inner.seal_all(insides)]


@dataclass(frozen=True)
class Base64(BatchCipher):
    """The token once more in urlsafe base64."""

    inner: Cipher = field(repr=False)

    def open_all(self, tokens: Sequence[bytes]) -> list[Opened | None]:
        return self.inner.open_all([unbase64(token) for token in tokens])

    def seal_all(self, insides: Sequence[Opened]) -> list[bytes]:
        return list(map(to_base64, self.inner.seal_all(insides)))


def unbase64(token: bytes) -> bytes:
    """Return the bytes in urlsafe base64; no bytes, which are no token, unless it is base64 from its first to its last
    character."""
    try:
        raw = binascii.a2b_base64(token.translate(_STANDARD))
    except ValueError:
        return b""
    # The decoder passes over foreign signs and stops at the padding: what it left out must not be lost.
    return raw if len(raw) * 4 == len(token) * 3 - token.count(b"=", -2) * 4 else b""


def to_base64(raw: bytes) -> bytes:
    """Urlsafe base64, by one call less than that of the standard library."""
    return binascii.b2a_base64(raw, newline=False).translate(_URLSAFE)


@dataclass(frozen=True)
class Armor(SingleTokenCipher):
    """The token as ASCII armor (RFC 4880 section 6.2), as django-pgcrypto and PostgreSQL's armor() write it."""

    inner: Cipher = field(repr=False)

    HEAD, TAIL = b"-----BEGIN PGP MESSAGE-----", b"-----END PGP MESSAGE-----"

    def open(self, token: bytes) -> Opened | None:
        raw = unarmored(token) if token.startswith(self.HEAD) else None
        return None if raw is None else self.inner.open(raw)

    def seal(self, inside: Opened) -> bytes:
        raw = self.inner.seal(inside)
        lines = [self.HEAD, b"", base64.b64encode(raw), b"=" + base64.b64encode(_crc24(raw)), self.TAIL]
        return b"\n".join(lines)


_ARMORED = re.compile(
    rb"-----BEGIN (?P<what>PGP [A-Z ]+)-----\r?\n(?:[^\r\n]+\r?\n)*\r?\n(?P<body>[\w+/=\r\n]*)\n"
    rb"=(?P<check>[\w+/]{4})\r?\n-----END (?P=what)-----\s*",
    re.ASCII,
)


def unarmored(text: bytes) -> bytes | None:
    """The bytes in ASCII armor; None if it is not whole."""
    match = _ARMORED.fullmatch(text)
    if match is None:
        return None
    try:
        raw = base64.b64decode(match["body"])
    except binascii.Error:
        return None
    return raw if _crc24(raw) == base64.b64decode(match["check"]) else None


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
class Nested(SingleTokenCipher):
    """Quoted tokens inside the token, under the same key, as the JSON field of django-mirage-field leaves them.

    The inside of an inner token is put between two NULs, which no text in PostgreSQL contains.
    """

    inner: Cipher = field(repr=False)

    _QUOTED = re.compile(rb'(?<=")[\w=-]{22,}(?=\\*")', re.ASCII)
    _BARED = re.compile(rb"\0([^\0]*)\0")

    def open(self, token: bytes) -> Opened | None:
        inside = self.inner.open(token)
        if inside is None:
            return None
        numbers = [key_number(inside)]

        def bare(match: re.Match[bytes]) -> bytes:
            quoted = self.inner.open(match[0])
            if quoted is None:
                return match[0]
            numbers.append(key_number(quoted))
            return b"\0" + quoted.plaintext + b"\0"

        text = self._QUOTED.sub(bare, inside.plaintext)
        return numbered(inside._replace(plaintext=text), max(numbers))

    def seal(self, inside: Opened) -> bytes:
        text = self._BARED.sub(lambda match: self.inner.seal(Opened(match[1])), inside.plaintext)
        return self.inner.seal(inside._replace(plaintext=text))


@dataclass(frozen=True)
class Layered(BatchCipher):
    """A token whose plaintext is a token under another key, by the application's design. Both layers are one scheme.

    A token whose plaintext is not such a token keeps its one layer.
    """

    outer: Cipher = field(repr=False)
    inner: Cipher = field(repr=False)

    def open_all(self, tokens: Sequence[bytes]) -> list[Opened | None]:
        opened = self.outer.open_all(tokens)
        places = [place for place, outer in enumerate(opened) if outer is not None]
        insides = self.inner.open_all([outer.plaintext for outer in opened if outer is not None])
        for place, inside in zip(places, insides):
            outer = opened[place]
            if inside is not None and outer is not None:
                both = outer._replace(plaintext=inside.plaintext, within=inside._replace(plaintext=b""))
                opened[place] = numbered(both, max(key_number(outer), key_number(inside)))
        return opened

    def seal_all(self, insides: Sequence[Opened]) -> list[bytes]:
        texts = [inside.plaintext for inside in insides]
        places = [place for place, inside in enumerate(insides) if inside.within is not None]
        kept = [inside.within._replace(plaintext=inside.plaintext) for inside in insides if inside.within is not None]
        for place, token in zip(places, self.inner.seal_all(kept)):
            texts[place] = token
        return self.outer.seal_all([inside._replace(plaintext=text) for inside, text in zip(insides, texts)])


@dataclass(frozen=True)
class Hashed(SingleTokenCipher):
    """``token$hash``, the hash being SHA-256 of plaintext and salt in hex; a token without one stays without."""

    inner: Cipher = field(repr=False)
    salt: bytes = field(repr=False)

    def open(self, token: bytes) -> Opened | None:
        bare, dollar, _ = token.partition(b"$")
        inside = self.inner.open(bare)
        return inside._replace(hashed=bool(dollar)) if inside is not None else None

    def seal(self, inside: Opened) -> bytes:
        token = self.inner.seal(inside)
        if not inside.hashed:
            return token
        return token + b"$" + hashlib.sha256(inside.plaintext + self.salt).hexdigest().encode()
