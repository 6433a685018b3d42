# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server's processes that a pooler lends to its clients.

PostgreSQL cannot tell who uses such a process, nor whether its last user is still connected: it stays when its client
is gone (pgbouncer, "server_lifetime"). A process is the pooler's if the pooler lends it to us.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Collection, Iterator
from typing import Any

from .connection import Database

MOST = 32  # connections at once
SECONDS = 2.0  # for one of them: a pooler whose processes are all lent lets us wait
_OWN = "SELECT pg_backend_pid(), backend_start > %s::timestamptz FROM pg_stat_activity WHERE pid = pg_backend_pid()"


def lent(database: Database, pids: Collection[int]) -> set[int]:
    """Return those of these processes to which the application's own connections lead.

    Without a direct connection of our own there is no pooler, and the result is empty.
    """
    if not database.is_direct or not pids:
        return set()
    ((now,),) = database.rows("SELECT clock_timestamp()::text")
    backends: set[int] = set()
    with contextlib.ExitStack() as stack:
        for pid, is_new in _borrowed(database, stack, now):
            backends.add(pid)
            if is_new or backends.issuperset(pids):
                break
    return backends.intersection(pids)


def _borrowed(database: Database, stack: contextlib.ExitStack, now: str) -> Iterator[tuple[int, bool]]:
    """Yield one process after another, and whether it was started for us.

    Each is kept in a transaction, so that the pooler lends another one.
    """
    for _ in range(MOST):
        try:
            connection = stack.enter_context(contextlib.closing(database.by_own_way()))
            connection.autocommit = False
            with _limited(connection), connection.cursor() as cursor:
                cursor.execute(_OWN, (now,))
                pid, is_new = cursor.fetchone()
        except database.driver_errors:
            return
        yield int(pid), bool(is_new)


@contextlib.contextmanager
def _limited(connection: Any) -> Iterator[None]:
    """Cut the connection if it does not answer in time."""
    own = socket.socket(fileno=os.dup(connection.fileno()))

    def cut() -> None:
        with contextlib.suppress(OSError):
            own.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(SECONDS, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        own.close()
