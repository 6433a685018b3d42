# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows prepared before the window, while the application serves requests.

Each row's new tokens are sealed into a table of our own next to the data, with the old tokens that they replace. In the
window, sets of rows that still have the old tokens are changed. A rollback restores the old tokens by sets, in rows
that still have the new ones.

The data does not change before the window. An entry of the table counts only for a row that has not changed. It may be
stale or missing: the ordinary passes (rewriter.py) do what it does not cover. The table holds ciphertext only.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple

from ..._errors.base import RotationError
from ..crypto.keyring import Keyring
from ..discovery.columns.target import Target
from ..postgres import catalog, sql
from ..postgres.catalog import PREPARED as TABLE
from ..postgres.connection import Database, Yielded, array
from ..proof.table_pages import PAGE_ROWS, WHOLE, PageRequest, PageRows, RowText, Span, TargetGroup, pages, rows_of
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
# Nested loops alone: without statistics of a table that was just filled, each page would be a scan of all rows.
_BY_INDEX = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"


def obstacle(database: Database, group: TargetGroup, keyring: Keyring, schemes: Collection[str] | None = None) -> str:
    """Return why the rows of a table go the ordinary way, for a person; empty if they can be prepared.

    ``schemes`` are those that a process without the present keys knows too. None means that this process has proved
    what is prepared.
    """
    used = [keyring.schemes[target.scheme] for target in group.members]
    if any(scheme.functions for scheme in used):
        return "functions of the application encrypt it"
    if not all(scheme.format.authenticated for scheme in used):
        return "it has values without authentication"
    if searched := sorted({recipe.column for target in group.members for recipe in target.derived}):
        return f"it has the search columns {', '.join(searched)}"
    if schemes is not None and (unknown := sorted({scheme.name for scheme in used} - {*schemes})):
        return f"only its values tell the scheme {', '.join(unknown)}"
    if triggers := catalog.update_triggers(database, group.table):
        return f"updates of it start the triggers {', '.join(triggers)}"
    if database.rows("SELECT has_schema_privilege(current_schema(), 'CREATE')") != [(True,)]:
        return "the role may not create a table in its first schema"
    return ""


def bytes_needed(database: Database, group: TargetGroup) -> int:
    """Return about how many bytes the prepared rows of a table take, with both sides and the two indexes."""
    sizes = [
        sql.SQL("coalesce(pg_column_size({}), 0)").format(sql.Identifier(target.column)) for target in group.members
    ]
    query = sql.SQL(
        "SELECT (SELECT count(*) FROM {rows}), (SELECT coalesce(avg(size), 0)::bigint"
        " FROM (SELECT {size} AS size FROM {rows} LIMIT %s) AS s)"
    ).format(rows=group.table.rows, size=sql.SQL(" + ").join(sizes))
    ((rows, size),) = database.rows(query, (PAGE_ROWS,), table=group.table.label)
    return int(rows * (2 * size + ROW_BYTES))


def describe(group: TargetGroup) -> str:
    """Return a description of a table with its columns as they are read and written."""
    columns = ", ".join(f"{target.column} {target.type} {target.scheme}" for target in group.members)
    return f"{group.table.regclass} by {', '.join(group.key.columns)}: {columns}"


class RowDifference(NamedTuple):
    """A prepared row by its number and its key, and a row of the data by its key.

    They are the same row, which has changed. If one of them is None, the row was added, or is gone.
    """

    number: int | None
    prepared: RowText | None
    key: RowText | None

    @property
    def what(self) -> str:
        """The change of the row, as ``row_digests.TableComparison`` counts it."""
        return "inserted" if self.number is None else "deleted" if self.key is None else "changed"


class SetUpdate(NamedTuple):
    """The result of one UPDATE by sets: its transaction (None if no row changed), rows, and tokens by target.

    ``kept`` is whether a trigger put a value back.
    """

    transaction: str | None
    kept: bool
    rows: int
    tokens: Sequence[int]


