# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of a re-encryption, for results and records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..proof.census_result import CensusResult, ColumnCounts
from .concurrent_writers import ConcurrentWrites
from .rewriter import Work

DEAD_ROWS = 10_000  # from so many on a table is named: those of a smaller one are soon gone


@dataclass(frozen=True)
class RewriteResult:
    """The ``work`` to the keys ``key_id``, and the census before it."""

    census: Sequence[CensusResult]
    work: Work
    key_id: str
    seconds: float
    concurrent_writes: ConcurrentWrites
    unwritten: str  # why the metrics could not be written

    def as_result(self) -> dict[str, object]:
        work = self.work
        return {
            "changed": bool(work.values),
            "targets": reencrypted(self.census, lambda column: work.values[column.name]),
            "key_id": self.key_id,
            "work": {
                "passes": work.passes,
                "conflicts": work.conflicts,
                "seconds": round(self.seconds, 1),
                **({"by_sets": work.by_sets} if work.by_sets else {}),
            },
            "concurrent_writes": self.concurrent_writes.as_result(),
            "stale": dict(work.stale),
            "unwritten": self.unwritten,
            "lost_workers": work.lost,
            "vacuum": [table for table, rows in work.dead.items() if rows >= DEAD_ROWS],
        }


def reencrypted(census: Sequence[CensusResult], count: Callable[[CensusResult], int]) -> list[ColumnCounts]:
    """The columns of a census, each with how many of its values are, or would be, re-encrypted."""
    return [{**column.as_result(), "reencrypted": count(column)} for column in census]
