# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows prepared before the window: while the application serves, each row's new tokens are sealed into a table of our
own next to the data, with the old ones that they are for. In the window, a row that still has these is changed by sets.
A rollback puts the old ones back by sets, where a row still has the new ones.

The data is not changed before, and what the table says counts only for a row that is as it was: it may be stale, empty
or gone, and what it does not cover is left to the ordinary passes (rewriter.py). It holds ciphertext only.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from ..._errors.base import RotationError
from ..crypto.keyring import Keyring
from ..discovery.target import Target
from ..postgres import catalog, sql
from ..postgres.catalog import PREPARED as TABLE
from ..postgres.connection import Database, Yielded, array
from ..proof.table_pages import PAGE_ROWS, WHOLE, Page, PageRequest, RowText, Span, TargetGroup, pages, rows_of
from . import prepared_table, rewriter, table_passes, update_statement
from .prepared_table import NEW, OLD, Contents
from .rewriter import BatchResult, Rewriting, Work
from .table_passes import SPAN_ROWS, SetResult
from .throttle import Pace
from .update_statement import Change
from .worker_pool import Crew

MOST_ROWS = 10_000  # of one statement; how many it has follows from what the last ones took
ROW_BYTES = 250  # of a prepared row, besides its values: 210 were measured
MOST_DIFFERENT = 20_000  # rows of one table that are handed to this process by their keys
# Nested loops alone: the statistics of a table that was just filled must never lead to a scan of the data.
_BY_INDEX = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"


def obstacle(database: Database, group: TargetGroup, keyring: Keyring, schemes: Collection[str] | None = None) -> str:
    """Why the rows of a table go the ordinary way, for a person; empty if they can be prepared.

    ``schemes`` are those that a process without the present keys knows too; None after it has proved what is prepared.
    """
    used = [keyring.schemes[target.scheme] for target in group.members]
    if any(scheme.functions for scheme in used):
        return "functions of the application encrypt it"
    if not all(scheme.format.authenticated for scheme in used):
        return "it has values without authentication"
    if searched := sorted({each.column for target in group.members for each in target.derived}):
        return f"it has the search columns {', '.join(searched)}"
    if schemes is not None and (unknown := sorted({scheme.name for scheme in used} - {*schemes})):
        return f"only its values tell the scheme {', '.join(unknown)}"
    if triggers := catalog.update_triggers(database, group.table):
        return f"updates of it start the triggers {', '.join(triggers)}"
    if database.rows("SELECT has_schema_privilege(current_schema(), 'CREATE')") != [(True,)]:
        return "the role may not create a table in its first schema"
    return ""


def bytes_needed(database: Database, group: TargetGroup) -> int:
    """About how many bytes the prepared rows of a table take: both sides of each, and what PostgreSQL and the two
    indexes add."""
    sizes = [sql.SQL("coalesce(pg_column_size({}), 0)").format(sql.Identifier(each.column)) for each in group.members]
    query = sql.SQL(
        "SELECT (SELECT count(*) FROM {rows}), (SELECT coalesce(avg(size), 0)::bigint"
        " FROM (SELECT {size} AS size FROM {rows} LIMIT %s) AS s)"
    ).format(rows=group.table.rows, size=sql.SQL(" + ").join(sizes))
    ((rows, size),) = database.rows(query, (PAGE_ROWS,), table=group.table.label)
    return int(rows * (2 * size + ROW_BYTES))


def describe(group: TargetGroup) -> str:
    """A table with its columns as they are read and written."""
    columns = ", ".join(f"{target.column} {target.type} {target.scheme}" for target in group.members)
    return f"{group.table.regclass} by {', '.join(group.key.columns)}: {columns}"


class RowDifference(NamedTuple):
    """A prepared row by its number and its key, and a row of the data by its key. They are one and the same that has
    changed, or one of them is None: it was added, or is gone."""

    number: int | None
    prepared: RowText | None
    key: RowText | None

    @property
    def what(self) -> str:
        """What became of the row, as ``row_digests.TableComparison`` counts it."""
        return "inserted" if self.number is None else "deleted" if self.key is None else "changed"


