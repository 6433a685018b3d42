# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to PostgreSQL's catalog: which tables there are, how a row is named, what a column may hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..._errors.database import TableKey
from . import sql
from .connection import Database
from .lease import TABLE as LEASE

# Types of PostgreSQL's own categories A and R that hold no text of an application's.
OPAQUE = (
    "integer[]",
    "bigint[]",
    "smallint[]",
    "numeric[]",
    "boolean[]",
    "date[]",
    *(f"{of}{kind}" for of in ("int4", "int8", "num", "ts", "tstz", "date") for kind in ("range", "multirange")),
)
BITS = ("bit", "bit varying")
NUMBER = "numeric"  # of enough digits it may be the bytes of a value
NUMBER_LISTS = ("smallint[]", "integer[]", "bigint[]", "numeric[]", "real[]", "double precision[]")  # of bytes, maybe
LARGE_OBJECT = "oid"  # a column of this type may refer to large objects
UUIDS = ("uuid", "uuid[]")  # they hold no token; a digest they may hold
JOURNAL = "tetech_key_rotation_journal"  # our own table, see journal.py
PREPARED = "tetech_key_rotation_prepared"  # the same, see prepared.py
WRITERS = "tetech_key_rotation_writers"  # the same, see write_watch.py
OUR_TABLES = [JOURNAL, LEASE, PREPARED, WRITERS]
# Our own functions, and how the names of their triggers begin: see fence.py and write_watch.py.
FENCE, WATCH = "tetech_key_rotation_fence", "tetech_key_rotation_watch"
OUR_TRIGGERS = "tetech_key_rotation_"

_BETWEEN = re.compile(r'[.:"]')  # what separates the words of a label


def word(name: str) -> str:
    """Return a name as one word of a label: in quotes if it has a character that separates words."""
    return _quoted(name) if _BETWEEN.search(name) else name


def _quoted(name: str) -> str:
    """Return a name in quotes, for a label or for the text that to_regclass() parses. Statements use ``identifier``."""
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True, order=True)
class Table:
    """One table. ``visible`` is whether its bare name finds it on the application's search path."""

    schema: str
    name: str
    visible: bool
    alias: str = "default"  # of the database in Django's DATABASES
    partitioned: bool = False
    guarded: bool = False  # row-level security hides rows of it from this role
    copy: bool = False  # a materialized view: it holds what its query found when it was refreshed

    @property
    def label(self) -> str:
        """The name of the table for a person, which no other table has."""
        bare = word(self.name) if self.visible else f"{word(self.schema)}.{word(self.name)}"
        return bare if self.alias == "default" else f"{word(self.alias)}:{bare}"

    @property
    def qualified(self) -> str:
        """The name with that of the schema, as an operator may write it."""
        return f"{word(self.schema)}.{word(self.name)}"

    def label_of(self, column: str) -> str:
        """Return the name of one of its columns for a person."""
        return f"{self.label}.{word(column)}"

    @property
    def names(self) -> tuple[str, str]:
        """The names by which models may call the table, the likelier one first.

        The table name alone may mean the table of another tenant, if this one is not visible.
        """
        qualified = f"{self.schema}.{self.name}"
        return (self.name, qualified) if self.visible else (qualified, self.name)

    def schema_for(self, name: str) -> str:
        """Return the schema in which a tenant's model of this name is read. Empty if the name is enough."""
        return self.schema if name == self.name and not self.visible else ""

    @property
    def regclass(self) -> str:
        """The table as text for a parameter of to_regclass()."""
        return f"{_quoted(self.schema)}.{_quoted(self.name)}"

    @property
    def rows(self) -> sql.Composable:
        """The table after FROM or UPDATE, without the rows of tables that inherit from it."""
        return self.identifier if self.partitioned else sql.SQL("ONLY {}").format(self.identifier)

    @property
    def identifier(self) -> sql.Composable:
        """The table in a statement."""
        return sql.Identifier(self.schema, self.name)


