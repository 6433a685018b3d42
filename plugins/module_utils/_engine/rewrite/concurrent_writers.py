# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows that another process has written since a census, while an engine writes nearly all rows.

PostgreSQL knows which transaction wrote each row. One that began after the census and is not ours is another process's.
Each step of a run passes on what it knows. A row of another process may have been re-encrypted since, and then shows a
transaction of ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypedDict

from ..postgres import server_info
from ..postgres.connection import Database

MOST = 10_000  # rows of one table that are kept by name: more of them were not left running, they were never stopped


class ConcurrentWritesResult(TypedDict):
    """The result that one step passes to the next. Transactions are spans, each with its first and last number."""

    since: dict[str, str]
    ours: dict[str, list[list[int]]]
    rows: dict[str, list[str]]


@dataclass
class ConcurrentWrites:
    """The writes of other processes: after the transaction ``since`` (by database), except for those in ``ours``.

    ``rows`` (by table) were written by others and re-encrypted by us. All are empty if the run does not look for them.
    """

    since: dict[str, str] = field(default_factory=dict)
    ours: dict[str, set[int]] = field(default_factory=dict)
    rows: dict[str, set[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, results: Iterable[ConcurrentWritesResult]) -> ConcurrentWrites:
        """Return all that the results of several steps know, from ``as_result``."""
        known = cls()
        for result in results:
            known.since.update(result["since"])
            for alias, spans in result["ours"].items():
                known.ours.setdefault(alias, set()).update(
                    transaction for first, last in spans for transaction in range(first, last + 1)
                )
            for table, names in result["rows"].items():
                known.rows.setdefault(table, set()).update(names)
        return known

    @classmethod
    def from_now(cls, databases: Iterable[Database]) -> ConcurrentWrites:
        """Look from now on: all transactions that are still open, and all that will begin, are later than a census."""
        return cls(since={database.alias: server_info.read_oldest_running(database) for database in databases})

    def as_result(self) -> ConcurrentWritesResult:
        """Return the result for the next step. Most of our transactions follow each other, so they are spans."""
        return {
            "since": self.since,
            "ours": {alias: list(_spans(numbers)) for alias, numbers in self.ours.items()},
            "rows": {table: sorted(names) for table, names in self.rows.items()},
        }

    def wrote(self, alias: str, transaction: str | None) -> bool:
        """Return whether another process wrote a row that has this transaction from ``table_pages.pages``."""
        return transaction is not None and int(transaction) not in self.ours.get(alias, ())

    def add(self, alias: str, table: str, transactions: Iterable[str], rows: Iterable[str]) -> None:
        """Add transactions of ours, and rows that others had written when these re-encrypted them."""
        self.ours.setdefault(alias, set()).update(map(int, transactions))
        known = self.rows.setdefault(table, set())
        known.update(name for name in rows if len(known) < MOST)


def _spans(numbers: Iterable[int]) -> Iterator[list[int]]:
    """Yield the first and the last of each run of numbers that follow each other."""
    span: list[int] = []
    for number in sorted(numbers):
        if span and number == span[1] + 1:
            span[1] = number
        else:
            if span:
                yield span
            span = [number, number]
    if span:
        yield span
