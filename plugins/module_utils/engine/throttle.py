# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Room for the application: rest in proportion to the work, wait for replicas, and for as long as a person says.

As gh-ost does it: a nice ratio, the lag of replicas, and a file that an operator makes and removes
(facts/re-encryption.md 3.2).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from .database import Database

LOOK_SECONDS = 1.0  # between two looks at what has to be waited for


@dataclass(frozen=True)
class Throttle:
    """``ratio`` is seconds of rest per second of work; ``replica_lag`` seconds, of the slowest replica."""

    ratio: float = 0.0
    replica_lag: float = 0.0
    pause_file: str = ""

    def rest(self, database: Database, worked: float, stopped: Callable[[], bool]) -> None:
        """After a batch that took ``worked`` seconds. A wish to stop ends every wait."""
        time.sleep(worked * self.ratio)
        while not stopped() and self._must_wait(database):
            time.sleep(LOOK_SECONDS)

    def _must_wait(self, database: Database) -> bool:
        if self.pause_file and os.path.exists(self.pause_file):
            return True
        return self.replica_lag > 0 and database.replica_lag() > self.replica_lag
