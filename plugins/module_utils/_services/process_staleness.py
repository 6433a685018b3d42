# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find out which keys a process uses: exported variables override the .env file, and only a later start reads it again.

django-environ, python-dotenv and python-decouple do not change variables that are already set
(docs/design/env-files.md).
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from .._destinations import key_files, unit_files
from .._engine.crypto.key_set import KeySet
from .._errors.base import RotationError
from .._errors.services import ProcessRead
from .._system import users
from . import processes, units
from .key_verdict import KeyVerdict
from .processes import Process

CLOCKS = (
    0.02  # seconds: a start is known to 10 ms (USER_HZ), a change of a file to the 10 ms of the slowest kernel tick
)


@dataclass(frozen=True, repr=False)
class _Environment:
    """The environment that a process was started with.

    ``exported`` are the keys in it, and ``hidden`` is whether it may have others. ``replaced`` is a file that the
    process still sees in its version before the replacement. ``missing`` are keys that whatever starts the process
    should have exported. ``credentials`` has the keys in its credentials, ``lacking`` names the credentials that it
    does not have.
    """

    exported: Mapping[str, str]
    hidden: bool
    replaced: str
    missing: Sequence[str]
    credentials: Mapping[str, str]
    lacking: Sequence[str]

    @property
    def keys(self) -> Mapping[str, str]:
        """Return all keys that the process received: those in its credentials and the exported ones."""
        return {**self.credentials, **self.exported}


