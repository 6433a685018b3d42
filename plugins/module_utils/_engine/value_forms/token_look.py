# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts that look like tokens: in Fernet's frame, with or without something around them, or armored."""

from __future__ import annotations

import re

from ..crypto.wrappers import Armor

SHORTEST = 24  # characters of any token: 16 bytes in base64
FERNETS = ("gAAAAA", "Z0FBQUFB")  # how a Fernet token begins, and its base64
PREFIX = 40  # characters that an application may put before its tokens
FERNET, DOUBLED = (begin.encode("utf-8") for begin in FERNETS)
FERNET_BEGINS = {FERNET, DOUBLED}
AROUND = re.compile(rb"(?P<prefix>.{0,%d}?)(?P<token>(?P<begin>gAAAAA|Z0FBQUFB)[\w=$-]{60,})" % PREFIX, re.ASCII)
# A word of a longer text. Within a word, as in the base64 of a file with many zeros, it does not count.
_WORD = re.compile(rb"(?<![\w+/=-])(?:gAAAAA|Z0FBQUFB)[\w=-]{60,}", re.ASCII)


def looks_like_a_token(piece: bytes) -> bool:
    """Return whether a text is armored, or has a token in Fernet's frame in it."""
    return bool(AROUND.match(piece) or _WORD.search(piece)) or piece.startswith(Armor.HEAD)


def around_token(piece: bytes) -> tuple[str, bool] | None:
    """Return the text before a Fernet token, and whether that is base64-encoded again. None without a token."""
    match = AROUND.match(piece)
    if match is None:
        return None
    return match["prefix"].decode("utf-8", "replace"), match["begin"] == DOUBLED
