# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a token is. Each format opens a token to its bytes and seals bytes to a token, and keeps a token's time."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from cryptography.fernet import Fernet, InvalidToken


@dataclass(frozen=True)
class Opened:
    """The inside of a token: its bytes (never decoded, never unpickled) and the time it was made, where it says one."""

    plaintext: bytes
    timestamp: int

    def __repr__(self) -> str:
        return f"Opened({len(self.plaintext)} bytes)"


class Cipher(Protocol):
    """A format with its key."""

    def open(self, token: str) -> Opened | None:
        """The inside, or None where the token does not authenticate under this key."""

    def seal(self, inside: Opened) -> str:
        """A new token with the same inside."""


class FernetText:
    """A Fernet token as text (https://github.com/fernet/spec): version 0x80, so it begins with gAAAAA until 2106."""

    marker = "gAAAAA"

    def __init__(self, key: bytes) -> None:
        self._fernet = Fernet(base64.urlsafe_b64encode(key))

    def open(self, token: str) -> Opened | None:
        raw = token.encode("utf-8")
        try:
            return Opened(self._fernet.decrypt(raw), self._fernet.extract_timestamp(raw))
        except InvalidToken:
            return None

    def seal(self, inside: Opened) -> str:
        # The time is kept: readers that give a token a time to live go by it.
        return self._fernet.encrypt_at_time(inside.plaintext, inside.timestamp).decode("ascii")


FORMATS: dict[str, Callable[[bytes], Cipher]] = {"fernet": FernetText}
MARKERS = {"fernet": FernetText.marker}
