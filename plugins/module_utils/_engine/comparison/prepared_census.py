# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A census that opens only the rows that differ from what was prepared.

PostgreSQL compares every row with its prepared row. Only rows that are not exactly as prepared are opened. The others
were opened when they were prepared, and their new tokens when the preparation was proved. The result equals that of a
census of every value: counts and digests are sums over the rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..postgres import sql
from ..postgres.catalog import row_name
from ..postgres.connection import Database
from ..proof.census import Census
from ..proof.census_result import CensusResult
from ..proof.census_tally import Tally
from ..proof.row_digests import EachRow, Recording
from ..proof.table_pages import RowText, TargetGroup, by_table, rows_of
from ..rewrite import prepared, prepared_table
from ..rewrite.prepared import MOST_DIFFERENT, PreparedRows, RowDifference
from ..rewrite.prepared_table import NEW, OLD
from ..rotation import Application


@dataclass
class PreparedCensus:
    """The result of a census of prepared data. ``results`` has all columns.

    ``tallies`` has what was opened now: the rows that are not exactly as prepared, and the tables that are not
    prepared. ``reopened`` has only those rows, by column. ``keys`` has their keys by table, and the keys of prepared
    rows that are gone. ``changes`` counts by table how the rows have changed since then.
    """

    results: list[CensusResult] = field(default_factory=list)
    tallies: list[Tally] = field(default_factory=list)
    reopened: list[CensusResult] = field(default_factory=list)
    keys: dict[str, list[RowText]] = field(default_factory=dict)
    changes: dict[str, Counter[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class PreparedCounting:
    """A way to take a census of prepared data, before or after the writes of a rotation.

    Digests are keyed by the key set of ``digest_stage``. The prepared tokens are those of the version ``key_id``.
    ``each_row`` receives what is opened now. ``searched`` is as in ``Application.census``.
    """

    application: Application
    digest_stage: str
    key_id: str
    each_row: EachRow | None = None
    searched: bool = False

    def before(self, base: Sequence[CensusResult], side: str = OLD) -> PreparedCensus:
        """Take the census before the first write. ``base`` is the census of the rows as they were prepared.

        With the ``side`` NEW, take it after the first write: the rows are compared with the new tokens.
        """
        known, census = {column.name: column for column in base}, PreparedCensus()
        for database, group in _groups(self.application):
            rows = self._rows(database, group, known)
            if rows is None or not self._count_before(census, rows, side, known):
                if isinstance(self.each_row, Recording):
                    self.each_row.forget_all(group.table)
                self._whole(census, database, group)
        return census

    def _count_before(
        self, census: PreparedCensus, rows: PreparedRows, side: str, known: Mapping[str, CensusResult]
    ) -> bool:
        """Count one table. Return whether that was possible."""
        group = rows.group
        with rows.database.snapshot([group.table.identifier]):
            differences = rows.differences(side)
            if len(differences) > MOST_DIFFERENT or not self._is_whole(
                rows, differences, known[group.members[0].name].rows
            ):
                return False
            stale = [difference.number for difference in differences if difference.number is not None]
            self._forget(group, differences)
            was = self._census(rows.database, group).count(group, rows.pages_of(side, stale))
            now = self._opened(
                census, rows, [difference.key for difference in differences if difference.key is not None]
            )
        census.keys[group.table.label] = [
            key for difference in differences for key in (difference.key or difference.prepared,) if key
        ]
        census.changes[group.table.label] = Counter(difference.what for difference in differences)
        census.results += [
            known[tally.target.name].minus(gone.result).plus(tally.result) for gone, tally in zip(was, now)
        ]
        return True

    def _is_whole(self, rows: PreparedRows, differences: Sequence[RowDifference], prepared_rows: int) -> bool:
        """Return whether all rows that were prepared are still stored as prepared.

        A crash of the server empties the table of prepared rows. After that, every row looks as if it were new.
        """
        counts = Counter(difference.what for difference in differences)
        if not counts["inserted"]:
            return True
        return _count(rows) == prepared_rows + counts["inserted"] - counts["deleted"]

    def after(
        self, before: Sequence[CensusResult], reopened: Sequence[CensusResult], last: Mapping[str, int]
    ) -> PreparedCensus:
        """Take the census after the last write, in a process that has only one version.

        A row counts unopened if it is exactly a token that such a process has proved. ``last`` has the number of the
        last proved row by database. ``before`` and ``reopened`` are from before the first write.
        """
        known, census = {column.name: column for column in before}, PreparedCensus()
        opened = {column.name: column for column in reopened}
        for database, group in _groups(self.application):
            rows, proved = self._rows(database, group, opened), last.get(database.alias)
            if rows and proved is not None:
                name = group.members[0].name
                now = self._count_after(census, rows, proved, known[name].rows - opened[name].rows)
            else:
                now = None
            if now is None:
                self._whole(census, database, group)
                continue
            for tally in now:
                same = known[tally.target.name].minus(opened[tally.target.name]).all_under(self.digest_stage)
                census.results.append(same.plus(tally.result))
        return census

    def _count_after(
        self, census: PreparedCensus, rows: PreparedRows, proved: int, expected: int
    ) -> list[Tally] | None:
        """Open the rows of one table that are not exactly a proved token.

        Return None if there are too many of them, or if the number of all other rows is not ``expected``.
        """
        table = rows.group.table
        with rows.database.snapshot([table.identifier]):
            differences = rows.differences(NEW, proved, added=True)
            if len(differences) > MOST_DIFFERENT or _count(rows) - len(differences) != expected:
                return None
            return self._opened(
                census, rows, [difference.key for difference in differences if difference.key is not None]
            )

    def _whole(self, census: PreparedCensus, database: Database, group: TargetGroup) -> None:
        """Open every value of a table, and add the result to the census."""
        tallies = self._census(database, group).take(each_row=self.each_row)
        census.tallies += tallies
        census.results += [tally.result for tally in tallies]

    def _opened(self, census: PreparedCensus, rows: PreparedRows, keys: Sequence[RowText]) -> list[Tally]:
        """Open the rows with these keys, and add the result to the census."""
        read = rows_of(rows.database, rows.group, keys)
        tallies = self._census(rows.database, rows.group).count(rows.group, read, self.each_row)
        census.tallies += tallies
        census.reopened += [tally.result for tally in tallies]
        return tallies

    def _forget(self, group: TargetGroup, differences: Iterable[RowDifference]) -> None:
        if isinstance(self.each_row, Recording):
            names = [row_name(difference.prepared) for difference in differences if difference.prepared is not None]
            self.each_row.forget(group.table, names)

    def _rows(self, database: Database, group: TargetGroup, known: Mapping[str, CensusResult]) -> PreparedRows | None:
        """Return the prepared rows of a table. Return None unless it is prepared with all these columns, and all are
        known."""
        contents = prepared_table.read_contents(database)
        source = contents.place(prepared.describe(group)) if contents and contents.key_id == self.key_id else None
        if source is None or not all(target.name in known for target in group.members):
            return None
        return PreparedRows(database, group, source)

    def _census(self, database: Database, group: TargetGroup) -> Census:
        return self.application.census_of(database, group.members, self.digest_stage, searched=self.searched)


def _groups(application: Application) -> Iterable[tuple[Database, TargetGroup]]:
    return ((database, group) for database, survey in application.databases for group in by_table(survey.targets))


def _count(rows: PreparedRows) -> int:
    """Return how many rows the table has now."""
    table = rows.group.table
    ((count,),) = rows.database.rows(sql.SQL("SELECT count(*) FROM {}").format(table.rows), table=table.label)
    return int(count)
