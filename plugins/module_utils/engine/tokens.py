# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every format, wrapper and function shares: the inside of a token, and what opens and seals one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Opened:
    """The inside of a token: its bytes (never decoded, never unpickled), and what of its outside is kept.

    ``timestamp`` is when it was made, where it says so (Fernet); ``frame`` are its format's own parameters, where it
    has a choice (OpenPGP); ``hashed`` is whether a search hash followed it.
    """

    plaintext: bytes
    timestamp: int | None = None
    frame: bytes = b""
    hashed: bool = False

    def __repr__(self) -> str:
        return f"Opened({len(self.plaintext)} bytes)"


class Cipher(Protocol):
    """A format with its key."""

    def open(self, token: bytes) -> Opened | None:
        """The inside, or None where the token does not open under this key."""

    def seal(self, inside: Opened) -> bytes:
        """A new token with the same inside."""
