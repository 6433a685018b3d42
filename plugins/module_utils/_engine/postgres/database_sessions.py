# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sessions of the application: those of its role on its databases, without those of this collection.

Source: PostgreSQL, "The Cumulative Statistics System", pg_stat_activity. A role sees all of its own sessions there.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from typing import Any, cast

from ..._errors.base import RotationError
from ..._errors.services import SessionsOpen
from .connection import APPLICATION_NAME, Database
from .database_session_types import DatabaseSession

POLL = 0.2
# Of pg_stat_activity, as ``build_session`` takes them.
COLUMNS = (
    "pid, usename::text, coalesce(host(client_addr), ''), coalesce(client_port, -1), application_name,"
    " to_char(backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS UTC'), coalesce(state, '')"
)
_SESSIONS = (
    f"SELECT {COLUMNS} FROM pg_stat_activity WHERE datname = current_database() AND usename = session_user"
    " AND backend_type = 'client backend' AND NOT starts_with(application_name, %s)"
    " AND NOT application_name = ANY(%s::text[]) AND backend_start <= clock_timestamp() - make_interval(secs => %s)"
    " ORDER BY backend_start, pid"
)
_MEMBERS = ("pid", "user", "address", "port", "application_name", "since", "state")


def list_sessions(
    databases: Sequence[Database], allowed: Collection[str] = (), older_than: float = 0.0
) -> list[DatabaseSession]:
    """Return each session that is ``older_than`` so many seconds, without those of the names in ``allowed``."""
    return [
        build_session(database.alias, row)
        for database in databases
        for row in database.rows(_SESSIONS, (APPLICATION_NAME, list(allowed), older_than))
    ]


def wait_until_gone(databases: Sequence[Database], allowed: Collection[str], patience: float) -> list[DatabaseSession]:
    """Return when no session is left, or after ``patience`` seconds with those that are left."""
    end = time.monotonic() + patience
    while (left := list_sessions(databases, allowed)) and time.monotonic() < end:
        time.sleep(POLL)
    return left


def build_sessions_error(left: Sequence[DatabaseSession], patience: float) -> RotationError:
    """Return E_SESSIONS with all of these sessions."""
    return SessionsOpen(count=len(left), seconds=patience, sessions="; ".join(map(format_session, left)))


def build_session(alias: str, row: Sequence[Any]) -> DatabaseSession:
    """Return a session of the database of this alias, from its COLUMNS."""
    return cast(DatabaseSession, {"alias": alias, **dict(zip(_MEMBERS, row))})


def format_session(session: DatabaseSession) -> str:
    """Return one session for a person, who looks for the client; its backend is a process of PostgreSQL."""
    address, port = session["address"], session.get("port") or -1
    where = f"at {address}{f' port {port}' if port > 0 else ''}" if address else "on the database's own host"
    name = f"application_name {session['application_name'] or 'not set'}"
    state = f"{session['state']}, " if session["state"] else ""
    about = f"{name}, role {session['user']}"
    return f"a client {where} ({about}), {state}connected since {session['since']}, backend {session['pid']}"
