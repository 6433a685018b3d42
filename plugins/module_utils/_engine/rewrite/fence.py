# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fence: between stop and start no session but ours writes to a target column.

There is one trigger function in a database, and two triggers on each table with a target. They are AFTER ROW triggers,
so they see what is really stored after other triggers, and which half of an upsert was done. Only the function refuses.
Replacing it opens the fence at once and locks no table. Dropping a trigger waits for readers, and may be late.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from ..._errors.database import FenceLocked, StatementFailed
from ..._errors.option_names import spell_options
from ..postgres import locks, sql
from ..postgres.catalog import FENCE, Table
from ..postgres.connection import FORBIDDEN, OUR_SETTING, OURS, Database, Yielded
from . import fence_refusals

if TYPE_CHECKING:  # a lease is released without them
    from ..discovery.columns.target import Target

EVENTS = ("insert", "update")
PAUSE_SECONDS = 1.0  # between two tries to drop a trigger: each may hold up readers for Database.batch's lock_timeout
SQLSTATE = "55006"  # object_in_use, for Django an OperationalError
# The first line of the function's body says whose it is, and whether it refuses.
_BODY = """
CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $fence$
-- {standing}
BEGIN
  {action}
END $fence$"""
_REFUSE = spell_options("""{recording}
  RAISE EXCEPTION USING ERRCODE = {sqlstate}, SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
    MESSAGE = {message},
    DETAIL = TG_OP || ' of an encrypted column of ' || TG_TABLE_NAME || ' (' || array_to_string(TG_ARGV, ', ') || ').',
    HINT = 'Nothing was written. The rotation or its rollback lifts this when it ends. If it was killed, run the same '
      || 'command again, or rollback.yml, or maintenance.yml with -e O(maintenance)=off.';""")
_MESSAGE = (
    "key rotation {rotation_id} is in progress (since {since}): this process may have the wrong keys; "
    "restart it after the rotation"
)
# Whose triggers they are is asked of the function: a partition's own are dropped with those of its parent.
_TRIGGERS = (
    "SELECT DISTINCT n.nspname::text, c.relname::text FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
    " JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_proc p ON p.oid = t.tgfoid"
    " WHERE p.proname = %s AND p.prorettype = 'trigger'::regtype AND t.tgparentid = 0 ORDER BY 1, 2"
)


@dataclass(frozen=True)
class FenceState:
    """A fence in a database: its rotation, its start, and whether it still refuses."""

    rotation_id: str
    since: str
    refuses: bool = True


def obstacles(database: Database, targets: Sequence[Target]) -> list[str]:
    """Return the reasons why this role cannot put up a fence around these targets; empty if it can."""
    reasons = [
        f"the role does not own {table.label}"
        for table in _columns(targets)
        if database.rows(
            "SELECT 1 FROM pg_class WHERE oid = to_regclass(%s) AND NOT pg_has_role(relowner, 'USAGE')",
            (table.regclass,),
        )
    ]
    may = "SELECT has_schema_privilege(current_schema(), 'CREATE') AND has_language_privilege(lanname, 'USAGE')"
    if database.rows(f"{may} FROM pg_language WHERE lanname = 'plpgsql'") != [(True,)]:
        reasons.append(f"the role may not create a function in {database.alias}")
    return reasons


def put_up(
    database: Database, targets: Sequence[Target], rotation_id: str, wait: Callable[[str], None] = lambda table: None
) -> list[str]:
    """Close the targets to all sessions but ours. Return the reasons why they had to stay open, if they had to.

    All targets of a database are closed, or none of them. Triggers that exist stay. ``wait`` is called with the name of
    a table while another session has it locked, and may raise. Raise E_FENCE_LOCKED if that takes too long.
    """
    if without := obstacles(database, targets):
        return without
    try:
        _close(database, rotation_id)
        for table, columns in _columns(targets).items():
            if not _is_fenced(database, table, columns):
                _patiently(database, table, columns, wait)
    except StatementFailed as exc:
        if exc.sqlstate not in FORBIDDEN:
            raise
        take_down(database)
        return [f"the role may not create a trigger on {exc.table}"]
    return []


def take_down(database: Database, tries: int = 1) -> list[str]:
    """Let everybody write again, at once; then drop the rest of the fence.

    Return the tables that still have a trigger, which readers keep from being dropped. It refuses nothing anymore.
    """
    there = read_fence(database)
    if there is None:
        return []
    with locks.gate(database):
        _define(database, FenceState(there.rotation_id, there.since, refuses=False), sql.SQL("RETURN NULL;"))
    left = list(_fenced(database))
    for turn in range(tries):
        left = [table for table in left if not _dropped(database, table)]
        if left and turn + 1 < tries:
            time.sleep(PAUSE_SECONDS)
    if not left:
        schema = _schema(database)
        database.execute(sql.SQL("DROP FUNCTION IF EXISTS {}()").format(sql.Identifier(schema, FENCE)))
        fence_refusals.forget(database, schema)
    return [f"{schema}.{name}" for schema, name in left]


def read_fence(database: Database) -> FenceState | None:
    """Return the fence of this database, even one that refuses nothing anymore."""
    rows = database.rows("SELECT prosrc FROM pg_proc WHERE proname = %s AND prorettype = 'trigger'::regtype", (FENCE,))
    return FenceState(**json.loads(rows[0][0].strip().splitlines()[0][len("-- ") :])) if rows else None


