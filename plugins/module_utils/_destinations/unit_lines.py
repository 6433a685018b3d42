# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines of a systemd unit or drop-in, and what they do to one variable (systemd.syntax(7), systemd.exec(5)).

systemd passes over a line that it does not understand, and the rest of the file counts. So does this.
"""

from __future__ import annotations

import enum
import re
import shlex
from collections.abc import Iterator

COMMENTS = ("#", ";")
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
_CONTINUES = re.compile(r"(?<!\\)(?:\\\\)*\\\Z")


class Effect(enum.Enum):
    """What a line does to a variable."""

    SETS = enum.auto()
    CLEARS = enum.auto()  # an empty Environment= takes away all before it
    REMOVES = enum.auto()  # UnsetEnvironment= counts more than what sets it
    REMOVES_NONE = enum.auto()


def joined(text: str) -> Iterator[tuple[int, str]]:
    """Each line with its number, those that end in a backslash with the next one, without comments and empty lines.
    As systemd 257 has it, an empty line ends such a line, and a blank after the backslash does so as well.

    If the file ends in such a line, its backslash is still there.
    """
    begun, number = "", 0
    for count, line in enumerate(_LINE.findall(text), start=1):
        if line.lstrip()[:1] in COMMENTS:
            continue
        number = number if begun else count
        begun += line.lstrip().rstrip("\r\n")
        if is_open(begun):
            begun = f"{begun[:-1]} "
            continue
        if begun.strip():
            yield number, begun.strip()
        begun = ""
    if begun:
        yield number, f"{begun[:-1]}\\"


def is_open(line: str) -> bool:
    """Whether the next line belongs to it."""
    return bool(_CONTINUES.search(line))


def effects(text: str, name: str) -> Iterator[Effect]:
    """What the file does to the variable ``name``, line by line."""
    section = ""
    for _, line in joined(text):
        option, is_set, value = (part.strip() for part in line.rstrip("\\").partition("="))
        if line.startswith("["):
            section = line
        elif section != "[Service]" or not is_set:
            continue
        elif option == "Environment" and not value:
            yield Effect.CLEARS
        elif option == "Environment" and _has(value, name):
            yield Effect.SETS
        elif option == "UnsetEnvironment" and not value:
            yield Effect.REMOVES_NONE
        elif option == "UnsetEnvironment" and name in (word.partition("=")[0] for word in _words(value)):
            yield Effect.REMOVES


def _has(value: str, name: str) -> bool:
    return any(word.startswith(f"{name}=") for word in _words(value))


def _words(value: str) -> list[str]:
    """The words of a value. Of one with quotes that do not close, whatever may be one."""
    try:
        return shlex.split(value)
    except ValueError:
        return re.split(r"[\s\"']+", value)
