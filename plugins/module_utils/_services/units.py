# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services of an application on this host: systemd units, or what the commands of an operator start and stop.

Commands get no input. Their output is ignored, since it may hold a value.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from .._errors.base import RotationError
from .._errors.services import (
    LOAD_FAULTS,
    OTHER_FAULT,
    ServiceMissing,
    ServiceProgram,
    ServiceStart,
    ServiceStatus,
    ServiceStop,
    ServiceTrigger,
)
from .._system import child_processes, users
from .._system.child_processes import NOT_FOUND, TIMED_OUT

READY = 1.0  # seconds that a service must stay up which has said itself that it is ready
POLL, LOOK = 0.1, 0.3
RELOAD = 90.0  # seconds for systemd to read its units
# Exit codes of a status command by which nothing is known: "status is unknown" of the LSB, and what did not run.
UNTOLD = {4, TIMED_OUT, 126, NOT_FOUND}
# a unit's ActiveState (org.freedesktop.systemd1) of which some process may be there
UP = {"active", "activating", "reloading", "refreshing", "deactivating"}
# a unit's Type (systemd.service) of which a start has waited until the program said that it was ready
SAYS_READY = {"notify", "notify-reload", "forking", "dbus"}


class Service:
    """A service that commands of an operator start and stop.

    Without ``status``, it counts as running until it is stopped.
    """

    def __init__(self, name: str, start: Sequence[str], stop: Sequence[str], status: Sequence[str] = ()) -> None:
        self.name = name
        self.start = list(start)
        self.stop = list(stop)
        self.status = list(status)

    @property
    def entries(self) -> list[Service]:
        """Return the services of this entry, which are stopped together."""
        return [self]

    def is_up(self, *, unknown: bool) -> bool:
        """Return whether it runs, or ``unknown`` if nothing can tell. Raise E_SERVICE_STATUS."""
        if not self.status:
            return unknown
        code = child_processes.run_command(self.status, 30)
        if code in UNTOLD:
            raise ServiceStatus(name=self.name, rc=code)
        return code == 0

    def is_well(self) -> bool:
        """Return whether it runs as it should after a start."""
        return self.is_up(unknown=True)

    @property
    def is_to_be_started(self) -> bool:
        """Return whether the unit is stopped or stopping. Raise E_SERVICE_STATUS."""
        return not self.is_up(unknown=False)

    @property
    def is_at_work(self) -> bool:
        """Return whether it is a job that ends by itself, and has not yet."""
        return False

    @property
    def restarts(self) -> int:
        """Return how often it was restarted automatically."""
        return 0

    def settles_in(self, seconds: float) -> float:
        """Return for how many seconds a service must run until its start counts as successful.

        ``seconds`` is the value if nothing more is known about the service.
        """
        return seconds if self.status else 0

    def refresh(self) -> None:
        """Apply changes of its own configuration before a start."""

    def run_start(self, patience: float, note: str | None) -> str:
        """Start it within the given seconds, and return what went wrong, if anything did
        (``child_processes.run_command``)."""
        return self._run(self.start, patience, note)

    def run_stop(self, patience: float, note: str | None) -> str:
        """Have it stop, as ``run_start``."""
        return self._run(self.stop, patience, note)

    def refuse_unfit(self, names: Sequence[str]) -> None:
        """Raise an error if stopping it would not last."""

    def refuse_unrunnable(self) -> None:
        """Raise E_SERVICE_PROGRAM if a command of its has no program that this user can run."""
        for word, argv in (("start", self.start), ("stop", self.stop), ("status", self.status)):
            if argv and not shutil.which(argv[0]):
                program = child_processes.program(argv)
                fault = "is a whole command line instead of a program" if program != argv[0] else "is not a program"
                user = users.own_name()
                raise ServiceProgram(name=self.name, word=word, program=program, fault=fault, user=user)

    def describe_delay(self, patience: float) -> str:
        """Return why a start or stop has failed that took longer than ``patience`` seconds."""
        return f"it did not finish within {patience:.0f} seconds"

    @property
    def look(self) -> str:
        """Return what to type to see why it does not start or stop."""
        return "Run its commands by hand as the same user"

    def _environment(self) -> dict[str, str] | None:
        """Return the environment of its commands. Those of an operator get ours."""
        return None

    def _run(self, argv: Sequence[str], patience: float, note: str | None) -> str:
        if not argv:
            return "no command is set for that"
        rc = child_processes.run_command(argv, patience, note=note, environment=self._environment())
        return child_processes.format_failure(rc, patience, child_processes.program(argv)) if rc else ""


