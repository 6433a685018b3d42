# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contents of a database, table by table, in a form in which two databases can be compared.

The hash of a table is the sum over its rows of the first 64 bits of MD5 over the row as text. So the order of rows does
not count, nor that of columns. The hash finds accidents. Against somebody who forges rows, there is the SHA-256 of the
dump (docs/design/backup.md).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from ..._errors.backup import ContentsDiffer
from ..._errors.counts import counted
from . import sql
from .connection import Database, array

# What the text of a value depends on.
SETTINGS = {
    "bytea_output": "hex",
    "datestyle": "ISO, YMD",
    "extra_float_digits": "1",
    "intervalstyle": "postgres",
    "lc_monetary": "C",
    "row_security": "off",  # an error instead of fewer rows
    "search_path": "pg_catalog",
    "timezone": "UTC",
    "xmloption": "content",
}
# Tables whose rows pg_dump dumps (relkind r; p are those whose rows are in partitions): no views, no rows on other
# servers, none that CREATE EXTENSION brings.
TABLES = r"""
SELECT n.nspname::text, c.relname::text, quote_ident(n.nspname) || '.' || quote_ident(c.relname),
  ARRAY(SELECT a.attname::text FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = ANY(%s::"char"[]) AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1, 2
"""
COUNT = "SELECT count(*), coalesce(sum(('x' || left(md5({row}), 16))::bit(64)::bigint), 0)::text FROM {source}"
LARGE_OBJECTS = "pg_largeobject"  # their name among the tables


class TableCount(TypedDict):
    """``hash`` is over all rows."""

    rows: int
    hash: str


TableContents = Mapping[str, TableCount]  # by "schema.table"


@dataclass(frozen=True)
class Snapshot:
    """An exported snapshot: its name while the transaction is open, its time (UTC) and its place in the WAL.

    The ``tables`` are locked in it, as pg_dump locks them.
    """

    name: str
    time: str
    lsn: str
    tables: Sequence[sql.Composable]


def tables(database: Database, kinds: str = "r") -> list[tuple[Any, ...]]:
    """Return schema, name, label and columns of each table of these kinds."""
    return database.rows(TABLES, (array([*kinds]),))


@contextlib.contextmanager
def exported_snapshot(database: Database) -> Iterator[Snapshot]:
    """Open one view of the database for the block, which other sessions may share by its name."""
    locked = [sql.Identifier(schema, name) for schema, name, _, _ in tables(database, "rp")]
    with database.snapshot(locked):
        query = (
            "SELECT pg_export_snapshot(), to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),"
            " pg_current_wal_lsn()::text"
        )
        ((name, moment, lsn),) = database.rows(query)
        yield Snapshot(name, moment, lsn, locked)


def take(database: Database, tell: Callable[[str], None] = lambda _table: None) -> dict[str, TableCount]:
    """Return count and hash of every table, by one aggregate each, in the open transaction or one of its own.

    ``tell`` is called with each table first. Raise E_DB, with SQLSTATE 42501 if row-level security hides rows.
    """
    with fixed_settings(database):
        counts: dict[str, TableCount] = {}
        for schema, name, label, columns in tables(database):
            tell(label)
            row = sql.SQL("ROW({})::text").format(sql.SQL(", ").join(sql.Identifier("t", column) for column in columns))
            source = sql.SQL("ONLY {} AS t").format(sql.Identifier(schema, name))
            counts[label] = _count(database, row, source, label)
        row, source = sql.SQL("oid::text || md5(lo_get(oid))"), sql.SQL("pg_largeobject_metadata")
        objects = _count(database, row, source, LARGE_OBJECTS)
        return {**counts, **({LARGE_OBJECTS: objects} if objects["rows"] else {})}


def _count(database: Database, row: sql.Composable, source: sql.Composable, table: str) -> TableCount:
    ((count, digest),) = database.rows(sql.SQL(COUNT).format(row=row, source=source), table=table)
    return {"rows": count, "hash": digest}


@contextlib.contextmanager
def fixed_settings(database: Database) -> Iterator[None]:
    """Set all settings on which a value's text depends to the same values in every session, for the block."""
    names = list(SETTINGS)
    before = database.rows(f"SELECT {', '.join(['current_setting(%s)'] * len(names))}", names)[0]
    _set(database, SETTINGS)
    yield
    _set(database, dict(zip(names, before)))


def _set(database: Database, settings: Mapping[str, str]) -> None:
    calls = ", ".join(["set_config(%s, %s, false)"] * len(settings))
    database.rows(f"SELECT {calls}", [word for setting in settings.items() for word in setting])


def refuse_difference(expected: TableContents, actual: TableContents) -> None:
    """Raise E_CONTENTS if two databases do not hold the same rows, with the first table that differs."""
    for table in sorted({*expected, *actual}):
        if expected.get(table) != actual.get(table):
            raise ContentsDiffer(table=table, expected=_rows(expected, table), actual=_rows(actual, table))


def _rows(contents: TableContents, table: str) -> str:
    return counted(contents[table]["rows"], "row") if table in contents else "no such table"
