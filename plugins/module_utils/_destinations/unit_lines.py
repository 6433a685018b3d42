# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines of a systemd unit or drop-in, and their effects on variables and credentials.

See systemd.syntax(7) and systemd.exec(5). systemd ignores a line that it does not understand and reads on, and so do
these functions.
"""

from __future__ import annotations

import enum
import re
import shlex
from collections.abc import Iterator
from typing import NamedTuple

CREDENTIAL_OPTIONS = ("LoadCredential", "LoadCredentialEncrypted", "SetCredential", "SetCredentialEncrypted")
COMMENTS = ("#", ";")
_CREDENTIAL = re.compile(rf"[ \t]*(?P<option>{'|'.join(CREDENTIAL_OPTIONS)})[ \t]*=[ \t]*(?P<name>[^:\s\\]*):?")
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
_CONTINUES = re.compile(r"(?<!\\)(?:\\\\)*\\\Z")


class Effect(enum.Enum):
    """The effect of a line on a variable."""

    SETS = enum.auto()
    CLEARS = enum.auto()  # an empty Environment= takes away all before it
    REMOVES = enum.auto()  # UnsetEnvironment= counts more than what sets it
    REMOVES_NONE = enum.auto()


class UnitLine(NamedTuple):
    """A line without surrounding blanks, with its number and its place in the text."""

    number: int
    text: str
    start: int
    end: int


class CredentialLine(NamedTuple):
    """A line that sets a credential, and the place of its value in the text. An empty name removes all others."""

    option: str
    name: str
    start: int
    end: int


def joined(text: str) -> Iterator[UnitLine]:
    """Yield each line without comments and empty lines. A line that ends in a backslash is joined with the next one.

    In systemd 257, an empty line, or a blank after the backslash, ends such a line. If the file ends in such a line,
    its backslash stays.
    """
    begun, number, start = "", 0, 0
    for count, match in enumerate(_LINE.finditer(text), start=1):
        line = match[0]
        if line.lstrip()[:1] in COMMENTS:
            continue
        number, start = (number, start) if begun else (count, match.start())
        begun += line.lstrip().rstrip("\r\n")
        if is_open(begun):
            begun = f"{begun[:-1]} "
            continue
        if begun.strip():
            yield UnitLine(number, begun.strip(), start, match.start() + len(line.rstrip("\r\n")))
        begun = ""
    if begun:
        yield UnitLine(number, f"{begun[:-1]}\\", start, len(text))


def is_open(line: str) -> bool:
    """Return whether the next line belongs to it."""
    return bool(_CONTINUES.search(line))


def effects(text: str, name: str) -> Iterator[Effect]:
    """Yield the effects of the file on the variable ``name``, line by line."""
    for section, line in _of_sections(text):
        option, is_set, value = (part.strip() for part in line.text.rstrip("\\").partition("="))
        if section != "[Service]" or not is_set:
            continue
        if option == "Environment" and not value:
            yield Effect.CLEARS
        elif option == "Environment" and _has(value, name):
            yield Effect.SETS
        elif option == "UnsetEnvironment" and not value:
            yield Effect.REMOVES_NONE
        elif option == "UnsetEnvironment" and name in (word.partition("=")[0] for word in _words(value)):
            yield Effect.REMOVES


def credentials(text: str) -> Iterator[CredentialLine]:
    """Yield the effects of the file on the credentials of the unit, line by line."""
    for section, line in _of_sections(text):
        match = _CREDENTIAL.match(text, line.start, line.end)
        if section == "[Service]" and match:
            yield CredentialLine(match["option"], match["name"], match.end(), line.end)


def _of_sections(text: str) -> Iterator[tuple[str, UnitLine]]:
    """Each line with the section that it is in."""
    section = ""
    for line in joined(text):
        if line.text.startswith("["):
            section = line.text
        else:
            yield section, line


def _has(value: str, name: str) -> bool:
    return any(word.startswith(f"{name}=") for word in _words(value))


def _words(value: str) -> list[str]:
    """Return the words of a value. If its quotes do not close, any part may be a word."""
    try:
        return shlex.split(value)
    except ValueError:
        return re.split(r"[\s\"']+", value)
