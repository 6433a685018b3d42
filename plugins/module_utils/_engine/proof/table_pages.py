# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of a table with targets, page by page in the order of its key, so that memory holds one page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

from ..discovery.target_survey import Target
from ..postgres.catalog import RowKey, Table
from ..postgres.connection import Database, Patience, Yielded, array, quote

PAGE_ROWS = 1000  # larger pages are no faster (docs/design/concurrency.md)
PAGE_BYTES = 4_000_000
FIRST_ROWS, GROWTH = 16, 8  # of the first page, when nothing is known of their size, and from page to page
RowText = tuple[str, ...]
# A part of a table in the order of its key: after one key, up to another; empty where there is no such bound.
Span = tuple[RowText, RowText]
WHOLE: Span = ((), ())
# Of each row its key as text, and the values of the columns asked for.
Page = list[tuple[RowText, tuple[Any, ...]]]


class TargetGroup(NamedTuple):
    """The targets of one table, which is read and written once for all of them."""

    table: Table
    key: RowKey
    members: Sequence[Target]


@dataclass(frozen=True)
class PageRequest:
    """Which rows of a table are read.

    Those whose present version was written by one of the transactions ``besides`` are left out. With ``since``, each
    row has one value more: the transaction that wrote it, if that is this one or a later one. ``fit`` says how many
    rows a page has, of so many at most.
    """

    group: TargetGroup
    span: Span = WHOLE
    besides: Sequence[str] = ()
    since: str = ""
    fit: Callable[[int], int] = int


def by_table(targets: Sequence[Target]) -> list[TargetGroup]:
    """Targets grouped by table."""
    ordered = sorted(targets, key=lambda target: (target.table, target.column))
    groups = [(table, list(members)) for table, members in groupby(ordered, key=lambda target: target.table)]
    return [TargetGroup(table, members[0].key, members) for table, members in groups]


def pages(database: Database, request: PageRequest) -> Iterator[Page]:
    """The rows of a table page by page: (key as text, values of the targets).

    A page has fewer rows where they are large: the server ends it with the row that takes it over PAGE_BYTES. On an
    impatient connection an empty page says that somebody has locked the table, and that it is being looked at again.
    Raises E_DB_LOCKED.
    """
    last, limit = request.span[0], min(PAGE_ROWS, FIRST_ROWS)
    patience = Patience(database, [request.group.table.sql])
    while True:
        try:
            page = _page(database, request, last, limit)
        except Yielded:
            patience.refuse_to_wait()
            yield []
            continue
        patience.rest()
        if page:
            yield page
            last = page[-1][0]
        length = sum([len(value) for _, values in page for value in values if value])
        # A page that was cut for its size is far above this, be its characters of four bytes each.
        if len(page) < limit and length < PAGE_BYTES // 8:
            return
        limit = max(1, min(request.fit(PAGE_ROWS), limit * GROWTH, len(page) * PAGE_BYTES // max(length, 1)))


def _page(database: Database, request: PageRequest, last: RowText, limit: int) -> Page:
    """At most ``limit`` rows after the key ``last``."""
    table, key, _ = request.group
    horizon = [request.since] if request.since else []
    left_out = [array(request.besides)] if request.besides else []
    params = (*horizon, *last, *request.span[1], *left_out, limit)
    width = len(key.columns)
    rows = database.rows(_statement(request, after=bool(last)), params, table=table.label)
    return [(row[:width], row[width:]) for row in rows]


def _statement(request: PageRequest, *, after: bool) -> str:
    table, key, members = request.group
    # Qualified: a bare name in ORDER BY would mean the output column, which is text, and sorts 10 before 9.
    names = ", ".join(f"t.{quote(name)}" for name in key.columns)
    columns = [f"t.{quote(name)}" for name in dict.fromkeys([*key.columns, *(target.column for target in members)])]
    values = [target.kind.read.format(f"t.{quote(target.column)}") for target in members]
    chosen = [*(f"t.{quote(name)}::text" for name in key.columns), *values]
    # As it will be sent: what is stored may be compressed, a hundred times in jsonb.
    size = " + ".join(f"coalesce(octet_length({value}), 0)" for value in values)
    before = f"sum({size}) OVER (ORDER BY {names} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
    if request.since:
        columns.append("t.xmin AS key_rotation_writer")
        # An age below 0 is that of a row which was frozen two billion transactions ago.
        newer = "age(key_rotation_writer) BETWEEN 0 AND age(%s::xid)"
        chosen.append(f"CASE WHEN {newer} THEN key_rotation_writer::text END")
    return (
        f"SELECT {', '.join(chosen)} FROM (SELECT {', '.join(columns)}, {before} AS key_rotation_before"
        f" FROM {table.rows} AS t {_where(request, names, after=after)} ORDER BY {names} LIMIT %s) AS t"
        f" WHERE coalesce(key_rotation_before, 0) < {PAGE_BYTES} ORDER BY {names}"
    )


def _where(request: PageRequest, names: str, *, after: bool) -> str:
    bound = f"({', '.join(f'%s::{sql_type}' for sql_type in request.group.key.types)})"
    limits = [f"({names}) > {bound}"] * after + [f"({names}) <= {bound}"] * bool(request.span[1])
    limits += ["t.xmin <> ALL(%s::xid[])"] * bool(request.besides)
    return f"WHERE {' AND '.join(limits)}" if limits else ""


def spans(database: Database, group: TargetGroup, rows: int) -> list[Span]:
    """The table in parts of so many rows."""
    table, key, _ = group
    names = ", ".join(f"t.{quote(name)}" for name in key.columns)
    chosen = ", ".join(f"t.{quote(name)}::text" for name in key.columns)
    sql = (
        f"SELECT {', '.join(f'k{place}' for place in range(len(key.columns)))} FROM"
        f" (SELECT {chosen}, row_number() OVER (ORDER BY {names}) AS n FROM {table.rows} AS t)"
        f" AS s({', '.join(f'k{place}' for place in range(len(key.columns)))}, n) WHERE n %% %s = 0 ORDER BY n"
    )
    bounds = [(), *database.rows(sql, (rows,), table=table.label), ()]
    return list(zip(bounds, bounds[1:]))
