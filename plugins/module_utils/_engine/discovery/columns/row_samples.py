# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows from all over a table at a small cost: the first that the server finds, the last, and some from in between.

An application that began to encrypt late has plain values first.
"""

from __future__ import annotations

from typing import NamedTuple

from ...postgres import sql
from ...postgres.catalog import Column, Table
from ...postgres.connection import Database

LARGE = 2000  # rows: a larger table is not read whole, but sampled in about so many of its rows
WHOLE = 100_000  # rows: a table up to this size is searched whole for rare values, a larger one in about so many rows
SEARCHED = 20_000  # rows, in which one of each beginning is looked for
LAST_PAGES = 40  # of a table, where new rows and new versions of old ones are
# Rows as the server estimates (-1: unknown), pages with those of partitions, and what kind of relation it is.
SIZE = (
    "SELECT reltuples::float8, coalesce((SELECT sum(pg_relation_size(relid)) FROM pg_partition_tree(c.oid)),"
    " pg_relation_size(c.oid))::bigint / current_setting('block_size')::int, relkind::text"
    " FROM pg_class c WHERE oid = to_regclass(%s)"
)


class Size(NamedTuple):
    """The size of a table, as the query SIZE returns it."""

    rows: float
    pages: int
    kind: str

    @property
    def is_table(self) -> bool:
        """Return whether it has rows of its own, and is not a view."""
        return self.kind in ("r", "m", "p")


def size_of(database: Database, table: Table) -> Size:
    """Return the size of one table."""
    (row,) = database.rows(SIZE, (table.regclass,))
    return Size(*row)


def text_of(column: Column, longest: int, row: str = "t") -> sql.Composable:
    """Return SQL for a column of a ``row`` as text, binary values in hex, each up to ``longest`` characters or
    bytes."""
    binary, text = f"encode(substring({{}} for {longest}), 'hex')", f"left({{}}::text, {longest})"
    return sql.SQL(binary if column.type == "bytea" else text).format(sql.Identifier(row, column.name))


class RowSource(NamedTuple):
    """The columns to read of which rows ``t``, as SQL."""

    chosen: sql.Composable
    source: sql.Composable
    where: sql.Composable


def rare(size: Size, rows: RowSource, most: int) -> sql.Composable:
    """Return SQL for up to ``most`` of a few rows among very many, which a sample of all rows would miss."""
    share = min(WHOLE / size.rows, 1) if size.rows > 0 else 1
    sample = f" TABLESAMPLE SYSTEM ({100 * share:.6f}) REPEATABLE (0)" if share < 1 else ""
    query = f"(SELECT {{chosen}} FROM {{source}} AS t{sample} WHERE {{where}} LIMIT {most})"
    return sql.SQL(query).format(**rows._asdict())


def of_each_beginning(size: Size, rows: RowSource, column: sql.Composable, most: int) -> sql.Composable:
    """Return SQL for up to ``most`` rows whose bytes begin differently. Files of one kind begin alike, ciphertext does
    not."""
    share = min(SEARCHED / size.rows, 1) if size.rows > 0 else 1
    sample = f" TABLESAMPLE SYSTEM ({100 * share:.6f}) REPEATABLE (0)" if share < 1 else ""
    beginning = "substring({column} for 4)"
    searched = f"(SELECT t.tableoid, t.ctid, t.* FROM {{source}} AS t{sample} WHERE {{where}} LIMIT {SEARCHED}) AS t"
    kinds = f"SELECT DISTINCT ON ({beginning}) t.* FROM {searched} ORDER BY {beginning}, hashtext(t.ctid::text)"
    query = f"(SELECT {{chosen}} FROM ({kinds}) AS t ORDER BY hashtext(t.ctid::text) LIMIT {most})"
    return sql.SQL(query).format(**rows._asdict(), column=column)


def parts(size: Size, rows: RowSource, most: int, between: int) -> list[sql.Composable]:
    """Return SQL for the first and the last rows, up to ``most`` each, and for up to ``between`` in between."""
    # Whole pages are sampled: of their rows, those that a hash picks. A table that was never analyzed has -1 rows.
    share = 100 * min(LARGE / size.rows if size.rows > 0 else LAST_PAGES / max(size.pages, LAST_PAGES), 1)
    sample = f" TABLESAMPLE SYSTEM ({share:.6f}) REPEATABLE (0)"
    clauses = [("", "", most), (sample, " ORDER BY hashtext(t.ctid::text)", between)]
    if size.kind != "p":  # of partitions, each has pages of its own
        clauses.append(("", f" AND t.ctid >= '({max(size.pages - LAST_PAGES, 0)},0)'::tid ORDER BY t.ctid DESC", most))
    # The chosen columns are computed for these rows, not for all that are sorted.
    kept = "SELECT t.tableoid, t.ctid, t.* FROM {{source}} AS t{} WHERE {{where}}{} LIMIT {}"
    query = f"(SELECT {{{{chosen}}}} FROM ({kept}) AS t)"
    return [sql.SQL(query.format(*part)).format(**rows._asdict()) for part in clauses]
