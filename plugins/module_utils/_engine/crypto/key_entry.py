# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A key as an operator lists it, once it has been checked: its name, how it is generated, and where it is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict, cast


class DestinationOptions(TypedDict, total=False):
    """The place in which a key is kept. Each kind of place has its own members, which ``destination_options``
    checks."""

    file: str
    path: str | Sequence[str] | None
    format: str | None
    exported: bool | None
    dialect: str
    read: list[str]
    write: list[str]
    secret: str
    entry: str | None
    namespace: str | None
    context: str | None
    kubeconfig: str | None
    unit: str | list[str]
    credential: str
    encrypt: list[str]


class _NamedKey(TypedDict):
    name: str


class KeyEntry(_NamedKey, total=False):
    """``destination`` is a path, or a dictionary; without one the key is a line of the .env file."""

    destination: str | DestinationOptions | None
    type: str
    bytes: int | None
    keep: int
    use: str


KeyEntries = Sequence[KeyEntry]


def destination_of(key: KeyEntry) -> DestinationOptions:
    """The members of its destination; without any if that is a path, or the .env file."""
    destination = key.get("destination")
    return destination if isinstance(destination, Mapping) else {}


def without_unset(key: KeyEntry) -> KeyEntry:
    """Without what an operator left out."""
    return cast("KeyEntry", {name: value for name, value in key.items() if value is not None})
