# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A count with its noun, in every text that a person reads: 1 value, 1,200 values."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any


def counted(count: float, one: str, many: str = "") -> str:
    """Return a count with its noun. ``many`` is the plural if it is not ``one`` with an s, or if a verb follows: values
    are."""
    number = f"{count:,}".removesuffix(".0")
    return f"{number} {one if count == 1 else many or f'{one}s'}"


def join_first(texts: Sequence[str], most: int, separator: str = ", ", *, count: int = 0) -> str:
    """Join the first texts, and say how many more there are. ``count`` is their number if not all are in ``texts``."""
    mark = ";" if separator.startswith(";") else ""
    shown = texts[:most]
    left = max(count, len(texts)) - len(shown)
    return separator.join(shown) + (f"{mark} and {left:,} more" if left else "")


class _Counting(string.Formatter):
    def format_field(self, value: Any, format_spec: str) -> str:
        one, mark, many = format_spec.replace("/", "|", 1).partition("|")
        if not mark:
            return str(super().format_field(value, format_spec))
        return counted(value, one, many) if "|" in format_spec else one if value == 1 else many


_COUNTING = _Counting()


def fill(text: str, **fields: Any) -> str:
    """Fill a text with fields. ``{count:value is|values are}`` is a count with its noun, ``{count:is/are}`` a word that
    matches it."""
    return _COUNTING.vformat(text, (), fields)
