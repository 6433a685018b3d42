# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The write watch: which session wrote a row, while the application serves.

A row knows the transaction that wrote it last (xmin), but not the session. The triggers of column_triggers.py note the
session of each transaction that changes a target column. They refuse nothing. The table has no index, so that a
serializable transaction of the application never conflicts with another one over it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from ..._errors.base import RotationError
from ..._errors.database import FenceLocked
from ..postgres import locks, sql
from ..postgres.catalog import WATCH, WRITERS
from ..postgres.connection import Database, Yielded
from ..postgres.database_session_types import DatabaseSession
from ..postgres.database_sessions import build_session
from .column_triggers import ColumnTriggers, obstacles

if TYPE_CHECKING:
    from ..discovery.columns.target import Target

_COLUMNS = "transaction text, pid int, role text, address text, port int, application_name text, since text, state text"
# The setting has the transaction that was noted last: of a thousand rows of one transaction, one is enough.
_NOTE = """
  IF current_setting({setting}, true) IS DISTINCT FROM NEW.xmin::text THEN
    BEGIN
      INSERT INTO {table} SELECT NEW.xmin::text, pg_backend_pid(), session_user::text,
        coalesce(host(inet_client_addr()), ''), coalesce(inet_client_port(), -1), current_setting('application_name'),
        coalesce((SELECT to_char(backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS UTC')
          FROM pg_stat_get_activity(pg_backend_pid())), 'an unknown time'), '';
    EXCEPTION WHEN OTHERS THEN NULL;  -- the application writes, whatever happens here
    END;
    PERFORM set_config({setting}, NEW.xmin::text, true);
  END IF;
  RETURN NULL;"""
_SETTING = "tetech_key_rotation.noted"
# Whoever writes to the application's tables may write to ours, whatever rights the role has.
_SECURITY = "SECURITY DEFINER SET search_path = pg_catalog"


def put_up(
    database: Database, targets: Sequence[Target], wait: Callable[[str], None] = lambda table: None
) -> list[str]:
    """Note from now on who writes to the targets. Return the reasons if that is not possible.

    ``wait`` is called with the name of a table while another session has it locked, and may raise.
    """
    if without := obstacles(database, targets):
        return without
    triggers = ColumnTriggers(database, WATCH)
    table = _table(triggers.schema)
    with locks.gate(database):
        create = sql.SQL("CREATE UNLOGGED TABLE IF NOT EXISTS {} ({})").format(table, sql.SQL(_COLUMNS))
        database.execute(create, table=WRITERS)
        note = sql.SQL(_NOTE).format(table=table, setting=sql.Literal(_SETTING))
        triggers.define("notes who writes", note, security=_SECURITY)
    try:
        forbidden = triggers.create(targets, wait)
        without = [f"the role may not create a trigger on {forbidden}"] if forbidden else []
    except FenceLocked as exc:
        without = [f"{exc.table} stayed locked"]
    if without:
        take_down(database)
    return without


def take_down(database: Database, tries: int = 1) -> list[str]:
    """Note nothing anymore, at once; then drop the triggers and the table. Return the tables that still have one."""
    triggers = ColumnTriggers(database, WATCH)
    table = _table(triggers.schema)
    if triggers.standing() is not None:
        with locks.gate(database):
            triggers.define("notes nothing anymore", sql.SQL("RETURN NULL;"), security=_SECURITY)
        if left := triggers.drop(tries):  # a session may still have the function from before, and need the table
            return left
    if database.rows("SELECT 1 FROM pg_class WHERE relname = %s", (WRITERS,)):
        _drop(database, table)
    return []


def _drop(database: Database, table: sql.Composable) -> None:
    with contextlib.suppress(RotationError, Yielded), database.batch():
        database.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(table), table=WRITERS)


def find_writers(database: Database, transactions: Collection[str]) -> list[DatabaseSession]:
    """Return the sessions of these transactions, each once. Those from before the watch are not known."""
    triggers = ColumnTriggers(database, WATCH)
    if triggers.standing() is None:
        return []
    found = sql.SQL(
        "SELECT DISTINCT pid, role, address, port, application_name, since, state FROM {} WHERE transaction = ANY(%s)"
        " ORDER BY since, pid"
    ).format(_table(triggers.schema))
    rows = database.rows(found, (list(transactions),), table=WRITERS)
    return [build_session(database.alias, row) for row in rows]


def _table(schema: str) -> sql.Composable:
    return sql.Identifier(schema, WRITERS)