@dataclass(frozen=True)
class Column:
    """One column: its SQL type, its limit in characters (None: no limit), and PostgreSQL's category of the type."""

    name: str
    type: str
    limit: int | None
    generated: bool
    category: str = ""


@dataclass(frozen=True)
class RowKey:
    """The columns that name a row of a table, and their types as SQL has them."""

    columns: tuple[str, ...]
    types: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """The names of its parts in a list ``v`` of keys, which are texts."""
        return [f"k{place}" for place in range(len(self.columns))]

    @property
    def listed(self) -> sql.Composable:
        """Such a list in a statement. Its parameters are one array of texts for each part of the key."""
        return sql.SQL("{} AS v({})").format(sql.unnest(["text"] * len(self.columns)), sql.identifiers(self.names))

    @property
    def parts(self) -> list[sql.Composable]:
        """Its columns in a row ``t``."""
        return [sql.Identifier("t", column) for column in self.columns]

    @property
    def casts(self) -> list[sql.Composable]:
        """Its types in a statement."""
        return [sql.verbatim(sql_type) for sql_type in self.types]

    @property
    def same(self) -> sql.Composable:
        """The condition that a row ``t`` has the key in ``v``."""
        parts = zip(self.parts, self.names, self.casts)
        return sql.SQL(" AND ").join(
            sql.SQL("{} = {}::{}").format(part, sql.Identifier("v", name), cast) for part, name, cast in parts
        )


# The place of a row (PostgreSQL's ddl-system-columns) names the rows of a table without a key during one reading.
PLACE = RowKey(("tableoid", "ctid"), ("oid", "tid"))
MOST_PLACES = 50_000


def row_name(key: Sequence[str]) -> str:
    """Return a row's key as one word, which no other row has."""
    if len(key) == 1:
        return key[0]
    return ",".join([part.replace("\\", "\\\\").replace(",", "\\,") for part in key])


def key_of(name: str) -> list[str]:
    """Return the parts of a key from a word of ``row_name`` that has several."""
    return [re.sub(r"\\(.)", r"\1", part) for part in re.findall(r"(?:^|,)((?:[^\\,]|\\.)*)", name, re.DOTALL)]


def tables(database: Database) -> list[Table]:
    """Return every table that has rows of its own or of its partitions, without those of extensions and ours."""
    rows = database.rows(
        "SELECT n.nspname::text, c.relname::text, pg_table_is_visible(c.oid), c.relkind = 'p',"
        " row_security_active(c.oid)"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'"
        " AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' AND c.relname <> ALL(%s)"
        " AND NOT EXISTS (SELECT FROM pg_depend d"
        " WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e') ORDER BY 1, 2",
        (OUR_TABLES,),
    )
    return [
        Table(schema, name, visible, database.alias, partitioned, guarded)
        for schema, name, visible, partitioned, guarded in rows
    ]


# The base type of a type, including nested domains, and the modifier of the one that has it.
_BASE = (
    "WITH RECURSIVE based(oid, base, typmod) AS (SELECT t.oid, t.typbasetype, t.typtypmod UNION ALL"
    " SELECT p.oid, p.typbasetype, greatest(p.typtypmod, based.typmod) FROM based JOIN pg_type p ON p.oid = based.base)"
    " SELECT oid, typmod FROM based WHERE base = 0"
)

