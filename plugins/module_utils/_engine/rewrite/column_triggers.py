# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Triggers on every table with a target, which call one function when another session has changed a target column.

They are AFTER ROW triggers, so they see what is really stored after other triggers, and which half of an upsert was
done. The function says what happens (fence.py, write_watch.py). Replacing it takes effect at once and locks no table.
Dropping a trigger waits for readers, and may be late.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..._errors.database import FenceLocked, StatementFailed
from ..postgres import locks, sql
from ..postgres.catalog import Table
from ..postgres.connection import FORBIDDEN, OUR_SETTING, OURS, Database, Yielded

if TYPE_CHECKING:  # a lease is released without them
    from ..discovery.columns.target import Target

EVENTS = ("insert", "update")
PAUSE_SECONDS = 1.0  # between two tries to drop a trigger: each may hold up readers for Database.batch's lock_timeout
# The first line of the function's body says whose it is.
_FUNCTION = """
CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql {security} AS $body$
-- {standing}
BEGIN
  {action}
END $body$"""
# Whose triggers they are is asked of the function: a partition's own are dropped with those of its parent.
_TRIGGERS = (
    "SELECT DISTINCT n.nspname::text, c.relname::text FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
    " JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_proc p ON p.oid = t.tgfoid"
    " WHERE p.proname = %s AND p.prorettype = 'trigger'::regtype AND t.tgparentid = 0 ORDER BY 1, 2"
)


def obstacles(database: Database, targets: Sequence[Target]) -> list[str]:
    """Return the reasons why this role cannot create triggers on these targets; empty if it can."""
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


