# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drain: the application serves with both keys, and the one that will go stays until nothing is written under it.

Passes re-encrypt what is still written under the keys that will go: the previous ones, or in a rollback the newer ones.
Each such value begins the wait again, and the session that wrote it is named (write_watch.py): it is that of a process
which was started without the other keys.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ..._errors.counts import counted
from ..._errors.database import NotDrained, RowsKeptByTrigger, RowsUnsettled
from ..discovery.columns.target import Target
from ..postgres.connection import Database
from ..postgres.database_sessions import format_session
from ..result_types import DrainResult
from . import write_watch
from .rewriter import BatchResult, Work

LIMIT = 30  # times as long as nothing may be written: by then a person has to stop the process
REST = 4  # times as long as a pass took, before the next one: passes take at most a fifth of the time
LOOK_SECONDS = 1.0  # between two looks at a request to stop, and at least between two passes
SHOWN = 10  # rows and sessions that are named


@dataclass
class Drain:
    """The wait of ``seconds`` without a value under ``keys``, as a sentence calls those that will go.

    ``act`` re-encrypts what there is, and counts it in ``work``. ``tell`` shows a line, ``refuse_to_go_on`` raises if
    the run is to stop.
    """

    databases: Sequence[tuple[Database, Sequence[Target]]]
    keys: str
    seconds: float
    work: Work
    act: Callable[[], None]
    tell: Callable[[str], None]
    refuse_to_go_on: Callable[[], None]
    _written: dict[str, str] = field(default_factory=dict)  # by row, in the last pass: the transaction
    _rows: dict[str, None] = field(default_factory=dict)
    _writers: dict[str, None] = field(default_factory=dict)

    def wait(self) -> DrainResult:
        """Re-encrypt, and return when nothing was written for so long. Raise E_NOT_DRAINED, and what a pass raises."""
        self.work.report = self._noting(self.work.report)
        try:
            unknown = [why for database, targets in self.databases for why in self._watch(database, targets)]
            values = self._wait()
        finally:
            for database, _ in self.databases:
                write_watch.take_down(database)
        return {
            "keys": self.keys,
            "seconds": self.seconds,
            "values": values,
            "rows": [*self._rows][:SHOWN],
            "writers": [*self._writers][:SHOWN],
            "unknown": unknown,
        }

    def _watch(self, database: Database, targets: Sequence[Target]) -> list[str]:
        def wait(table: str) -> None:
            self.tell(f"waiting for those who write to {table}")
            self.refuse_to_go_on()

        return write_watch.put_up(database, targets, wait)

    def _wait(self) -> int:
        """Return how many values were written under these keys until nothing was for so long."""
        begun = quiet = time.monotonic()
        while True:
            started = time.monotonic()
            self._pass()
            ended = time.monotonic()
            if self._written:
                self._name_writers()
                quiet = ended
                self._refuse_to_wait(ended - begun)
            elif started - quiet >= self.seconds:
                return sum(self.work.values.values())
            self._rest(quiet, max(LOOK_SECONDS, REST * (ended - started)))

    def _pass(self) -> None:
        """Re-encrypt what there is. One who writes all the time may leave each of its passes something."""
        self._written.clear()
        try:
            self.act()
        except (RowsUnsettled, RowsKeptByTrigger):
            if not self._written:
                raise

    def _refuse_to_wait(self, waited: float) -> None:
        """Raise E_NOT_DRAINED after LIMIT times as long. A pass that finds nothing may take longer."""
        if waited > LIMIT * self.seconds:
            rows = ", ".join([*self._rows][:SHOWN])
            raise NotDrained(keys=self.keys, seconds=self.seconds, rows=rows, sessions=self._known_writers)

    def _rest(self, quiet: float, longest: float) -> None:
        """Wait until the next pass is due, at the latest when it may be the last one."""
        now = time.monotonic()
        until = min(now + longest, max(quiet + self.seconds, now + LOOK_SECONDS))
        while (left := until - time.monotonic()) > 0:
            remaining = max(0, quiet + self.seconds - time.monotonic())
            self.tell(f"waiting for {self.seconds:g} s without a value under the {self.keys}: {remaining:.0f} s left")
            time.sleep(min(LOOK_SECONDS, left))
            self.refuse_to_go_on()

    def _noting(self, report: Callable[[BatchResult], None]) -> Callable[[BatchResult], None]:
        def note(batch: BatchResult) -> None:
            self._written.update({f"{batch.table}:{row}": by for row, by in batch.others.items()})
            report(batch)

        return note

    def _name_writers(self) -> None:
        self._rows.update(dict.fromkeys(self._written))
        transactions = set(self._written.values())
        for database, _ in self.databases:
            found = map(format_session, write_watch.find_writers(database, transactions))
            self._writers.update(dict.fromkeys(found))
        rows = counted(len(self._written), "row was", "rows were")
        self.tell(f"{rows} written under the {self.keys}, by {self._known_writers}")

    @property
    def _known_writers(self) -> str:
        return "; ".join([*self._writers][:SHOWN]) or "a session that is not known"