# Columns that may hold what a condition says; the parameter is names of tables.
_COLUMNS = (
    "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid"
    " JOIN pg_type t ON t.oid = a.atttypid"
    f" CROSS JOIN LATERAL ({_BASE}) AS b"
    ' WHERE c.relkind = ANY(%s::"char"[]) AND c.relispopulated AND NOT c.relispartition'
    " AND a.attnum > 0 AND NOT a.attisdropped"
    " AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' AND c.relname <> ALL(%s)"
)
# Text, bytes or a document; the parameter is types that are left out.
_HELD = (
    f"{_COLUMNS} AND (t.typcategory IN ('S', 'U', 'A', 'C', 'V', 'R') OR b.oid IN ('jsonb'::regtype, 'oid'::regtype))"
    " AND format_type(t.oid, NULL) <> ALL(%s)"
)
# Lists of numbers of these types, and numbers of as many digits before the point as 16 bytes have.
_NUMBERS = (
    f"{_COLUMNS} AND (format_type(b.oid, NULL) = ANY(%s) OR (b.oid = 'numeric'::regtype AND"
    " (greatest(a.atttypmod, b.typmod) < 4 OR (((greatest(a.atttypmod, b.typmod) - 4) >> 16) & 65535)"
    " - ((greatest(a.atttypmod, b.typmod) - 4) & 2047) >= 36)))"
)


OWN_ROWS = ["r", "p", "m"]  # kinds of relations with rows of this server
FOREIGN = ["f"]


def columns(database: Database, kinds: Sequence[str] = tuple(OWN_ROWS)) -> dict[Table, list[Column]]:
    """Return every column that may hold text, bytes, a document or a digest, in every table that this role may read.

    System schemas do not count. The type of a domain is the type that it is based on. A partition is left out: its rows
    are those of the partitioned table. A foreign table is left out unless its kind is asked for: its rows are on
    another server.
    """
    return _columns(database, _HELD, (list(kinds), OUR_TABLES, list(OPAQUE)))


def numbers(database: Database) -> dict[Table, list[Column]]:
    """Return every column of numbers that may be bytes: large numbers, and lists of small ones."""
    return _columns(database, _NUMBERS, (OWN_ROWS, OUR_TABLES, list(NUMBER_LISTS)))


def _columns(database: Database, held: str, params: Sequence[Sequence[str]]) -> dict[Table, list[Column]]:
    by_table: dict[Table, list[Column]] = {}
    rows = database.rows(
        "SELECT n.nspname::text, c.relname::text, pg_table_is_visible(c.oid), c.relkind = 'p',"
        " row_security_active(c.oid), c.relkind = 'm', a.attname::text,"
        " format_type(b.oid, NULL),"
        " CASE WHEN b.oid IN ('varchar'::regtype, 'bpchar'::regtype)"
        " THEN nullif(greatest(a.atttypmod, b.typmod, 4) - 4, 0) END,"
        " a.attgenerated <> '', t.typcategory::text"
        f" {held} AND has_schema_privilege(n.oid, 'USAGE') AND has_column_privilege(c.oid, a.attnum, 'SELECT')"
        " ORDER BY 1, 2, a.attnum",
        params,
    )
    for schema, name, visible, partitioned, guarded, copy, *column in rows:
        table = Table(schema, name, visible, database.alias, partitioned, guarded, copy)
        by_table.setdefault(table, []).append(Column(*column))
    return by_table


def types_of(database: Database, table: Table) -> dict[str, str]:
    """Return the type of every column of a table, also of those that hold numbers or dates."""
    query = (
        "SELECT attname::text, format_type(atttypid, NULL) FROM pg_attribute"
        " WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped"
    )
    return dict(database.rows(query, (table.regclass,), table=table.label))


def keys_of_rows(database: Database) -> set[tuple[str, str, str]]:
    """Return schema, table and name of each column in a primary or foreign key."""
    query = (
        "SELECT n.nspname::text, c.relname::text, a.attname::text FROM pg_constraint o"
        " JOIN pg_class c ON c.oid = o.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY(o.conkey) WHERE o.contype IN ('p', 'f')"
    )
    return {(schema, table, column) for schema, table, column in database.rows(query)}


def unfilled(database: Database) -> list[str]:
    """Return the materialized views that were never refreshed and hold nothing."""
    rows = database.rows(
        "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE NOT c.relispopulated AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' ORDER BY 1"
    )
    return [name for (name,) in rows]


