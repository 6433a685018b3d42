# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator may write as the ``destination`` of a key: a path, or a dictionary by kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .config_file import FORMATS, PYTHON, format_of
from .config_formats import CONFIG_FORMATS

OF_FILE: dict[str, type | tuple[type, ...]] = {"file": str, "path": (str, list), "format": str, "exported": bool}

OF_COMMANDS = {"read", "write"}


def find_wrong(destination: Any) -> str:
    """What is wrong with a destination, to be read behind "has a destination"; empty if nothing is."""
    if not destination:
        return ""
    if isinstance(destination, str):
        return "" if _is_absolute(destination) else "that is not an absolute path"
    if not isinstance(destination, Mapping):
        return "that is neither a path nor a dictionary"
    return _find_wrong_commands(destination) if OF_COMMANDS & {*destination} else _find_wrong_file(destination)


def _find_wrong_commands(destination: Mapping[str, Any]) -> str:
    if {*destination} != OF_COMMANDS:
        return "with commands that needs read and write, and nothing else"
    for name in sorted(OF_COMMANDS):
        words = destination[name]
        if not isinstance(words, list) or not words or not all(isinstance(word, str) and word for word in words):
            return f"whose {name} is not a list of words"
    return ""


def _find_wrong_file(destination: Mapping[str, Any]) -> str:
    for name, value in destination.items():
        if name not in OF_FILE:
            return f"with a member that is not one of {', '.join(OF_FILE)}"
        if value is not None and not isinstance(value, OF_FILE[name]):
            return f"whose {name} has another type"
    file = destination.get("file") or ""
    if not _is_absolute(file):
        return "whose file is not an absolute path"
    if format_of(file, destination.get("format")) not in FORMATS:
        return f"whose format is not known by the name of the file: set its format to one of {', '.join(FORMATS)}"
    return ""


def can_carry(destination: Any, value: str) -> bool:
    """Whether every reader of a place returns this value unchanged. A key file takes any."""
    if not isinstance(destination, Mapping) or not destination.get("file"):
        return True
    form = CONFIG_FORMATS.get(format_of(destination["file"], destination.get("format")) or "")
    refused = (form.refused if form else "") + ("$" if destination.get("exported") else "")
    return not set(refused) & set(value)


def is_in_source(destination: Any) -> bool:
    """Whether the key is a literal in a Python module."""
    if not isinstance(destination, Mapping) or not destination.get("file"):
        return False
    return format_of(destination["file"], destination.get("format")) == PYTHON


def path_of(name: str, destination: Mapping[str, Any]) -> str | Sequence[str]:
    """The path of a key in its file: its own name if none is given."""
    return destination.get("path") or name


def _is_absolute(path: str) -> bool:
    return path.startswith(("/", "~"))
