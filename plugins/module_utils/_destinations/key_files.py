# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A key in a file of its own.

A key file has one key per line. The first one encrypts, and all decrypt (pulpcore's database_fields.symmetric.key). Its
value here is a list with commas, like such a list in a .env file. Or the file has one half of an OpenPGP key pair, in
ASCII armor.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from .._errors.env_file import InvalidKeyLine
from . import env_file_editor
from .destination_interface import Destination, DestinationChange

_KEY = re.compile(r"[^\s,]+")
_ARMOR = "-----BEGIN PGP "
# Without a comma, which would make a list of it.
ARMORED = r"-----BEGIN PGP (?P<half>PUBLIC|PRIVATE) KEY BLOCK-----\n[^,]+\n-----END PGP (?P=half) KEY BLOCK-----"


class KeyFile(Destination):
    """The file of one key. Raise E_ENV_* or E_KEY_LINE."""

    path: str

    def __init__(self, path: str, name: str) -> None:
        super().__init__(path, [name], path)
        self._name = name

    def read(self, *, every: bool = True) -> dict[str, str]:
        return {self._name: parse(env_file_editor.read_text(self.path), self.path)}

    def refuse_unwritable(self) -> None:
        env_file_editor.refuse_unwritable(self.path)

    def change(self, values: Mapping[str, str]) -> DestinationChange | None:
        text = env_file_editor.read_text(self.path)
        parse(text, self.path)
        new_text = replaced(text, values[self._name])
        return env_file_editor.FileChange(self.path, text, new_text) if new_text != text else None


def replaced(text: str, value: str) -> str:
    """Return the text of a key file with another value. It keeps its ending, because some applications read it
    literally."""
    ending = "\r\n" if "\r\n" in text else "\n"
    return value.replace(",", ending) + (ending if text.endswith("\n") else "")


def bare(value: str) -> str:
    """Return a key in ASCII armor without the text around it in its file. Any other value is returned unchanged."""
    return value.strip() if value.lstrip().startswith(_ARMOR) else value


def parse(text: str, path: str) -> str:
    """Return the value of a key file. Raise E_KEY_LINE."""
    text = bare(text)
    if not text.startswith(_ARMOR):
        return ",".join(_lines(path, text))
    if not re.fullmatch(ARMORED, text):
        fault = (
            "an OpenPGP key with other text around it, with a comma in its Comment line, or with lines that end in CR"
        )
        raise InvalidKeyLine(path=path, line=1, fault=fault)
    return text


def _lines(path: str, text: str) -> list[str]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise InvalidKeyLine(path=path, line=1, fault="there is no key")
    for number, line in enumerate(lines, start=1):
        if not _KEY.fullmatch(line):
            raise InvalidKeyLine(path=path, line=number, fault="more than one key")
    return lines
