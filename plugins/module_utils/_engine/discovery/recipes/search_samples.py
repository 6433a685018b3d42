# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of a table on which recipes are tried: the first and the last, and some with values in sparse columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from ...postgres import sql
from ...postgres.catalog import Column, Table
from ...postgres.connection import Database
from ..columns.target import Target
from .digest_look import SHORTEST

SAMPLE = 50  # rows of a table: half of them the first, half the last by the table's key
LAST = 1000  # rows of the end of a table among which those are
TRIED = 4  # of them, the first and the last that no known recipe explains, on which every recipe is tried
LARGEST = 20_000  # bytes of a token that is opened for this
LARGEST_OF_ALL = 200_000  # the same of a table that has none so small
LONGEST = 140  # characters of a stored digest: SHA-512 in hex, and a prefix


class SampleSize(NamedTuple):
    """The most rows, and the most bytes of each of their tokens."""

    rows: int
    token_bytes: int


SAMPLED, LARGE_TOKENS = SampleSize(SAMPLE, LARGEST), SampleSize(TRIED, LARGEST_OF_ALL)


def sample_rows(
    database: Database,
    table: Table,
    targets: Sequence[Target],
    columns: Sequence[Column],
    size: SampleSize = SAMPLED,
) -> list[Any]:
    """Return some rows with tokens, the oldest first, as far as the table's key shows their age.

    An application may have changed its way with the years. Rows of columns that hold few values come before them.
    """
    fit = [sql.SQL(f"octet_length({{}}) BETWEEN 1 AND {size.token_bytes}").format(target.value) for target in targets]
    key = targets[0].key.columns if targets else ()
    chosen = [sql.SQL("{}::text").format(sql.Identifier("t", name)) for name in key]
    chosen += [sql.SQL("CASE WHEN {} THEN {} END").format(fits, target.value) for fits, target in zip(fit, targets)]
    short = sql.SQL(f"CASE WHEN {{}} <= {LONGEST} THEN {{}}::text END")
    chosen += [short.format(_bytes(column), sql.Identifier("t", column.name)) for column in columns]
    query = partial(
        sql.SQL("SELECT {chosen} FROM {source} AS t WHERE ({fit}) {further} LIMIT %s").format,
        chosen=sql.SQL(", ").join(chosen),
        fit=sql.SQL(" OR ").join(fit or [sql.SQL("true")]),
    )
    rows = database.rows(query(source=table.rows, further=sql.SQL("")), (size.rows,), table=table.label)
    if key and len(rows) == size.rows:
        newest = database.rows(_newest(query, table, targets, columns), (size.rows // 2,), table=table.label)
        rows = [*rows[: size.rows - len(newest)], *reversed(newest)]
        rows = [*_scarce(database, table, partial(query, source=table.rows), columns, rows), *rows]
    return [row[len(key) :] for row in {row[: len(key)]: row for row in rows}.values()] if key else rows


def _newest(
    query: Callable[..., sql.Composable], table: Table, targets: Sequence[Target], columns: Sequence[Column]
) -> sql.Composable:
    """Return SQL for the same of the LAST rows by their key."""
    key = targets[0].key
    needed = sorted({*key.columns, *(target.column for target in targets), *(column.name for column in columns)})
    order = sql.SQL("ORDER BY {}").format(sql.SQL(", ").join(sql.SQL("{} DESC").format(part) for part in key.parts))
    last = sql.SQL(f"(SELECT {{needed}} FROM {{rows}} AS t {{order}} LIMIT {LAST})").format(
        needed=sql.SQL(", ").join(sql.Identifier("t", name) for name in needed), rows=table.rows, order=order
    )
    return query(source=last, further=order)


def _scarce(
    database: Database,
    table: Table,
    query: Callable[..., sql.Composable],
    columns: Sequence[Column],
    rows: Sequence[Any],
) -> list[Any]:
    """Return more rows, with values of the columns that have few possible digests in ``rows``.

    An index may exist for some rows only. The columns are the last of a row.
    """
    further_rows: list[Any] = []
    left = {column: place - len(columns) for place, column in enumerate(columns)}
    for _ in columns:
        left = {column: place for column, place in left.items() if sum(_is_long(row[place]) for row in rows) < TRIED}
        if not left:
            break
        shortest = {column: SHORTEST // 2 if column.type == "bytea" else SHORTEST for column in left}
        there = sql.SQL(" OR ").join(
            sql.SQL(f"{{}} BETWEEN {least} AND {LONGEST}").format(_bytes(column)) for column, least in shortest.items()
        )
        some = query(further=sql.SQL("AND ({})").format(there))
        rows = database.rows(some, (TRIED * len(left),), table=table.label)
        further_rows += rows
        if len(rows) < TRIED * len(left):  # there are no others
            break
    return further_rows


def _bytes(column: Column) -> sql.Composable:
    """Return SQL for the bytes of a value without its padding."""
    cast = "::text" if column.type in ("character", "uuid") else ""
    return sql.SQL(f"octet_length({{}}{cast})").format(sql.Identifier("t", column.name))


def _is_long(text: str | None) -> bool:
    return len(text or "") >= SHORTEST
