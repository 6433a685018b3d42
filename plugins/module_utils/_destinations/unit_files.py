# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sources of a variable of systemd units: ``Environment=`` of the unit or a drop-in, or an ``EnvironmentFile=``.

The last one that sets a variable counts, and a file takes precedence over ``Environment=`` (systemd.exec(5)). An
unreadable file may be the one that counts.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from .._engine.crypto.key_entry import DestinationOptions
from .._errors.base import RotationError
from .._errors.destinations import UnitShared, UnitVariable
from .._errors.env_file import EnvMissing
from .._errors.services import LOAD_FAULTS, OTHER_FAULT, QuadletUnit, SystemctlUnanswered, UnitNotLoaded
from .._system import child_processes, users
from . import env_file_editor, unit_lines
from .unit_lines import Effect

PROPERTIES = (
    "Id,LoadState,User,FragmentPath,DropInPaths,EnvironmentFiles,Names,TriggeredBy,PartOf,BindsTo,Requires,SourcePath"
)
QUADLETS = (".container", ".pod", ".kube")  # files from which podman generates services (podman-systemd.unit(5))
# The unit itself, what starts it, and units with which it is stopped (systemd.unit(5)).
STOPPED_BY = ("Id", "Names", "TriggeredBy", "PartOf", "BindsTo", "Requires")
SECONDS = 30.0


@dataclass(frozen=True)
class Setter:
    """A file that sets a variable, and how."""

    file: str
    how: DestinationOptions

    @property
    def destination(self) -> DestinationOptions:
        """Return the destination as an operator would write it."""
        return {**self.how, "file": self.file}


@dataclass(frozen=True)
class UnitFiles:
    """A unit as systemctl shows it: its own name, its user, and the files that may set its variables.

    An ``EnvironmentFile=`` may be a pattern. The value of each one is whether it may be missing. If one of the units
    ``stopped_by`` is stopped, so is this one.
    """

    id: str
    state: str
    user: str
    unit_files: Sequence[str]
    environment_files: Mapping[str, bool]
    stopped_by: Sequence[str] = ()
    source: str = ""  # the file from which it was generated

    @classmethod
    def of(cls, shown: str) -> UnitFiles:
        """Parse the lines PROPERTY=VALUE of one unit. A list has several lines."""
        lines = [line.partition("=") for line in shown.splitlines()]
        properties = {name: value for name, _, value in lines}
        shown_files = (value.rpartition(" (") for name, _, value in lines if name == "EnvironmentFiles")
        files = {file: remark == "ignore_errors=yes)" for file, _, remark in shown_files}
        units = [properties.get("FragmentPath", ""), *properties.get("DropInPaths", "").split()]
        return cls(
            properties.get("Id", ""),
            properties.get("LoadState", ""),
            properties.get("User", ""),
            [*filter(None, units)],
            files,
            [name for line in STOPPED_BY for name in properties.get(line, "").split()],
            properties.get("SourcePath", ""),
        )

    @property
    def files(self) -> list[str]:
        """Every file that may set a variable."""
        return [*self.unit_files, *(file for pattern in self.environment_files for file in expanded(pattern))]

    @property
    def texts(self) -> dict[str, str]:
        """Return the text of each file of the unit. Raise OSError for an unreadable one."""
        return {file: _text(file) for file in self.unit_files}

    @property
    def why_not_ours(self) -> str:
        """Return why this user does not change its files, as the end of a sentence. Empty if nothing is wrong."""
        if self.user and os.geteuid() != 0 and self.user != users.own_name():
            return f"cannot be changed by {users.own_name()}: the unit runs as {self.user}"
        return ""

    def setters(self, name: str) -> list[Setter]:
        """Return each file that sets or unsets the variable, in their order. Raise E_UNIT_VARIABLE if that is
        unknown."""
        return [*self._unit_setters(name), *self._file_setters(name)]

    def _unit_setters(self, name: str) -> list[Setter]:
        setters: list[Setter] = []
        remover = ""
        for file in self.unit_files:
            effects = [*unit_lines.effects(self._known_text(file, name), name)]
            for effect in effects:
                remover = {Effect.REMOVES: file, Effect.REMOVES_NONE: ""}.get(effect, remover)
            last = [effect for effect in effects if effect in (Effect.SETS, Effect.CLEARS)][-1:]
            if last == [Effect.SETS] or (last and setters):
                path = ["Service", "Environment", name]
                setters.append(Setter(file, {"format": "unit", "path": path, "exported": True}))
        if remover:
            raise UnitVariable(unit=self.id, name=name, fault=f"is removed by UnsetEnvironment= in {remover}")
        return setters

    def _file_setters(self, name: str) -> Iterator[Setter]:
        for pattern, may_be_missing in self.environment_files.items():
            for file in expanded(pattern):
                try:
                    if env_file_editor.looks_set(file, name, "systemd"):
                        yield Setter(file, {"dialect": "systemd"})
                except RotationError as exc:
                    if not may_be_missing or not isinstance(exc, EnvMissing) or _hides_files(pattern):
                        raise self._unknown(name, file) from None

    def _known_text(self, file: str, name: str) -> str:
        try:
            return _text(file)
        except OSError:
            raise self._unknown(name, file) from None

    def _unknown(self, name: str, file: str) -> UnitVariable:
        fault = f"may be set in {file}, which {users.own_name()} cannot read"
        return UnitVariable(unit=self.id, name=name, fault=fault)


