# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A key in a place that only commands reach, such as the configuration of a platform.

The value is what ``read`` prints, without the end of its line, and what ``write`` gets on standard input, without one.
It is no argument and no variable of either. The application finds it in its environment, under the name of the key.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from .._errors.base import RotationError
from .._errors.destinations import CommandFailed, CommandPrints, CommandProgram, CommandReadback
from .._system import atomic_file, child_processes, users
from .destination import Destination, DestinationChange

SECONDS = 120.0  # for one command
STAMPS = "~/.local/state/key_rotation"
RESTORED = "The previous value of {name} was written back and read."
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
        """The file whose time is that of the last write."""
        words = json.dumps([self.name, list(self.read), list(self.write)]).encode("utf-8")
        return os.path.join(os.path.expanduser(STAMPS), f"written-{hashlib.sha256(words).hexdigest()[:16]}")

    def value(self) -> str:
        """What is there. Raises E_COMMAND_FAILED."""
        ended = child_processes.exchange(self.read, b"", SECONDS)
        if ended.rc:
            raise self._failure("reads", ended.rc)
        try:
            text = ended.output.decode("utf-8")
        except UnicodeDecodeError:
            raise CommandFailed(name=self.name, word="reads", found="prints bytes that are not UTF-8") from None
        value = text[:-2] if text.endswith("\r\n") else text[:-1] if text.endswith("\n") else text
        if not value or not value.isprintable():
            found = "prints several lines, or characters that no key has" if value else "prints nothing"
            raise CommandFailed(name=self.name, word="reads", found=found)
        return value

    def put(self, value: str) -> None:
        """Write a value and read it back. Raises E_COMMAND_*."""
        self._touch()
        raw = value.encode("utf-8")
        ended = child_processes.exchange(self.write, raw, SECONDS)
        self._touch()  # what was started in between may have either value
        if raw in ended.output or raw in ended.errors:
            raise CommandPrints(name=self.name)
        if ended.rc:
            raise self._failure("writes", ended.rc)
        if self.value() != value:
            raise CommandReadback(name=self.name)

    def _failure(self, word: str, rc: int) -> CommandFailed:
        argv = self.read if word == "reads" else self.write
        found = child_processes.format_failure(rc, SECONDS, child_processes.program(argv))
        return CommandFailed(name=self.name, word=word, found=found)

    def _touch(self) -> None:
        with contextlib.suppress(OSError):
            atomic_file.private_folder(os.path.dirname(self.stamp))
            atomic_file.replace(self.stamp, b"")


class CommandDestination(Destination):
    """What the commands of one key reach. Raises E_COMMAND_*."""

    def __init__(self, commands: KeyCommands) -> None:
        super().__init__(f"the command {commands.program}", [commands.name], is_exported=True)
        self._commands = commands

    @property
    def changed_at(self) -> float:
        """When it was last written from this host; 0 if it never was."""
        with contextlib.suppress(OSError):
            return os.stat(self._commands.stamp).st_ctime
        return 0.0

    def read(self, *, every: bool = True) -> dict[str, str]:
        return {self._commands.name: self._commands.value()}

    def refuse_unwritable(self) -> None:
        for word, argv in (("reads", self._commands.read), ("writes", self._commands.write)):
            if not shutil.which(argv[0]):
                program, user = child_processes.program(argv), users.own_name()
                raise CommandProgram(name=self._commands.name, word=word, program=program, user=user)

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
        """Write the value that is there: whatever is wrong with the commands shows before anything is changed."""
        self.commands.put(self.old)

    @contextlib.contextmanager
    def prepared(self) -> Iterator[Callable[[], None]]:
        if self.commands.value() != self.old:
            raise CommandReadback(name=self.commands.name)
        yield self._switch

    def refuse_difference(self) -> None:
        if self.commands.value() != self.new:
            raise CommandReadback(name=self.commands.name)

    def _switch(self) -> None:
        try:
            self.commands.put(self.new)
        except RotationError as exc:
            raise exc.with_changed(self._put_back()) from None

    def _put_back(self) -> str:
        try:
            self.commands.put(self.old)
        except CommandPrints:  # it wrote it: whether it reads is asked next
            pass
        except RotationError:
            return UNKNOWN.format(name=self.commands.name)
        with contextlib.suppress(RotationError):
            if self.commands.value() == self.old:
                return RESTORED.format(name=self.commands.name)
        return UNKNOWN.format(name=self.commands.name)
