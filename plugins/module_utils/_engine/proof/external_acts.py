# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find what a model's code does outside of the database while it is read, such as a request or an e-mail.

An audit hook (PEP 578) refuses it in advance, unless a person allows it. PostgreSQL's own library raises no such event,
so the application's database stays readable.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ..._errors.application import ApplicationActs

# https://docs.python.org/3/library/audit_events.html
ACTS: Mapping[str, str] = {
    "socket.connect": "connects to a server",
    "socket.sendto": "sends to a server",
    "socket.sendmsg": "sends to a server",
    "subprocess.Popen": "starts a program",
    "os.exec": "starts a program",
    "os.fork": "starts a process",
    "os.forkpty": "starts a program",
    "os.posix_spawn": "starts a program",
    "os.system": "starts a program",
}


class RefusedAct(PermissionError):
    """Refuse the call; code that expects failures handles it."""


class _Guard:
    """The audit hook of this process, which cannot be taken out again: it refuses while a thread reads."""

    def __init__(self) -> None:
        self.allowed: Collection[str] = ()
        self._thread: int | None = None
        self._refused = ""
        self._is_installed = False

    @contextlib.contextmanager
    def refusing(self) -> Iterator[None]:
        """Refuse what this thread does until the end."""
        if not self._is_installed:
            sys.addaudithook(self._see)
            self._is_installed = True
        outer, self._thread = self._thread, threading.get_ident()
        try:
            yield
        finally:
            self._thread = outer

    def take_refused(self) -> str:
        """Return what was refused since the last call."""
        refused, self._refused = self._refused, ""
        return refused

    def _see(self, event: str, arguments: object) -> None:
        if self._thread is not None and event in ACTS and self._thread == threading.get_ident():
            self._refused = ACTS[event]
            raise RefusedAct


_guard = _Guard()


def allow(names: Collection[str]) -> None:
    """The attributes, each as app.Model.name, that may act as they are read in this process."""
    _guard.allowed = names


def allowed() -> Collection[str]:
    """Return the allowed names."""
    return _guard.allowed


@contextlib.contextmanager
def refused(name: str) -> Iterator[None]:
    """Refuse what an attribute does outside of the database. Raise E_APPLICATION_ACTS at the end if it tried, whether
    it passed that error on or not."""
    if name in _guard.allowed:
        yield
        return
    try:
        with _guard.refusing():
            yield
    finally:
        if act := _guard.take_refused():
            raise ApplicationActs(name=name, act=act) from None


def refused_of(model: Any, name: str) -> contextlib.AbstractContextManager[None]:
    """Refuse what an attribute of a model does outside of the database, unless it is a column.

    A column is exempt because its field may fetch a key from another system.
    """
    if any(name == column.attname for column in model._meta.concrete_fields):
        return contextlib.nullcontext()
    return refused(f"{model._meta.label}.{name}")