def _bytewise(target: Target) -> str:
    """How texts are compared: some collations take two tokens for one."""
    return ' COLLATE "C"' if target.kind.array == "text" else ""


@dataclass(frozen=True)
class PreparedRows:
    """The prepared rows of one table, which has the place ``source``."""

    database: Database
    group: TargetGroup
    source: int

    def known(self, page: Page) -> set[RowText]:
        """The keys of those rows of a page that are prepared as they are, or have been changed by it already."""
        rows = self.database.rows(
            sql.SQL(
                f"SELECT {self._keys('v')} FROM {self._listed('o')} JOIN {TABLE} AS p"
                f" ON p.source = %s AND p.row_key = ARRAY[{self._keys('v')}]"
                f" WHERE ARRAY[{self._values('v', 'o')}]::text[] IN (p.{OLD}, p.{NEW})"
            ),
            [*self._arrays([key for key, _ in page], [values for _, values in page]), self.source],
            table=TABLE,
        )
        return set(rows)

    def store(self, changes: Sequence[Change]) -> None:
        """Put down changes; what was put down for the same rows before is replaced, and has another number."""
        counts = [array([str(count) for count in column]) for column in zip(*(change.tokens for change in changes))]
        names = ", ".join(f"v.c{place}" for place in range(len(self.group.members)))
        self.database.execute(
            sql.SQL(
                f"INSERT INTO {TABLE} (source, row_key, {OLD}, {NEW}, tokens) SELECT %s, ARRAY[{self._keys('v')}],"
                f" ARRAY[{self._values('v', 'o')}]::text[], ARRAY[{self._values('v', 'n')}]::text[], ARRAY[{names}]"
                f" FROM {self._listed('o', 'n', 'c')} ON CONFLICT (source, row_key) DO UPDATE"
                f" SET {OLD} = EXCLUDED.{OLD}, {NEW} = EXCLUDED.{NEW}, tokens = EXCLUDED.tokens, number = DEFAULT"
            ),
            [
                self.source,
                *self._arrays([change.key for change in changes], [change.old for change in changes]),
                *self._arrays([], [change.new for change in changes]),
                *counts,
            ],
            table=TABLE,
        )

    def forget(self, keys: Sequence[RowText]) -> None:
        """Remove what is prepared of these rows."""
        key = self.group.key
        query = (
            f"DELETE FROM {TABLE} AS p USING {key.listed} WHERE p.source = %s AND p.row_key = ARRAY[{self._keys('v')}]"
        )
        for begin in range(0, len(keys), PAGE_ROWS):
            columns = [array(column) for column in zip(*keys[begin : begin + PAGE_ROWS])]
            self.database.execute(query, [*columns, self.source], table=TABLE)

    def pages(self, side: str) -> Iterator[Page]:
        """All rows page by page, with their values before (``OLD``) or after (``NEW``)."""
        after = 0
        query = f"{self._chosen(side)} WHERE source = %s AND number > %s ORDER BY number LIMIT {PAGE_ROWS}"
        while rows := self.database.rows(query, (self.source, after), table=TABLE):
            after = rows[-1][0]
            yield self._page(rows)

    def pages_of(self, side: str, numbers: Sequence[int]) -> Iterator[Page]:
        """The same of some rows."""
        query = f"{self._chosen(side)} WHERE source = %s AND number = ANY(%s::bigint[])"
        for begin in range(0, len(numbers), PAGE_ROWS):
            listed = array([str(number) for number in numbers[begin : begin + PAGE_ROWS]])
            if rows := self.database.rows(query, (self.source, listed), table=TABLE):
                yield self._page(rows)

    def has_all(self, side: str) -> bool:
        """Whether every row of the data is exactly one side of what is prepared. Raises E_DB_LOCKED."""
        with self.database.snapshot([self.group.table.identifier]):
            return not self.differences(side, added=True, most=0)

    def _chosen(self, side: str) -> str:
        values = ", ".join(f"({side})[{n}]::{target.kind.array}" for n, target in enumerate(self.group.members, 1))
        keys = ", ".join(f"row_key[{n}]" for n in range(1, len(self.group.key.names) + 1))
        return f"SELECT number, {keys}, {values} FROM {TABLE}"

    def _page(self, rows: Sequence[tuple[Any, ...]]) -> Page:
        width = len(self.group.key.names)
        return [(row[1 : width + 1], row[width + 1 :]) for row in rows]

    def differences(
        self, side: str, last: int | None = None, *, added: bool = False, most: int = MOST_DIFFERENT
    ) -> list[RowDifference]:
        """Where the data is not exactly one side of what is prepared (up to the number ``last``, if there is one); with
        ``added``, not what is prepared and gone from the data. One more than ``most`` says that there may be more."""
        width = len(self.group.key.names)
        upto = " AND number <= %s" if last is not None else ""
        differs = [
            sql.SQL(f"t.v{n} IS DISTINCT FROM (p.{side})[{n + 1}]::{target.kind.array}{_bytewise(target)}")
            for n, target in enumerate(self.group.members)
        ]
        query = sql.SQL(
            "SELECT p.number, p.row_key, {keys} FROM (SELECT {chosen} FROM {rows} AS t) AS t"
            f" {'LEFT' if added else 'FULL'} JOIN"
            f" (SELECT number, row_key, {side} FROM {TABLE} WHERE source = %s{upto}) AS p"
            " ON p.row_key = ARRAY[{keys}] WHERE p.number IS NULL OR t.k0 IS NULL OR {differs} LIMIT %s"
        ).format(
            keys=sql.SQL(", ".join(f"t.k{n}" for n in range(width))),
            chosen=sql.SQL(", ").join(
                [sql.SQL(f"{{}}::text AS k{n}").format(part) for n, part in enumerate(self.group.key.parts)]
                + [
                    sql.SQL(f"{{}}::{target.kind.array}{_bytewise(target)} AS v{n}").format(target.value)
                    for n, target in enumerate(self.group.members)
                ]
            ),
            rows=self.group.table.rows,
            differs=sql.SQL(" OR ").join(differs),
        )
        params = [self.source, *([last] if last is not None else []), most + 1]
        found = self.database.rows(query, params, table=self.group.table.label)
        return [
            RowDifference(number, tuple(prepared) if prepared else None, tuple(key) if key[0] is not None else None)
            for number, prepared, *key in found
        ]

    def parts(self, rows: int) -> list[tuple[int, int]]:
        """The rows in parts of about so many: after one number, up to another."""
        ((first, last),) = self.database.rows(
            f"SELECT min(number) - 1, max(number) FROM {TABLE} WHERE source = %s", (self.source,), table=TABLE
        )
        if first is None:
            return []
        return [(begin, min(begin + rows, last)) for begin in range(first, last, rows)]

    def apply(self, after: int, last: int, since: str, side: str = NEW) -> list[Any]:
        """Give those rows of a part one side that are exactly the other: the transaction (None without any), whether a
        trigger put a value back, how many rows, and how many tokens of each target. What another transaction wrote
        from ``since`` on is left alone. Raises Yielded."""
        with self.database.batch():
            self.database.execute(_BY_INDEX)
            params = [self.source, after, last, *([since] if since else [])]
            update = self._updates[side, bool(since)]
            return list(self.database.rows(update, params, table=self.group.table.label)[0])

    @cached_property
    def _updates(self) -> dict[tuple[str, bool], str]:
        asked = [(side, since) for side in (OLD, NEW) for since in (False, True)]
        return {(side, since): self.database.text(self._update(side, since=since)) for side, since in asked}

    def _update(self, side: str, *, since: bool) -> sql.Composable:
        table, key, members = self.group
        width, other = len(key.names), OLD if side == NEW else NEW
        values = ", ".join(
            f"({each})[{n}]::{target.kind.array} AS {name}{n - 1}"
            for each, name in ((other, "o"), (side, "n"))
            for n, target in enumerate(members, 1)
        )
        keys = ", ".join(f"row_key[{n}] AS k{n - 1}" for n in range(1, width + 1))
        prepared = (
            f"SELECT {keys}, {values}, tokens FROM {TABLE}"
            f" WHERE source = %s AND number > %s AND number <= %s AND {OLD} IS DISTINCT FROM {NEW}"
        )
        sums = "".join(f", coalesce(sum(tokens[{n}]), 0)::bigint" for n in range(1, len(members) + 1))
        assign, same, kept = update_statement.compared(members)
        older = " AND NOT age(t.xmin) BETWEEN 0 AND age(%s::xid)" if since else ""
        return sql.SQL(
            f"WITH done AS (UPDATE {{rows}} AS t SET {{assign}} FROM ({prepared}) AS v"
            f" WHERE {{same}} AND {{row}}{older}"
            " RETURNING pg_current_xact_id()::xid::text AS id, {kept} AS kept, v.tokens)"
            f" SELECT max(id), coalesce(bool_or(kept), false), count(*){sums} FROM done"
        ).format(
            rows=table.rows,
            assign=sql.SQL(", ").join(assign),
            same=sql.SQL(" AND ").join(same),
            row=key.same,
            kept=sql.SQL(" OR ").join(kept),
        )

    def _keys(self, alias: str) -> str:
        return ", ".join(f"{alias}.{name}" for name in self.group.key.names)

    def _values(self, alias: str, side: str) -> str:
        return ", ".join(f"{alias}.{side}{place}" for place in range(len(self.group.members)))

    def _listed(self, *sides: str) -> str:
        """SQL for a list ``v`` of keys, and of each side (o, n: values; c: counts) one column for each target."""
        names = [*self.group.key.names]
        types = ["text"] * len(names)
        for side in sides:
            names += [f"{side}{place}" for place in range(len(self.group.members))]
            types += ["int" if side == "c" else "text"] * len(self.group.members)
        return f"unnest({', '.join(f'%s::{each}[]' for each in types)}) AS v({', '.join(names)})"

    def _arrays(self, keys: Sequence[RowText], values: Sequence[Sequence[Any]]) -> list[str]:
        """The parameters of keys, if any, and of the values of each target."""
        columns = [array(column) for column in zip(*keys)]
        return columns + [
            array(target.kind.elements(column)) for target, column in zip(self.group.members, zip(*values))
        ]