def _bytewise(target: Target, value: sql.Composable) -> sql.Composable:
    """Return a value as it is compared: some collations treat two tokens as equal."""
    typed = sql.SQL("{}::{}").format(value, sql.verbatim(target.kind.array))
    return sql.SQL('{} COLLATE "C"').format(typed) if target.kind.array == "text" else typed


def _elements(column: str, name: str, types: Sequence[str]) -> sql.Composable:
    """Return the elements of an array column, each with the type and name that it has in a list of rows."""
    return sql.SQL(", ").join(
        sql.SQL("({})[{}]::{} AS {}").format(
            sql.Identifier(column), sql.Literal(place + 1), sql.verbatim(element_type), sql.Identifier(f"{name}{place}")
        )
        for place, element_type in enumerate(types)
    )


@dataclass(frozen=True)
class PreparedRows:
    """The prepared rows of one table, which has the place ``source`` in ``Contents``."""

    database: Database
    group: TargetGroup
    source: int

    def find_prepared_keys(self, page: PageRows) -> set[RowText]:
        """Return the keys of a page's rows that are prepared as they are, or were changed by this already."""
        query = sql.SQL(
            "SELECT {keys} FROM {listed} JOIN {table} AS p ON p.source = %s AND p.row_key = ARRAY[{keys}]"
            " WHERE ARRAY[{values}]::text[] IN (p.{old}, p.{new})"
        ).format(keys=self._keys, listed=self._listed("o"), values=self._values("o"), **_table_and_sides())
        params = [*self._arrays([key for key, _ in page], [values for _, values in page]), self.source]
        with self._by_index():
            return set(self.database.rows(query, params, table=TABLE))

    def store(self, changes: Sequence[Change]) -> None:
        """Store changes. A row that was stored before is replaced, and gets another number."""
        counts = [array([str(count) for count in column]) for column in zip(*(change.tokens for change in changes))]
        statement = sql.SQL(
            "INSERT INTO {table} (source, row_key, {old}, {new}, tokens)"
            " SELECT %s, ARRAY[{keys}], ARRAY[{before}]::text[], ARRAY[{after}]::text[], ARRAY[{counts}]"
            " FROM {listed} ON CONFLICT (source, row_key) DO UPDATE"
            " SET {old} = EXCLUDED.{old}, {new} = EXCLUDED.{new}, tokens = EXCLUDED.tokens, number = DEFAULT"
        ).format(
            keys=self._keys,
            before=self._values("o"),
            after=self._values("n"),
            counts=self._values("c"),
            listed=self._listed("o", "n", "c"),
            **_table_and_sides(),
        )
        params = [
            self.source,
            *self._arrays([change.key for change in changes], [change.old for change in changes]),
            *self._arrays([], [change.new for change in changes]),
            *counts,
        ]
        self.database.execute(statement, params, table=TABLE)

    def forget(self, keys: Sequence[RowText]) -> None:
        """Remove what is prepared of these rows."""
        query = sql.SQL(
            "DELETE FROM {table} AS p USING {listed} WHERE p.source = %s AND p.row_key = ARRAY[{keys}]"
        ).format(table=sql.Identifier(TABLE), listed=self.group.key.listed, keys=self._keys)
        for begin in range(0, len(keys), PAGE_ROWS):
            columns = [array(column) for column in zip(*keys[begin : begin + PAGE_ROWS])]
            with self._by_index():
                self.database.execute(query, [*columns, self.source], table=TABLE)

    @contextlib.contextmanager
    def _by_index(self) -> Iterator[None]:
        with self.database.transaction("ISOLATION LEVEL READ COMMITTED"):
            self.database.execute(_BY_INDEX)
            yield

    def pages(self, side: str) -> Iterator[PageRows]:
        """Yield all rows page by page, with their values before (``OLD``) or after (``NEW``)."""
        after = 0
        query = sql.SQL("{} WHERE source = %s AND number > %s ORDER BY number LIMIT {}").format(
            self._select(side), sql.Literal(PAGE_ROWS)
        )
        while rows := self.database.rows(query, (self.source, after), table=TABLE):
            after = rows[-1][0]
            yield self._page(rows)

    def pages_of(self, side: str, numbers: Sequence[int]) -> Iterator[PageRows]:
        """Yield the rows with these numbers, page by page."""
        query = sql.SQL("{} WHERE source = %s AND number = ANY(%s::bigint[])").format(self._select(side))
        for begin in range(0, len(numbers), PAGE_ROWS):
            listed = array([str(number) for number in numbers[begin : begin + PAGE_ROWS]])
            if rows := self.database.rows(query, (self.source, listed), table=TABLE):
                yield self._page(rows)

    def has_all(self, side: str) -> bool:
        """Return whether every row of the data is exactly this side of its prepared row. Raise E_DB_LOCKED."""
        with self.database.snapshot([self.group.table.identifier]):
            return not self.differences(side, added=True, most=0)

    def _select(self, side: str) -> sql.Composable:
        return sql.SQL("SELECT number, {}, {} FROM {}").format(
            self._stored_keys, self._stored_values(side, "o"), sql.Identifier(TABLE)
        )

    @property
    def _stored_keys(self) -> sql.Composable:
        return _elements("row_key", "k", ["text"] * len(self.group.key.names))

    def _stored_values(self, side: str, name: str) -> sql.Composable:
        return _elements(side, name, [target.kind.array for target in self.group.members])

    def _page(self, rows: Sequence[tuple[Any, ...]]) -> PageRows:
        width = len(self.group.key.names)
        return [(row[1 : width + 1], row[width + 1 :]) for row in rows]

    def differences(
        self, side: str, last: int | None = None, *, added: bool = False, most: int = MOST_DIFFERENT
    ) -> list[RowDifference]:
        """Return the rows that differ between the data and one side of what is prepared.

        Prepared rows count up to the number ``last``, if there is one. With ``added``, prepared rows that are gone from
        the data do not count. The result has at most one row more than ``most``.
        """
        key = self.group.key
        query = sql.SQL(
            "SELECT p.number, p.row_key, {keys} FROM (SELECT {data} FROM {rows} AS t) AS t {join} JOIN"
            " (SELECT number, row_key, {side} FROM {table} WHERE source = %s{limit}) AS p ON p.row_key = ARRAY[{keys}]"
            " WHERE p.number IS NULL OR t.k0 IS NULL OR {differs} LIMIT %s"
        ).format(
            keys=sql.identifiers(key.names, "t"),
            data=sql.SQL(", ").join(
                [sql.SQL("{}::text AS {}").format(*pair) for pair in zip(key.parts, map(sql.Identifier, key.names))]
                + [
                    sql.SQL("{} AS {}").format(_bytewise(target, target.value), sql.Identifier(f"v{place}"))
                    for place, target in enumerate(self.group.members)
                ]
            ),
            rows=self.group.table.rows,
            join=sql.SQL("LEFT" if added else "FULL"),
            side=sql.Identifier(side),
            table=sql.Identifier(TABLE),
            limit=sql.SQL("" if last is None else " AND number <= %s"),
            differs=sql.SQL(" OR ").join(
                sql.SQL("{} IS DISTINCT FROM {}").format(
                    sql.Identifier("t", f"v{place}"),
                    _bytewise(target, sql.SQL("({})[{}]").format(sql.Identifier("p", side), sql.Literal(place + 1))),
                )
                for place, target in enumerate(self.group.members)
            ),
        )
        params = [self.source, *([last] if last is not None else []), most + 1]
        rows = self.database.rows(query, params, table=self.group.table.label)
        return [
            RowDifference(
                number, tuple(prepared) if prepared else None, tuple(row_key) if row_key[0] is not None else None
            )
            for number, prepared, *row_key in rows
        ]

    def parts(self, rows: int) -> list[tuple[int, int]]:
        """Return the rows in parts of about so many: after one number, up to another."""
        ((first, last),) = self.database.rows(
            f"SELECT min(number) - 1, max(number) FROM {TABLE} WHERE source = %s", (self.source,), table=TABLE
        )
        if first is None:
            return []
        return [(begin, min(begin + rows, last)) for begin in range(first, last, rows)]

    def apply(self, after: int, last: int, since: str, side: str = NEW) -> SetUpdate:
        """Give the rows of a part one side, if they are exactly the other.

        Rows that another transaction wrote from ``since`` on are left alone. Raise Yielded.
        """
        with self.database.batch():
            self.database.execute(_BY_INDEX)
            params = [self.source, after, last, *([since] if since else [])]
            update = self._updates[side, bool(since)]
            ((transaction, kept, rows, *tokens),) = self.database.rows(update, params, table=self.group.table.label)
            return SetUpdate(transaction, kept, rows, tokens)

    @cached_property
    def _updates(self) -> dict[tuple[str, bool], str]:
        asked = [(side, since) for side in (OLD, NEW) for since in (False, True)]
        return {(side, since): self.database.text(self._update(side, since=since)) for side, since in asked}

    def _update(self, side: str, *, since: bool) -> sql.Composable:
        table, key, members = self.group
        assign, same, kept = update_statement.compared(members)
        older = [sql.SQL("NOT age(t.xmin) BETWEEN 0 AND age(%s::xid)")] if since else []
        return sql.SQL(
            "WITH done AS (UPDATE {rows} AS t SET {assign}"
            " FROM (SELECT {keys}, {before}, {after}, tokens FROM {table}"
            "  WHERE source = %s AND number > %s AND number <= %s AND {old} IS DISTINCT FROM {new}) AS v"
            " WHERE {conditions} RETURNING pg_current_xact_id()::xid::text AS id, {kept} AS kept, v.tokens)"
            " SELECT max(id), coalesce(bool_or(kept), false), count(*), {sums} FROM done"
        ).format(
            rows=table.rows,
            assign=sql.SQL(", ").join(assign),
            keys=self._stored_keys,
            before=self._stored_values(OLD if side == NEW else NEW, "o"),
            after=self._stored_values(side, "n"),
            conditions=sql.SQL(" AND ").join([*same, key.same, *older]),
            kept=sql.SQL(" OR ").join(kept),
            sums=sql.SQL(", ").join(
                sql.SQL("coalesce(sum(tokens[{}]), 0)::bigint").format(sql.Literal(place + 1))
                for place in range(len(members))
            ),
            **_table_and_sides(),
        )

    @property
    def _keys(self) -> sql.Composable:
        """The key in a list ``v``."""
        return sql.identifiers(self.group.key.names, "v")

    def _values(self, side: str) -> sql.Composable:
        """The columns of a side in a list ``v``."""
        return sql.identifiers(self._names_of(side), "v")

    def _names_of(self, side: str) -> list[str]:
        return [f"{side}{place}" for place in range(len(self.group.members))]

    def _listed(self, *sides: str) -> sql.Composable:
        """A list ``v`` of keys, and of each side (o, n: values; c: counts) one column for each target."""
        names = [*self.group.key.names]
        types = ["text"] * len(names)
        for side in sides:
            names += self._names_of(side)
            types += ["int" if side == "c" else "text"] * len(self.group.members)
        return sql.SQL("{} AS v({})").format(sql.unnest(types), sql.identifiers(names))

    def _arrays(self, keys: Sequence[RowText], values: Sequence[Sequence[Any]]) -> list[str]:
        """Return the parameters of keys, if there are any, and of the values of each target."""
        columns = [array(column) for column in zip(*keys)]
        return columns + [
            array(target.kind.elements(column)) for target, column in zip(self.group.members, zip(*values))
        ]


