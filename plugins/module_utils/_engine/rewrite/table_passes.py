# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passes over each table of a database, until one finds nothing left to re-encrypt."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ..._errors.base import RotationError
from ..._errors.counts import counted
from ..._errors.database import RowsKeptByTrigger, RowsLocked, RowsUnsettled
from ..postgres import catalog
from ..postgres.catalog import Table
from ..postgres.connection import LOCKED_SECONDS, Database, Patience, Yielded
from ..proof.table_pages import Span, TargetGroup, spans
from .rewriter import BatchResult, Rewriting, Work, locked
from .worker_pool import Crew

MAX_PASSES = 20
NO_FEWER = 3  # passes in a row that left no fewer rows than the previous one, if a trigger may be the reason
BACK_OFF_SECONDS = 0.2  # after a pass gave way; long against the locks of a web request
LONGEST_BACK_OFF_SECONDS = 10.0  # each is twice the previous one
LOOK_SECONDS = 0.2  # between two checks for a request to stop
SPAN_ROWS = 10_000  # what one worker takes at a time: small enough that a slow span does not hold the rest


@dataclass
class SetResult:
    """The result of the work by sets, before the ordinary passes.

    ``ours`` has by table the transactions that did only this work, so that their rows need no second look. ``done`` has
    the tables in which every row is exactly what was prepared for the destination.
    """

    ours: dict[int, list[str]] = field(default_factory=dict)
    done: set[int] = field(default_factory=set)


def reencrypt(database: Database, rewriting: Rewriting, crew: Crew, work: Work, sets: SetResult | None = None) -> None:
    """Bring every value that opens under any key set under that of the destination, except for what ``sets`` did.

    A value that opens under no key set is never overwritten. What was committed before an error stays, and ``work`` has
    its counts. With a share, the rest of the table is not checked: a later look at the whole table finds what a lost
    host left.

    Raise E_UNREADABLE, E_PLAINTEXT, E_NESTED, E_TOKEN_INSIDE, E_VALUES_OVERWRITTEN, E_TOKEN_TOO_LONG, E_SELF_CHECK,
    E_DB_BUSY, E_DB_KEPT, E_DB_UNSETTLED, E_DB, E_DB_LOST, E_WORKER or E_STOPPED.
    """
    sets = sets or SetResult()
    try:
        for number in (number for number in _order(database, rewriting) if number not in sets.done):
            TablePasses(database, rewriting, number, crew, work, [*sets.ours.get(number, ())]).run()
    except RotationError as exc:
        raise rewriting.add_written(exc, work) from None


def _order(database: Database, rewriting: Rewriting) -> list[int]:
    """Return the tables, those with update triggers first: a trigger may copy old values into another table."""

    def quiet(number: int) -> bool:
        return not catalog.update_triggers(database, rewriting.tables[number].table)

    return sorted(range(len(rewriting.tables)), key=quiet)


class BackOff:
    """Waits between passes in a row that gave way to locks, each twice as long as the previous one."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._turns = 0

    @property
    def over(self) -> bool:
        """Return whether the turns and LOCKED_SECONDS are both used up. One pass over a large table may take longer."""
        return self._turns >= MAX_PASSES and time.monotonic() - self._begun >= LOCKED_SECONDS

    def wait(self) -> Iterator[None]:
        """Wait once more; the caller gets control every LOOK_SECONDS."""
        until = time.monotonic() + min(BACK_OFF_SECONDS * 2**self._turns, LONGEST_BACK_OFF_SECONDS)
        self._turns += 1
        while (left := until - time.monotonic()) > 0:
            yield
            time.sleep(min(LOOK_SECONDS, left))


@dataclass
class TablePasses:
    """Passes over one table, or over this host's share of it, until one finds nothing left."""

    database: Database
    rewriting: Rewriting
    number: int
    crew: Crew
    work: Work
    ours: list[str] = field(default_factory=list)  # transactions that wrote nothing but what was planned

    def run(self) -> None:
        """Pass over the table until nothing is left. Raise E_DB_BUSY, E_DB_KEPT, E_DB_UNSETTLED and what a batch
        raises."""
        own = self._own_spans()
        triggers = catalog.update_triggers(self.database, self._table)
        back_off, passes, before, no_fewer = BackOff(), 0, 0, 0
        while passes < MAX_PASSES and not (triggers and no_fewer == NO_FEWER):
            left, yielded = self._pass(own, triggered=bool(triggers))
            if not left:
                return
            if yielded:
                self._wait(back_off, yielded)
                continue
            back_off, passes = BackOff(), passes + 1
            before, no_fewer = left, no_fewer + 1 if 0 < before <= left else 0
        label = self._table.label
        if triggers:
            raise RowsKeptByTrigger(table=label, rows=left, passes=passes, triggers=", ".join(triggers))
        raise RowsUnsettled(table=label, passes=MAX_PASSES)

    @property
    def _table(self) -> Table:
        return self.rewriting.tables[self.number].table

    def _own_spans(self) -> list[Span]:
        """Return the parts of the table that are this host's."""
        group, share = self.rewriting.tables[self.number], self.rewriting.policy.share
        everything = patient_spans(self.database, group, self.crew, self.work)
        own = [span for place, span in enumerate(everything) if share.has(self.number + place)]
        portion = len(own) / len(everything)
        portions = {target.name: portion for target in group.members}
        self.work.report(BatchResult(group.table.label, portions=portions))
        return own

    def _pass(self, own: Sequence[Span], *, triggered: bool) -> tuple[int, int]:
        """Pass over the spans once. Return how many rows are left, and how many of them because they were locked."""
        left = yielded = 0
        self.work.passes += 1
        known = tuple(self.ours)  # one for all spans: at ten million rows they are tens of thousands
        for batch in self.crew.batches(self.database, [(self.number, span, known) for span in own]):
            self.work.add(batch)
            self._vacuum()
            if not triggered:  # one of them may have written rows of its own, under the old keys
                self.ours += batch.transactions
            # Workers that begin with the next pass know of it.
            transactions = batch.transactions + batch.kept
            self.rewriting.policy.concurrent_writes.add(
                self.database.alias, self._table.label, transactions, batch.others
            )
            left += batch.remaining
            yielded += batch.yielded
        return left, yielded

    def _vacuum(self) -> None:
        most, label = self.rewriting.policy.throttle.vacuum_rows, self._table.label
        if 0 < most <= self.work.dead[label] and self.database.vacuum(self._table.identifier):
            self.work.dead[label] = 0

    def _wait(self, back_off: BackOff, yielded: int) -> None:
        """Wait for the rows that others have locked. Raise E_DB_BUSY or E_STOPPED."""
        if back_off.over:
            raise RowsLocked(table=self._table.label, rows=yielded)
        for _ in back_off.wait():
            self.work.report(
                BatchResult(self._table.label, waits_for=f"{counted(yielded, 'row')} that others have locked")
            )
            self.crew.refuse_to_go_on()


def patient_spans(database: Database, group: TargetGroup, crew: Crew, work: Work) -> list[Span]:
    """Return the parts of the table. While another session has it locked, report the wait."""
    patience = Patience(database, [group.table.identifier])
    with database.impatient():
        while True:
            try:
                return spans(database, group, SPAN_ROWS)
            except Yielded:
                patience.refuse_to_wait()
            work.report(locked(group.table))
            crew.refuse_to_go_on()
