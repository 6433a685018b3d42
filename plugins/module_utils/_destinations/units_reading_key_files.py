# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The systemd units that read files with keys as ``EnvironmentFile=``."""

from __future__ import annotations

import os
from typing import TypedDict

from .._engine.crypto.key_entry import KeyEntries
from . import key_destinations, unit_files


class FileReader(TypedDict):
    """A unit that reads the file at ``path``. If one of the units ``stopped_by`` is stopped, so is this one."""

    path: str
    unit: str
    stopped_by: list[str]


def find(env_file: str | None, keys: KeyEntries, dialect: str) -> list[FileReader]:
    """Return every loaded service that reads a file with keys for systemd; none if the host has no systemd."""
    paths = key_destinations.files_for_systemd(env_file, keys, dialect)
    services = unit_files.list_units("*.service") if paths else []
    return [
        FileReader(path=path, unit=unit.id, stopped_by=list(unit.stopped_by))
        for path in paths
        for unit in services
        if os.path.realpath(path) in map(os.path.realpath, unit.files)
    ]
