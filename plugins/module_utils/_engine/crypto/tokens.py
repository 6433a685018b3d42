# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The base classes of all ciphers, and the content of an opened token."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from ..._errors.base import RotationError
from .function_names import Functions


def as_bytes(value: Any) -> bytes:
    """A stored text or bytes, as any driver reads those. A document may hold half of a surrogate pair."""
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else bytes(value)


def as_text_or_bytes(value: Any) -> str | bytes:
    """Return a stored text unchanged, and bytes as ``bytes``: drivers return them in several types."""
    return value if isinstance(value, str) else bytes(value)


class Opened(NamedTuple):
    """The inside of a token: its bytes (never decoded, never unpickled), and what is kept of its outside.

    ``timestamp`` is when it was created, if the format says so (Fernet). ``frame`` has the parameters of a format that
    has a choice (OpenPGP). ``hashed`` says whether a search hash followed the token. ``within`` is what is kept of an
    inner token, if the application encrypts twice by design.
    """

    plaintext: bytes
    timestamp: int | None = None
    frame: bytes = b""
    hashed: bool = False
    within: Opened | None = None

    def __repr__(self) -> str:
        return f"Opened({len(self.plaintext)} bytes)"


class OpenedByLaterKey(Opened):
    """The inside of a token that was opened by another key of a list than the first one.

    ``number`` is the place of that key in the list, from 1.
    """

    number: int = 0

    @classmethod
    def of(cls, inside: Opened, number: int) -> OpenedByLaterKey:
        opened = cls(*inside)
        opened.number = number
        return opened

    def _replace(self, **fields: Any) -> OpenedByLaterKey:
        return self.of(super()._replace(**fields), self.number)


def key_number(inside: Opened) -> int:
    """The place of the key that opened it in its list, from 1."""
    return inside.number if isinstance(inside, OpenedByLaterKey) else 1


def numbered(inside: Opened, number: int) -> Opened:
    """The inside as one that the key with this place in its list opened."""
    return OpenedByLaterKey.of(inside, number) if number > 1 else inside


class Cipher(Protocol):
    """A format with its key. Many tokens at once are far cheaper than one after the other."""

    def open(self, token: bytes) -> Opened | None:
        """The inside, or None if the token does not open under this key."""

    def seal(self, inside: Opened) -> bytes:
        """A new token with the same inside."""

    def open_all(self, tokens: Sequence[bytes]) -> list[Opened | None]:
        """``open`` for each."""

    def seal_all(self, insides: Sequence[Opened]) -> list[bytes]:
        """``seal`` for each."""


class SingleTokenCipher:
    """A cipher that knows one token at a time."""

    def open_all(self: Cipher, tokens: Sequence[bytes]) -> list[Opened | None]:
        return [self.open(token) for token in tokens]

    def seal_all(self: Cipher, insides: Sequence[Opened]) -> list[bytes]:
        return [self.seal(inside) for inside in insides]


class RowCipher(SingleTokenCipher, abc.ABC):
    """A cipher of the application's own functions, which may receive the row of each token."""

    @abc.abstractmethod
    def open(self, token: bytes) -> Opened | None: ...

    @abc.abstractmethod
    def seal(self, inside: Opened) -> bytes: ...

    @abc.abstractmethod
    def open_at(self, token: bytes, frame: bytes) -> Opened | None:
        """``open`` for a token of the row that ``frame`` describes."""

    @abc.abstractmethod
    def same_keys_error(self) -> RotationError:
        """Return the error for functions that read what was sealed under other keys."""

    def reopened(self, tokens: Sequence[bytes], insides: Sequence[Opened]) -> list[Opened | None]:
        """Open tokens that were sealed with these insides."""
        return [self.open_at(token, inside.frame) for token, inside in zip(tokens, insides)]


RowCipherFactory = Callable[[Functions, str], RowCipher]  # of the functions of a scheme, under the keys of a stage


class BatchCipher:
    """A cipher that knows many tokens at a time."""

    def open(self: Cipher, token: bytes) -> Opened | None:
        return self.open_all([token])[0]

    def seal(self: Cipher, inside: Opened) -> bytes:
        return self.seal_all([inside])[0]
