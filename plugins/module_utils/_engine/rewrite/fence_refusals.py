# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sessions that the fence has refused, and whether they still try.

The refusal ends the transaction of a refused session. The next value of a sequence counts it, and a session-level
advisory lock marks the session until it disconnects. Both survive the end of the transaction (PostgreSQL, "Sequence
Manipulation Functions" and "Explicit Locking"). A session that a pooler lends keeps the mark after its client is gone,
so there only the count helps.
"""

from __future__ import annotations

import time

from ..._errors.database import StaleWriter
from ..postgres import pooler, sql
from ..postgres.catalog import FENCE, Table
from ..postgres.connection import Database
from ..postgres.database_sessions import COLUMNS, build_session, format_session

SEQUENCE = f"{FENCE}_refused"
WATCH_SECONDS = 3.0  # for a process that connects for each request, whose sessions end
POOLED_SECONDS = 10.0  # as much longer, if a pooler hides whether it is still connected
_SESSIONS = (
    f"SELECT {COLUMNS} FROM pg_locks l JOIN pg_stat_activity USING (pid)"
    " WHERE l.locktype = 'advisory' AND l.objsubid = 2"
    " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND l.classid = (hashtext(%s)::bigint & 4294967295)::oid AND l.objid = (hashtext(%s)::bigint & 4294967295)::oid"
    " ORDER BY backend_start, pid"
)


def recording(database: Database, schema: str, rotation_id: str) -> sql.Composable:
    """Return the PL/pgSQL statement that records a refusal.

    This creates the sequence, which every refused session may use.
    """
    sequence = _sequence(schema)
    database.execute(sql.SQL("CREATE SEQUENCE IF NOT EXISTS {}").format(sequence.identifier))
    database.execute(sql.SQL("GRANT USAGE ON SEQUENCE {} TO PUBLIC").format(sequence.identifier))
    ((oid,),) = database.rows("SELECT to_regclass(%s)::oid::bigint", (sequence.regclass,))
    # By its number: whoever is refused may have no right to the schema.
    return sql.SQL("PERFORM nextval({}::regclass), pg_try_advisory_lock_shared(hashtext({}), hashtext({}));").format(
        sql.Literal(oid), sql.Literal(FENCE), sql.Literal(rotation_id)
    )


def forget(database: Database, schema: str) -> None:
    """Drop the sequence. The marks end with their sessions, and count for one rotation only."""
    database.execute(sql.SQL("DROP SEQUENCE IF EXISTS {}").format(_sequence(schema).identifier))


def count(database: Database, schema: str) -> int:
    """Return how many statements the fence has refused since it was put up."""
    sequence = _sequence(schema)
    if database.rows("SELECT to_regclass(%s)", (sequence.regclass,)) == [(None,)]:
        return 0  # that of an earlier version of this collection
    last = sql.SQL("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {}").format(sequence.identifier)
    ((refused,),) = database.rows(last)
    return int(refused)


def _sequence(schema: str) -> Table:
    return Table(schema, SEQUENCE, visible=True)


def refuse_writers(database: Database, schema: str, rotation_id: str, *, look_out: bool) -> list[str]:
    """Raise E_STALE_WRITER if a refused session stays connected, or if a statement is refused during the check.

    The check takes WATCH_SECONDS, if a session was refused before, or with ``look_out``. Return the refused sessions
    that a pooler lends, if no statement was refused: whether their clients are still connected is unknown.
    """
    before = count(database, schema)
    if not before and not look_out:
        return []
    time.sleep(WATCH_SECONDS)
    marked = _sessions(database, rotation_id)
    pooled = pooler.lent(database, marked)
    if pooled and count(database, schema) == before:
        time.sleep(POOLED_SECONDS)
    left = [who for pid, who in _sessions(database, rotation_id).items() if pid not in pooled]
    hidden = [f"{who}, which a pooler lends to its clients" for pid, who in marked.items() if pid in pooled]
    now = count(database, schema)
    if left or now > before:
        who = "; ".join([*left, *hidden]) or "sessions that connect for each statement"
        raise StaleWriter(count=now, alias=database.alias, sessions=who)
    return hidden


def _sessions(database: Database, rotation_id: str) -> dict[int, str]:
    """Return the sessions that were refused and are still connected, by the process of the server."""
    rows = database.rows(_SESSIONS, (FENCE, rotation_id))
    return {int(row[0]): format_session(build_session(database.alias, row)) for row in rows}
