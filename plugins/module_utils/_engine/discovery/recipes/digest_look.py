# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts that look like digests: by themselves, or by the name of their column."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...postgres.catalog import Column

LONGEST_WORD = 88  # of one that is not in hex: SHA-512 in base64; tokens are longer
SHORTEST = 8  # characters of a digest that is cut, as blind indexes are: the first ones of its hex
_MAY_BE_CUT = re.compile(rf"[\da-f]{{{SHORTEST},}}|[\dA-F]{{{SHORTEST},}}")
_SURELY = re.compile(r".{0,16}?(?:[\da-fA-F]{64}|[\da-fA-F]{128})(?:[:$|].{0,16})?")
_AMONG = re.compile(r"(?<![\da-fA-F])(?:[\da-fA-F]{64}|[\da-fA-F]{128})(?![\da-fA-F])")
# A UUID that was not created as one: without version and variant (RFC 9562, 4.1), and not a number of zeros.
_UUID = re.compile(r"\b[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\b")
_NO_VERSION = re.compile(r"(?!0{8})[\da-f]{8}-[\da-f]{4}-(?![1-8][\da-f]{3}-[89ab])[\da-f]{4}-[\da-f]{4}-[\da-f]{12}")
# A text of another length is a digest only if the name of its column, or of its member in a document, says so.
_SAYS_DIGEST = "hash|digest|bidx|blind|hmac|finger_?print|search|lookup|_(?:idx|index)(?![a-z])"
_NAMED = re.compile(_SAYS_DIGEST, re.IGNORECASE)
_LIKELY = re.compile(rf"[\w+/=:$-]{{{SHORTEST},}}", re.ASCII)
_MEMBER = re.compile(r'"[^"]*"\s*:')
_NAMED_MEMBER = re.compile(rf'"[^"]*(?:{_SAYS_DIGEST})[^"]*"\s*:\s*(\[[^\]]*\]|"[^"]*")', re.IGNORECASE)


def may_hold_digests(column: Column, texts: Sequence[str]) -> bool:
    """Return whether arrays or documents hold a sure digest, or words of one length under a name that means digests."""
    named = texts if _NAMED.search(column.name) else [held for text in texts for held in _NAMED_MEMBER.findall(text)]
    words = [word for text in named for word in _LIKELY.findall(_MEMBER.sub("", text)) if len(word) <= LONGEST_WORD]
    ids = [each for text in texts for each in _UUID.findall(text)]
    return any(map(_AMONG.search, texts)) or _are_no_uuids(ids) or _have_a_digit(_of_one_length(_LIKELY, words))


def may_be_digests(column: Column, texts: Sequence[str]) -> bool:
    """Return whether a column holds a sure digest, or is named for digests and mostly holds possible ones."""
    bare = [text.removeprefix("\\x") for text in texts] if _NAMED.search(column.name) else []
    likely = _of_one_length(_LIKELY, bare)
    return any(map(_SURELY.fullmatch, texts)) or _are_no_uuids(texts) or _have_a_digit(likely)


def _are_no_uuids(texts: Sequence[str]) -> bool:
    return bool(_of_one_length(_NO_VERSION, texts))


def _have_a_digit(texts: Sequence[str]) -> bool:
    return any(re.search("[0-9]", text) for text in texts)


def cut_length(texts: Sequence[str]) -> int:
    """Return the length that most texts in hex share, as digests that are cut do. 0 if they are numbers."""
    hexes = list(filter(_MAY_BE_CUT.fullmatch, [text.removeprefix("\\x") for text in texts]))
    bare = _of_one_length(_MAY_BE_CUT, hexes)
    return len(bare[0]) if any(re.search("[a-fA-F]", text) for text in bare) else 0


def _of_one_length(pattern: re.Pattern[str], texts: Sequence[str]) -> list[str]:
    """Return the matching texts of the most frequent length, if they are more than half of all."""
    alike: dict[int, list[str]] = {}
    for text in filter(pattern.fullmatch, texts):
        alike.setdefault(len(text), []).append(text)
    most = max(alike.values(), key=len, default=[])
    return most if 2 * len(most) > len(texts) else []
