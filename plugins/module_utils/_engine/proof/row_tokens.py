# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tokens of one row in what the application reads of it. A rotation changes only these."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..crypto.keyring import Keyring
from ..crypto.tokens import as_bytes
from ..discovery.columns.target import Target
from ..value_forms.token_look import SHORTEST

HIDDEN = "token"  # in a digest, instead of a token that is read as it is stored


class RowTokens:
    """The tokens of one row, and ``any_hidden``: whether ``hide`` replaced any of them."""

    def __init__(self, keyring: Keyring | None) -> None:
        self._keyring = keyring
        self._stored: set[bytes] = set()
        self._may_be: dict[bytes, Target] = {}
        self.any_hidden = False

    def add(self, target: Target, stored: Any) -> None:
        """Take what is stored in a column, as a query reads it."""
        if self._keyring and stored:
            self._stored.add(as_bytes(stored))
            marker = self._keyring.schemes[target.scheme].marker
            tokens = (token for token in target.kind.tokens(stored, marker) if len(token) >= SHORTEST)
            self._may_be.update(dict.fromkeys((token for token in tokens if token.startswith(marker)), target))

    def __bool__(self) -> bool:
        return bool(self._may_be)

    def hide(self, value: bytes) -> bytes:
        """A value with a constant instead of each token."""
        for token in self._in(value):
            self.any_hidden = True
            value = value.replace(token, HIDDEN.encode("utf-8"))
        return value

    def hide_text(self, text: str) -> str:
        return self.hide(as_bytes(text)).decode("utf-8", "surrogatepass")

    def has(self, value: Any) -> bool:
        """Return whether a value is one of them."""
        token = as_bytes(value) if isinstance(value, (str, bytes, memoryview)) else b""
        return token in self._may_be and self._is_token(token, self._may_be[token])

    def is_kept_as(self, value: Any) -> bool:
        """Return whether an attribute of an object is what is stored, or has a token in it."""
        if not isinstance(value, (str, bytes, bytearray, memoryview)):
            return False
        return as_bytes(value) in self._stored or any(True for _ in self._in(as_bytes(value)))

    def _in(self, value: bytes) -> Iterator[bytes]:
        return (token for token, target in self._may_be.items() if token in value and self._is_token(token, target))

    def _is_token(self, token: bytes, target: Target) -> bool:
        """Return whether a rotation changes it. It is opened only if neither its beginning nor its place shows that.
        Functions of the application are never called, because each row asks this."""
        if self._keyring is None:
            return False
        scheme = self._keyring.schemes[target.scheme]
        if scheme.marker or target.members:
            return True
        return not scheme.functions and self._keyring.stage_of(target.scheme, token) is not None


def cannot_be_resealed(target: Target, keyring: Keyring) -> bool:
    """Return whether no token of this column can be sealed for a trial.

    A function of the application may need the row, and how Django reads an array is not known.
    """
    return bool(keyring.schemes[target.scheme].functions) or target.type.endswith("[]")


NO_TOKENS = RowTokens(None)
