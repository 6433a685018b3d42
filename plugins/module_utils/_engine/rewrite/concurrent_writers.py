# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other writers: which rows somebody else has written since a census, while an engine writes nearly all of them.

PostgreSQL says of each row which transaction wrote it. One that began after the census and is not ours is another
process's. What is known of that goes from step to step of a run: a row that was another's may have been re-encrypted
since, and then bears a transaction of ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypedDict

from ..postgres import server_info
from ..postgres.connection import Database

MOST = 10_000  # rows of one table that are kept by name: more of them were not left running, they were never stopped


class ConcurrentWritesResult(TypedDict):
    """What one step tells the next one; transactions as the first and the last of each span."""

    since: dict[str, str]
    ours: dict[str, list[list[int]]]
    rows: dict[str, list[str]]


@dataclass
class ConcurrentWrites:
    """``since`` which transaction (by database), which ones are ``ours``, which ``rows`` (by table) we found written by
    others and have re-encrypted. Empty if nobody looks."""

    since: dict[str, str] = field(default_factory=dict)
    ours: dict[str, set[int]] = field(default_factory=dict)
    rows: dict[str, set[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, results: Iterable[ConcurrentWritesResult]) -> ConcurrentWrites:
        """All that the results of several steps know, from ``as_result``."""
        known = cls()
        for result in results:
            known.since.update(result["since"])
            for alias, spans in result["ours"].items():
                known.ours.setdefault(alias, set()).update(
                    one for first, last in spans for one in range(first, last + 1)
                )
            for table, names in result["rows"].items():
                known.rows.setdefault(table, set()).update(names)
        return known

    @classmethod
    def from_now(cls, databases: Iterable[Database]) -> ConcurrentWrites:
        """Before a census: all transactions that are not over yet, and all that will begin, are later than it."""
        return cls(since={database.alias: server_info.read_oldest_running(database) for database in databases})

    def as_result(self) -> ConcurrentWritesResult:
        """For the next step; our transactions as spans, since most of them follow each other."""
        return {
            "since": self.since,
            "ours": {alias: list(_spans(numbers)) for alias, numbers in self.ours.items()},
            "rows": {table: sorted(names) for table, names in self.rows.items()},
        }

    def wrote(self, alias: str, transaction: str | None) -> bool:
        """Whether a row that ``table_pages.pages`` says was written by this transaction is another process's."""
        return transaction is not None and int(transaction) not in self.ours.get(alias, ())

    def add(self, alias: str, table: str, transactions: Iterable[str], rows: Iterable[str]) -> None:
        """Transactions of ours, and rows that others had written when they re-encrypted them."""
        self.ours.setdefault(alias, set()).update(map(int, transactions))
        known = self.rows.setdefault(table, set())
        known.update(name for name in rows if len(known) < MOST)


def _spans(numbers: Iterable[int]) -> Iterator[list[int]]:
    """Each run of numbers that follow each other, by its first and its last."""
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
