# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A census of data that is prepared: PostgreSQL compares every row with what is prepared, and only rows that are not
exactly that are opened. The others were opened when they were prepared, and their new tokens when these were proved.

What it comes to is that of a census of every value: counts and digests are sums over the rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .postgres import sql
from .postgres.catalog import row_name
from .postgres.connection import Database
from .proof.census import Census
from .proof.census_result import CensusResult
from .proof.census_tally import Tally
from .proof.row_digests import EachRow, Recording
from .proof.table_pages import RowText, TargetGroup, by_table, rows_of
from .rewrite import prepared, prepared_table
from .rewrite.prepared import MOST_DIFFERENT, PreparedRows, RowDifference
from .rewrite.prepared_table import NEW, OLD
from .rotation import Application


@dataclass
class PreparedCensus:
    """``results`` are of all columns. ``tallies`` are of what was opened now: the rows that are not exactly what is
    prepared, and the tables that are not prepared. ``reopened`` are the former by column. ``keys`` name them
    by table, with those of prepared rows that are gone, and ``changes`` counts what became of rows since."""

    results: list[CensusResult] = field(default_factory=list)
    tallies: list[Tally] = field(default_factory=list)
    reopened: list[CensusResult] = field(default_factory=list)
    keys: dict[str, list[RowText]] = field(default_factory=dict)
    changes: dict[str, Counter[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class PreparedCounting:
    """How a census of what is prepared is taken: digests are keyed by the key set of ``digest_stage``, the tokens that
    are prepared are those of the version ``key_id``, and ``each_row`` is given what is opened now."""

    application: Application
    digest_stage: str
    key_id: str
    each_row: EachRow | None = None

    def before(self, base: Sequence[CensusResult], side: str = OLD) -> PreparedCensus:
        """Before the first write: ``base`` is the census of the rows as they were prepared. With the ``side`` NEW,
        after it, of the tokens that were prepared."""
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
        """Count one table; whether that could be done."""
        group = rows.group
        with rows.database.snapshot([group.table.identifier]):
            found = rows.differences(side)
            if len(found) > MOST_DIFFERENT or not self._is_whole(rows, found, known[group.members[0].name].rows):
                return False
            stale = [each.number for each in found if each.number is not None]
            self._forget(group, found)
            was = self._census(rows.database, group).count(group, rows.pages_of(side, stale))
            now = self._opened(census, rows, [each.key for each in found if each.key is not None])
        census.keys[group.table.label] = [key for each in found for key in (each.key or each.prepared,) if key]
        census.changes[group.table.label] = Counter(each.what for each in found)
        census.results += [
            known[tally.target.name].minus(gone.result).plus(tally.result) for gone, tally in zip(was, now)
        ]
        return True

    def _is_whole(self, rows: PreparedRows, found: Sequence[RowDifference], prepared_rows: int) -> bool:
        """Whether all rows are still prepared that were: a crash of the server empties such a table, and then every row
        looks as if it were added."""
        counts = Counter(each.what for each in found)
        if not counts["inserted"]:
            return True
        return _count(rows) == prepared_rows + counts["inserted"] - counts["deleted"]

    def after(
        self, before: Sequence[CensusResult], reopened: Sequence[CensusResult], last: Mapping[str, int]
    ) -> PreparedCensus:
        """After the last write, in a process that has one version alone: a row counts without a look if it is exactly
        a token that such a process has proved, up to the number ``last`` of each database. ``before`` and ``reopened``
        are from before the first write."""
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
        """Open the rows of one table that are not exactly a proved token; None if there are too many, or if not as many
        rows are one as ``expected``."""
        table = rows.group.table
        with rows.database.snapshot([table.identifier]):
            found = rows.differences(NEW, proved, added=True)
            if len(found) > MOST_DIFFERENT or _count(rows) - len(found) != expected:
                return None
            return self._opened(census, rows, [each.key for each in found if each.key is not None])

    def _whole(self, census: PreparedCensus, database: Database, group: TargetGroup) -> None:
        """Open every value of a table."""
        tallies = self._census(database, group).take(each_row=self.each_row)
        census.tallies += tallies
        census.results += [tally.result for tally in tallies]

    def _opened(self, census: PreparedCensus, rows: PreparedRows, keys: Sequence[RowText]) -> list[Tally]:
        """Open the rows of these keys."""
        read = rows_of(rows.database, rows.group, keys)
        tallies = self._census(rows.database, rows.group).count(rows.group, read, self.each_row)
        census.tallies += tallies
        census.reopened += [tally.result for tally in tallies]
        return tallies

    def _forget(self, group: TargetGroup, found: Iterable[RowDifference]) -> None:
        if isinstance(self.each_row, Recording):
            names = [row_name(each.prepared) for each in found if each.prepared is not None]
            self.each_row.forget(group.table, names)

    def _rows(self, database: Database, group: TargetGroup, known: Mapping[str, CensusResult]) -> PreparedRows | None:
        """What is prepared of a table; None if that is nothing, or not of all these columns."""
        contents = prepared_table.read_contents(database)
        source = contents.place(prepared.describe(group)) if contents and contents.key_id == self.key_id else None
        if source is None or not all(target.name in known for target in group.members):
            return None
        return PreparedRows(database, group, source)

    def _census(self, database: Database, group: TargetGroup) -> Census:
        return self.application.census_of(database, group.members, self.digest_stage)


def _groups(application: Application) -> Iterable[tuple[Database, TargetGroup]]:
    return ((database, group) for database, survey in application.databases for group in by_table(survey.found))


def _count(rows: PreparedRows) -> int:
    """How many rows the table has now."""
    table = rows.group.table
    ((count,),) = rows.database.rows(sql.SQL("SELECT count(*) FROM {}").format(table.rows), table=table.label)
    return int(count)
