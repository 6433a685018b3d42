# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens that only a lenient base64 decoder reads: ``base64.urlsafe_b64decode`` ignores invalid characters."""

from __future__ import annotations

import re
from typing import NamedTuple

_FOREIGN = re.compile(rb"[^A-Za-z0-9+/=_-]+")
_BARE_ENDS = re.compile(rb"[A-Za-z0-9+/=_-](?:.*[A-Za-z0-9+/=_-])?", re.DOTALL)


class Bare(NamedTuple):
    """A token without its foreign signs, and the blanks before and after it."""

    before: bytes
    token: bytes
    after: bytes


def without_foreign(token: bytes) -> Bare | None:
    """Return the token without the signs that a loose decoder skips.

    Return None if it has none, or if something other than blanks is around it, as quotes are: that belongs to what the
    application wrote there.
    """
    if not _FOREIGN.search(token):
        return None
    inside = token.strip()
    if not _BARE_ENDS.fullmatch(inside):
        return None
    before, _, after = token.partition(inside)
    return Bare(before, _FOREIGN.sub(b"", inside), after)


def is_standard(token: bytes) -> bool:
    """Return whether a token has a sign that only the standard alphabet of base64 has, and that no library writes in a
    token."""
    return b"+" in token or b"/" in token