# The words of a grant, as the server quotes them.
_GRANT = "quote_ident(n.nspname), quote_ident(n.nspname) || '.' || quote_ident(c.relname), quote_ident(current_user)"


def unreadable(database: Database) -> list[tuple[str, str, str]]:
    """Return the tables and columns that ``columns`` leaves out, since this role may not read them.

    Each has its name, what it is, and the statement that lets the role read it. System schemas do not count.
    """
    rows = database.rows(
        f"SELECT n.nspname || '.' || c.relname, has_schema_privilege(n.oid, 'USAGE'), NULL, {_GRANT}"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'p', 'm', 'f') AND NOT c.relispartition"
        " AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' AND c.relname <> ALL(%s)"
        " AND (NOT has_schema_privilege(n.oid, 'USAGE') OR NOT has_any_column_privilege(c.oid, 'SELECT'))"
        " AND NOT EXISTS (SELECT FROM pg_depend d"
        " WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')"
        f" UNION ALL SELECT n.nspname || '.' || c.relname || '.' || a.attname, true, quote_ident(a.attname), {_GRANT}"
        f" {_HELD} AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')"
        " AND NOT has_column_privilege(c.oid, a.attnum, 'SELECT') ORDER BY 1",
        (OUR_TABLES, [*OWN_ROWS, *FOREIGN], OUR_TABLES, list(OPAQUE)),
    )
    return [
        (name, "a column" if column else "a table", _format_grant(column, *words, may_use=may_use))
        for name, may_use, column, *words in rows
    ]


def _format_grant(column: str | None, schema: str, table: str, role: str, *, may_use: bool) -> str:
    """Return the statements that let a role read a column, or a whole table."""
    use = "" if may_use else f"GRANT USAGE ON SCHEMA {schema} TO {role}; "
    return f"{use}GRANT SELECT{f' ({column})' if column else ''} ON {table} TO {role}"


# Obstacles to the rewriting of a column: a description, what to do about it, and how the catalog shows it.
_OBSTACLES = (
    (
        "is bound to another column by a foreign key, and their new values would differ",
        "Let the reference use the row's key instead, or list both columns in O(ignore).",
        "SELECT 1 FROM pg_constraint f JOIN pg_attribute a ON (a.attrelid = f.conrelid AND a.attnum = ANY(f.conkey))"
        " OR (a.attrelid = f.confrelid AND a.attnum = ANY(f.confkey))"
        " WHERE f.contype = 'f' AND a.attrelid = to_regclass(%s) AND a.attname = %s",
    ),
    (
        "cannot be updated by this role",
        "Grant the role of the application's DATABASES UPDATE on it.",
        "SELECT 1 WHERE NOT has_column_privilege(to_regclass(%s), %s::text, 'UPDATE')",
    ),
    (
        "is in a table of which this role may read only some columns, and not xmin",
        "Grant the role of the application's DATABASES SELECT on the whole table.",
        "SELECT 1 WHERE NOT has_table_privilege(to_regclass(%s), 'SELECT') AND %s::text IS NOT NULL",
    ),
    (
        "is in a table whose updates a rewrite rule (CREATE RULE) turns into something else",
        "Disable the rule for the rotation, or make it a trigger.",
        "SELECT 1 FROM pg_rewrite WHERE ev_class = to_regclass(%s) AND %s::text IS NOT NULL AND ev_type = '2'"
        " AND ev_enabled <> 'D'",
    ),
    (
        "is in a table without a replica identity whose updates are published, and the server refuses each",
        "Give the table a primary key, or ALTER TABLE ... REPLICA IDENTITY FULL.",
        "SELECT 1 FROM pg_class c WHERE to_regclass(%s) IN (c.oid, pg_partition_root(c.oid)) AND %s::text IS NOT NULL"
        " AND c.relkind = 'r' AND c.relreplident <> 'f' AND NOT EXISTS (SELECT FROM pg_index i WHERE"
        "  i.indrelid = c.oid AND i.indisvalid AND i.indimmediate AND (c.relreplident = 'd' AND i.indisprimary"
        "  OR c.relreplident = 'i' AND i.indisreplident))"
        " AND EXISTS (SELECT FROM pg_publication JOIN pg_publication_tables t USING (pubname)"
        "  JOIN pg_namespace n ON n.nspname = t.schemaname JOIN pg_class p ON (p.relnamespace, p.relname) ="
        "  (n.oid, t.tablename) WHERE pubupdate AND (p.oid = c.oid OR p.oid IN"
        "  (SELECT relid FROM pg_partition_ancestors(c.oid))))",
    ),
)