def _text(file: str) -> str:
    """Return the text of a unit file, empty if it was removed. Bytes that are not UTF-8 cannot be in a variable's
    name."""
    try:
        with open(file, encoding="utf-8", errors="replace", newline="") as handle:
            return handle.read()
    except FileNotFoundError:
        return ""


def find(units: Sequence[str], name: str) -> DestinationOptions:
    """Return the one destination from which all of these units take the variable, as an operator would write it.

    Raise E_SYSTEMCTL, E_UNIT_NOT_LOADED, E_QUADLET, E_UNIT_VARIABLE or E_UNIT_SHARED.
    """
    loaded = [show(unit) for unit in units]
    places = [_place(unit, name) for unit in loaded]
    for unit, place in zip(loaded[1:], places[1:]):
        if place != places[0]:
            fault = f"is set in {place.file}, but for {loaded[0].id} in {places[0].file}"
            raise UnitVariable(unit=unit.id, name=name, fault=fault)
    refuse_shared(loaded, places[0].file, lambda unit: unit.files)
    return places[0].destination


def _place(unit: UnitFiles, name: str) -> Setter:
    if fault := unit.why_not_ours:
        raise UnitVariable(unit=unit.id, name=name, fault=fault)
    places = unit.setters(name)
    if not places:
        raise UnitVariable(unit=unit.id, name=name, fault="is not set by it in a readable file")
    if len(places) > 1:
        files = ", and overridden in ".join(place.file for place in places)
        raise UnitVariable(unit=unit.id, name=name, fault=f"is set in {files}")
    return places[0]


def refuse_shared(units: Sequence[UnitFiles], file: str, files_of: Callable[[UnitFiles], Iterable[str]]) -> None:
    """Raise E_UNIT_SHARED if the file is one of those of another unit."""
    own = {unit.id for unit in units}
    real = os.path.realpath(file)
    others = [
        unit.id
        for unit in list_units("*.service")
        if unit.id not in own and real in (os.path.realpath(other) for other in files_of(unit))
    ]
    if others:
        raise UnitShared(path=file, units=", ".join(sorted(own)), others=", ".join(sorted(others)))


def expanded(pattern: str) -> list[str]:
    """Return the files of an ``EnvironmentFile=`` in systemd's order. Without any, return the pattern itself."""
    return sorted(glob.glob(pattern)) or [pattern]


def _hides_files(pattern: str) -> bool:
    """Return whether the pattern may have files in a folder that this user cannot list."""
    folder = os.path.dirname(pattern)
    return glob.escape(pattern) != pattern and os.path.isdir(folder) and not os.access(folder, os.R_OK)


def show(unit: str) -> UnitFiles:
    """Return a unit of this host that a key names. Raise E_SYSTEMCTL, E_UNIT_NOT_LOADED or E_QUADLET."""
    name = unit if "." in unit else f"{unit}.service"
    listed = next(iter(list_units(name)), UnitFiles.of(""))
    refuse_unfit(name, listed.state, listed.source, "O(keys)")
    return listed


def refuse_unfit(unit: str, state: str, source: str, option: str) -> None:
    """Raise an error if a unit that this option names does not set the variables of the application.

    That is E_SYSTEMCTL without a ``state``, E_UNIT_NOT_LOADED, or E_QUADLET if it is generated from a ``source`` of
    podman.
    """
    if not state:
        raise SystemctlUnanswered(unit=unit, option=option)
    if state != "loaded":
        raise UnitNotLoaded(unit=unit, option=option, fault=LOAD_FAULTS.get(state, OTHER_FAULT))
    if source.endswith(QUADLETS):
        raise QuadletUnit(unit=unit, option=option, path=source)


def list_units(pattern: str) -> list[UnitFiles]:
    """Return the units that systemd has loaded; none if systemctl does not answer."""
    argv = ["systemctl", "show", "--property", PROPERTIES, "--", pattern]
    text = child_processes.exchange(argv, b"", SECONDS).output.decode("utf-8", "replace")
    return [UnitFiles.of(block) for block in text.split("\n\n") if block.strip()]
