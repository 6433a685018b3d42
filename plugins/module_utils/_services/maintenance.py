# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Maintenance of this host: running services are stopped and remembered, and the next run can start them again.

The names are written to a file before the stop, so that they survive a killed run. They stay there until another
rotation begins. If a service dies under new keys, the rollback starts it.

A command outlives a run that was killed while it ran, and could undo later steps. A file next to the memory says which
process it is, and the next run waits for it.

A manual stop, by the maintenance playbook, stays in effect. Rotations and rollbacks start nothing until the same
playbook starts the services.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace

from .._errors.base import NOTHING_CHANGED, RotationError
from .._errors.option_names import variable_of
from .._errors.options import InvalidOption
from .._errors.services import MaintenanceFile, ServiceAtWork, ServiceForgotten, ServiceHeld, StopIncomplete
from .._system import atomic_file, child_processes
from . import units
from .units import Service

BY_HAND = "maintenance"  # the rotation id of a stop that belongs to no rotation


@dataclass(frozen=True)
class StoppedServices:
    """The ``names`` of the stopped services in the order of stopping, and whether they are still stopped (``down``).

    ``held`` is the time since which a manual stop is in effect; it is empty without one. ``rotation_id`` is the last
    rotation, ``began`` what was running when it began, even after a manual stop.
    """

    rotation_id: str = ""
    names: Sequence[str] = ()
    down: bool = False
    held: str = ""
    began: Sequence[str] = ()


@dataclass(frozen=True)
class MaintenanceOptions:
    """The rotation for which services stop and start, and how.

    ``memory`` is the file with the names, ``flag`` the file for the page of a web server. ``patience`` and ``settle``
    are seconds. ``jobs`` says what to do with jobs, ``held`` what to do during a manual stop.
    """

    memory: str
    rotation_id: str
    flag: str | None
    patience: float
    settle: float = 5
    jobs: str = "wait"
    held: str = "refuse"


@dataclass
class StopProgress:
    """The running services, the jobs among them to wait for, and the services that are stopped already."""

    up: list[Service]
    jobs: list[Service]
    down: list[Service] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """Return the services to stop, without the jobs to wait for."""
        return [service.name for service in self.up if service not in self.jobs]

    @property
    def possibly_running(self) -> list[str]:
        """Return the services that may still be running."""
        return [service.name for service in self.up if service not in self.down]

    @property
    def stopped(self) -> list[str]:
        """Return the stopped services, without the jobs that ended."""
        return [service.name for service in self.down if service not in self.jobs]