class DuplicateEntries(Service):
    """Entries with the same name, which nothing distinguishes. A manual stop stops them all."""

    def __init__(self, entries: Sequence[Service]) -> None:
        super().__init__(entries[0].name, [], [])
        self._entries = list(entries)

    @property
    def entries(self) -> list[Service]:
        return self._entries

    def is_up(self, *, unknown: bool) -> bool:
        return any(entry.is_up(unknown=unknown) for entry in self._entries)

    def refuse_unfit(self, names: Sequence[str]) -> None:
        for entry in self._entries:
            entry.refuse_unfit(names)


class Unit(Service):
    """A systemd unit: a service, or a timer or socket that starts one."""

    def __init__(self, name: str) -> None:
        self.unit = name if "." in name else f"{name}.service"
        super().__init__(name, ["systemctl", "start", self.unit], ["systemctl", "stop", self.unit])

    def is_up(self, *, unknown: bool) -> bool:
        return self._property("ActiveState") in UP

    def is_well(self) -> bool:
        """Return whether it runs as it should. A unit of Type=oneshot is also well when it has done its work."""
        if self._property("ActiveState") in UP - {"activating", "deactivating"}:
            return True
        return self._property("Type") == "oneshot" and self._property("Result") == "success"

    @property
    def is_to_be_started(self) -> bool:
        return self._property("ActiveState") not in UP - {"deactivating"}

    @property
    def is_at_work(self) -> bool:
        """Return whether it is a job at work. A unit of Type=oneshot is activating as long as it works."""
        return self._property("ActiveState") == "activating" and self._property("Type") == "oneshot"

    @property
    def restarts(self) -> int:
        shown = self._property("NRestarts")
        return int(shown) if shown.isdigit() else 0

    def settles_in(self, seconds: float) -> float:
        """Return for how many seconds a unit must run until its start counts as successful.

        A timer, a socket or a job succeeds at once.
        """
        kind = self._property("Type") if self.unit.endswith(".service") else "oneshot"
        return 0 if kind == "oneshot" else min(seconds, READY) if kind in SAYS_READY else seconds

    def refresh(self) -> None:
        """Let systemd read changed unit files, such as a drop-in with keys. Raise E_SERVICE_START."""
        if self._property("NeedDaemonReload") != "yes":
            return
        argv = ["systemctl", "daemon-reload"]
        if rc := child_processes.run_command(argv, RELOAD, environment=self._environment()):
            reason = child_processes.format_failure(rc, RELOAD, "systemctl daemon-reload")
            raise ServiceStart(name=self.name, reason=reason, look=self.look)

    def refuse_unfit(self, names: Sequence[str]) -> None:
        """Raise E_SERVICE_MISSING, or E_SERVICE_TRIGGER if a socket, timer or path would start it again."""
        self._refuse_missing()
        stopped = {name if "." in name else f"{name}.service" for name in names}
        for trigger in self._property("TriggeredBy").split():
            if trigger not in stopped and Unit(trigger).is_up(unknown=False):
                raise ServiceTrigger(name=self.unit, trigger=trigger)

    def _refuse_missing(self) -> None:
        """Raise E_SERVICE_MISSING if systemd does not know the unit."""
        state = self.load_state
        if state not in ("loaded", "masked"):
            raise ServiceMissing(name=self.unit, fault=LOAD_FAULTS.get(state, OTHER_FAULT))

    @property
    def load_state(self) -> str:
        """Return whether systemd has loaded it, as systemd says it. Empty if systemd does not answer."""
        return self._property("LoadState")

    @property
    def source(self) -> str:
        """Return the file from which it was generated. Empty for most units."""
        return self._property("SourcePath")

    @property
    def look(self) -> str:
        return f"See journalctl -u {self.unit}"

    @property
    def began(self) -> float | None:
        """Return when it left the state without a process, in seconds since 1970. None if that is unknown."""
        shown = self._property("InactiveExitTimestampMonotonic")  # microseconds (org.freedesktop.systemd1)
        if not shown.isdigit() or not int(shown):
            return None
        return time.time() - time.clock_gettime(time.CLOCK_MONOTONIC) + int(shown) / 1e6

    @property
    def id(self) -> str:
        """Return its own name if it was named by an alias. Return the name unchanged if systemd does not answer."""
        return self._property("Id") or self.unit

    @property
    def has_process(self) -> bool:
        """Return whether systemd says that it has a process. A unit that only starts others, or has ended, has none."""
        return self._property("MainPID") not in ("", "0")

    @property
    def environment(self) -> dict[str, str]:
        """The variables of its ``Environment=``, which systemctl quotes as a shell does."""
        words = shlex.split(self._property("Environment"))
        return dict(word.split("=", 1) for word in words if "=" in word)

    @property
    def environment_files(self) -> dict[str, bool]:
        """The files of its ``EnvironmentFile=``, which each start reads, in their order, and whether one may be missing
        (systemd.exec(5)). systemctl shows one a line, with a remark behind it."""
        shown = (line.rpartition(" (") for line in self._property("EnvironmentFiles").splitlines())
        return {path: remark == "ignore_errors=yes)" for path, _, remark in shown}

    def _environment(self) -> dict[str, str]:
        from .._system.program_environment import OF_SYSTEMD, clean_environment

        return clean_environment(*OF_SYSTEMD)

    def _property(self, name: str) -> str:
        """One property as systemctl(1) shows it; empty if systemd does not answer."""
        from .._system.program_environment import OF_SYSTEMD, run_program

        argv = ["systemctl", "show", "--property", name, "--value", self.unit]
        try:
            return run_program(argv, *OF_SYSTEMD, seconds=30).stdout.strip()
        except (OSError, subprocess.TimeoutExpired):
            return ""