@dataclass(frozen=True)
class KeyChange:
    """The last change of a .env file, in seconds since 1970, and the keys that it holds since.

    Before a future change, only what would keep new keys from a process is checked: a key that is exported to it.
    """

    env_file: str
    at: float
    keys: KeySet
    accept_hidden: bool = False  # whether one that does not show its environment may pass
    accept_orphans: bool = False  # whether one whose parent is gone counts from its own start
    files: Mapping[str, str] = field(default_factory=dict)  # keys that have a file of their own: their paths
    to_come: bool = False
    exports: Collection[str] = ()  # keys that what starts a process puts into its environment
    also_read: Collection[str] = ()  # those of them that an application may read in the same file by itself
    credentials: Mapping[str, str] = field(default_factory=dict)  # keys that are credentials of systemd: their names
    place: str = ""  # the places of the keys, in words, if they are not in the .env file

    def check(self, there: Mapping[int, Process], process: Process) -> KeyVerdict | None:
        """Return which keys the process has, and why it is stale. None if it has ended.

        Raise E_PROCESS_READ if it hides its environment and that is not accepted.
        """
        try:
            environment = self._read_environment(process)
        except processes.GONE:
            return None
        started, orphan = self._started(there, process)
        older = started <= self.at + CLOCKS
        reason, todo = self._why_stale(there, process, environment, started, orphan)
        unsure = environment.hidden or orphan or environment.replaced
        known = not self.to_come and (not reason or not (older or unsure))
        known = known and not (environment.missing or environment.lacking)  # it has them from elsewhere, or not at all
        return KeyVerdict(
            pid=process.pid,
            name=process.name,
            unit=next(iter(process.units[::-1]), ""),
            started=_time(started),
            exported=list(environment.exported),
            hidden=environment.hidden,
            key_id=KeySet({**self.keys.values, **environment.keys}).key_id if known else "",
            older=older,
            reason=reason,
            todo=todo,
        )

    def _started(self, there: Mapping[int, Process], process: Process) -> tuple[float, bool]:
        """Return the time from which its keys date, and whether an older parent of it may have ended."""
        origin = processes.origin(there, process)
        if not origin.forked or self.accept_orphans:
            return origin.started, False
        began = process.service and units.Unit(process.service).began
        return (min(origin.started, began), False) if began else (origin.started, True)

    def _why_stale(
        self, there: Mapping[int, Process], process: Process, environment: _Environment, started: float, orphan: bool
    ) -> tuple[str, str]:
        """Return why it is stale, and what to type. Empty if it is not stale."""
        if environment.replaced:
            recreate = f"recreate the container of {process.name}: a restart is not enough"
            why = f"it still sees the previous {environment.replaced}, because that file itself is mounted"
            return why, recreate
        reason, todo = self._stale(process, started, environment, orphan)
        if not reason and environment.missing and started > self.at + CLOCKS:
            reason, todo = self._missing(there, process, environment.missing)
        if not reason and environment.lacking:
            reason = f"systemd gave it no credential {', '.join(environment.lacking)}"
            todo = f"set LoadCredential= in its unit, then {process.restart}"
        return reason, todo

    def _read_environment(self, process: Process) -> _Environment:
        """Return what it was started with. Raise E_PROCESS_READ if it hides its environment and that is not
        accepted."""
        try:
            variables, hidden = processes.exported(process, self.keys.values)
            replaced = processes.keeps_replaced(process, (self.env_file, *self.files.values()))
            credentials = self._read_credentials(process)
        except PermissionError:
            if not self.accept_hidden:
                raise _kept_from_us(process) from None
            return _Environment({}, True, "", (), {}, ())
        missing = (
            [] if hidden else [name for name in self.keys.values if name in self.exports and name not in variables]
        )
        # in such a file's case the variable may name the file (pulpcore), and then the file decides
        exported = {name: value for name, value in variables.items() if not self._names_file(name, value)}
        lacking = [] if hidden else [self.credentials[name] for name in self.credentials if name not in credentials]
        return _Environment(exported, hidden, replaced, missing, credentials, lacking)

    def _names_file(self, name: str, value: str) -> bool:
        if name in self.credentials:
            return os.path.isabs(value) and os.path.basename(value) == self.credentials[name]
        return name in self.files and os.path.realpath(value) == os.path.realpath(self.files[name])

    def _read_credentials(self, process: Process) -> dict[str, str]:
        """Return the keys that it got from systemd as credentials. Raise the errors of ``processes.credentials``."""
        contents = processes.credentials(process, self.credentials.values()) if self.credentials else {}
        return {
            name: _value(contents[credential])
            for name, credential in self.credentials.items()
            if credential in contents
        }

    def _is_read_by(self, service: str) -> bool:
        """Return whether systemd reads the file into the environment of this service at each start."""
        patterns = units.Unit(service).environment_files if service else []
        files = (file for pattern in patterns for file in unit_files.expanded(pattern))
        return os.path.realpath(self.env_file) in map(os.path.realpath, files)

    def _has(self, environment: _Environment, name: str) -> bool:
        return environment.credentials[name] == self.keys.values[name]

    def _missing(self, there: Mapping[int, Process], process: Process, names: Sequence[str]) -> tuple[str, str]:
        """Return why it is stale without these keys in its environment, and what to type. Empty if it is not stale.

        A shell that exports them to what it starts does not have them itself.
        """
        if processes.hands_on(there, process, names):
            return "", ""
        read = set(names) <= set(self.also_read)
        if read and self.accept_hidden:
            return "", ""
        listed = ", ".join(names)
        todo = (
            f"put {listed} into the environment with which {process.name} is started, then {process.restart}; if it "
            "uses no key, list only the processes that do (patterns)"
        )
        by_itself = "; if it reads the file by itself, set hidden_environment: accept" if read else ""
        return f"{listed} is not in its environment", f"{todo}{by_itself}"

    def _stale(self, process: Process, started: float, environment: _Environment, orphan: bool) -> tuple[str, str]:
        """Return why it is stale, and what to type. Empty if it is not stale."""
        exported = environment.exported
        wrong = [name for name, value in exported.items() if value != self.keys.values[name]]
        if self.to_come and exported and not self._is_read_by(process.service):
            # any value would win, also that which the file has now
            wrong = [name for name in exported if name in wrong or name not in self.exports]
        if wrong:
            names = ", ".join(wrong)
            take_out = (
                f"remove {names} from the environment with which it is started (Environment= of a unit, an export)"
            )
            how = "and overrides the file" if self.to_come else "with another value"
            return f"{names} was exported to it {how}", f"{take_out}, then {process.restart}"
        if len(exported) == len(self.keys.values):
            return "", ""
        given = [] if self.to_come else [name for name in environment.credentials if not self._has(environment, name)]
        if given:
            names = ", ".join(self.credentials[name] for name in given)
            return f"systemd gave it the credential {names} with another value", process.restart
        if started <= self.at + CLOCKS and not self.to_come:
            place = self.place or self.env_file
            return f"it was started at {_time(started)}, and {place} was changed at {_time(self.at)}", process.restart
        if orphan:
            daemon = "if it daemonizes by itself, set orphans: accept"
            return "its parent process has ended, and may have had older keys", f"{process.restart}; {daemon}"
        if environment.hidden and not self.accept_hidden:
            look = f"check that none of {', '.join(self.keys.values)} is exported to {process.name}"
            return "it has overwritten its environment (setproctitle)", f"{look}, then set hidden_environment: accept"
        return "", ""


def _kept_from_us(process: Process) -> RotationError:
    owner, me = users.name_of(processes.owner(process)), users.own_name()
    return ProcessRead(pid=process.pid, name=process.name, owner=owner, user=me)


def _value(content: str) -> str:
    """Return the key in a credential. Content that is not a key is returned unchanged, and so equals no key."""
    try:
        return key_files.parse(content, "")
    except RotationError:
        return content


def _time(seconds: float) -> str:
    return f"{datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