# Constraints of a table or a partition of it that hold for what is written, and maybe not for what is there.
UNVALIDATED = (
    "FROM pg_constraint c WHERE to_regclass(%s) IN (conrelid, pg_partition_root(conrelid)) AND %s::text IS NOT NULL"
    " AND contype IN ('c', 'n') AND NOT convalidated"
    " AND to_jsonb(c) -> 'conenforced' IS DISTINCT FROM 'false'"  # PostgreSQL 18: NOT ENFORCED is not valid either
)


BEGINNING = 500  # characters of a token: its random bytes are among them
FIRST_ROWS = 10_000  # in which a value that is repeated is looked for without statistics
MOSTLY = 0.9  # of the values: an estimate of how many are distinct is not exact
_DISTINCT = (
    "SELECT CASE WHEN s.n_distinct < 0 THEN -s.n_distinct ELSE s.n_distinct / greatest(c.reltuples, 1) END"
    " / (1 - s.null_frac) FROM pg_stats s JOIN pg_namespace n ON n.nspname = s.schemaname"
    " JOIN pg_class c ON c.relname = s.tablename AND c.relnamespace = n.oid"
    " WHERE s.schemaname = %s AND s.tablename = %s AND s.attname = %s AND s.null_frac < 1 AND s.n_distinct <> 0"
)


def linked(database: Database, tables: Iterable[Table]) -> set[tuple[str, str]]:
    """Return schema and name of the tables at the other end of the foreign keys of these tables."""
    query = (
        "SELECT DISTINCT n.nspname::text, c.relname::text FROM pg_constraint o"
        " CROSS JOIN LATERAL (VALUES (conrelid, confrelid), (confrelid, conrelid)) AS ends (one, other)"
        " JOIN pg_class c ON c.oid = one JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE o.contype = 'f' AND other = ANY(SELECT to_regclass(name) FROM unnest(%s::text[]) AS name)"
    )
    return {(schema, name) for schema, name in database.rows(query, ([table.regclass for table in tables],))}


def references(database: Database, table: Table) -> list[tuple[str, str, str, str]]:
    """Return the foreign keys of one column to a table: schema, name and column that refer, and the column there."""
    return _foreign_keys(database, table, "conrelid", "confrelid")


def referred(database: Database, table: Table) -> list[tuple[str, str, str, str]]:
    """Return the foreign keys of one column of a table: schema and name of what it refers to, its column, and the
    column there."""
    return _foreign_keys(database, table, "confrelid", "conrelid")


def _foreign_keys(database: Database, table: Table, other_end: str, end: str) -> list[tuple[str, str, str, str]]:
    query = (
        "SELECT n.nspname::text, c.relname::text, a.attname::text, f.attname::text FROM pg_constraint o"
        f" JOIN pg_class c ON c.oid = {other_end} JOIN pg_namespace n ON n.oid = c.relnamespace"
        " JOIN pg_attribute a ON a.attrelid = conrelid AND a.attnum = conkey[1]"
        " JOIN pg_attribute f ON f.attrelid = confrelid AND f.attnum = confkey[1]"
        f" WHERE o.contype = 'f' AND cardinality(conkey) = 1 AND {end} = to_regclass(%s) ORDER BY 1, 2, 3, 4"
    )
    return database.rows(query, (table.regclass,))