def whole(rows: Page, changes: Sequence[Change]) -> list[Change]:
    """The changes, and of all other rows what stays: what is prepared is compared with the whole table."""
    found = {change.key: change for change in changes}
    return [found.get(key) or Change(key, tuple(values), tuple(values), (0,) * len(values), {}) for key, values in rows]


@dataclass(frozen=True)
class Preparation:
    """The work before the window on one database."""

    rewriting: Rewriting

    def batches(self, database: Database, number: int, source: int, span: Span = WHOLE) -> Iterator[BatchResult]:
        """Prepare a span of the table ``number``; one BatchResult for each page. The data is only read."""
        rewriting = self.rewriting
        group, throttle = rewriting.tables[number], rewriting.policy.throttle
        prepared = PreparedRows(database, group, source)
        pace = Pace(throttle.batch_seconds)
        read = pages(database, PageRequest(group, span, fit=pace.rows))
        yield from rewriting.waits(throttle.wait(database, rewriting.stopped), group.table)
        while not rewriting.stopped() and (page := rewriter.next_page(database, read)) is not None:
            if not page:
                yield rewriter.locked(group.table)
                continue
            started = time.monotonic()
            known = prepared.known(page)
            rows = [row for row in page if row[0] not in known]
            changes = rewriting.changes(group.members, rows, {})
            if rows:
                prepared.store(whole(rows, changes))
            worked = time.monotonic() - started
            pace.took(len(page), worked)
            yield BatchResult(group.table.label, rows=len(page), rewritten=len(changes))
            yield from rewriting.waits(throttle.rest(database, worked, rewriting.stopped), group.table)


