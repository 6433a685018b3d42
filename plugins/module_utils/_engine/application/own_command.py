# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The application's own command that rotates its keys, such as ``rotate-db-key`` of pulpcore.

It runs in a process of the application that is forked before this one starts Django, like functions of the application
(custom_functions.py). Its keys are in the memory of that process, and in no file, argument or environment that /proc
shows. What it prints is discarded, because it may be a key.

All that it does in the database is one transaction, which PostgreSQL rolls back if the command fails or is killed. So
it does all or nothing, including what only the command can create.
"""

from __future__ import annotations

import contextlib
import difflib
import multiprocessing
import os
import re
import signal
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, TypedDict

from ..._errors.application import OwnCommandFailed, OwnCommandUnknown
from ..._errors.base import RotationError
from ..._errors.errors_by_code import build_error
from ..._errors.options import InvalidOption
from ..crypto.key_entry import KeyEntries
from ..crypto.key_set import split_list
from ..postgres.connection import OUR_SETTING, OURS, Direct
from . import django_project, key_worker, process_environment

LOOK_SECONDS = 0.5  # between two checks for a request to stop
HOW = (
    "Add {name} to its new_keys with the environment variable that the command reads. Or, if the application encrypts "
    "with the first key of a list and decrypts with all, set keep: 1 in O(keys)."
)
_NAME = re.compile(r"(rotate|regenerate|rekey|reencrypt|re_encrypt|rewrap)", re.IGNORECASE)
_SUBJECT = re.compile(r"key|secret|encrypt", re.IGNORECASE)


class CommandOption(TypedDict, total=False):
    """The option ``command``."""

    name: str
    arguments: Sequence[str] | None
    new_keys: Mapping[str, str] | None


class PlannedCommand(TypedDict):
    """The command in a plan, in which it is called a column as the entries of all parts are."""

    column: str
    arguments: list[str]
    new_keys: dict[str, str]


@dataclass(frozen=True)
class OwnCommand:
    """A management command and how it gets the keys.

    ``new_keys`` has by key the environment variable from which the command takes the new value. The application has the
    old value then. Any other key is a list: the new value first, followed by those that it replaces.
    """

    name: str
    arguments: Sequence[str] = ()
    new_keys: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, described: CommandOption | None) -> OwnCommand | None:
        """The command of the option ``command``, if there is one. Raise E_OPTION if it has no name."""
        if not described:
            return None
        if not described["name"]:
            raise InvalidOption(option="command", fault="has no name", advice="Set it, such as name: rotate-db-key.")
        return cls(described["name"], tuple(described.get("arguments") or ()), dict(described.get("new_keys") or {}))

    def as_planned(self) -> PlannedCommand:
        """Return the command in the plan, in which each entry has a ``column``."""
        return {"column": self.name, "arguments": list(self.arguments), "new_keys": dict(self.new_keys)}

    def refuse_unfit(self, keys: KeyEntries) -> None:
        """Raise E_OWN_COMMAND_UNKNOWN unless the started application has this command.

        Raise E_OPTION for one of ``keys``, as the operator lists them, if it is not known how the command gets it.
        """
        from django.core.management import get_commands

        known = get_commands()
        if self.name not in known:
            near = [*difflib.get_close_matches(self.name, known), *candidates()]
            raise OwnCommandUnknown(command=self.name, near=", ".join(dict.fromkeys(near)) or "no similar command")
        for key in keys:
            is_list = key.get("keep") or isinstance(key.get("destination"), str)  # a key file has a key in each line
            if key["name"] not in self.new_keys and not is_list:
                fault = f"does not say how {self.name} gets the new {key['name']}"
                raise InvalidOption(option="command", fault=fault, advice=HOW.format(name=key["name"]))

    def values(self, old: Sequence[Mapping[str, str]], new: Mapping[str, str]) -> CommandValues:
        """Return the values with which its process rotates from the keys of ``old``, the most likely first, to
        ``new``."""
        keys = {
            name: old[0][name]
            if name in self.new_keys
            else _joined(value, (each[name] for each in old if name in each))
            for name, value in new.items()
        }
        return CommandValues(keys, {variable: new[name] for name, variable in self.new_keys.items() if name in new})


@dataclass(frozen=True)
class CommandValues:
    """The keys of the application, and variables for the command alone."""

    keys: Mapping[str, str] = field(repr=False)
    variables: Mapping[str, str] = field(repr=False)


class CommandProcess:
    """The process that will run the command, forked and waiting."""

    def __init__(
        self,
        place: key_worker.ApplicationLocation,
        command: OwnCommand,
        direct: Mapping[str, Direct],
    ) -> None:
        if django_project.is_started():
            raise RuntimeError("a process of the application was forked after Django had started")
        context = multiprocessing.get_context("fork")
        self._command = command
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(place, command, direct, theirs, self._connection))
        self._process.start()
        theirs.close()

    def run(self, values: CommandValues, look: Callable[[], None]) -> None:
        """Run the command to its end, and call ``look`` repeatedly, which may raise. Raise E_OWN_COMMAND_FAILED, and
        what starting the application raises."""
        try:
            self._connection.send(values)
            while not self._connection.poll(LOOK_SECONDS):
                look()
            outcome, *answer = self._connection.recv()
        except (EOFError, OSError):
            raise OwnCommandFailed(command=self._command.name, error="its process was killed") from None
        if outcome == "failed":
            raise build_error(answer[0], **answer[1])
        if outcome == "ended":
            raise OwnCommandFailed(command=self._command.name, error=answer[0])

    def close(self) -> None:
        """End the process, and those that it has started; PostgreSQL rolls back what is not committed."""
        self._connection.close()
        with contextlib.suppress(OSError):  # it is gone, or has no group of its own yet
            os.killpg(self._process.pid or 0, signal.SIGKILL)
        self._process.kill()
        self._process.join()
        process_environment.remove_leftovers()


def candidates() -> list[str]:
    """Commands of the application that may rotate its keys, by their names."""
    from django.core.management import get_commands

    return sorted(
        name
        for name, package in get_commands().items()
        if package != "django.core" and _NAME.search(name) and _SUBJECT.search(name)
    )


def _joined(value: str, others: Iterator[str]) -> str:
    """A list with commas: the members of ``value``, then all others."""
    members = [member for text in (value, *others) for member in split_list(text)]
    return ",".join(dict.fromkeys(members))


def _serve(
    place: key_worker.ApplicationLocation,
    command: OwnCommand,
    direct: Mapping[str, Direct],
    connection: Connection,
    other: Connection,
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who waits
    os.setsid()  # a group of its own: what it starts ends with it
    other.close()  # otherwise the pipe never closes
    key_worker.silence()
    with contextlib.suppress(EOFError, OSError):
        values = connection.recv()
        threading.Thread(target=_end_with, args=(connection,), daemon=True).start()
        connection.send(_outcome(place, command, direct, values))


def _end_with(connection: Connection) -> None:
    """End a command when no process waits for its result anymore, so that it does not meet the next run."""
    with contextlib.suppress(EOFError, OSError):
        connection.recv()
    os.killpg(0, signal.SIGKILL)


def _outcome(
    place: key_worker.ApplicationLocation,
    command: OwnCommand,
    direct: Mapping[str, Direct],
    values: CommandValues,
) -> tuple[object, ...]:
    try:
        key_worker.start(place, values.keys, values.variables)
        _claim_sessions(direct)
        _call(command)
    except RotationError as exc:
        return "failed", exc.code, exc.where
    except SystemExit as exc:
        return "ended", f"exit code {_number(exc.code)}"
    except BaseException as exc:
        return "ended", type(exc).__name__
    return ("done",)


def _call(command: OwnCommand) -> None:
    """The command in one transaction."""
    from django.core.management import call_command
    from django.db import transaction

    with transaction.atomic(using=django_project.aliases()[0]):
        try:
            call_command(command.name, *command.arguments)
        except SystemExit as exc:
            if exc.code not in (None, 0):
                raise


def _number(code: object) -> int:
    """The exit code of a process that gives its parent such a value: a text is printed, and is 1."""
    return code if isinstance(code, int) else 1


def _claim_sessions(direct: Mapping[str, Direct]) -> None:
    """Let the fence pass the command's sessions, and connect them directly to the servers. A pooler could give the
    setting to another session."""
    from django.db import connections
    from django.db.backends.signals import connection_created

    connections.close_all()
    for alias, place in direct.items():
        connections[alias].settings_dict.update(
            {name.upper(): place[name] for name in ("host", "port") if place.get(name)}
        )

    def claim(connection: Any, **_: Any) -> None:
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config(%s, %s, false)", [OUR_SETTING, OURS])

    connection_created.connect(claim, weak=False)


def attributes_of(columns: Collection[str]) -> list[str]:
    """The attributes of models, as an operator calls them, that hold these columns."""
    from django.apps import apps

    from .model_fields import table_of

    return [
        f"{model._meta.label}.{column.attname}"
        for model in apps.get_models(include_auto_created=True)
        for column in model._meta.local_concrete_fields
        if f"{table_of(model)}.{column.column}" in columns
    ]