def is_repeated(database: Database, table: Table, column: str, type_: str, marker: bytes = b"") -> bool:
    """Return whether the same token is in several rows.

    The server's statistics show this. If the table was never analyzed, the beginnings of its first values are compared.
    In a column with other values too, only those with ``marker`` are compared.
    """
    known = [] if marker else database.rows(_DISTINCT, (table.schema, table.name, column))
    if known:
        return bool(known[0][0] < MOSTLY)
    text = sql.SQL("{}" if type_ == "bytea" else "{}::text").format(sql.Identifier(column))
    query = sql.SQL(
        "SELECT 1 FROM (SELECT substring({text} FOR {beginning}) AS value FROM {rows} AS t LIMIT {first}) AS first"
        " WHERE value <> '' AND position({marker} IN value) > 0"
        " GROUP BY value HAVING count(*) > 1 LIMIT 1"
    ).format(
        text=text,
        beginning=sql.Literal(BEGINNING),
        rows=table.rows,
        first=sql.Literal(FIRST_ROWS),
        marker=sql.Literal(marker if type_ == "bytea" else marker.decode("utf-8", "replace")),
    )
    return bool(database.rows(query, table=table.label))


def obstacles(database: Database, table: Table, column: str) -> list[tuple[str, str]]:
    """Return the reasons why this column cannot be rewritten, each with what to do about it."""
    reasons = [
        (obstacle, todo)
        for obstacle, todo, query in _OBSTACLES
        if database.rows(query, (table.regclass, column), table=table.label)
    ]
    for name in _violated(database, table, column):
        what = f"is in a table with rows that violate the constraint {name}, which is NOT VALID: no UPDATE of them goes"
        todo = f"Fix those rows, then ALTER TABLE ... VALIDATE CONSTRAINT {name}. Or drop it for the rotation."
        reasons.append((what, todo))
    return reasons


def _violated(database: Database, table: Table, column: str) -> list[str]:
    """Return the names of the constraints that a row with a value in this column violates."""
    constraints = database.rows(
        "SELECT conname::text, conrelid::regclass::text, coalesce(pg_get_expr(conbin, conrelid),"
        " (SELECT quote_ident(attname) || ' IS NOT NULL' FROM pg_attribute"
        " WHERE attrelid = conrelid AND attnum = conkey[1]))"
        f" {UNVALIDATED} AND has_table_privilege(conrelid, 'SELECT')",
        (table.regclass, column),
        table=table.label,
    )
    look = sql.SQL("SELECT 1 FROM ONLY {} WHERE {} IS NOT NULL AND NOT ({}) LIMIT 1")
    return sorted(
        {
            name
            for name, checked, expression in constraints
            if database.rows(
                look.format(sql.verbatim(checked), sql.Identifier(column), sql.verbatim(expression)), table=table.label
            )
        }
    )


ON_UPDATE = 16  # a bit of pg_trigger.tgtype


def update_triggers(database: Database, table: Table) -> list[str]:
    """Return the names of the triggers that an update fires on the table or a partition of it, without ours."""
    rows = database.rows(
        "SELECT DISTINCT tgname::text FROM pg_trigger WHERE to_regclass(%s) IN (tgrelid, pg_partition_root(tgrelid))"
        " AND NOT tgisinternal AND tgenabled <> 'D' AND (tgtype & %s) <> 0 AND NOT starts_with(tgname, %s) ORDER BY 1",
        (table.regclass, ON_UPDATE, OUR_TRIGGERS),
    )
    return [name for (name,) in rows]