class Maintenance:
    """The services of a host, the file that remembers which ones ran, and the flag for the page of a web server.

    ``wrong`` are invalid entries, which a manual stop reports at its end.
    """

    def __init__(
        self, offered: Sequence[Service], options: MaintenanceOptions, wrong: Sequence[RotationError] = ()
    ) -> None:
        self.services = {service.name: service for service in offered}
        self.options = options
        self.path = options.memory
        self.wrong = wrong
        self.notes = {word: f"{options.memory}.{word}" for word in ("stop", "start")}
        self.by_hand = options.rotation_id == BY_HAND
        self.warnings: list[str] = []

    def stop(self, *, dry: bool) -> list[str]:
        """Stop what runs, in the order of the option, and return the names. A job may be waited for instead, and is
        left out.

        A manual stop tries every service, whatever happens to the others, and reports all failures at its end. Raise
        E_SERVICE_* and E_MAINTENANCE_FILE; for a manual stop, E_STOP_INCOMPLETE only.
        """
        self._refuse_stop()
        failures = list(self.wrong)
        starting = not dry and self._overtakes_start()
        memory = self._remembered_by_hand() if self.by_hand else self.remembered()
        for service in self.services.values():
            with self._going_on(failures):
                service.refuse_unfit(list(self.services))
        progress = self._progress(memory)
        if dry:
            self._tell(failures, "Nothing was changed.")
            return progress.names
        before = {*(memory.names if memory.down else ()), *self._began(memory), *progress.names}
        known = replace(memory, names=[name for name in self.services if name in before], down=True)
        self._note_down(known, failures)
        self._bring_down(progress, failures)
        if starting:  # nothing else stays up as long as that takes
            self._bring_down_late(progress, known, memory, failures)
        self._tell(failures, self._stopped(progress))
        return progress.names

    def _refuse_stop(self) -> None:
        """Raise an error if a rotation may not stop anything, or could not start it again."""
        if self.options.held == "refuse" and not self.by_hand:
            self._refuse_held()
            self._refuse_no_time()
            for service in self.services.values():  # later it would be the rollback that does not start it
                service.refuse_unrunnable()

    def _overtakes_start(self) -> bool:
        """Return whether a start is in progress that this manual stop interrupts. A rotation waits for the start
        instead."""
        if not self.by_hand:
            self._outlast("start")
            return False
        with contextlib.suppress(RotationError):  # which is reported later
            self._remember(replace(self.remembered(), held=_now()))
        return bool(child_processes.find_running(self.notes["start"]))

    def _progress(self, memory: StoppedServices) -> StopProgress:
        """Return what there is to stop."""
        up = [service for service in self.services.values() if self._is_up(service, memory)]
        return StopProgress(up, [running for running in up if self.options.jobs == "wait" and running.is_at_work])

    def _bring_down(self, progress: StopProgress, failures: list[RotationError]) -> None:
        """Stop each, or wait for it."""
        try:
            for service in progress.up:
                with self._going_on(failures):
                    if service in progress.jobs:
                        units.finish(service, self.options.patience)
                    else:
                        units.stop(service, self.options.patience, self.notes["stop"])
                    progress.down.append(service)
        except RotationError as exc:
            raise exc.with_changed(self._stopped(progress)) from None

    def _bring_down_late(
        self, progress: StopProgress, known: StoppedServices, memory: StoppedServices, failures: list[RotationError]
    ) -> None:
        """Wait until a start in progress has ended, then stop what it started, and note that too."""
        late = self._stop_late(memory, failures)
        names = {*known.names, *late}
        self._note_down(replace(known, names=[name for name in self.services if name in names]), failures)
        progress.up = [service for service in self.services.values() if service in progress.up or service.name in late]
        progress.down = [service for service in progress.up if late.get(service.name, service in progress.down)]

    def _note_down(self, memory: StoppedServices, failures: list[RotationError]) -> None:
        """Note what must be started again, and set the flag for the web server.

        Asking each service takes time. Since the memory was read, another run may have stopped some, or a person may
        have stopped all.
        """
        with self._going_on(failures):
            newest = self._newest(memory)
            known = {*memory.names, *(newest.names if newest.down else ())}
            names = [name for name in self.services if name in known]
            if self.by_hand:
                self._remember(replace(newest, names=names, down=True, held=_now()))
            else:
                if self.options.held == "refuse":
                    self._refuse_held()
                self._remember(
                    replace(newest, rotation_id=self.options.rotation_id, names=names, down=True, began=names)
                )
        with self._going_on(failures):
            if self.options.flag:
                self._write(self.options.flag, b"", mode=0o644)

    def _newest(self, memory: StoppedServices) -> StoppedServices:
        """Return the current memory. For a manual stop, return ``memory`` if the file is damaged, which was
        reported."""
        try:
            return self.remembered()
        except RotationError:
            if not self.by_hand:
                raise
            return memory

    def _stop_late(self, memory: StoppedServices, failures: list[RotationError]) -> dict[str, bool]:
        """Return by name, of what a start in progress has started, whether it is stopped now."""
        with self._going_on(failures):
            self._outlast("start")
        late = {}
        for service in self.services.values():
            if self._is_up(service, memory):
                late[service.name] = False
                with self._going_on(failures):
                    units.stop(service, self.options.patience, self.notes["stop"])
                    late[service.name] = True
        return late

    def start(self, *, dry: bool) -> list[str]:
        """Start what was stopped, in the opposite order, and return the names. What was down before stays down.

        Raise E_SERVICE_START, E_SERVICE_AT_WORK, E_SERVICE_FORGOTTEN, E_SERVICE_HELD, E_MAINTENANCE_FILE.
        """
        try:
            return self._started(dry=dry)
        except RotationError as exc:  # much may have been put back before it
            raise exc.with_changed("No service was started.") if exc.changed_nothing else exc from None

    def _started(self, *, dry: bool) -> list[str]:
        self._refuse_held()
        held = self.remembered().held
        if not dry:
            self._outlast("stop", "start")
        memory = self.remembered()
        if memory.held != held:  # someone stopped all services while this waited
            self._refuse_held(during_start=True)
        for name in memory.names if memory.down else ():
            if name not in self.services:
                raise ServiceForgotten(name=name, path=self.path)
        were_up = [self.services[name] for name in reversed(memory.names)] if memory.down else []
        down = [service for service in were_up if service.is_to_be_started]
        started = [service.name for service in down]
        if not dry:
            if self.remembered().held != held:  # or while each was asked whether it is up
                self._refuse_held(during_start=True)
            if memory.held:
                memory = replace(memory, held="")
                self._remember(memory)
            try:
                self._start(down)
                units.refuse_fallen(were_up or self._running(memory), self.options.settle)
            except RotationError as exc:
                self._refuse_held(during_start=True)
                if not memory.down:  # the next start tries what has died since
                    self._remember(replace(memory, names=memory.began, down=True))
                raise _add_started(exc, started) from None
            finally:
                self._refuse_held(during_start=True)  # a manual stop during this start takes effect
            try:
                if memory.down:
                    self._remember(replace(memory, down=False))
                if self.options.flag:
                    self._remove(self.options.flag)
            except RotationError as exc:
                raise _add_started(exc, started) from None
        return started

    def release(self, *, dry: bool) -> list[str]:
        """End the manual stop without starting anything: a rotation or a rollback may. Raise E_MAINTENANCE_FILE."""
        memory = self.remembered()
        if memory.held and not dry:
            self._remember(replace(memory, held=""))
        return []

    def states(self, started: Sequence[str]) -> dict[str, str]:
        """Return the state of each service after a start, in a word or two."""
        return {name: "started" if name in started else _state(service) for name, service in self.services.items()}

    def _outlast(self, *words: str) -> None:
        """Wait for commands of an earlier run that still work on the services. Raise E_SERVICE_AT_WORK."""
        for word in words:
            if child_processes.find_running(self.notes[word]):
                self.warnings.append(f"A {word} by an earlier run was still running; this run waited for it.")
            left = child_processes.outlast(self.notes[word], self.options.patience)
            if left:
                pids = ", ".join(map(str, left))
                raise ServiceAtWork(word=word, pids=pids, seconds=f"{self.options.patience:.0f}")

    def _began(self, memory: StoppedServices) -> Sequence[str]:
        """Return what ran when this rotation began, whatever was stopped and started manually since."""
        return memory.began if memory.rotation_id == self.options.rotation_id else ()

    def _running(self, memory: StoppedServices) -> list[Service]:
        """Return what was started manually for this rotation, and may have ended since."""
        return [self.services[name] for name in self._began(memory) if name in self.services]

    def _start(self, down: Sequence[Service]) -> None:
        """Start each, whatever happens to the others: a worker that does not start must not keep a web server down."""
        started: list[str] = []
        failures = []
        for service in down:
            self._refuse_held(during_start=True)
            try:
                units.start(service, self.options.patience, self.notes["start"])
                started.append(service.name)
            except RotationError as exc:
                failures.append(exc)
        if failures:
            others = f"{', '.join(started)} was started anyway." if started else "No other service was started."
            raise failures[0].with_changed(others) from None

    def remembered(self) -> StoppedServices:
        """Return what the last stop noted. Raise E_MAINTENANCE_FILE."""
        try:
            with open(self.path, encoding="utf-8") as handle:
                memory = StoppedServices(**json.load(handle))
            if not all(isinstance(names, (list, tuple)) for names in (memory.names, memory.began)):
                raise TypeError
        except FileNotFoundError:
            return StoppedServices()
        except (OSError, ValueError, TypeError) as exc:
            raise MaintenanceFile(path=self.path, reason=type(exc).__name__) from None
        return memory

    def _remembered_by_hand(self) -> StoppedServices:
        """Return the same for a manual stop. A damaged file does not prevent that: it is reported and replaced."""
        try:
            return self.remembered()
        except RotationError as exc:
            self.warnings.append(
                f"{exc.what}. It is unknown what was stopped before: only services that are running now will be "
                f"started again."
            )
            return StoppedServices()

    def _refuse_held(self, *, during_start: bool = False) -> None:
        """Raise E_SERVICE_HELD. For a manual start, raise it only if someone stopped all ``during_start``."""
        since = self.remembered().held
        if since and (during_start or not self.by_hand):
            changed = "No other service was started." if during_start else NOTHING_CHANGED
            raise ServiceHeld(changed=changed, since=since)

    def _refuse_no_time(self) -> None:
        """Raise E_OPTION if each command would be ended at once, that of the rollback too."""
        if self.services and self.options.patience <= 0:
            raise InvalidOption(
                option="services_timeout",
                fault=f"is {self.options.patience:.0f}",
                advice="Set it to the number of seconds that each service may take to stop or to start, such as 300.",
            )

    def _remember(self, memory: StoppedServices) -> None:
        self._write(self.path, json.dumps(asdict(memory)).encode("utf-8"))

    @contextlib.contextmanager
    def _going_on(self, failures: list[RotationError]) -> Iterator[None]:
        """Let a manual stop continue after an error, which is added to ``failures``. A rotation must not continue."""
        try:
            yield
        except RotationError as exc:
            if not self.by_hand:
                raise
            failures.append(exc)

    def _tell(self, failures: Sequence[RotationError], changed: str) -> None:
        if failures:
            reason = "; ".join(exc.what for exc in failures)
            raise StopIncomplete(changed=changed, reason=reason)

    def _is_up(self, service: Service, memory: StoppedServices) -> bool:
        """Return whether to stop it. A manual stop includes it if its state is unknown."""
        try:
            return service.is_up(unknown=self.by_hand or not memory.down or service.name not in memory.names)
        except RotationError:
            if not self.by_hand:
                raise
            return True

    def _stopped(self, progress: StopProgress) -> str:
        """Return how far a failed stop came: what is down, what may still be running, the flag, and the hold."""
        before, left, flag = ", ".join(progress.stopped), ", ".join(progress.possibly_running), self.options.flag
        return " ".join(
            [
                f"{before} was stopped {'anyway' if self.by_hand else 'before that'}."
                if before
                else "No other service was stopped.",
                f"Still running, or state unknown: {left}." if left else "No service is known to be running.",
                *([f"The file {flag} exists."] if flag and os.path.exists(flag) else []),
                *([self._format_hold()] if self.by_hand else []),
            ]
        )

    def _format_hold(self) -> str:
        try:
            held = self.remembered().held
        except RotationError:
            held = ""
        if held:
            return (
                f"The stop stays in effect: no rotation starts anything until you run the maintenance playbook with "
                f"{variable_of('maintenance')}=off."
            )
        return "The stop is not in effect: a running rotation would start the services again."

    @staticmethod
    def _write(path: str, data: bytes, mode: int = 0o600) -> None:
        try:
            if mode == 0o600:
                atomic_file.private_folder(os.path.dirname(path))
            atomic_file.replace(path, data, mode=mode)
        except OSError as exc:
            raise MaintenanceFile(path=path, reason=exc.strerror) from None

    @staticmethod
    def _remove(path: str) -> None:
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass
        except OSError as exc:
            raise MaintenanceFile(path=path, reason=exc.strerror) from None


def _add_started(failure: RotationError, started: Sequence[str]) -> RotationError:
    """Return the same for a start that had started some."""
    if started and failure.changed_nothing:
        return failure.with_changed(f"{', '.join(started)} was started.")
    return failure


def _state(service: Service) -> str:
    try:
        if service.is_up(unknown=False):
            return "already running"
        return "unknown: it has no status command" if service.is_up(unknown=True) else "stopped"
    except RotationError:
        return "unknown: its status command does not show it"


def _now() -> str:
    return f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
