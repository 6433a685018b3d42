# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody's words, and commands, as every page has them."""

from __future__ import annotations

import datetime
import re
import shlex
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_BIDI = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")  # they show text in another order than it has


def one_line(value: Any) -> Any:
    """The same without line breaks and control characters in any text: somebody's words must not look like ours."""
    return _each(_one_line, value)


def in_order(value: Any) -> Any:
    """The same without the characters that change the order in which a text is shown."""
    return _each(_in_order, value)


def _one_line(text: str) -> str:
    return text if text.isascii() and text.isprintable() else _CONTROL.sub(" ", _in_order(text))


def _in_order(text: str) -> str:
    return text if text.isascii() else _BIDI.sub("", text)


def _each(changed: Callable[[str], str], value: Any) -> Any:
    """The same with every text in it changed, names too."""
    if isinstance(value, str):
        return changed(value)
    if value is None or isinstance(value, (int, float, datetime.datetime)):  # most values
        return value
    for kind in (list, tuple, set):
        if isinstance(value, kind):
            return kind([_each(changed, one) for one in value])
    if isinstance(value, Mapping):
        members = {_each(changed, name): _each(changed, one) for name, one in value.items()}
        return Counter(members) if isinstance(value, Counter) else members
    return _each_member(changed, value) if is_dataclass(value) else value


def _each_member(changed: Callable[[str], str], value: Any) -> Any:
    members = {member.name: getattr(value, member.name) for member in fields(value)}
    return replace(value, **{name: _each(changed, one) for name, one in members.items()})


def naming(command: str | None, option: str, value: str | None) -> str | None:
    """A command that names what it is of: typed later, it may else act on another rotation."""
    if not command or not value:
        return command
    typed, others, rest = command.partition(" (and your other")
    return f"{typed} -e {option}={shlex.quote(value)}{others}{rest}"