def row_key(database: Database, table: Table) -> RowKey:
    """Return the primary key of ``table``, or a unique key over not-null columns. Raise E_TABLE_KEY."""
    rows = database.rows(
        "SELECT array_agg(a.attname::text ORDER BY k.place),"
        " array_agg(format_type(a.atttypid, a.atttypmod) ORDER BY k.place)"
        " FROM pg_index i CROSS JOIN unnest(i.indkey) WITH ORDINALITY AS k(attnum, place)"
        " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum"
        " WHERE i.indrelid = to_regclass(%s) AND i.indisunique AND i.indisvalid"
        " AND i.indpred IS NULL AND i.indexprs IS NULL"
        " AND k.place <= i.indnkeyatts"
        # Since PostgreSQL 18 NOT NULL may be NOT VALID, and there are rows without a name then.
        " GROUP BY i.indexrelid, i.indisprimary HAVING bool_and(a.attnotnull AND NOT EXISTS (SELECT FROM pg_constraint"
        "  WHERE conrelid = a.attrelid AND contype = 'n' AND conkey = ARRAY[a.attnum] AND NOT convalidated))"
        " ORDER BY i.indisprimary DESC, i.indexrelid LIMIT 1",
        (table.regclass,),
    )
    if not rows:
        raise TableKey(table=table.label)
    names, types = rows[0]
    return RowKey(tuple(names), tuple(types))


def reading_key(database: Database, table: Table) -> RowKey | None:
    """Return what names the rows of ``table`` for one reading of all of them: its key, or the place of each row.

    Return None if a table without a key has more than MOST_PLACES rows: each page by place sorts all rows that are
    left.
    """
    try:
        return row_key(database, table)
    except TableKey:
        query = sql.SQL("SELECT count(*) FROM (SELECT FROM {} LIMIT {}) AS t")
        ((count,),) = database.rows(query.format(table.rows, sql.Literal(MOST_PLACES + 1)), table=table.label)
        return PLACE if count <= MOST_PLACES else None


@dataclass(frozen=True)
class Definition:
    """The text of something in the catalog, its name, and the beginning of the statement that replaces it."""

    name: str
    statement: str
    text: str