def _table_and_sides() -> dict[str, sql.Composable]:
    """The table of prepared rows and its columns, for statements about both sides."""
    return {"table": sql.Identifier(TABLE), "old": sql.Identifier(OLD), "new": sql.Identifier(NEW)}


def whole(rows: PageRows, changes: Sequence[Change]) -> list[Change]:
    """Return the changes, and for all other rows their values: what is prepared is compared with the whole table."""
    by_key = {change.key: change for change in changes}
    return [
        by_key.get(key) or Change(key, tuple(values), tuple(values), (0,) * len(values), {}) for key, values in rows
    ]


@dataclass(frozen=True)
class Preparation:
    """The work before the window on one database."""

    rewriting: Rewriting

    def batches(self, database: Database, number: int, source: int, span: Span = WHOLE) -> Iterator[BatchResult]:
        """Prepare a span of the table ``number``, and yield one BatchResult for each page. The data is only read."""
        rewriting = self.rewriting
        group, throttle = rewriting.tables[number], rewriting.policy.throttle
        prepared = PreparedRows(database, group, source)
        pace = Pace(partial(throttle.seconds, database))
        read = pages(database, PageRequest(group, span, fit=pace.rows))
        with throttle.working(database):
            yield from rewriting.waits(throttle.wait(database, rewriting.stopped), group.table)
            while not rewriting.stopped() and (page := rewriter.next_page(database, read)) is not None:
                if not page:
                    yield rewriter.locked(group.table)
                    continue
                started = time.monotonic()
                known = prepared.find_prepared_keys(page)
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
    """Prepare every row of the tables of ``contents`` that is under other keys than the destination's.

    ``crew`` does ``Preparation.batches``. Raise what a rewrite raises before its first write.
    """
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
        """Give the rows of a part one side, if they are exactly the other. Yield one BatchResult for each transaction.

        What gives way is left to the ordinary passes.
        """
        rewriting, (after, last) = self.rewriting, part
        group, throttle = rewriting.tables[number], rewriting.policy.throttle
        prepared = PreparedRows(database, group, source)
        since = rewriting.policy.concurrent_writes.since.get(database.alias, "")
        pace, rows = Pace(partial(rewriting.seconds, database)), PAGE_ROWS
        with throttle.working(database):
            yield from rewriting.waits(throttle.wait(database, rewriting.stopped), group.table)
            while after < last and not rewriting.stopped():
                started, until = time.monotonic(), min(last, after + rows)
                batch = BatchResult(group.table.label)
                try:
                    update = prepared.apply(after, until, since, side)
                except Yielded as yielded:
                    if yielded.slow and until - after > 1:
                        rows = (until - after) // 2
                        continue
                    batch.yielded, update = until - after, SetUpdate(None, kept=False, rows=0, tokens=())
                batch.rewritten = update.rows
                if update.transaction:
                    (batch.kept if update.kept else batch.transactions).append(update.transaction)
                    batch.values = Counter(
                        {target.name: count for target, count in zip(group.members, update.tokens) if count}
                    )
                worked = time.monotonic() - started
                pace.took(until - after, worked)
                after, rows = until, pace.rows(MOST_ROWS)
                yield batch
                yield from rewriting.waits(throttle.rest(database, worked, rewriting.stopped), group.table)


