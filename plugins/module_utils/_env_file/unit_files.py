# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where systemd units take a variable from: ``Environment=`` of the unit or a drop-in, or an ``EnvironmentFile=``.

systemd.exec(5): the last one that sets a variable counts, and a file counts more than ``Environment=``.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._errors.base import RotationError
from .._errors.destinations import UnitShared, UnitVariable
from .._errors.services import ServiceMissing
from .._system import child_processes, users
from . import config_values, editor
from .config_formats import CONFIG_FORMATS, InvalidText
from .config_values import RefusedValue

PROPERTIES = "Id,LoadState,User,FragmentPath,DropInPaths,EnvironmentFiles"
SECONDS = 30.0


@dataclass(frozen=True)
class UnitFiles:
    """A unit as systemctl shows it: its own name, its user, and the files that may set its variables."""

    id: str
    state: str
    user: str
    unit_files: Sequence[str]
    environment_files: Sequence[str]

    @classmethod
    def of(cls, shown: str) -> UnitFiles:
        """From the lines PROPERTY=VALUE of one unit, of which a list has several."""
        lines = [line.partition("=") for line in shown.splitlines()]
        one = {name: value for name, _, value in lines}
        files = [value.rpartition(" (")[0] for name, _, value in lines if name == "EnvironmentFiles"]
        units = [one.get("FragmentPath", ""), *one.get("DropInPaths", "").split()]
        return cls(one.get("Id", ""), one.get("LoadState", ""), one.get("User", ""), [*filter(None, units)], files)

    def setters(self, name: str) -> Iterator[dict[str, Any]]:
        """The destination of each file that sets the variable, as an operator would write it, in their order."""
        path = ["Service", "Environment", name]
        for file in self.unit_files:
            if _is_in_unit(file, path):
                yield {"file": file, "format": "unit", "path": path, "exported": True}
        for file in self.environment_files:
            with contextlib.suppress(RotationError):  # one that may be missing
                if name in editor.variables(file, "systemd"):
                    yield {"file": file, "dialect": "systemd"}


def find(units: Sequence[str], name: str) -> Mapping[str, Any]:
    """The one destination from which all of these units take the variable.

    Raises E_SERVICE_MISSING, E_UNIT_VARIABLE or E_UNIT_SHARED.
    """
    found = [_show(unit) for unit in units]
    places = [_place(unit, name) for unit in found]
    for unit, place in zip(found[1:], places[1:]):
        if place != places[0]:
            told = f"is set in {place['file']}, and for {found[0].id} in {places[0]['file']}"
            raise UnitVariable(unit=unit.id, name=name, found=told)
    _refuse_shared(found, places[0]["file"])
    return places[0]


def _place(unit: UnitFiles, name: str) -> dict[str, Any]:
    if unit.user and os.geteuid() != 0 and unit.user != users.own_name():
        found = f"cannot be changed by {users.own_name()}: the unit runs as {unit.user}"
        raise UnitVariable(unit=unit.id, name=name, found=found)
    places = list(unit.setters(name))
    if not places:
        raise UnitVariable(unit=unit.id, name=name, found="is not set by it in a readable file")
    if len(places) > 1:
        files = ", and overridden in ".join(place["file"] for place in places)
        raise UnitVariable(unit=unit.id, name=name, found=f"is set in {files}")
    return places[0]


def _refuse_shared(units: Sequence[UnitFiles], file: str) -> None:
    """Raise E_UNIT_SHARED if another unit takes its variables from the file."""
    own = {unit.id for unit in units}
    others = [
        unit.id
        for unit in _shown("*.service")
        if file in (*unit.environment_files, *unit.unit_files) and unit.id not in own
    ]
    if others:
        raise UnitShared(path=file, units=", ".join(sorted(own)), others=", ".join(sorted(others)))


def _show(unit: str) -> UnitFiles:
    name = unit if "." in unit else f"{unit}.service"
    found = next(iter(_shown(name)), None)
    if found is None or found.state != "loaded":
        raise ServiceMissing(name=name)
    return found


def _shown(pattern: str) -> list[UnitFiles]:
    argv = ["systemctl", "show", "--property", PROPERTIES, "--", pattern]
    text = child_processes.exchange(argv, b"", SECONDS).output.decode("utf-8", "replace")
    return [UnitFiles.of(block) for block in text.split("\n\n") if block.strip()]


def _is_in_unit(file: str, path: Sequence[str]) -> bool:
    try:
        with open(file, encoding="utf-8") as handle:
            config_values.read(CONFIG_FORMATS["unit"], handle.read(), path)
    except (OSError, ValueError, InvalidText, RefusedValue) as exc:
        return isinstance(exc, RefusedValue) and not isinstance(exc, config_values.UnsetValue)
    return True
