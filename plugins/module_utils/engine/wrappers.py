# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies around a token, as ciphers around a cipher: several keys, a prefix, one more base64, a search hash."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from .formats import Cipher, Opened


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
