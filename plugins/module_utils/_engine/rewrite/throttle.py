# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Room for the application: short batches, rest in proportion to the work, waits for the server and for a person.

It follows gh-ost and GitLab (docs/design/concurrency.md). The size of a batch follows from the time that it may take. A
nice ratio slows the work. Lag of replicas, WAL that is not yet archived or fetched, and a file pause it.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..._errors.options import InvalidOption
from ..postgres import server_info
from ..postgres.connection import Database

if TYPE_CHECKING:
    from .work_control import WorkControl

LOOK_SECONDS = 1.0  # between two looks at what has to be waited for
WEIGHT = 0.3  # of the last batch in the moving average of seconds per row
FAR_TOO_LONG = 3  # times what a batch may take
LEAST_SPREAD = 0.1  # of the mean: batches that were all alike show nothing
MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Throttle:
    """``batch_seconds`` is what a batch may take (0: no limit), ``ratio`` is seconds of rest per second of work.

    The work waits while the slowest replica is more than ``replica_lag`` seconds behind. It waits while the archive or
    a replication slot keeps more than ``wal_backlog`` megabytes of WAL, and while the ``pause_file`` exists. After
    every ``vacuum_rows`` rewritten rows a table is vacuumed. 0 or an empty value turns each of them off.
    ``control`` has the orders of a person, if the run obeys any.
    """

    batch_seconds: float = 0.25  # docs/design/concurrency.md
    ratio: float = 0.0
    replica_lag: float = 0.0
    wal_backlog: float = 0.0
    pause_file: str = ""
    vacuum_rows: int = 0
    control: WorkControl | None = None

    def seconds(self, database: Database) -> float:
        """Return what a batch may take now."""
        ordered = self.control.orders(database).batch_seconds if self.control else None
        return self.batch_seconds if ordered is None else ordered

    def working(self, database: Database) -> contextlib.AbstractContextManager[None]:
        """Return the context in which a process works on a span."""
        return self.control.working(database) if self.control else contextlib.nullcontext()

    def rest(self, database: Database, worked: float, stopped: Callable[[], bool]) -> Iterator[str]:
        """Rest after a batch that took ``worked`` seconds, then ``wait``. A request to stop ends it."""
        end = time.monotonic() + worked * self.ratio
        while (left := end - time.monotonic()) > 0 and not stopped():
            time.sleep(min(LOOK_SECONDS, left))
        yield from self.wait(database, stopped)

    def wait(self, database: Database, stopped: Callable[[], bool]) -> Iterator[str]:
        """Wait while there is a reason, and yield the reason every LOOK_SECONDS. A request to stop ends it."""
        while not stopped():
            reason = self._reason(database)
            if not reason:
                return
            yield reason
            time.sleep(LOOK_SECONDS)

    def _reason(self, database: Database) -> str:
        if self.control and (reason := self.control.find_reason(database)):
            return reason
        if self.pause_file and os.path.exists(self.pause_file):
            return f"the pause file {self.pause_file}"
        if self.replica_lag and (lag := server_info.read_replica_lag(database)) > self.replica_lag:
            return f"a replica that is {lag:.0f} s behind"
        if self.wal_backlog and (backlog := server_info.read_wal_backlog(database) / MEGABYTE) > self.wal_backlog:
            return f"{backlog:,.0f} MB of WAL to be archived or fetched"
        return ""


def refuse_unfit(throttle: Mapping[str, object]) -> None:
    """Raise E_OPTION for a number below 0, or for NaN."""
    for name, value in throttle.items():
        if not isinstance(value, (int, float, str)):  # it was left out
            continue
        with contextlib.suppress(ValueError):  # the path of the pause file
            if not 0 <= float(value) < math.inf:
                raise InvalidOption(option=f"throttle.{name}", fault=f"is {float(value):g}", advice="Give 0 or more.")


class Pace:
    """The number of rows for a batch of as many ``seconds`` as it may take now, by moving averages of the last batches.

    Some of the time may not depend on the rows, such as a trigger for each statement or a slow disk at the COMMIT. The
    line of seconds over rows separates the two. Fewer rows do not help against that part, so at least half of the time
    is for rows.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._last = (0, 0.0)
        self._means: tuple[float, ...] = ()  # of rows, seconds, rows squared, rows times seconds

    def took(self, rows: int, seconds: float) -> None:
        """Add a batch of so many rows."""
        self._last = (rows, seconds)
        now = (rows, seconds, rows * rows, rows * seconds)
        before = self._means or now
        self._means = tuple(WEIGHT * new + (1 - WEIGHT) * old for new, old in zip(now, before))

    def rows(self, most: int) -> int:
        """Return the number of rows for the next batch."""
        limit = self._seconds()
        if not limit or not self._means:
            return most
        rows, seconds, squares, products = self._means
        spread = squares - rows * rows
        told_apart = spread > (LEAST_SPREAD * rows) ** 2
        row_seconds = min((products - rows * seconds) / spread, seconds / rows) if told_apart else seconds / rows
        last_rows, last_seconds = self._last
        fixed = seconds - max(row_seconds, 0.0) * rows
        if last_seconds > FAR_TOO_LONG * (limit + fixed):  # whatever was before
            return max(1, min(most, int(last_rows * limit / last_seconds)))
        if row_seconds <= 0:  # rows cost nothing that can be seen
            return min(most, int(2 * rows) + 1)
        left = max(limit - fixed, limit / 2)
        return max(1, min(most, int(left / row_seconds)))
