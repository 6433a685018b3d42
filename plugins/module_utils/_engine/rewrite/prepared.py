# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows prepared before the window: while the application serves, each row's new tokens are sealed into a table of our
own next to the data, with the old ones that they are for. In the window, a row that still has these is changed by sets.

The data is not changed before, and what the table says counts only for a row that is as it was: it may be stale, empty
or gone, and what it does not cover is left to the ordinary passes (rewriter.py). It holds ciphertext only.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..._errors.base import RotationError
from ..crypto.keyring import Keyring
from ..postgres import catalog, sql
from ..postgres.catalog import PREPARED as TABLE
from ..postgres.connection import Database, Yielded, array
from ..proof.table_pages import PAGE_ROWS, WHOLE, Page, PageRequest, RowText, Span, TargetGroup, pages
from . import rewriter
from .rewriter import BatchResult, Change, Rewriting, Work
from .throttle import Pace
from .worker_pool import Crew

MOST_ROWS = 10_000  # of one statement; how many it has follows from what the last ones took
PAUSE_SECONDS = 1.0  # between two tries to drop the table
OLD, NEW = "old", "new"
# Nested loops alone: the statistics of a table that was just filled must never lead to a scan of the data.
_BY_INDEX = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"


def obstacle(database: Database, group: TargetGroup, keyring: Keyring, schemes: Collection[str]) -> str:
    """Why the rows of a table go the ordinary way, for a person; empty if they can be prepared.

    ``schemes`` are those that a process without the present keys knows too.
    """
    used = [keyring.schemes[target.scheme] for target in group.members]
    if any(scheme.functions for scheme in used):
        return "functions of the application encrypt it"
    if not all(scheme.format.authenticated for scheme in used):
        return "it has values without authentication"
    if searched := _searched(group):
        return f"it has the search columns {', '.join(searched)}"
    if unknown := sorted({scheme.name for scheme in used} - {*schemes}):
        return f"only its values tell the scheme {', '.join(unknown)}"
    if triggers := catalog.update_triggers(database, group.table):
        return f"updates of it start the triggers {', '.join(triggers)}"
    if database.rows("SELECT has_schema_privilege(current_schema(), 'CREATE')") != [(True,)]:
        return "the role may not create a table in its first schema"
    return ""


def _searched(group: TargetGroup) -> list[str]:
    """The search columns that are computed from the values of a table."""
    return sorted({each.column for target in group.members for each in target.derived})


@dataclass(frozen=True)
class Contents:
    """What the table is for: tokens of ``key_id``, of these tables (``sources``, known by their places)."""

    key_id: str
    sources: Sequence[str]

    def place(self, group: TargetGroup) -> int | None:
        """The place of a table; None if its rows are not in here, or not those of these columns."""
        source = describe(group)
        return self.sources.index(source) if source in self.sources else None


def describe(group: TargetGroup) -> str:
    """A table with its columns as they are read and written."""
    columns = ", ".join(f"{target.column} {target.type} {target.scheme}" for target in group.members)
    return f"{group.table.regclass} by {', '.join(group.key.columns)}: {columns}"


def exists(database: Database) -> bool:
    """Whether a database has such a table."""
    return bool(database.rows("SELECT 1 FROM pg_class WHERE oid = to_regclass(%s) AND relkind = 'r'", (TABLE,)))


def drop(database: Database, tries: int = 1) -> bool:
    """Remove the table; whether it is gone. Somebody who reads it, such as a dump, may keep it for a while."""
    for turn in range(tries):
        if not exists(database):
            return True
        time.sleep(PAUSE_SECONDS if turn else 0)
        with contextlib.suppress(RotationError, Yielded), database.gate(), database.batch():
            database.execute(f"DROP TABLE IF EXISTS {TABLE}", table=TABLE)
    return not exists(database)


def read_contents(database: Database) -> Contents | None:
    """What the table is for; None without one."""
    ((comment,),) = database.rows("SELECT obj_description(to_regclass(%s), 'pg_class')", (TABLE,))
    with contextlib.suppress(TypeError, ValueError):
        return Contents(**json.loads(comment))
    return None


