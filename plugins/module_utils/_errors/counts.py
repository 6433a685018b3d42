# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A count with its noun, in every text that a person reads: 1 value, 1,200 values."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any


def counted(count: float, one: str, many: str = "") -> str:
    """``many`` is the plural if it is not ``one`` with an s, such as entries, or has a verb: values are."""
    number = f"{count:,}".removesuffix(".0")
    return f"{number} {one if count == 1 else many or f'{one}s'}"


def join_first(texts: Sequence[str], most: int, separator: str = ", ", *, count: int = 0) -> str:
    """The first texts, and how many more there are."""
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
    """A text of a table filled with its fields. ``{count:value is|values are}`` is a count with what it counts,
    ``{count:is/are}`` a word that goes by the count."""
    return _COUNTING.vformat(text, (), fields)
