# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The locks of a run: only one run works on a database at a time, and only one step of it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from ..._errors.database import DatabaseLocked
from .connection import APPLICATION_NAME, Database

LOCK_LABEL = "tetech.key_rotation"
NUMBER = "hashtext(%s) & 2147483647 | 1"  # of an advisory lock; 0 is the gate
LOCK_SECONDS = 2  # how long the server may take to see that the last step's process is gone
STEP_SECONDS = 90  # the same of a host that was lost: longer than KEEPALIVE


class Session(NamedTuple):
    """One of our sessions at the server. ``ours`` is whether it is of the same run."""

    pid: int
    user: str
    host: str
    application: str
    since: str
    ours: bool

    def as_error(self) -> DatabaseLocked:
        """Return E_LOCKED for a session of another run."""
        rotation = self.application.replace(APPLICATION_NAME, "")
        return DatabaseLocked(holder=rotation, user=self.user, host=self.host, since=self.since, pid=self.pid)


def lock(database: Database, run: str, step: str = "") -> None:
    """Make this run the only one that works on this database, for the life of the connection. Raise E_LOCKED.

    All processes of a run share its lock, on every host, and so do the processes of one of its steps. If an earlier
    step is still active on a host that was lost, this waits for it: it could be moving in another direction.
    """
    database.join = partial(lock, run=run, step=step)
    asked = time.monotonic()
    while (other := _enter(database, run, step)) is not None:
        patience = STEP_SECONDS if other.ours else LOCK_SECONDS
        if time.monotonic() > asked + patience:
            raise other.as_error()
        time.sleep(0.05)


def _enter(database: Database, run: str, step: str) -> Session | None:
    """Take the locks of this run and step, or return the session that holds those of another."""
    with gate(database):
        other = find_other_session(database, run, step)
        if other is None:
            for label, number in ((LOCK_LABEL, run), (LOCK_LABEL + run, step)):
                database.rows(f"SELECT pg_advisory_lock_shared(hashtext(%s), {NUMBER})", (label, number))
        return other


@contextlib.contextmanager
def gate(database: Database) -> Iterator[None]:
    """Let one process at a time look for others and decide."""
    database.rows("SELECT pg_advisory_lock(hashtext(%s), 0)", (LOCK_LABEL,))
    try:
        yield
    finally:
        database.rows("SELECT pg_advisory_unlock(hashtext(%s), 0)", (LOCK_LABEL,))


def find_other_run(database: Database, run: str) -> Session | None:
    """Return a session that works on this database for another run."""
    session = find_other_session(database, run, "")
    return None if session is None or session.ours else session


def find_other_session(database: Database, run: str, step: str) -> Session | None:
    """Return a session that works on this database for another run, or for another step of this one."""
    rows = database.rows(
        "SELECT a.pid, a.usename::text, coalesce(a.client_addr::text, 'this host'), a.application_name,"
        " to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS UTC'), w.ours"
        " FROM (VALUES (hashtext(%s), hashtext(%s), false), (hashtext(%s), hashtext(%s), true))"
        "  AS w(label, number, ours)"
        " JOIN pg_locks l ON l.classid = (w.label::bigint & 4294967295)::oid"
        "  AND l.objid NOT IN (0, (w.number & 2147483647 | 1)::oid)"
        " JOIN pg_stat_activity a USING (pid)"
        " WHERE l.locktype = 'advisory' AND l.granted"
        " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        " ORDER BY w.ours LIMIT 1",
        (LOCK_LABEL, run, LOCK_LABEL + run, step),
    )
    return Session(*rows[0]) if rows else None