def refuse_writers(database: Database, *, look_out: bool = False) -> list[str]:
    """Raise E_STALE_WRITER if a session that the fence refused still tries to write.

    Return the sessions for which that cannot be known. With ``look_out``, wait for a first try, since the fence is new.
    """
    if there := refusing(database):
        return fence_refusals.refuse_writers(database, _schema(database), there.rotation_id, look_out=look_out)
    return []


def refusing(database: Database) -> FenceState | None:
    """Return the fence of this database if it keeps others from writing."""
    there = read_fence(database)
    return there if there and there.refuses else None


def _columns(targets: Sequence[Target]) -> dict[Table, list[str]]:
    """Return the columns to close by table, search columns and what is hashed in them too."""
    by_table: dict[Table, set[str]] = {}
    for target in targets:
        by_table.setdefault(target.table, set()).update(
            [target.column, *(name for recipe in target.derived for name in (recipe.column, *recipe.columns))]
        )
    return {table: sorted(columns) for table, columns in sorted(by_table.items())}


def _close(database: Database, rotation_id: str) -> None:
    with locks.gate(database):  # several hosts may be about to
        there = refusing(database)
        if there is None or there.rotation_id != rotation_id:
            since = database.rows("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS UTC')")[0][0]
            refuse = sql.SQL(_REFUSE).format(
                sqlstate=sql.Literal(SQLSTATE),
                message=sql.Literal(_MESSAGE.format(rotation_id=rotation_id, since=since)),
                recording=fence_refusals.recording(database, _schema(database), rotation_id),
            )
            _define(database, FenceState(rotation_id, since), refuse)


def _define(database: Database, there: FenceState, action: sql.Composable) -> None:
    database.execute(
        sql.SQL(_BODY).format(
            function=sql.Identifier(_schema(database), FENCE),
            standing=sql.verbatim(json.dumps(asdict(there))),
            action=action,
        )
    )


def _schema(database: Database) -> str:
    """Return the schema of the function, or the one in which it will be created."""
    rows = database.rows(
        "SELECT coalesce((SELECT nspname FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace WHERE proname = %s"
        " AND prorettype = 'trigger'::regtype LIMIT 1), current_schema())::text",
        (FENCE,),
    )
    return str(rows[0][0])


def _is_fenced(database: Database, table: Table, columns: Sequence[str]) -> bool:
    """Return whether the table has both triggers, enabled in every session, for these columns."""
    triggers = database.rows(
        "SELECT t.tgname::text, t.tgargs FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid"
        " WHERE t.tgrelid = to_regclass(%s) AND p.proname = %s AND t.tgenabled = 'A'",
        (table.regclass, FENCE),
    )
    arguments = b"".join(column.encode() + b"\0" for column in columns)
    return {(name, bytes(stored)) for name, stored in triggers} == {
        (_trigger_name(event), arguments) for event in EVENTS
    }


def _patiently(database: Database, table: Table, columns: Sequence[str], wait: Callable[[str], None]) -> None:
    from .table_passes import BackOff  # a module that puts up a fence has imported it

    back_off = BackOff()
    while True:
        try:
            with locks.gate(database), database.batch():
                _fence(database, table, columns)
            return
        except Yielded:
            if back_off.over:
                raise FenceLocked(table=table.label, holders=database.writers(table.regclass)) from None
        for _ in back_off.wait():
            wait(table.label)


def _fence(database: Database, table: Table, columns: Sequence[str]) -> None:
    changed = {
        "insert": sql.SQL("NEW.{column}::text IS NOT NULL"),
        # Byte by byte: some collations treat two tokens as equal.
        "update": sql.SQL('NEW.{column}::text COLLATE "C" IS DISTINCT FROM OLD.{column}::text COLLATE "C"'),
    }
    function = sql.Identifier(_schema(database), FENCE)
    for event in EVENTS:
        create = sql.SQL(
            "CREATE OR REPLACE TRIGGER {trigger} AFTER {event} ON {table} FOR EACH ROW"
            " WHEN (current_setting({setting}, true) IS DISTINCT FROM {ours} AND ({changes}))"
            " EXECUTE FUNCTION {function}({columns})"
        ).format(
            trigger=_trigger(event),
            event=sql.SQL(event),
            table=table.identifier,
            setting=sql.Literal(OUR_SETTING),
            ours=sql.Literal(OURS),
            changes=sql.SQL(" OR ").join(changed[event].format(column=sql.Identifier(column)) for column in columns),
            function=function,
            columns=sql.SQL(", ").join(map(sql.Literal, columns)),
        )
        database.execute(create, table=table.label)
        # Otherwise a session with session_replication_role = replica would write.
        always = sql.SQL("ALTER TABLE {} ENABLE ALWAYS TRIGGER {}").format(table.identifier, _trigger(event))
        database.execute(always, table=table.label)


def _fenced(database: Database) -> Sequence[tuple[str, str]]:
    """Return schema and name of the tables with a trigger of the fence."""
    return [(schema, name) for schema, name in database.rows(_TRIGGERS, (FENCE,))]


def _dropped(database: Database, table: tuple[str, str]) -> bool:
    name = sql.Identifier(*table)
    try:
        with database.batch():
            for event in EVENTS:
                drop = sql.SQL("DROP TRIGGER IF EXISTS {} ON {}").format(_trigger(event), name)
                database.execute(drop, table=database.text(name, parameters=False))
    except Yielded:
        return False
    return True


def _trigger(event: str) -> sql.Composable:
    return sql.Identifier(_trigger_name(event))


def _trigger_name(event: str) -> str:
    return f"{FENCE}_{event}"