def stop(service: Service, patience: float, note: str | None = None) -> None:
    """Stop it, and check that it is down. Raise E_SERVICE_STOP after ``patience`` seconds."""
    failures = []
    for entry in service.entries:
        try:
            if entry is service or _may_be_up(entry):
                _stop(entry, patience, note)
        except RotationError as exc:
            failures.append(exc)
    if len(failures) > 1:
        reason = "; ".join(dict.fromkeys(exc.reason if isinstance(exc, ServiceStop) else exc.what for exc in failures))
        raise ServiceStop(name=service.name, reason=reason, look=service.look)
    if failures:
        raise failures[0]


def _may_be_up(service: Service) -> bool:
    try:
        return service.is_up(unknown=True)
    except RotationError:  # a service without a known state is stopped
        return True


def _stop(service: Service, patience: float, note: str | None) -> None:
    command = _Command(service.run_stop, ServiceStop, lambda: not service.is_up(unknown=False))
    _ordered(service, command, patience, note)


def start(service: Service, patience: float, note: str | None = None) -> None:
    """Start it, and check that it is running. Raise E_SERVICE_START after ``patience`` seconds."""
    service.refresh()
    _ordered(service, _Command(service.run_start, ServiceStart, service.is_well), patience, note)


def finish(service: Service, patience: float) -> None:
    """Wait until a job has ended. Raise E_SERVICE_STOP after ``patience`` seconds."""
    reason = f"it is still running after {patience:.0f} seconds; O(services_jobs): stop ends it"
    _reached(service, patience, ServiceStop, lambda: reason, lambda: not service.is_at_work)


def refuse_fallen(started: Sequence[Service], settle: float) -> None:
    """Raise E_SERVICE_START if one of them came up and did not stay so, for ``settle`` seconds at most.

    One that systemd starts again each time it ends is up whenever one looks: its restarts are counted.
    """
    begun = time.monotonic()
    before = {service.name: service.restarts for service in started}
    unsettled = {service.name: service.settles_in(settle) for service in started}
    while unsettled:
        passed = time.monotonic() - begun
        for service in started:
            if service.name in unsettled and not service.is_well():
                raise _fallen(service, "it started and then ended")
            if service.name in unsettled and service.restarts > before[service.name]:
                raise _fallen(service, "it starts and ends again and again")
        unsettled = {name: seconds for name, seconds in unsettled.items() if passed < seconds}
        if unsettled:
            time.sleep(LOOK)


def _fallen(service: Service, reason: str) -> RotationError:
    return ServiceStart(name=service.name, reason=reason, look=service.look)


class _Command(NamedTuple):
    """The command that stops or starts a service, the error if it fails, and the check that it worked."""

    run: Callable[[float, str | None], str]
    error: type[ServiceStop | ServiceStart]
    reached: Callable[[], bool]


def _ordered(service: Service, command: _Command, patience: float, note: str | None) -> None:
    run, error, reached = command
    begun = time.monotonic()
    if reason := run(patience, note):
        raise error(name=service.name, reason=reason, look=service.look)
    left = patience - (time.monotonic() - begun)
    _reached(service, left, error, lambda: service.describe_delay(patience), reached)


def _reached(
    service: Service,
    patience: float,
    error: type[ServiceStop | ServiceStart],
    describe: Callable[[], str],
    reached: Callable[[], bool],
) -> None:
    end = time.monotonic() + patience
    while not reached():
        if time.monotonic() > end:
            raise error(name=service.name, reason=describe(), look=service.look)
        time.sleep(POLL)
