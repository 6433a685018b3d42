# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Re-encryption: every token of every target from one key set to another, in batches, by compare-and-set.

The algorithm is that of docs/design/engine.md. The row itself shows its keys, so the work may be killed anywhere and
done again. Several processes may do it at once, each on spans of its own (worker_pool.py).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any, NamedTuple

from ..._errors.base import RotationError
from ..._errors.counts import counted
from ..._errors.database import TokenTooLong
from ..._errors.errors_by_code import build_error
from ..._errors.run import WorkersKilled
from ..._errors.values import SelfCheck
from ..crypto.keyring import Keyring
from ..discovery.columns.layer_classes import NESTED, TWO_LAYERS
from ..discovery.columns.target import Target
from ..postgres.catalog import Table, row_name
from ..postgres.connection import Database, Yielded
from ..proof import page_tokens
from ..proof.damage_words import build_overwritten_error
from ..proof.page_tokens import ColumnPage, PageToken
from ..proof.table_pages import WHOLE, PageRequest, PageRows, RowText, Span, TargetGroup, by_table, pages
from ..proof.value_classes import OTHER_SCHEME, UNOPENED
from .concurrent_writers import ConcurrentWrites
from .journal import Journal
from .search_digests import Derivations, DigestDerivation, RowColumns, hashed_columns, row_columns
from .throttle import Pace, Throttle
from .update_statement import Change, compare_and_set, lock_free


class Share(NamedTuple):
    """The part of one of several hosts: the spans of all tables are dealt out in turn, and some are its own."""

    number: int = 0
    of: int = 1

    def has(self, turn: int) -> bool:
        """Return whether the span with this turn belongs to this host."""
        return turn % self.of == self.number


ALL = Share()


@dataclass
class BatchResult:
    """The result of one page: rows read, tokens re-encrypted by target, rows left for the next pass and why."""

    table: str
    rows: int = 0
    rewritten: int = 0  # rows
    values: Counter[str] = field(default_factory=Counter)
    remaining: int = 0  # rows still under an old key
    conflicts: int = 0  # changed under us
    yielded: int = 0  # stayed locked
    transactions: list[str] = field(default_factory=list)  # that wrote, by their ids
    kept: list[str] = field(default_factory=list)  # the same, if a trigger restored an old value
    stale: Counter[str] = field(default_factory=Counter)  # digests next to them that stay, by column
    others: dict[str, str] = field(default_factory=dict)  # rows that another process wrote: name and transaction
    waits_for: str = ""  # nothing was done, since something has to be waited for
    portions: dict[str, float] = field(default_factory=dict)  # nothing was done yet: this host's part, by target


class PageWork(NamedTuple):
    """The batch of one page, and what its changes need."""

    database: Database
    group: TargetGroup
    journal: Journal
    batch: BatchResult


@dataclass
class Work:
    """The sum of all batches: tokens re-encrypted by target, rows that changed under us, passes.

    ``stale`` counts digests of a search column that no known recipe had made of their row: they stay unchanged.
    ``dead`` counts the old versions of rows in each table: rewritten, and not vacuumed since.
    """

    values: Counter[str] = field(default_factory=Counter)
    stale: Counter[str] = field(default_factory=Counter)
    dead: Counter[str] = field(default_factory=Counter)
    conflicts: int = 0
    passes: int = 0
    lost: int = 0  # worker processes that were killed
    by_sets: int = 0  # tokens that were prepared before (prepared.py), of all
    report: Callable[[BatchResult], None] = lambda batch: None  # called with every batch

    def add(self, batch: BatchResult) -> None:
        self.values.update(batch.values)
        self.stale.update(batch.stale)
        self.dead[batch.table] += batch.rewritten
        self.conflicts += batch.conflicts
        self.report(batch)


