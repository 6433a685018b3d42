# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the keys of an application are kept: lines of its env file, and for a key with a ``destination`` that one.

``keys`` is the list of the operator, each {name, destination}.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from .._errors.options import InvalidOption
from . import editor
from .destination import Destination, DestinationChange
from .env_lines import EnvLines
from .key_files import KeyFile

Keys = Sequence[Mapping[str, Any]]


def of(env_file: str | None, keys: Keys, dialect: str = "dotenv") -> list[Destination]:
    """Every place that has keys, the env file first. Raises E_ENV_PATH, and E_OPTION if one file is named twice: each
    key would overwrite the other."""
    found = _build(env_file, keys, dialect)
    _refuse_shared_files(found)
    return found


def _build(env_file: str | None, keys: Keys, dialect: str) -> list[Destination]:
    lines = names_of_env_file(keys)
    found: list[Destination] = [EnvLines(env_file, lines, dialect)] if env_file and lines else []
    return found + [KeyFile(key["destination"], key["name"]) for key in keys if key.get("destination")]


def read(env_file: str | None, keys: Keys, *, every: bool = True, dialect: str = "dotenv") -> dict[str, str]:
    """The values of all keys. Without ``every``, those that an env file does not set are left out, as long as one is.
    Raises E_ENV_*, E_KEY_LINE or E_OPTION."""
    places = of(env_file, keys, dialect)
    if names_of_env_file(keys) and not env_file:
        raise InvalidOption(name="env_file", found="is not set", advice="Name the file with the keys.")
    return {name: value for place in places for name, value in place.read(every=every).items()}


def names_of_env_file(keys: Keys) -> list[str]:
    """The keys that the env file sets."""
    return [key["name"] for key in keys if not key.get("destination")]


def files(keys: Keys) -> dict[str, str]:
    """The keys that have a file of their own, and these."""
    return {key["name"]: key["destination"] for key in keys if key.get("destination")}


def together(keys: Keys) -> list[list[str]]:
    """The names of the keys that each place has. These are always switched at once."""
    return [list(place.names) for place in _build("the env file", keys, "dotenv")]


def changes(env_file: str, keys: Keys, values: Mapping[str, str], dialect: str) -> list[DestinationChange]:
    """The change of each place that would change. Raises as ``read``."""
    found = (place.change(values) for place in of(env_file, keys, dialect))
    return [change for change in found if change]


def refuse_unwritable(env_file: str, keys: Keys) -> None:
    """Raise E_ENV_WRITE where one of the places could not be rewritten later."""
    for place in of(env_file, keys):
        place.refuse_unwritable()


def paths(env_file: str | None, keys: Keys) -> list[str]:
    """Every file that keys are in. Raises as ``of``."""
    return [place.path for place in of(env_file, keys) if place.path]


def _refuse_shared_files(places: Sequence[Destination]) -> None:
    seen: set[str] = set()
    for path in (place.path for place in places if place.path):
        editor.refuse_path(path)
        if os.path.realpath(path) in seen:
            twice = f"has the destination {path} twice, or it is the env file"
            advice = "Give each key with a destination a file of its own."
            raise InvalidOption(name="O(keys)", found=twice, advice=advice)
        seen.add(os.path.realpath(path))
