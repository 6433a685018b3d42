# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A key in a place that only commands reach, such as the configuration of a platform.

The value is what ``read`` prints, without the line ending, and what ``write`` gets on standard input, without one. It
is never an argument or a variable of either. The application finds it in its environment, under the name of the key.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from .._errors.base import RotationError
from .._errors.destinations import CommandPrints, CommandProgram, CommandReadback, CommandStamp, KeyCommandFailed
from .._system import atomic_file, child_processes, users
from .._system.state_folder import STATE_FOLDER
from .destination_interface import Delivery, Destination, DestinationChange

SECONDS = 120.0  # for one command
SETTLING, POLL = 10.0, 0.5  # seconds that another host's write may take; pause between two reads
SWITCHED = "{name} has its new value."
KEPT = "{name} still has its previous value."
RESTORED = "The previous value of {name} was restored and verified."
UNKNOWN = "{name} may have the new value or the previous one: both are in the key store."


@dataclass(frozen=True)
class KeyCommands:
    """The two commands of one key."""

    name: str
    read: Sequence[str]
    write: Sequence[str]

    @property
    def program(self) -> str:
        return child_processes.program(self.write)

    @property
    def stamp(self) -> str:
        """Return the file whose time is that of the last write."""
        words = json.dumps([self.name, list(self.read), list(self.write)]).encode("utf-8")
        return os.path.join(os.path.expanduser(STATE_FOLDER), f"written-{hashlib.sha256(words).hexdigest()[:16]}")

    def value(self) -> str:
        """Return the current value. Raise E_COMMAND_FAILED."""
        ended = child_processes.exchange(self.read, b"", SECONDS)
        if ended.rc:
            raise self._failure("reads", ended.rc)
        try:
            text = ended.output.decode("utf-8")
        except UnicodeDecodeError:
            raise KeyCommandFailed(name=self.name, word="reads", reason="prints bytes that are not UTF-8") from None
        value = text[:-2] if text.endswith("\r\n") else text[:-1] if text.endswith("\n") else text
        if not value or not value.isprintable():
            reason = "prints several lines, or characters that a key cannot have" if value else "prints nothing"
            raise KeyCommandFailed(name=self.name, word="reads", reason=reason)
        return value

    def put(self, value: str) -> None:
        """Write a value, read it back, and note the time. Raise E_COMMAND_*."""
        self.stamp_change()
        try:
            self.put_unstamped(value)
        finally:
            self.stamp_change()  # a process that started in between may have either value

    def put_unstamped(self, value: str) -> None:
        """Write a value and read it back. Raise E_COMMAND_*."""
        raw = value.encode("utf-8")
        ended = child_processes.exchange(self.write, raw, SECONDS)
        if raw in ended.output or raw in ended.errors:
            raise CommandPrints(name=self.name)
        if ended.rc:
            raise self._failure("writes", ended.rc)
        if self.value() != value:
            raise CommandReadback(name=self.name)

    def _failure(self, word: str, rc: int) -> KeyCommandFailed:
        argv = self.read if word == "reads" else self.write
        reason = child_processes.format_failure(rc, SECONDS, child_processes.program(argv))
        return KeyCommandFailed(name=self.name, word=word, reason=reason)

    @property
    def written_at(self) -> float:
        """Return when this host last wrote it; 0 if it never did. Raise E_COMMAND_STAMP."""
        with self._stamping(), contextlib.suppress(FileNotFoundError):
            return os.stat(self.stamp).st_ctime
        return 0.0

    def stamp_change(self) -> None:
        """Note that it is written now. Raise E_COMMAND_STAMP."""
        with self._stamping():
            atomic_file.private_folder(os.path.dirname(self.stamp))
            atomic_file.replace(self.stamp, b"")

    def refuse_unstamped(self) -> None:
        """Raise E_COMMAND_STAMP if ``stamp_change`` would. Nothing is created."""
        place = os.path.dirname(self.stamp)
        with self._stamping():
            if os.path.lexists(self.stamp) and not stat.S_ISREG(os.lstat(self.stamp).st_mode):
                raise OSError(errno.EINVAL, "it is not a regular file")
            while not os.path.lexists(place):
                place = os.path.dirname(place)
            if not os.path.isdir(place):
                raise OSError(errno.ENOTDIR, f"{place} is not a folder")
            if os.statvfs(place).f_flag & os.ST_RDONLY:
                raise OSError(errno.EROFS, f"{place} is on a read-only file system")
            if not os.access(place, os.W_OK | os.X_OK):
                raise OSError(errno.EACCES, f"no write permission on {place}")

    @contextlib.contextmanager
    def _stamping(self) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            reason, user = exc.strerror, users.own_name()
            raise CommandStamp(name=self.name, path=self.stamp, reason=reason, user=user) from None


