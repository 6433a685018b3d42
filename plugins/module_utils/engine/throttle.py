# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Room for the application: short batches, rest in proportion to the work, waits for the server and for a person.

As gh-ost and GitLab do it: a time that a batch may take, from which its size follows; a nice ratio; lag of replicas;
WAL that is not yet archived or fetched; a file that an operator makes and removes (facts/re-encryption.md 3.2).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .database import Database

LOOK_SECONDS = 1.0  # between two looks at what has to be waited for
WEIGHT = 0.3  # of the last batch in the moving average of seconds per row
MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Throttle:
    """``batch_seconds`` is what a batch may take (0: no limit), ``ratio`` seconds of rest per second of work.

    It waits while the slowest replica is more than ``replica_lag`` seconds behind, while more than ``wal_backlog``
    megabytes of WAL are kept for the archive or a replication slot, and while the ``pause_file`` exists. After every
    ``vacuum_rows`` rewritten rows a table is vacuumed. 0 or empty is never.
    """

    batch_seconds: float = 0.25  # facts/re-encryption.md 3.4
    ratio: float = 0.0
    replica_lag: float = 0.0
    wal_backlog: float = 0.0
    pause_file: str = ""
    vacuum_rows: int = 0

    def rest(self, database: Database, worked: float, stopped: Callable[[], bool]) -> Iterator[str]:
        """After a batch that took ``worked`` seconds; while it waits, now and then for what. A wish to stop ends it."""
        time.sleep(worked * self.ratio)
        while not stopped():
            reason = self._reason(database)
            if not reason:
                return
            yield reason
            time.sleep(LOOK_SECONDS)

    def _reason(self, database: Database) -> str:
        if self.pause_file and os.path.exists(self.pause_file):
            return f"the pause file {self.pause_file}"
        if self.replica_lag and (lag := database.replica_lag()) > self.replica_lag:
            return f"a replica that is {lag:.0f} s behind"
        if self.wal_backlog and (backlog := database.wal_backlog() / MEGABYTE) > self.wal_backlog:
            return f"{backlog:,.0f} MB of WAL to be archived or fetched"
        return ""


class Pace:
    """How many rows make a batch of so many ``seconds``, by a moving average of what the last ones took."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._per_row = 0.0

    def took(self, rows: int, seconds: float) -> None:
        """A batch of so many rows."""
        now = seconds / rows
        self._per_row = WEIGHT * now + (1 - WEIGHT) * self._per_row if self._per_row else now

    def rows(self, most: int) -> int:
        """For the next one."""
        if not self._seconds or not self._per_row:
            return most
        return max(1, min(most, int(self._seconds / self._per_row)))
