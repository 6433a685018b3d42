# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts that look random and have a grammar: encoded polylines, SMILES, and formulas in LaTeX.

All of a text must follow the grammar. A route must decode to places on earth that are near each other. For a formula,
its commands are enough.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_POLYLINE = re.compile(r"[?-~]{20,}")
_FIRST = range(4, 8)  # characters of the longer coordinate of a route's first place, by a precision of 5 to 7
_STEP = 4  # characters of the longest way to the next one: 5 degrees
_UNITS = (10**5, 10**6, 10**7)  # of a degree: Google, OSRM and Valhalla, and some others
_NORTH, _EAST = 90, 180
_PAIR = 2
_SIGNS = re.compile(r"[=#()\[\]]")  # of a molecule: hex does not have them
_LATEX = re.compile(
    r"\\(?:frac|sqrt|sum|prod|int|lim|cdot|times|left|right|begin|text|math[a-z]+|[aA]lpha|[bB]eta|[gG]amma|[dD]elta|"
    r"theta|lambda|sigma|phi|omega|infty|partial|approx)(?![a-z])"
)
_SMILES = re.compile(
    r"(?:Br?|Cl?|N|O|P|S|F|I|[bcnops]|[-=#$:/\\.()~*]|%?\d|"
    r"\[\d*(?:[A-Z][a-z]?|[bcnops]|se|as|\*)@{0,2}(?:H\d?)?(?:[+-]+\d*)?(?::\d+)?\])+"
)


def kind_of(text: str, is_cut: bool) -> str:
    """Return the name of the notation. Empty if the text is in none of them."""
    if _is_route(text, is_cut):
        return "a route as an encoded polyline"
    if _SMILES.fullmatch(text) and _is_molecule(text):
        return "a molecule in SMILES"
    return "a formula in LaTeX" if _LATEX.search(text) else ""


def _is_molecule(text: str) -> bool:
    """Return whether a text has atoms, and signs that hex does not have."""
    return bool(re.search("[A-Za-z]", text) and _SIGNS.search(text)) and text.count("(") == text.count(")")


def _is_route(text: str, is_cut: bool) -> bool:
    if not _POLYLINE.fullmatch(text):
        return False
    steps = list(_steps(text))
    if is_cut:
        steps = steps[: len(steps) // _PAIR * _PAIR]
    elif len(steps) % _PAIR or ord(text[-1]) >= 95:  # the last character says that more follows
        return False
    (first, _), (second, _), *rest = steps or [(0, 0)] * _PAIR
    if max(first, second) not in _FIRST or min(first, second) < _PAIR or any(size > _STEP for size, _ in rest):
        return False
    north, east = (max(map(abs, _sums(step for _, step in steps[start::_PAIR]))) for start in range(_PAIR))
    return any(north <= _NORTH * unit and east <= _EAST * unit for unit in _UNITS)


def _steps(text: str) -> Iterator[tuple[int, int]]:
    """Yield the numbers of a polyline, each after its count of characters. A character has five bits."""
    number = size = 0
    for character in text:
        bits = ord(character) - 63
        number |= (bits & 31) << 5 * size
        size += 1
        if bits < 32:
            yield size, ~(number >> 1) if number & 1 else number >> 1
            number = size = 0


def _sums(steps: Iterator[int]) -> Iterator[int]:
    place = 0
    for step in steps:
        place += step
        yield place