# By what is defined: its name, the statement that replaces it, its text, and where these are from.
_DEFINITIONS = (
    "SELECT 'default of ' || c.oid::regclass || '.' || quote_ident(a.attname), 'ALTER TABLE ' || c.oid::regclass"
    " || CASE WHEN a.attgenerated = '' THEN ' ALTER COLUMN ' || quote_ident(a.attname) || ' SET DEFAULT'"
    " ELSE ' DROP COLUMN ' || quote_ident(a.attname) || ', then ADD COLUMN' END,"
    " pg_get_expr(d.adbin, d.adrelid), c.relnamespace FROM pg_attrdef d"
    " JOIN pg_class c ON c.oid = d.adrelid JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.adnum"
    " WHERE NOT c.relispartition",
    "SELECT 'default of domain ' || oid::regtype, 'ALTER DOMAIN ' || oid::regtype || ' SET DEFAULT', typdefault,"
    " typnamespace FROM pg_type WHERE typtype = 'd' AND typdefault IS NOT NULL",
    "SELECT 'constraint ' || quote_ident(conname) || ' of ' || owner, 'ALTER ' || kind || owner || ' DROP CONSTRAINT '"
    " || quote_ident(conname) || ', then ADD CONSTRAINT', pg_get_constraintdef(oid), connamespace FROM (SELECT *,"
    " CASE conrelid WHEN 0 THEN contypid::regtype::text ELSE conrelid::regclass::text END AS owner,"
    " CASE conrelid WHEN 0 THEN 'DOMAIN ' ELSE 'TABLE ' END AS kind FROM pg_constraint) AS o"
    " WHERE contype = 'c' AND conparentid = 0 AND coninhcount = 0",
    "SELECT 'function ' || p.oid::regprocedure, 'CREATE OR REPLACE FUNCTION ' || p.oid::regprocedure,"
    " CASE WHEN prokind = 'a' THEN prosrc ELSE pg_get_functiondef(p.oid) END, pronamespace FROM pg_proc p"
    " JOIN pg_language l ON l.oid = prolang WHERE lanname NOT IN ('internal', 'c') AND NOT EXISTS (SELECT FROM"
    " pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')",
    "SELECT CASE WHEN rulename <> '_RETURN' THEN 'rule ' || quote_ident(rulename) || ' of ' WHEN relkind = 'm'"
    " THEN 'materialized view ' ELSE 'view ' END || c.oid::regclass, CASE WHEN rulename <> '_RETURN'"
    " THEN 'CREATE OR REPLACE RULE ' || quote_ident(rulename) WHEN relkind = 'm' THEN 'DROP and CREATE MATERIALIZED"
    " VIEW ' || c.oid::regclass ELSE 'CREATE OR REPLACE VIEW ' || c.oid::regclass END, pg_get_ruledef(r.oid),"
    " relnamespace FROM pg_rewrite r JOIN pg_class c ON c.oid = ev_class",
    "SELECT 'trigger ' || quote_ident(tgname) || ' of ' || c.oid::regclass, 'CREATE OR REPLACE TRIGGER '"
    " || quote_ident(tgname), pg_get_triggerdef(t.oid), relnamespace FROM pg_trigger t JOIN pg_class c"
    " ON c.oid = tgrelid WHERE NOT tgisinternal AND tgparentid = 0",
    "SELECT 'index ' || indexrelid::regclass, 'DROP and CREATE INDEX ' || indexrelid::regclass,"
    " pg_get_indexdef(indexrelid), relnamespace FROM pg_index JOIN pg_class c ON c.oid = indexrelid"
    " WHERE (indpred IS NOT NULL OR indexprs IS NOT NULL) AND NOT relispartition",
    "SELECT 'policy ' || quote_ident(polname) || ' of ' || c.oid::regclass, 'ALTER POLICY ' || quote_ident(polname)"
    " || ' ON ' || c.oid::regclass, concat_ws(' ', pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck,"
    " polrelid)), relnamespace FROM pg_policy JOIN pg_class c ON c.oid = polrelid",
)
# Settings that sessions of this database begin with. Their texts are literals, as those in any other definition are.
_SESSION_SETTINGS = (
    "SELECT 'setting ' || name || ' of ' || concat_ws(' in ', 'role ' || role, 'database ' || place),"
    " 'ALTER ' || concat_ws(' IN ', 'ROLE ' || role, 'DATABASE ' || place) || ' SET ' || name || ' TO',"
    " quote_literal(value) FROM (SELECT split_part(one, '=', 1) AS name, substr(one, strpos(one, '=') + 1) AS value,"
    " CASE WHEN setrole <> 0 THEN quote_ident(pg_get_userbyid(setrole)) WHEN setdatabase = 0 THEN 'ALL' END AS role,"
    " CASE WHEN setdatabase <> 0 THEN quote_ident(current_database()) END AS place"
    " FROM pg_db_role_setting CROSS JOIN unnest(setconfig) AS one"
    " WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))) AS s ORDER BY 1"
)
_MAY_READ_SETTINGS = "SELECT has_table_privilege('pg_db_role_setting', 'SELECT')"


def definitions(database: Database) -> list[Definition]:
    """Return what is defined outside of system schemas: defaults, constraints, functions, views, rules, triggers,
    indexes and policies.

    Settings of the database and of roles are among them, if they may be read.
    """
    every = " UNION ALL ".join(_DEFINITIONS)
    rows = database.rows(
        f"SELECT name, statement, body FROM ({every}) AS d (name, statement, body, namespace)"
        " JOIN pg_namespace n ON n.oid = namespace WHERE nspname <> 'information_schema' AND nspname !~ '^pg_'"
        " AND body IS NOT NULL ORDER BY name"
    )
    ((may_read_settings,),) = database.rows(_MAY_READ_SETTINGS)
    settings = database.rows(_SESSION_SETTINGS) if may_read_settings else []
    return [Definition(*row) for row in (*rows, *settings)]