def prepare(
    database: Database, rewriting: Rewriting, crew: Crew, contents: Contents, report: Callable[[BatchResult], None]
) -> None:
    """Prepare every row of the tables of ``contents`` that is not yet where it should be; ``crew`` does
    ``Preparation.batches``. Raises what a rewrite raises that has not written yet."""
    if not contents.sources:
        return
    prepared_table.create(database, contents)
    for number, group in enumerate(rewriting.tables):
        source = contents.place(describe(group))
        if source is not None:
            work = Work(report=report)
            spans = table_passes.patient_spans(database, group, crew, work)
            for batch in crew.batches(database, [(number, source, span) for span in spans]):
                work.report(batch)
    with contextlib.suppress(RotationError):  # a courtesy to the planner
        database.execute(f"ANALYZE {TABLE}", table=TABLE)


@dataclass(frozen=True)
class SetRewrite:
    """The work by sets in the window on one database, or in a rollback."""

    rewriting: Rewriting

    def batches(
        self, database: Database, number: int, source: int, side: str, part: tuple[int, int]
    ) -> Iterator[BatchResult]:
        """Give the rows of a part one side that are exactly the other; one BatchResult for each transaction. What gives
        way is left to the ordinary passes."""
        rewriting, (after, last) = self.rewriting, part
        group, throttle = rewriting.tables[number], rewriting.policy.throttle
        prepared = PreparedRows(database, group, source)
        since = rewriting.policy.concurrent_writes.since.get(database.alias, "")
        pace, rows = Pace(rewriting.seconds(database)), PAGE_ROWS
        yield from rewriting.waits(throttle.wait(database, rewriting.stopped), group.table)
        while after < last and not rewriting.stopped():
            started, until = time.monotonic(), min(last, after + rows)
            batch = BatchResult(group.table.label)
            try:
                transaction, kept, batch.rewritten, *counts = prepared.apply(after, until, since, side)
            except Yielded as yielded:
                if yielded.slow and until - after > 1:
                    rows = (until - after) // 2
                    continue
                batch.yielded, transaction, kept, counts = until - after, None, False, []
            if transaction:
                (batch.kept if kept else batch.transactions).append(transaction)
                done = {target.name: count for target, count in zip(group.members, counts) if count}
                batch.values = Counter(done)
            worked = time.monotonic() - started
            pace.took(until - after, worked)
            after, rows = until, pace.rows(MOST_ROWS)
            yield batch
            yield from rewriting.waits(throttle.rest(database, worked, rewriting.stopped), group.table)


