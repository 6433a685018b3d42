# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens that only a lenient base64 decoder reads: ``base64.urlsafe_b64decode`` ignores invalid characters."""

from __future__ import annotations

import re
from typing import NamedTuple

_BARE_ENDS = re.compile(rb"[A-Za-z0-9+/=_-](?:.*[A-Za-z0-9+/=_-])?", re.DOTALL)


class Bare(NamedTuple):
    """A token without its foreign signs, and the blanks before and after it."""

    before: bytes
    token: bytes
    after: bytes


class Signs(NamedTuple):
    """The signs that a loose decoder skips: any foreign sign, blanks, and blanks read backward."""

    foreign: re.Pattern[bytes]
    blanks: re.Pattern[bytes]
    backward: re.Pattern[bytes]

    def without(self, token: bytes) -> Bare | None:
        """The token without foreign signs. None if it has none, or if something other than blanks is around it, as
        quotes are: that belongs to what the application wrote there."""
        if not self.foreign.search(token):
            return None
        before, after = _run(self.blanks, token), _run(self.backward, token[::-1])[::-1]
        inside = token[len(before) : len(token) - len(after)]
        return Bare(before, self.foreign.sub(b"", inside), after) if _BARE_ENDS.fullmatch(inside) else None


def is_standard(token: bytes) -> bool:
    """Return whether a token has a sign that only the standard alphabet of base64 has, and that no library writes in a
    token."""
    return b"+" in token or b"/" in token


def _run(signs: re.Pattern[bytes], token: bytes) -> bytes:
    match = signs.match(token)
    return match[0] if match else b""


AS_IS = Signs(re.compile(rb"[^A-Za-z0-9+/=_-]+"), re.compile(rb"\s*"), re.compile(rb"\s*"))
IN_JSON = Signs(
    re.compile(rb"(?:\\[nrt]|[^A-Za-z0-9+/=_-])+"), re.compile(rb"(?:\s|\\[nrt])*"), re.compile(rb"(?:\s|[nrt]\\)*")
)
