# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What PostgreSQL's catalogue says of the tables: which there are, how a row is named, what a column may hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import RotationError
from .database import Database, quote

# Types of PostgreSQL's own categories U and A that hold no text of an application's.
OPAQUE = (
    "uuid",
    "uuid[]",
    "integer[]",
    "bigint[]",
    "smallint[]",
    "numeric[]",
    "boolean[]",
    "tsvector",
    "date[]",
    "oid",
)
JOURNAL = "tetech_key_rotation_journal"  # our own table, see journal.py


@dataclass(frozen=True, order=True)
class Table:
    """One table. ``visible`` is whether its bare name finds it on the application's search path."""

    schema: str
    name: str
    visible: bool
    alias: str = "default"  # of the database in Django's DATABASES
    partitioned: bool = False
    guarded: bool = False  # row-level security hides rows of it from this role

    @property
    def label(self) -> str:
        """How a person calls it."""
        bare = self.name if self.visible else f"{self.schema}.{self.name}"
        return bare if self.alias == "default" else f"{self.alias}:{bare}"

    @property
    def regclass(self) -> str:
        """The table as PostgreSQL's to_regclass() takes it, as a parameter."""
        return self.sql.replace("%%", "%")

    @property
    def rows(self) -> str:
        """The table's own rows, as SQL has them after FROM or UPDATE, without those of tables that inherit from it."""
        return self.sql if self.partitioned else f"ONLY {self.sql}"

    @property
    def sql(self) -> str:
        """The table as an SQL identifier."""
        return f"{quote(self.schema)}.{quote(self.name)}"


@dataclass(frozen=True)
class Column:
    """One column: its SQL type, and the number of characters it holds (None: no limit)."""

    name: str
    type: str
    limit: int | None
    generated: bool


@dataclass(frozen=True)
class RowKey:
    """The columns that name a row of a table, and their SQL types."""

    columns: tuple[str, ...]
    types: tuple[str, ...]


def row_name(key: Sequence[str]) -> str:
    """A row's key as one word, and no other row's."""
    if len(key) == 1:
        return key[0]
    return ",".join([part.replace("\\", "\\\\").replace(",", "\\,") for part in key])


def columns(database: Database) -> dict[Table, list[Column]]:
    """Every column that may hold text, bytes or a document in every table of every schema that this role may read.

    System schemas aside. A domain is told by the type it is based on. A partition is left out: its rows are those of
    the partitioned table.
    """
    found: dict[Table, list[Column]] = {}
    rows = database.rows(
        "SELECT n.nspname::text, c.relname::text, pg_table_is_visible(c.oid), c.relkind = 'p',"
        " row_security_active(c.oid), a.attname::text, format_type(coalesce(nullif(t.typbasetype, 0), t.oid), NULL),"
        " CASE WHEN a.atttypid IN ('varchar'::regtype, 'bpchar'::regtype) AND a.atttypmod > 4 THEN a.atttypmod - 4 END,"
        " a.attgenerated <> ''"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid"
        " JOIN pg_type t ON t.oid = a.atttypid"
        " WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped"
        " AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' AND c.relname <> %s"
        " AND (t.typcategory IN ('S', 'U', 'A', 'C') OR t.oid = 'jsonb'::regtype)"
        " AND format_type(t.oid, NULL) <> ALL(%s)"
        " AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')"
        " ORDER BY 1, 2, a.attnum",
        (JOURNAL, list(OPAQUE)),
    )
    for schema, name, visible, partitioned, guarded, *column in rows:
        table = Table(schema, name, visible, database.alias, partitioned, guarded)
        found.setdefault(table, []).append(Column(*column))
    return found


def row_key(database: Database, table: Table) -> RowKey:
    """The primary key of ``table``, or else a unique key over not-null columns. Raises E_TABLE_KEY."""
    found = database.rows(
        "SELECT array_agg(a.attname::text ORDER BY k.place),"
        " array_agg(format_type(a.atttypid, a.atttypmod) ORDER BY k.place)"
        " FROM pg_index i CROSS JOIN unnest(i.indkey) WITH ORDINALITY AS k(attnum, place)"
        " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum"
        " WHERE i.indrelid = to_regclass(%s) AND i.indisunique AND i.indisvalid"
        " AND i.indpred IS NULL AND i.indexprs IS NULL"
        " AND k.place <= i.indnkeyatts"
        " GROUP BY i.indexrelid, i.indisprimary HAVING bool_and(a.attnotnull)"
        " ORDER BY i.indisprimary DESC, i.indexrelid LIMIT 1",
        (table.regclass,),
    )
    if not found:
        raise RotationError("E_TABLE_KEY", table=table.label)
    names, types = found[0]
    return RowKey(tuple(names), tuple(types))
