# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Foreign text, in the form in which every page shows it."""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_BIDI = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")  # they change the order in which text is shown


def one_line(value: Any) -> Any:
    """Remove line breaks and control characters from every text, so that foreign text cannot look like our own."""
    return _change_texts(_one_line, value)


def in_order(value: Any) -> Any:
    """Remove the characters that change the order in which a text is shown from every text."""
    return _change_texts(_in_order, value)


def _one_line(text: str) -> str:
    return text if text.isascii() and text.isprintable() else _CONTROL.sub(" ", _in_order(text))


def _in_order(text: str) -> str:
    return text if text.isascii() else _BIDI.sub("", text)


def _change_texts(changed: Callable[[str], str], value: Any) -> Any:
    """The value with every text in it changed, including the names of members."""
    if isinstance(value, str):
        return changed(value)
    if value is None or isinstance(value, (int, float, datetime.datetime)):  # most values
        return value
    for kind in (list, tuple, set):
        if isinstance(value, kind):
            return kind([_change_texts(changed, member) for member in value])
    if isinstance(value, Mapping):
        members = {_change_texts(changed, name): _change_texts(changed, member) for name, member in value.items()}
        return Counter(members) if isinstance(value, Counter) else members
    return _each_member(changed, value) if is_dataclass(value) else value


def _each_member(changed: Callable[[str], str], value: Any) -> Any:
    members = {member.name: getattr(value, member.name) for member in fields(value)}
    return replace(
        value, **{name: _change_texts(changed, value_of_member) for name, value_of_member in members.items()}
    )