@dataclass(frozen=True)
class RewritePolicy:
    """The rules by which a re-encryption shares the database with others.

    It stops at a value that opens under no key set, unless ``stop_at_unreadable`` is False: a rollback restores all it
    can. ``throttle`` says how much it leaves to the application, and ``share`` which part of the work is this host's.
    ``concurrent_writes`` collects other writers, and which transactions are ours. ``prepared`` is whether prepared rows
    are changed by sets first (prepared.py). ``changed`` names by table the prepared rows that have changed since: they
    are prepared again first. With ``settles`` all was done before, and the run looks for later writes.
    """

    stop_at_unreadable: bool = True
    throttle: Throttle = field(default_factory=Throttle)
    share: Share = ALL
    concurrent_writes: ConcurrentWrites = field(default_factory=ConcurrentWrites)
    prepared: bool = False
    changed: Mapping[str, Sequence[RowText]] = field(default_factory=dict)
    settles: bool = False


@dataclass(frozen=True)
class Rewriting:
    """The work on one database: what each process needs to do its part."""

    targets: Sequence[Target]
    keyring: Keyring
    destination: str
    leave_alone: Collection[str] = ()
    policy: RewritePolicy = field(default_factory=RewritePolicy)
    stopped: Callable[[], bool] = bool

    @cached_property
    def tables(self) -> list[TargetGroup]:
        """The targets by table. The place in the list is a table's number."""
        return by_table(self.targets)

    @cached_property
    def _derivation(self) -> DigestDerivation:
        return DigestDerivation(self.keyring, self.destination)

    def batches(
        self, database: Database, number: int, span: Span = WHOLE, besides: Sequence[str] = ()
    ) -> Iterator[BatchResult]:
        """Work through a span of the table ``number``, and yield one BatchResult for each committed page.

        Rows that the transactions ``besides`` wrote last are left out: they are done.
        """
        group = self.tables[number]
        journal = Journal(database, self.keyring, self.targets)
        pace = Pace(partial(self.seconds, database))
        since = self.policy.concurrent_writes.since.get(database.alias, "")
        read = pages(database, PageRequest(group, span, besides, since, pace.rows))
        with self.policy.throttle.working(database):
            yield from self.waits(self.policy.throttle.wait(database, self.stopped), group.table)
            while not self.stopped() and (page := next_page(database, read)) is not None:
                if page:
                    started = time.monotonic()
                    batch = self._rewritten(
                        PageWork(database, group, journal, BatchResult(group.table.label)), page, since
                    )
                    worked = time.monotonic() - started
                    pace.took(len(page), worked)
                    yield batch
                    yield from self.waits(self.policy.throttle.rest(database, worked, self.stopped), group.table)
                else:
                    yield locked(group.table)

    def waits(self, reasons: Iterator[str], table: Table) -> Iterator[BatchResult]:
        """Yield the reasons for a wait, as batches that do nothing."""
        return (BatchResult(table.label, waits_for=reason) for reason in reasons)

    def _rewritten(self, page: PageWork, rows: PageRows, since: str) -> BatchResult:
        """Bring the rows of a page under the destination's keys."""
        batch, alias = page.batch, page.database.alias
        batch.rows = len(rows)
        theirs = {
            key: str(values[-1])
            for key, values in rows
            if since and values[-1] and self.policy.concurrent_writes.wrote(alias, values[-1])
        }
        members = page.group.members
        try:
            hashed = self._read_hashed(page, rows)
        except Yielded:
            batch.remaining = batch.yielded = len(rows)
            return batch
        changes = self.changes(members, rows, page.journal.of(members, rows), theirs, hashed)
        batch.remaining = len(changes)
        if since:
            batch.others = {row_name(change.key): theirs[change.key] for change in changes if change.key in theirs}
        if changes:
            self._write(page, changes)
        return batch

    def _read_hashed(self, page: PageWork, rows: PageRows) -> dict[RowText, RowColumns]:
        """Return by row the columns that recipes hash with the value. Raise Yielded if another session has locked the
        table."""
        if not hashed_columns(page.group.members):
            return {}
        with page.database.impatient():
            return row_columns(page.database, page.group, [key for key, _ in rows])

    def seconds(self, database: Database) -> float:
        """Return what a batch may take: at most half of the time after which its statement would give way."""
        asked = self.policy.throttle.seconds(database)
        return min(asked, database.patience / 2) if asked else asked

    def add_written(self, exc: RotationError, work: Work) -> RotationError:
        """Return the error with what was written before it."""
        exact = not isinstance(exc, WorkersKilled)
        return exc.with_changed(changed(work, self.keyring.key_id(self.destination), exact=exact))

    def rehearse(self, database: Database) -> None:
        """Seal every value again, but write nothing."""
        journal = Journal(database, self.keyring, self.targets)
        for group in self.tables:
            for page in pages(database, PageRequest(group)):
                hashed = row_columns(database, group, [key for key, _ in page])
                self.changes(group.members, page, journal.of(group.members, page), hashed=hashed)

    def _write(self, page: PageWork, changes: Sequence[Change], *, free: bool = False) -> None:
        """Write the changes. If the whole had to yield, write those to unlocked rows; if it was slow, write halves."""
        try:
            self._write_at_once(page, changes, free=free)
        except Yielded as yielded:
            if free or len(changes) == 1 or self.stopped():
                page.batch.yielded += len(changes)
            elif not yielded.slow:
                self._write(page, changes, free=True)
            else:
                middle = len(changes) // 2
                for half in (changes[:middle], changes[middle:]):
                    self._write(page, half)

    def _write_at_once(self, page: PageWork, changes: Sequence[Change], *, free: bool) -> None:
        """Write the changes in one transaction. With ``free``, write only those to rows that it can lock at once.

        Raise Yielded.
        """
        database, group, journal, batch = page
        asked = len(changes)
        with database.batch(several=asked > 1):
            if free:
                held = lock_free(database, group, changes)
                changes = [change for change in changes if change.key in held]
                if not changes:
                    batch.yielded += asked
                    return
            written = compare_and_set(database, group, changes)
            done = [change for change in changes if change.key in written.keys]
            entries = (entry for change in done for entry in _entries(group.members, change))
            journal.write(self.keyring.key_id(self.destination), entries)
        batch.yielded += asked - len(changes)
        for place, target in enumerate(group.members):
            count = sum(change.tokens[place] for change in done)
            if count:
                batch.values[target.name] += count
        batch.rewritten += len(done)
        batch.conflicts += len(changes) - len(done)
        batch.transactions += written.transactions
        batch.kept += written.kept
        batch.stale.update(written.stale)

    def changes(
        self,
        members: Sequence[Target],
        page: PageRows,
        known: Mapping[tuple[str, str], str],
        theirs: Collection[RowText] = (),
        hashed: Mapping[RowText, RowColumns] = MappingProxyType({}),
    ) -> list[Change]:
        """Return the changes that a page needs. A row under the destination's keys needs no change.

        ``known`` is from the journal, ``theirs`` are the rows that another process has written since the census.
        ``hashed`` are the columns by row that recipes hash with the value.
        """
        rows = [row_name(key) for key, _ in page]
        problems: list[tuple[str, int, Target]] = []
        columns, counts = [], []  # by target, of each row its value from now on, and how many tokens of it are new
        derived: dict[int, Derivations] = {}
        for place, target in enumerate(members):
            values = [values[place] for _, values in page]
            sealed = self._sealed(target, rows, values, known, problems)
            columns.append(self._values(target, values, sealed))
            counts.append(_count(sealed, len(page)))
            if target.derived:
                for token, _ in sealed:
                    if token.opened is not None:
                        row = hashed.get(page[token.row][0], {})
                        self._derivation.derive(target, token.opened, derived.setdefault(token.row, {}), row)
        if problems:
            self._refuse(problems, rows, {row for row, (key, _) in enumerate(page) if key in theirs})
        return [
            Change(key, old, new, tokens, derived.get(row, {}))
            for row, ((key, old), new, tokens) in enumerate(zip(page, zip(*columns), zip(*counts)))
            if any(tokens)
        ]

    def _sealed(
        self,
        target: Target,
        rows: Sequence[str],
        values: Sequence[Any],
        known: Mapping[tuple[str, str], str],
        problems: list[tuple[str, int, Target]],
    ) -> list[tuple[PageToken, bytes]]:
        """Return the tokens of one column that are under other keys, each with its new token.

        A token that does not open completely, and that no person has accepted, is added to ``problems``. A rollback
        also restores tokens in another format than their column's, in that format.
        """
        left, opened = [], []
        apart: list[tuple[PageToken, bytes]] = []
        page = ColumnPage(target, rows, values)
        for token in page_tokens.look(page, self.keyring, known, self.leave_alone):
            if token.opened is None:
                if page_tokens.stays_plain(token.token, target, self.keyring):
                    continue
                token = token._replace(problem=page_tokens.why_unopened(token.token, target, self.keyring))
            if token.problem and not token.is_accepted(target, rows[token.row], self.leave_alone):
                problems.append((token.problem, token.row, target))
                if token.problem == OTHER_SCHEME and not self.policy.stop_at_unreadable:
                    apart += self._sealed_by_other(target, token)
            if token.opened is None or token.problem == TWO_LAYERS:  # its layers go together, or not at all
                continue
            if token.opened[0] != self.destination:
                left.append(token)
                opened.append(token.opened)
        fresh = self.keyring.resealed(target.scheme, opened, self.destination)
        if None in fresh:
            raise SelfCheck(table=target.table.label, column=target.column)
        return [*apart, *((token, token.replaced(sealed)) for token, sealed in zip(left, fresh) if sealed is not None)]

    def _sealed_by_other(self, target: Target, token: PageToken) -> Iterator[tuple[PageToken, bytes]]:
        """Yield a token in another format than its column's, and the new token.

        Yield nothing if it is under the destination's keys already, or has another token in it.
        """
        by_other = page_tokens.open_other(token.token, target, self.keyring)
        if by_other is None or by_other.stage in (self.destination, NESTED):
            return
        (fresh,) = self.keyring.resealed(by_other.scheme, [by_other.opened], self.destination)
        if fresh is not None:
            yield token._replace(opened=by_other.opened), fresh

    def _values(self, target: Target, values: Sequence[Any], sealed: Sequence[tuple[PageToken, bytes]]) -> list[Any]:
        """Return the values of one column with the new tokens in them. Raise E_TOKEN_TOO_LONG."""
        new = target.kind.replace(values, [(token.row, token.token, fresh) for token, fresh in sealed])
        if target.limit is not None and (needed := max(map(len, new.values()), default=0)) > target.limit:
            raise TokenTooLong(table=target.table.label, column=target.column, limit=target.limit, needed=needed)
        rewritten = list(values)
        for row, value in new.items():
            rewritten[row] = value
        return rewritten

    def _refuse(self, problems: Sequence[tuple[str, int, Target]], rows: Sequence[str], theirs: set[int]) -> None:
        """Stop at a value that does not open completely: it is never overwritten.

        If another process has written its row since the census, the error says so.
        """
        if not self.policy.stop_at_unreadable:
            return
        written = [(problem, f"{target.name}:{rows[row]}") for problem, row, target in problems if row in theirs]
        if written:
            raise build_overwritten_error(written)
        problem, row, target = problems[0]
        raise build_error(UNOPENED[problem], count=1, rows=f"{target.name}:{rows[row]}")


