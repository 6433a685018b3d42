# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The forms of the ``destination`` of a key: a path, or a dictionary by kind."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from .._engine.crypto.key_entry import DestinationOptions
from . import env_file_dialects
from .config_file import FORMATS, PYTHON, format_of
from .config_formats import CONFIG_FORMATS
from .env_file_dialects import DIALECTS

OF_FILE: dict[str, type | tuple[type, ...]] = {"file": str, "path": (str, list), "format": str, "exported": bool}
GivenDestination = Mapping[str, Any]  # as an operator wrote it in YAML: find_wrong checks it
OF_LINES = {"file", "dialect"}

OF_COMMANDS = {"read", "write"}
OF_SECRET = {"secret", "entry", "namespace", "context", "kubeconfig"}
OBJECT_NAME = re.compile(r"[\w.-]+", re.ASCII)
CREDENTIAL = re.compile(r"[\w.-]+", re.ASCII)


def find_wrong(destination: Any) -> str:
    """Return what is wrong with a destination, as the end of "has a destination ...". Empty if it is valid."""
    if not destination:
        return ""
    if isinstance(destination, str):
        return "" if _is_absolute(destination) else "that is not an absolute path"
    if not isinstance(destination, Mapping):
        return "that is neither a path nor a dictionary"
    if OF_COMMANDS & {*destination}:
        return _find_wrong_commands(destination)
    if destination.get("secret"):
        return _find_wrong_secret(destination)
    if destination.get("unit"):
        return _find_wrong_unit(destination)
    return _find_wrong_lines(destination) if destination.get("dialect") else _find_wrong_file(destination)


def _find_wrong_unit(destination: GivenDestination) -> str:
    units = destination["unit"]
    if not all(isinstance(unit, str) and unit for unit in ([units] if isinstance(units, str) else units)):
        return "with a unit that is not a name or a list of names"
    if not {*destination} <= {"unit", "credential", "encrypt"} or ("encrypt" in destination) > (
        "credential" in destination
    ):
        return "with a unit and members other than credential and encrypt"
    if not CREDENTIAL.fullmatch(str(destination.get("credential", "name"))):
        return "whose credential is not a name of letters, digits, '.', '_' and '-'"
    if not _is_list_of_words(destination.get("encrypt", ["--with-key=host"])):
        return "whose encrypt is not a list of options"
    return ""


def _is_list_of_words(words: Any) -> bool:
    return isinstance(words, list) and bool(words) and all(isinstance(word, str) and word for word in words)


def _find_wrong_secret(destination: GivenDestination) -> str:
    if not {*destination} <= OF_SECRET:
        return f"with a secret and a member that is not one of {', '.join(sorted(OF_SECRET - {'secret'}))}"
    for name in ("secret", "namespace", "entry"):
        if not OBJECT_NAME.fullmatch(str(destination.get(name) or "default")):
            return f"whose {name} is not a valid Kubernetes name"
    return ""


def _find_wrong_lines(destination: GivenDestination) -> str:
    if {*destination} != OF_LINES or not isinstance(destination["file"], str) or not _is_absolute(destination["file"]):
        return "with a dialect that needs file, an absolute path, and nothing else"
    if destination["dialect"] not in DIALECTS:
        return f"whose dialect is not one of {', '.join(DIALECTS)}"
    return ""


def _find_wrong_commands(destination: GivenDestination) -> str:
    if {*destination} != OF_COMMANDS:
        return "with commands that needs read and write, and nothing else"
    for name in sorted(OF_COMMANDS):
        if not _is_list_of_words(destination[name]):
            return f"whose {name} is not a list of words"
    return ""


def _find_wrong_file(destination: GivenDestination) -> str:
    for name, value in destination.items():
        if name not in OF_FILE:
            return f"with a member that is not one of {', '.join(OF_FILE)}"
        if value is not None and not isinstance(value, OF_FILE[name]):
            return f"whose {name} has another type"
    file = destination.get("file") or ""
    if not _is_absolute(file):
        return "whose file is not an absolute path"
    if format_of(file, destination.get("format")) not in FORMATS:
        return f"whose format cannot be derived from the file name: set format to one of {', '.join(FORMATS)}"
    return ""


def can_carry(destination: Any, value: str) -> bool:
    """Return whether every reader of a place returns this value unchanged.

    A key file accepts any value. For a unit, only the host knows which kind of file it has.
    """
    if isinstance(destination, Mapping) and destination.get("unit") and not destination.get("credential"):
        return env_file_dialects.can_carry("systemd", value) and not set(CONFIG_FORMATS["unit"].refused) & set(value)
    if not isinstance(destination, Mapping) or not destination.get("file"):
        return True
    if destination.get("dialect"):
        return env_file_dialects.can_carry(destination["dialect"], value)
    form = CONFIG_FORMATS.get(format_of(destination["file"], destination.get("format")) or "")
    refused = (form.refused if form else "") + ("$" if destination.get("exported") else "")
    return not set(refused) & set(value)


def units_of(destination: DestinationOptions) -> Sequence[str]:
    """The units of a destination."""
    units: str | Sequence[str] = destination["unit"]
    return [units] if isinstance(units, str) else units


def is_in_source(destination: Any) -> bool:
    """Return whether the key is a literal in a Python module."""
    if not isinstance(destination, Mapping) or not destination.get("file"):
        return False
    return format_of(destination["file"], destination.get("format")) == PYTHON


def path_of(name: str, destination: DestinationOptions) -> str | Sequence[str]:
    """Return the path of a key in its file: its own name if no path is set."""
    return destination.get("path") or name


def _is_absolute(path: str) -> bool:
    return path.startswith(("/", "~"))