class CommandDestination(Destination):
    """The place that the commands of one key reach. Raise E_COMMAND_*."""

    def __init__(self, commands: KeyCommands) -> None:
        super().__init__(f"the command {commands.program}", [commands.name], delivery=Delivery.ENVIRONMENT)
        self._commands = commands

    @property
    def changed_at(self) -> float:
        return self._commands.written_at

    def read(self, *, every: bool = True) -> dict[str, str]:
        return {self._commands.name: self._commands.value()}

    def refuse_unwritable(self) -> None:
        for word, argv in (("reads", self._commands.read), ("writes", self._commands.write)):
            if not shutil.which(argv[0]):
                program, user = child_processes.program(argv), users.own_name()
                raise CommandProgram(name=self._commands.name, word=word, program=program, user=user)
        self._commands.refuse_unstamped()

    def change(self, values: Mapping[str, str]) -> DestinationChange | None:
        old, new = self._commands.value(), values[self._commands.name]
        return CommandChange(self._commands, old, new) if new != old else None


@dataclass(frozen=True, repr=False)
class CommandChange(DestinationChange):
    """A new value that a command writes."""

    commands: KeyCommands
    old: str
    new: str

    @property
    def place(self) -> str:
        return f"{self.commands.name} by {self.commands.program}"

    def rehearse(self) -> None:
        """Write the current value, so that faulty commands show before anything is changed."""
        self.commands.put(self.old)

    @contextlib.contextmanager
    def prepared(self) -> Iterator[Callable[[], None]]:
        self._is_switched()
        yield self._switch

    def refuse_difference(self) -> None:
        if self.commands.value() != self.new:
            raise CommandReadback(name=self.commands.name)

    def _is_switched(self) -> bool:
        """Return whether the new value is there, for example because another host wrote it.

        Raise E_COMMAND_READBACK if neither the new nor the old value is there.
        """
        value = self.commands.value()
        if value not in (self.old, self.new):
            raise CommandReadback(name=self.commands.name)
        return value == self.new

    def _switch(self) -> None:
        if self._is_switched():
            self._stamp_switched()
            return
        try:
            self.commands.put(self.new)
        except CommandPrints as exc:  # it may be in a log by now, and is not to be used
            raise exc.with_changed(self._put_back()) from None
        except RotationError as exc:
            self._settle(exc)

    def _settle(self, failure: RotationError) -> None:
        """Decide after a failed write. Raise the failure unless the new value is there.

        If several hosts share the place, another one may have written the new value, or be about to. The old value
        never overwrites it.
        """
        value = self._await_new()
        if value == self.new:
            self._stamp_switched()
        elif value == self.old:
            raise failure.with_changed(KEPT.format(name=self.commands.name)) from None
        elif value is None:
            raise failure.with_changed(UNKNOWN.format(name=self.commands.name)) from None
        else:
            raise failure.with_changed(self._put_back()) from None

    def _stamp_switched(self) -> None:
        try:
            self.commands.stamp_change()
        except RotationError as exc:
            raise exc.with_changed(SWITCHED.format(name=self.commands.name)) from None

    def _await_new(self) -> str | None:
        """Return the new value as soon as it is there, otherwise the last value. None if it cannot be read."""
        end = time.monotonic() + SETTLING
        while (value := self._read_value()) != self.new and time.monotonic() < end:
            time.sleep(POLL)
        return value

    def _read_value(self) -> str | None:
        with contextlib.suppress(RotationError):
            return self.commands.value()
        return None

    def _put_back(self) -> str:
        with contextlib.suppress(RotationError):  # the current value is read next
            self.commands.put_unstamped(self.old)
        with contextlib.suppress(RotationError):
            self.commands.stamp_change()
        return (RESTORED if self._read_value() == self.old else UNKNOWN).format(name=self.commands.name)
