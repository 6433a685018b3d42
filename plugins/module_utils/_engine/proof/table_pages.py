# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of a table with targets, page by page in the order of its key, so that memory holds one page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

from ..discovery.columns.target import Target
from ..postgres import sql
from ..postgres.catalog import RowKey, Table
from ..postgres.connection import Database, Patience, Yielded, array

PAGE_ROWS = 1000  # larger pages are no faster (docs/design/concurrency.md)
PAGE_BYTES = 4_000_000
FIRST_ROWS, GROWTH = 16, 8  # of the first page, when nothing is known of their size, and from page to page
RowText = tuple[str, ...]
# A part of a table in the order of its key: after one key, up to another; empty if there is no such bound.
Span = tuple[RowText, RowText]
WHOLE: Span = ((), ())
# Of each row its key as text, and the values of the columns asked for.
PageRows = list[tuple[RowText, tuple[Any, ...]]]


class TargetGroup(NamedTuple):
    """The targets of one table, which is read and written once for all of them."""

    table: Table
    key: RowKey
    members: Sequence[Target]


@dataclass(frozen=True)
class PageRequest:
    """The rows of a table to read.

    Rows whose present version was written by one of the transactions ``besides`` are left out. With ``since``, each row
    has one more value: the transaction that wrote it, if that is this one or a later one. ``fit`` returns the number of
    rows for a page, given the largest number.
    """

    group: TargetGroup
    span: Span = WHOLE
    besides: Sequence[str] = ()
    since: str = ""
    fit: Callable[[int], int] = int


def by_table(targets: Sequence[Target]) -> list[TargetGroup]:
    """Return the targets grouped by table."""
    ordered = sorted(targets, key=lambda target: (target.table, target.column))
    groups = [(table, list(members)) for table, members in groupby(ordered, key=lambda target: target.table)]
    return [TargetGroup(table, members[0].key, members) for table, members in groups]


def pages(database: Database, request: PageRequest) -> Iterator[PageRows]:
    """Yield the rows of a table page by page: (key as text, values of the targets).

    A page of large rows has fewer of them: the server ends it with the row that takes it over PAGE_BYTES. On an
    impatient connection an empty page means that another session has locked the table, and that the next page tries
    again. Raise E_DB_LOCKED.
    """
    last, limit = request.span[0], min(PAGE_ROWS, FIRST_ROWS)
    statements = {after: database.text(_statement(request, after=after)) for after in (False, True)}
    patience = Patience(database, [request.group.table.identifier])
    while True:
        try:
            page = _page(database, request, statements[bool(last)], last, limit)
        except Yielded:
            patience.refuse_to_wait()
            yield []
            continue
        patience.rest()
        if page:
            yield page
            last = page[-1][0]
        length = sum([len(value) for _, values in page for value in values if value])
        # A page that was cut for its size is far above this, even with 4-byte characters.
        if len(page) < limit and length < PAGE_BYTES // 8:
            return
        limit = max(1, min(request.fit(PAGE_ROWS), limit * GROWTH, len(page) * PAGE_BYTES // max(length, 1)))


def _page(database: Database, request: PageRequest, statement: str, last: RowText, limit: int) -> PageRows:
    """Return at most ``limit`` rows after the key ``last``."""
    table, key, _ = request.group
    horizon = [request.since] if request.since else []
    left_out = [array(request.besides)] if request.besides else []
    params = (*horizon, *last, *request.span[1], *left_out, limit)
    width = len(key.columns)
    rows = database.rows(statement, params, table=table.label)
    return [(row[:width], row[width:]) for row in rows]


def _statement(request: PageRequest, *, after: bool) -> sql.Composable:
    table, key, members = request.group
    columns = [
        sql.Identifier("t", name) for name in dict.fromkeys([*key.columns, *(target.column for target in members)])
    ]
    chosen = [*map(_as_text, key.parts), *(target.value for target in members)]
    # As it will be sent: what is stored may be compressed, a hundred times in jsonb.
    sizes = [sql.SQL("coalesce(octet_length({}), 0)").format(target.value) for target in members]
    if request.since:
        columns.append(sql.SQL("t.xmin AS tetech_key_rotation_writer"))
        # An age below 0 is that of a row which was frozen two billion transactions ago.
        chosen.append(
            sql.SQL(
                "CASE WHEN age(tetech_key_rotation_writer) BETWEEN 0 AND age(%s::xid)"
                " THEN tetech_key_rotation_writer::text END"
            )
        )
    return sql.SQL(
        "SELECT {chosen} FROM (SELECT {columns}, sum({size})"
        " OVER (ORDER BY {key} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS tetech_key_rotation_before"
        " FROM {rows} AS t {where} ORDER BY {key} LIMIT %s) AS t"
        " WHERE coalesce(tetech_key_rotation_before, 0) < {bytes} ORDER BY {key}"
    ).format(
        chosen=sql.SQL(", ").join(chosen),
        columns=sql.SQL(", ").join(columns),
        size=sql.SQL(" + ").join(sizes),
        # Qualified: a bare name in ORDER BY would mean the output column, which is text, and sorts 10 before 9.
        key=sql.SQL(", ").join(key.parts),
        rows=table.rows,
        where=_where(request, after=after),
        bytes=sql.Literal(PAGE_BYTES),
    )


def rows_of(database: Database, group: TargetGroup, keys: Sequence[RowText]) -> Iterator[PageRows]:
    """Yield the rows that have these keys, page by page; those that are gone are missing."""
    table, key, members = group
    query = sql.SQL("SELECT {chosen} FROM {rows} AS t JOIN {listed} ON {same}").format(
        chosen=sql.SQL(", ").join([*map(_as_text, key.parts), *(target.value for target in members)]),
        rows=table.rows,
        listed=key.listed,
        same=key.same,
    )
    width = len(key.columns)
    for begin in range(0, len(keys), PAGE_ROWS):
        columns = [array(column) for column in zip(*keys[begin : begin + PAGE_ROWS])]
        rows = database.rows(query, columns, table=table.label)
        if rows:
            yield [(row[:width], row[width:]) for row in rows]


def _where(request: PageRequest, *, after: bool) -> sql.Composable:
    key = request.group.key
    bound = sql.SQL(", ").join(sql.SQL("%s::{}").format(cast) for cast in key.casts)
    limits = [sql.SQL("({}) > ({})")] * after + [sql.SQL("({}) <= ({})")] * bool(request.span[1])
    limits = [limit.format(sql.SQL(", ").join(key.parts), bound) for limit in limits]
    limits += [sql.SQL("t.xmin <> ALL(%s::xid[])")] * bool(request.besides)
    return sql.SQL("WHERE {}").format(sql.SQL(" AND ").join(limits)) if limits else sql.SQL("")


def _as_text(column: sql.Composable) -> sql.Composable:
    return sql.SQL("{}::text").format(column)


def spans(database: Database, group: TargetGroup, rows: int) -> list[Span]:
    """Return the table in parts of so many rows."""
    table, key, _ = group
    query = sql.SQL(
        "SELECT {names} FROM (SELECT {chosen}, row_number() OVER (ORDER BY {key}) AS n FROM {rows} AS t)"
        " AS s({names}, n) WHERE n % {span} = 0 ORDER BY n"
    ).format(
        names=sql.identifiers(key.names),
        chosen=sql.SQL(", ").join(map(_as_text, key.parts)),
        key=sql.SQL(", ").join(key.parts),
        rows=table.rows,
        span=sql.Literal(rows),
    )
    bounds = [(), *database.rows(query, table=table.label), ()]
    return list(zip(bounds, bounds[1:]))