def apply(database: Database, rewriting: Rewriting, crew: Crew, work: Work) -> SetResult:
    """Change by sets whatever was prepared for the destination and is still as it was. In a rollback, what is still as
    it was changed gets the old tokens, which the ordinary passes look at. ``crew`` does ``SetRewrite.batches``."""
    result = SetResult()
    try:
        for number, source, side in _applicable(database, rewriting):
            group, ours = rewriting.tables[number], result.ours.setdefault(number, [])
            rows = PreparedRows(database, group, source)
            if rewriting.policy.settles and rows.has_all(side):
                result.done.add(number)
                continue
            _prepare_again(rewriting, rows)
            parts = rows.parts(SPAN_ROWS)
            own = [part for turn, part in enumerate(parts) if rewriting.policy.share.has(number + turn)]
            for batch in crew.batches(database, [(number, source, side, part) for part in own]):
                work.add(batch)
                work.by_sets += batch.values.total()
                rewriting.policy.concurrent_writes.add(
                    database.alias, group.table.label, batch.transactions + batch.kept, batch.others
                )
                ours += batch.transactions if side == NEW else []
            if side == NEW and rows.has_all(side):
                result.done.add(number)
    except RotationError as exc:
        raise rewriting.told(exc, work) from None
    return result


def _prepare_again(rewriting: Rewriting, rows: PreparedRows) -> None:
    """Prepare rows that have changed since, and forget those that are gone: after that, each row that is prepared is
    one of the data. What cannot be opened raises, as in an ordinary pass."""
    group = rows.group
    keys = rewriting.policy.changed.get(group.table.label, ())
    rows.forget(keys)
    for page in rows_of(rows.database, group, keys):
        rows.store(whole(page, rewriting.changes(group.members, page, {})))


def _applicable(database: Database, rewriting: Rewriting) -> Iterator[tuple[int, int, str]]:
    """The tables of which rows are prepared for the destination: each by its number, with its place and its side."""
    contents = prepared_table.read_contents(database)
    side = contents.side(rewriting.keyring.key_id(rewriting.destination)) if contents else ""
    for number, group in enumerate(rewriting.tables if contents and side else ()):
        source = contents.place(describe(group)) if contents else None
        if source is not None and not obstacle(database, group, rewriting.keyring):
            yield number, source, side