def apply(database: Database, rewriting: Rewriting, crew: Crew, work: Work) -> SetResult:
    """Change by sets whatever was prepared for the destination and has not changed since.

    A rollback restores the old tokens by sets, and the ordinary passes look at them. ``crew`` does
    ``SetRewrite.batches``.
    """
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
        raise rewriting.add_written(exc, work) from None
    return result


def _prepare_again(rewriting: Rewriting, rows: PreparedRows) -> None:
    """Prepare rows that have changed since, and forget those that are gone.

    After that, each prepared row is one of the data. What cannot be opened raises, as in an ordinary pass.
    """
    group = rows.group
    keys = rewriting.policy.changed.get(group.table.label, ())
    rows.forget(keys)
    for page in rows_of(rows.database, group, keys):
        rows.store(whole(page, rewriting.changes(group.members, page, {})))


def _applicable(database: Database, rewriting: Rewriting) -> Iterator[tuple[int, int, str]]:
    """Yield the number, place and side of each table whose rows are prepared for the destination."""
    contents = prepared_table.read_contents(database)
    side = contents.side(rewriting.keyring.key_id(rewriting.destination)) if contents else ""
    for number, group in enumerate(rewriting.tables if contents and side else ()):
        source = contents.place(describe(group)) if contents else None
        if source is not None and not obstacle(database, group, rewriting.keyring):
            yield number, source, side
