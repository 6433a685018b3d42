# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare every row with its state before the first write, by the row digests of that time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from ..proof import row_digests
from ..rewrite.concurrent_writers import ConcurrentWrites

if TYPE_CHECKING:
    from ..proof.census_tally import Tally
    from ..proof.row_digests import Comparison, TableComparison
    from ..rotation import Application
    from .census_task import CensusTask


class SecondLook:
    """A second reading of every value, which takes place when its result is first needed."""

    def __init__(self, application: Application, rows: Comparison, stage: str, tables: set[str]) -> None:
        self._application, self._rows, self._stage, self._tables = application, rows, stage, tables
        self.has_failed = False

    @property
    def has_earlier(self) -> bool:
        """Return whether an interrupted run found rows that others had written."""
        return bool(self._rows.earlier)

    @property
    def tallies(self) -> list[Tally]:
        """The census that it takes."""
        return self._taken[0]

    @property
    def looks(self) -> dict[str, TableComparison]:
        """Return what differs, by table."""
        return self._taken[1]

    @cached_property
    def _taken(self) -> tuple[list[Tally], dict[str, TableComparison]]:
        self.has_failed = True
        tallies = list(self._application.census(self._stage, each_row=self._rows))
        looks = self._rows.looks(self._tables)
        self.has_failed = False
        return tallies, looks


@contextmanager
def second_look(task: CensusTask) -> Iterator[SecondLook | None]:
    """The look at the tables of the ``judged`` columns; None without row digests of the baseline."""
    options, application = task.options, task.application
    writes = ConcurrentWrites.of([options.concurrent_writes] if options.concurrent_writes else [])
    with row_digests.comparison(options.row_digests, options.baseline, writes, application.unauthenticated) as rows:
        tables = {column.table for column in task.judged}
        yield None if rows is None else SecondLook(application, rows, options.digest_stage, tables)
