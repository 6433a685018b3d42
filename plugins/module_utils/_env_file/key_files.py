# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an application reads its keys: lines of its env file, or for a key with a ``destination`` a file of its own.

A key file has one key per line; the first one writes, all read (pulpcore's database_fields.symmetric.key). Its value
here is the list with commas, as such lists are in an env file. Or it has one half of an OpenPGP key pair, in ASCII
armour.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from .._errors.env_file import InvalidKeyLine
from .._errors.options import InvalidOption
from . import editor

_KEY = re.compile(r"[^\s,]+")
_ARMOR = "-----BEGIN PGP "
# Without a comma, which would make a list of it.
ARMORED = r"-----BEGIN PGP (?P<half>PUBLIC|PRIVATE) KEY BLOCK-----\n[^,]+\n-----END PGP (?P=half) KEY BLOCK-----"


def read(
    env_file: str | None, keys: Sequence[Mapping[str, Any]], *, every: bool = True, dialect: str = "dotenv"
) -> dict[str, str]:
    """The values of ``keys``, each {name, destination}. Without ``every``, those that an env file does not set are left
    out, as long as one is. Raises E_ENV_*, E_KEY_LINE or E_OPTION."""
    paths(env_file, keys)
    names = names_of_env_file(keys)
    values = {}
    if names:
        if not env_file:
            raise InvalidOption(name="env_file", found="is not set", advice="Name the file with the keys.")
        values = editor.read(env_file, names, every=every, dialect=dialect)
    return {**values, **{name: _content(path) for name, path in files(keys).items()}}


def names_of_env_file(keys: Sequence[Mapping[str, Any]]) -> list[str]:
    """The keys that the env file sets."""
    return [key["name"] for key in keys if not key.get("destination")]


def files(keys: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The keys that have a file of their own, and these."""
    return {key["name"]: key["destination"] for key in keys if key.get("destination")}


def places(env_file: str, keys: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Each file, and the names of the keys that it has."""
    found = {env_file: names_of_env_file(keys), **{path: [name] for name, path in files(keys).items()}}
    return {path: names for path, names in found.items() if names}


def together(keys: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """The names of the keys that each file has. These are always switched at once."""
    return list(places("the env file", keys).values())


def changes(
    env_file: str, keys: Sequence[Mapping[str, Any]], values: Mapping[str, str], dialect: str
) -> list[editor.Change]:
    """Path, text and new text of each file that would change. Raises as ``read``."""
    made = []
    names = names_of_env_file(keys)
    if names:
        text = editor.read_text(env_file)
        new = editor.rewritten(text, {name: values[name] for name in names}, env_file, dialect)
        made.append((env_file, text, new))
    for name, path in files(keys).items():
        _content(path)
        text = editor.read_text(path)
        ending = "\r\n" if "\r\n" in text else "\n"
        new = values[name].replace(",", ending) + (ending if text.endswith("\n") else "")  # some read it as it stands
        made.append((path, text, new))
    return [change for change in made if change[1] != change[2]]


def refuse_unwritable(env_file: str, keys: Sequence[Mapping[str, Any]]) -> None:
    """Raise E_ENV_WRITE where one of the files could not be rewritten later."""
    for path in paths(env_file, keys):
        editor.refuse_unwritable(path)


def paths(env_file: str | None, keys: Sequence[Mapping[str, Any]]) -> list[str]:
    """Every file that keys are in. Raises E_ENV_PATH, and E_OPTION where one is named twice: each key would overwrite
    the other."""
    found = [*([env_file] if env_file and names_of_env_file(keys) else []), *files(keys).values()]
    seen: set[str] = set()
    for path in found:
        editor.refuse_path(path)
        if os.path.realpath(path) in seen:
            twice = f"has the destination {path} twice, or it is the env file"
            advice = "Give each key with a destination a file of its own."
            raise InvalidOption(name="O(keys)", found=twice, advice=advice)
        seen.add(os.path.realpath(path))
    return found


def bare(value: str) -> str:
    """A key in ASCII armour without what is around it in its file; any other value as it is."""
    return value.strip() if value.lstrip().startswith(_ARMOR) else value


def _content(path: str) -> str:
    """What is in a key file. Raises E_KEY_LINE."""
    text = bare(editor.read_text(path))
    if not text.startswith(_ARMOR):
        return ",".join(_lines(path, text))
    if not re.fullmatch(ARMORED, text):
        found = "an OpenPGP key with more around it, with a comma in its Comment line, or with lines that end in CR"
        raise InvalidKeyLine(path=path, line=1, found=found)
    return text


def _lines(path: str, text: str) -> list[str]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise InvalidKeyLine(path=path, line=1, found="there is no key")
    for number, line in enumerate(lines, start=1):
        if not _KEY.fullmatch(line):
            raise InvalidKeyLine(path=path, line=number, found="more than a key")
    return lines
