# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom the fence has refused, and whether they still try.

The refusal ends the transaction of whoever is refused. What it leaves behind must survive that: the next value of a
sequence counts it, and a session-level advisory lock marks the session until it disconnects (PostgreSQL, "Sequence
Manipulation Functions" and "Explicit Locking").
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from ..._errors.database import StaleWriter
from ..postgres.catalog import FENCE
from ..postgres.connection import Database

SEQUENCE = f"{FENCE}_refused"
WATCH_SECONDS = 3.0  # for a process that connects for each request, whose sessions end
_SESSIONS = (
    "SELECT a.pid, a.usename::text, a.application_name, coalesce(host(a.client_addr), 'the database''s own host'),"
    " to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS UTC')"
    " FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' AND l.objsubid = 2"
    " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND l.classid = (hashtext(%s)::bigint & 4294967295)::oid AND l.objid = (hashtext(%s)::bigint & 4294967295)::oid"
    " ORDER BY a.backend_start, a.pid"
)


def recording(database: Database, schema: str, rotation_id: str) -> str:
    """The PL/pgSQL statement that records a refusal. Creates the sequence; anybody who is refused can use it."""
    sequence = f"{schema}.{SEQUENCE}"
    database.execute(f"CREATE SEQUENCE IF NOT EXISTS {sequence}")
    database.execute(f"GRANT USAGE ON SEQUENCE {sequence} TO PUBLIC")
    ((oid,),) = database.rows("SELECT to_regclass(%s)::oid::bigint", (sequence,))
    key = rotation_id.replace("'", "''")
    # By its number: whoever is refused may have no right to the schema.
    return f"PERFORM nextval({oid}::regclass), pg_try_advisory_lock_shared(hashtext('{FENCE}'), hashtext('{key}'));"


def forget(database: Database, schema: str) -> None:
    """Drop the sequence. The marks end with their sessions, and count for one rotation only."""
    database.execute(f"DROP SEQUENCE IF EXISTS {schema}.{SEQUENCE}")


def count(database: Database, schema: str) -> int:
    """How many statements the fence has refused since it was put up."""
    if database.rows("SELECT to_regclass(%s)", (f"{schema}.{SEQUENCE}",)) == [(None,)]:
        return 0  # that of an earlier version of this collection
    ((refused,),) = database.rows(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {schema}.{SEQUENCE}")
    return int(refused)


def refuse_writers(database: Database, schema: str, rotation_id: str, *, look_out: bool) -> None:
    """Raise E_STALE_WRITER if a session that was refused stays connected, or a statement is refused while we look.

    Looks for WATCH_SECONDS if somebody was refused before, or with ``look_out``.
    """
    before = count(database, schema)
    if not before and not look_out:
        return
    time.sleep(WATCH_SECONDS)
    left, now = _sessions(database, rotation_id), count(database, schema)
    if left or now > before:
        who = "; ".join(left) or "sessions that connect for each statement"
        raise StaleWriter(count=now, alias=database.alias, sessions=who)


def _sessions(database: Database, rotation_id: str) -> Sequence[str]:
    return [
        f"pid {pid} of {user}{f' as {name}' if name else ''} from {address}, connected since {since}"
        for pid, user, name, address, since in database.rows(_SESSIONS, (FENCE, rotation_id))
    ]