def _count(sealed: Sequence[tuple[PageToken, bytes]], rows: int) -> list[int]:
    """Return how many tokens of each row are new."""
    counts = [0] * rows
    for token, _ in sealed:
        counts[token.row] += 1
    return counts


def changed(work: Work, key_id: str, *, exact: bool = True) -> str:
    """Return what was written so far. If a worker has died, it is not ``exact``: a batch may be committed and not
    counted."""
    count = sum(work.values.values())
    if exact and not count:
        return "No value was changed."
    values = counted(count, "value was", "values were") if exact else f"{counted(count, 'value')} or some more were"
    return f"{values} re-encrypted to the keys {key_id}; the store has every version."


def locked(table: Table) -> BatchResult:
    """Return the batch of a wait for the table itself."""
    return BatchResult(table.label, waits_for=f"{table.label}, which somebody has locked")


def next_page(database: Database, read: Iterator[PageRows]) -> PageRows | None:
    """Return the next page, an empty one if another session has locked the table, None after the last."""
    with database.impatient():
        return next(read, None)


def _entries(members: Sequence[Target], change: Change) -> Iterator[tuple[str, str, Any]]:
    """Yield the entries of the journal for one change."""
    for target, before, after in zip(members, change.old, change.new):
        if before != after:
            yield target.name, row_name(change.key), after