def make(database: Database, contents: Contents) -> None:
    """Have a table for just this: one that is for anything else goes. Raises E_DB."""
    with database.gate():
        if read_contents(database) == contents:
            return
        columns = (
            "source smallint NOT NULL, row_key text[] NOT NULL, number bigint GENERATED ALWAYS AS IDENTITY,"
            f" {OLD} text[] NOT NULL, {NEW} text[] NOT NULL, tokens int[] NOT NULL, PRIMARY KEY (source, row_key)"
        )
        comment = sql.SQL(f"COMMENT ON TABLE {TABLE} IS {{}}").format(
            sql.Literal(json.dumps({"key_id": contents.key_id, "sources": list(contents.sources)}))
        )
        with database.transaction("ISOLATION LEVEL READ COMMITTED"):
            database.execute(f"DROP TABLE IF EXISTS {TABLE}", table=TABLE)
            # Without WAL: after a crash of the server it is empty, and then what it had is prepared or done again.
            # Autovacuum would hold it longer than we may wait for a lock to drop it.
            options = "autovacuum_enabled = off, toast.autovacuum_enabled = off"
            database.execute(f"CREATE UNLOGGED TABLE {TABLE} ({columns}) WITH ({options})", table=TABLE)
            database.execute(f"CREATE INDEX ON {TABLE} (source, number)", table=TABLE)
            database.execute(comment, table=TABLE)


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
        """Put down changes; what was put down for the same rows before is replaced."""
        counts = [array([str(count) for count in column]) for column in zip(*(change.tokens for change in changes))]
        names = ", ".join(f"v.c{place}" for place in range(len(self.group.members)))
        self.database.execute(
            sql.SQL(
                f"INSERT INTO {TABLE} (source, row_key, {OLD}, {NEW}, tokens) SELECT %s, ARRAY[{self._keys('v')}],"
                f" ARRAY[{self._values('v', 'o')}]::text[], ARRAY[{self._values('v', 'n')}]::text[], ARRAY[{names}]"
                f" FROM {self._listed('o', 'n', 'c')} ON CONFLICT (source, row_key) DO UPDATE"
                f" SET {OLD} = EXCLUDED.{OLD}, {NEW} = EXCLUDED.{NEW}, tokens = EXCLUDED.tokens"
            ),
            [
                self.source,
                *self._arrays([change.key for change in changes], [change.old for change in changes]),
                *self._arrays([], [change.new for change in changes]),
                *counts,
            ],
            table=TABLE,
        )

    def pages(self, side: str) -> Iterator[Page]:
        """All rows page by page, with their values before (``OLD``) or after (``NEW``)."""
        width, after = len(self.group.key.names), 0
        values = ", ".join(f"({side})[{n}]::{target.kind.array}" for n, target in enumerate(self.group.members, 1))
        keys = ", ".join(f"row_key[{n}]" for n in range(1, width + 1))
        query = (
            f"SELECT number, {keys}, {values} FROM {TABLE} WHERE source = %s AND number > %s ORDER BY number"
            f" LIMIT {PAGE_ROWS}"
        )
        while rows := self.database.rows(query, (self.source, after), table=TABLE):
            after = rows[-1][0]
            yield [(row[1 : width + 1], row[width + 1 :]) for row in rows]

    def parts(self, rows: int) -> list[tuple[int, int]]:
        """The rows in parts of about so many: after one number, up to another."""
        ((first, last),) = self.database.rows(
            f"SELECT min(number) - 1, max(number) FROM {TABLE} WHERE source = %s", (self.source,), table=TABLE
        )
        if first is None:
            return []
        return [(begin, min(begin + rows, last)) for begin in range(first, last, rows)]

    def apply(self, after: int, last: int, since: str) -> list[Any]:
        """Change those rows of a part that are as they were prepared: the transaction (None without any), whether a
        trigger put a value back, how many rows, and how many tokens of each target. What another transaction wrote
        from ``since`` on is left alone. Raises Yielded."""
        with self.database.batch():
            self.database.execute(_BY_INDEX)
            params = [self.source, after, last, *([since] if since else [])]
            return list(self.database.rows(self._apply[bool(since)], params, table=self.group.table.label)[0])

    @cached_property
    def _apply(self) -> dict[bool, str]:
        return {since: self.database.text(self._update(since=since)) for since in (False, True)}

    def _update(self, *, since: bool) -> sql.Composable:
        table, key, members = self.group
        width = len(key.names)
        values = ", ".join(
            f"({side})[{n}]::{target.kind.array} AS {name}{n - 1}"
            for side, name in ((OLD, "o"), (NEW, "n"))
            for n, target in enumerate(members, 1)
        )
        keys = ", ".join(f"row_key[{n}] AS k{n - 1}" for n in range(1, width + 1))
        prepared = f"SELECT {keys}, {values}, tokens FROM {TABLE} WHERE source = %s AND number > %s AND number <= %s"
        sums = "".join(f", coalesce(sum(tokens[{n}]), 0)::bigint" for n in range(1, len(members) + 1))
        assign, same, kept = rewriter.compared(members)
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
            changes = rewriting.changes(group.members, [row for row in page if row[0] not in known], {})
            if changes:
                prepared.store(changes)
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
    make(database, contents)
    for number, group in enumerate(rewriting.tables):
        source = contents.place(group)
        if source is not None:
            work = Work(report=report)
            spans = rewriter.patient_spans(database, group, crew, work)
            for batch in crew.batches(database, [(number, source, span) for span in spans]):
                work.report(batch)
    with contextlib.suppress(RotationError):  # a courtesy to the planner
        database.execute(f"ANALYZE {TABLE}", table=TABLE)