@dataclass(frozen=True)
class ColumnTriggers:
    """The triggers of one function in a database. Their names begin with that of the function."""

    database: Database
    function: str

    def define(self, standing: str, action: sql.Composable, *, security: str = "SECURITY INVOKER") -> None:
        """Create or replace the function. ``standing`` is one line about it, for ``standing`` below."""
        self.database.execute(
            sql.SQL(_FUNCTION).format(
                function=self._identifier,
                security=sql.SQL(security),
                standing=sql.verbatim(standing),
                action=action,
            )
        )

    def standing(self) -> str | None:
        """Return the line about the function. None if there is no function."""
        query = "SELECT prosrc FROM pg_proc WHERE proname = %s AND prorettype = 'trigger'::regtype"
        rows = self.database.rows(query, (self.function,))
        return rows[0][0].strip().splitlines()[0][len("-- ") :] if rows else None

    @property
    def schema(self) -> str:
        """The schema of the function, or the one in which it will be created."""
        rows = self.database.rows(
            "SELECT coalesce((SELECT nspname FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace"
            " WHERE proname = %s AND prorettype = 'trigger'::regtype LIMIT 1), current_schema())::text",
            (self.function,),
        )
        return str(rows[0][0])

    def create(self, targets: Sequence[Target], wait: Callable[[str], None]) -> str:
        """Create the triggers on the tables of all targets. Those that exist stay.

        ``wait`` is called with the name of a table while another session has it locked, and may raise. Return the table
        on which the role may not create one, or an empty string. Raise E_FENCE_LOCKED if it takes too long.
        """
        try:
            for table, columns in _columns(targets).items():
                if not self._are_on(table, columns):
                    self._create_patiently(table, columns, wait)
        except StatementFailed as exc:
            if exc.sqlstate not in FORBIDDEN:
                raise
            return exc.table
        return ""

    def drop(self, tries: int = 1) -> list[str]:
        """Drop the triggers, then the function. Return the tables whose triggers readers keep from being dropped."""
        left = self._tables()
        for turn in range(tries):
            left = [table for table in left if not self._dropped(table)]
            if left and turn + 1 < tries:
                time.sleep(PAUSE_SECONDS)
        if not left:
            self.database.execute(sql.SQL("DROP FUNCTION IF EXISTS {}()").format(self._identifier))
        return [f"{schema}.{name}" for schema, name in left]

    @property
    def _identifier(self) -> sql.Composable:
        return sql.Identifier(self.schema, self.function)

    def _are_on(self, table: Table, columns: Sequence[str]) -> bool:
        """Return whether the table has both triggers, enabled in every session, for these columns."""
        triggers = self.database.rows(
            "SELECT t.tgname::text, t.tgargs FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid"
            " WHERE t.tgrelid = to_regclass(%s) AND p.proname = %s AND t.tgenabled = 'A'",
            (table.regclass, self.function),
        )
        arguments = b"".join(column.encode() + b"\0" for column in columns)
        return {(name, bytes(stored)) for name, stored in triggers} == {
            (self._name(event), arguments) for event in EVENTS
        }

    def _create_patiently(self, table: Table, columns: Sequence[str], wait: Callable[[str], None]) -> None:
        from .table_passes import BackOff  # a module that creates triggers has imported it

        back_off = BackOff()
        while True:
            try:
                with locks.gate(self.database), self.database.batch():
                    self._create_on(table, columns)
                return
            except Yielded:
                if back_off.over:
                    holders = self.database.writers(table.regclass)
                    raise FenceLocked(table=table.label, holders=holders) from None
            for _ in back_off.wait():
                wait(table.label)

    def _create_on(self, table: Table, columns: Sequence[str]) -> None:
        changed = {
            "insert": sql.SQL("NEW.{column}::text IS NOT NULL"),
            # Byte by byte: some collations treat two tokens as equal.
            "update": sql.SQL('NEW.{column}::text COLLATE "C" IS DISTINCT FROM OLD.{column}::text COLLATE "C"'),
        }
        function = self._identifier  # which asks the database
        for event in EVENTS:
            changes = [changed[event].format(column=sql.Identifier(column)) for column in columns]
            create = sql.SQL(
                "CREATE OR REPLACE TRIGGER {trigger} AFTER {event} ON {table} FOR EACH ROW"
                " WHEN (current_setting({setting}, true) IS DISTINCT FROM {ours} AND ({changes}))"
                " EXECUTE FUNCTION {function}({columns})"
            ).format(
                trigger=self._trigger(event),
                event=sql.SQL(event),
                table=table.identifier,
                setting=sql.Literal(OUR_SETTING),
                ours=sql.Literal(OURS),
                changes=sql.SQL(" OR ").join(changes),
                function=function,
                columns=sql.SQL(", ").join(map(sql.Literal, columns)),
            )
            self.database.execute(create, table=table.label)
            # Otherwise a session with session_replication_role = replica would write.
            always = sql.SQL("ALTER TABLE {} ENABLE ALWAYS TRIGGER {}").format(table.identifier, self._trigger(event))
            self.database.execute(always, table=table.label)

    def _tables(self) -> list[tuple[str, str]]:
        """Return schema and name of the tables with a trigger of the function."""
        return [(schema, name) for schema, name in self.database.rows(_TRIGGERS, (self.function,))]

    def _dropped(self, table: tuple[str, str]) -> bool:
        name = sql.Identifier(*table)
        try:
            with self.database.batch():
                for event in EVENTS:
                    drop = sql.SQL("DROP TRIGGER IF EXISTS {} ON {}").format(self._trigger(event), name)
                    self.database.execute(drop, table=self.database.text(name, parameters=False))
        except Yielded:
            return False
        return True

    def _trigger(self, event: str) -> sql.Composable:
        return sql.Identifier(self._name(event))

    def _name(self, event: str) -> str:
        return f"{self.function}_{event}"


def _columns(targets: Iterable[Target]) -> dict[Table, list[str]]:
    """Return the columns by table, search columns and what is hashed in them too."""
    by_table: dict[Table, set[str]] = {}
    for target in targets:
        by_table.setdefault(target.table, set()).update(
            [target.column, *(name for recipe in target.derived for name in (recipe.column, *recipe.columns))]
        )
    return {table: sorted(columns) for table, columns in sorted(by_table.items())}
