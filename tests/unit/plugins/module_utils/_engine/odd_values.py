# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of applications that cannot be compared as others are."""

from __future__ import annotations

import array
from typing import Any


class Uncomparable:
    """A secret that refuses to be compared, tested and hashed."""

    def __init__(self, text: str = "a secret") -> None:
        self.text = text

    def __eq__(self, other: object) -> bool:
        raise TypeError("secrets are not compared")

    def __bool__(self) -> bool:
        raise TypeError("secrets are not tested")

    def __hash__(self) -> int:
        raise TypeError("secrets are not hashed")

    def __str__(self) -> str:
        return "****"


class UncomparableText(str):
    """The same, of which the text can be read."""

    __eq__ = Uncomparable.__eq__
    __bool__ = Uncomparable.__bool__
    __hash__ = Uncomparable.__hash__


class Comparison:
    """The answer of two arrays: one for each member."""

    def __bool__(self) -> bool:
        raise ValueError("The truth value of an array with more than one element is ambiguous")


class Numbers(array.array):
    """An array as NumPy has it: it is compared member by member, and its text has only its ends."""

    def __new__(cls, *numbers: float) -> Numbers:
        return super().__new__(cls, "d", numbers)

    def __eq__(self, other: object) -> Any:
        return Comparison()

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        return bool(Comparison())

    def __str__(self) -> str:
        return f"[{self[0]} ... {self[-1]}]"