@dataclass(frozen=True)
class SetRewrite:
    """The work by sets in the window on one database."""

    rewriting: Rewriting

    def batches(self, database: Database, number: int, source: int, after: int, last: int) -> Iterator[BatchResult]:
        """Change the rows of a part that are as they were prepared; one BatchResult for each transaction. What gives
        way is left to the ordinary passes."""
        rewriting = self.rewriting
        group, throttle = rewriting.tables[number], rewriting.policy.throttle
        prepared = PreparedRows(database, group, source)
        since = rewriting.policy.others.since.get(database.alias, "")
        pace, rows = Pace(rewriting.seconds(database)), PAGE_ROWS
        yield from rewriting.waits(throttle.wait(database, rewriting.stopped), group.table)
        while after < last and not rewriting.stopped():
            started, until = time.monotonic(), min(last, after + rows)
            batch = BatchResult(group.table.label)
            try:
                transaction, kept, batch.rewritten, *counts = prepared.apply(after, until, since)
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


def apply(database: Database, rewriting: Rewriting, crew: Crew, work: Work) -> dict[int, list[str]]:
    """Change by sets whatever was prepared for the destination and is still as it was; ``crew`` does
    ``SetRewrite.batches``. By table, the transactions that did nothing else: for the ordinary passes, which follow."""
    contents = read_contents(database)
    if contents is None or contents.key_id != rewriting.keyring.key_id(rewriting.destination):
        return {}
    ours: dict[int, list[str]] = {}
    try:
        for number, group in enumerate(rewriting.tables):
            source = contents.place(group)
            # Neither may be new since it was prepared.
            if source is None or _searched(group) or catalog.update_triggers(database, group.table):
                continue
            parts = PreparedRows(database, group, source).parts(rewriter.SPAN_ROWS)
            own = [part for turn, part in enumerate(parts) if rewriting.policy.share.has(number + turn)]
            for batch in crew.batches(database, [(number, source, *part) for part in own]):
                work.add(batch)
                work.by_sets += batch.values.total()
                rewriting.policy.others.add(
                    database.alias, group.table.label, batch.transactions + batch.kept, batch.others
                )
                ours.setdefault(number, []).extend(batch.transactions)
    except RotationError as exc:
        raise rewriting.told(exc, work) from None
    return ours
