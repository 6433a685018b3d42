# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables and credentials that a service passes to an application which reads its settings from its environment.

Environment= is applied first, then each EnvironmentFile= in order (systemd.exec(5)). Credentials are files.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from .._destinations import env_file_editor, key_destinations, unit_credentials, unit_files
from .._engine.application.process_environment import ProcessEnvironment
from .units import Unit

if TYPE_CHECKING:
    from .._engine.crypto.key_entry import KeyEntries


class EnvironmentSource(TypedDict, total=False):
    """A source of variables: a systemd ``unit``, a ``container``, a ``file`` that the service reads, or ``keys``."""

    unit: str
    container: str
    file: str | None
    dialect: str
    optional: bool
    keys: KeyEntries


def read(sources: Sequence[EnvironmentSource]) -> ProcessEnvironment:
    """Return the variables and credentials of all sources. A later value replaces an earlier one.

    Keys count if they are kept where the service takes its environment or its credentials from. Empty names are left
    out. A file that the unit reads, too, keeps its position in the unit's order. Raise E_SYSTEMCTL, E_UNIT_NOT_LOADED,
    E_QUADLET, E_CONTAINER_ENVIRONMENT, E_ENV_MISSING, E_ENV_READ or E_ENV_ENCODING, and the errors of reading the keys.
    """
    variables: dict[str, str] = {}
    credentials: dict[str, bytes] = {}
    folder = ""
    read_paths: set[str] = set()
    for source in sources:
        keys = source.get("keys") or []
        credentials |= key_destinations.credential_contents(keys, {})
        for place in key_destinations.exported(keys):
            variables |= place.read(every=False)
        if container := source.get("container"):
            from . import container_environment  # rarely needed

            variables |= container_environment.variables(container)
        if name := source.get("unit"):
            unit = Unit(name)
            unit_files.refuse_unfit(unit.unit, unit.load_state, unit.source, "O(environment_from)")
            variables |= unit.environment
            credentials |= unit_credentials.contents(name)
            folder = os.path.join(unit_credentials.FOLDER, unit.id)
            files = [
                _File(path, "systemd", optional)
                for pattern, optional in unit.environment_files.items()
                for path in unit_files.expanded(pattern)
            ]
        else:
            files = [_File(source.get("file") or "", source.get("dialect", ""), bool(source.get("optional")))]
        for file in files:
            if file.path and file.path not in read_paths:
                variables |= file.variables()
                read_paths.add(file.path)
    return ProcessEnvironment(variables, credentials, folder)


@dataclass(frozen=True)
class _File:
    """A file of variables."""

    path: str
    dialect: str
    optional: bool

    def variables(self) -> dict[str, str]:
        """Return the variables that it sets. Empty if it is missing and may be."""
        if self.optional and not os.path.exists(self.path):
            return {}
        return env_file_editor.variables(self.path, self.dialect)
