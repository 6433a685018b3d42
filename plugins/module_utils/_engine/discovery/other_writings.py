# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes in writings that are no encoding of a whole value: percent signs, lists of numbers in JSON, parts of a URL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

_PERCENT = re.compile(rb"(?:[^%\s]|%[\da-fA-F]{2})*%[\da-fA-F]{2}(?:[^%\s]|%[\da-fA-F]{2})*")
_LIST = re.compile(r"\[(\s*\d{1,3}(?:\s*,\s*\d{1,3}){15,})\s*(?:\]|\Z)")  # a document may be cut off
_URL = re.compile(rb"[a-zA-Z][\w+.-]{1,20}:/?/[^\s]+")
_BETWEEN = re.compile(rb"[/?&=#;,]+")
_PART = 38  # characters of 28 bytes in base64: a nonce of 12, and a tag of 16


def percent_decoded(text: bytes) -> bytes:
    """What a text stands for in which each percent sign is one of an encoding; empty if there is none."""
    return unquote_to_bytes(text) if b"%" in text and _PERCENT.fullmatch(text) else b""


def number_lists(text: str) -> Iterator[bytes]:
    """The lists of a JSON text that may be bytes."""
    for found in _LIST.finditer(text):
        numbers = [int(number) for number in found[1].split(",")]
        if max(numbers) < 256:
            yield bytes(numbers)


def looks_listed_by_chance(data: bytes) -> bool:
    """Whether a list is no ciphertext by its order or its sizes: one of IDs is sorted, and one of shares stays low."""
    numbers = list(data)
    high = sum(number > 127 for number in numbers) / len(numbers)
    return numbers in (sorted(numbers), sorted(numbers, reverse=True)) or not 0.25 < high < 0.75


def url_parts(text: bytes) -> list[bytes]:
    """The parts of a URL that are long enough for a token: of its path, and the values of its query."""
    if not _URL.fullmatch(text):
        return []
    parts = [unquote_to_bytes(part) for part in _BETWEEN.split(text)]
    return [part for part in parts if len(part) >= _PART]
