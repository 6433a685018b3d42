# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The start of an application under keys that may not fit its data: it may check values, and must write nothing.

An application may refuse to start if it does not read what is stored. Then it starts once more, in another process,
which finds every table empty until it has started.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import NamedTuple, NoReturn

from ..._errors.base import NOTHING_CHANGED, RotationError
from ..._errors.errors_by_code import build_error
from . import django_project
from .statements_at_start import Access, StatementsAtStart


class Failure(NamedTuple):
    """An error of the catalog."""

    code: str
    where: Mapping[str, object]

    @classmethod
    def of(cls, error: RotationError | None) -> Failure | None:
        return None if error is None else cls(error.code, error.where)

    def as_error(self) -> RotationError:
        return build_error(self.code, changed=NOTHING_CHANGED, **self.where)

    @property
    def place(self) -> str:
        """The place in the application's code, if the error knows one."""
        return str(self.where.get("place", "an unknown place"))


@dataclass(frozen=True)
class StartReport:
    """The result of an application's start. ``failure`` is why it fails.

    ``check`` is why it failed while it could read stored values, if it starts without them. ``refused`` has the
    statements that were refused, by template, as a person calls them.
    """

    failure: Failure | None = None
    check: Failure | None = None
    refused: Mapping[str, str] = field(default_factory=dict)

    def refused_but(self, known: Collection[str]) -> list[str]:
        """The refused statements without those whose templates are ``known``."""
        return sorted({statement for template, statement in self.refused.items() if template not in known})


@dataclass(frozen=True)
class Attempt:
    """One start in one process."""

    statements: StatementsAtStart
    error: RotationError | None = None


Begin = Callable[[Access], Attempt]


def begin(start: Begin, *, guarded: bool) -> StartReport:
    """Start the application. What returns may be a copy of the process that called."""
    if not guarded:
        return StartReport(Failure.of(start(Access.WRITE).error))
    spare = _Spare()
    before = spare.wait_if_spare()
    if before is not None:
        return _again(start, before)
    attempt = start(Access.READ)
    report = StartReport(Failure.of(attempt.error), None, dict(attempt.statements.refused))
    if attempt.error is None or not attempt.statements.has_read:
        spare.dismiss()
        return report
    spare.take_over(report)


def _again(start: Begin, before: StartReport) -> StartReport:
    """The second start. If it fails too, the first one says why."""
    attempt = start(Access.EMPTY)
    if attempt.error is not None:
        return before
    return StartReport(None, before.failure, before.refused)


class _Spare:
    """A copy of this process from before the application started, since Django starts once in a process."""

    def __init__(self) -> None:
        self._receiver, self._sender = multiprocessing.Pipe(duplex=False)
        self._pid = os.fork()

    def wait_if_spare(self) -> StartReport | None:
        """Wait, in the copy, until it takes over, and return the report of the first start.

        In the original process, return None at once.
        """
        if self._pid:
            self._receiver.close()
            return None
        self._sender.close()
        try:
            report: StartReport = self._receiver.recv()
        except (EOFError, OSError):
            os._exit(0)
        threading.Thread(target=_end_with, args=(self._receiver,), daemon=True).start()
        return report

    def dismiss(self) -> None:
        self._sender.close()
        os.kill(self._pid, signal.SIGKILL)  # other processes of ours may have the pipe
        self._wait()

    def take_over(self, report: StartReport) -> NoReturn:
        """Have the copy do the rest of the work, and end as it does."""
        with contextlib.suppress(Exception):
            django_project.let_go()
        self._sender.send(report)
        code = self._wait()
        os._exit(code if code >= 0 else 1)

    def _wait(self) -> int:
        """Return the exit code of the copy after it has ended; 0 if the application collects its children itself."""
        with contextlib.suppress(ChildProcessError):
            return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        return 0


def _end_with(parent: Connection) -> None:
    """The copy ends when the process is gone for which it works."""
    with contextlib.suppress(EOFError, OSError):
        parent.recv()
    os._exit(0)
