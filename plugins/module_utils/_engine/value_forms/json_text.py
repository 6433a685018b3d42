# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The content of a JSON document: member names, texts, and bytes that are written as lists of numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

BEGINS = ("{", "[", '"')
SHORTEST = 16  # numbers of a list that may be bytes
_BYTES = {str(number) for number in range(256)}


@dataclass(frozen=True)
class Document:
    """The parts of a document. ``names`` are in lowercase; numbers are texts too."""

    names: frozenset[str]
    texts: tuple[str, ...]
    bytes: tuple[bytes, ...]


class _Number(str):
    """A number as it is written. One of many digits is never computed."""


def is_document(text: str) -> bool:
    """Return whether a text is a JSON object or array, and nothing else."""
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def parse(text: str) -> Document | None:
    """Return a JSON object, list or quoted text as a document. None for other texts and for a number alone."""
    if not text.startswith(BEGINS):
        return None
    try:
        content = json.loads(text, parse_int=_Number, parse_float=_Number)
        parts = list(_parts(content))
    except (ValueError, RecursionError):
        return None
    names = frozenset(name.lower() for part in parts if isinstance(part, dict) for name in part)
    texts = tuple(part for part in parts if isinstance(part, str))
    lists = (part for part in parts if isinstance(part, list))
    return Document(names, texts, tuple(bytes(map(int, each)) for each in lists if _may_be_bytes(each)))


def _parts(part: Any) -> Iterator[Any]:
    yield part
    inside = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    for member in inside:
        yield from _parts(member)


def _may_be_bytes(members: list[Any]) -> bool:
    return len(members) >= SHORTEST and all(isinstance(member, _Number) and member in _BYTES for member in members)
