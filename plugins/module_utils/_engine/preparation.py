# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rotation prepared while the application serves, and proved by a process that has only the new keys."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .._errors.values import PreparedDiffers
from .postgres.connection import Database
from .proof.census import Census
from .proof.census_result import CensusResult
from .proof.census_tally import Tally
from .proof.row_digests import EachRow
from .proof.table_pages import TargetGroup, by_table
from .rewrite import prepared, prepared_table
from .rewrite.prepared import Preparation, PreparedRows
from .rewrite.prepared_table import NEW, OLD, Contents
from .rewrite.rewriter import BatchResult, RewritePolicy, Rewriting
from .rewrite.worker_pool import Crew, Stop
from .rotation import Application

if TYPE_CHECKING:
    from .crypto.scheme_description import TargetDescription


def excluded(application: Application, schemes: Collection[str]) -> dict[str, str]:
    """By table, why its rows go the ordinary way. ``schemes`` are those that are known without the present keys."""
    reasons = (
        (group.table.label, prepared.obstacle(database, group, application.keyring, schemes))
        for database, group in _groups(application)
    )
    return {table: why for table, why in reasons if why}


def bytes_needed(application: Application, schemes: Collection[str]) -> int:
    """About how many bytes the tables for what can be prepared take, as a sample of the values shows."""
    return sum(
        prepared.bytes_needed(database, group)
        for database, group in _groups(application)
        if not prepared.obstacle(database, group, application.keyring, schemes)
    )


@dataclass(frozen=True)
class Preparing:
    """The work for one destination: by what ``policy``, by how many ``workers``, until who asks to ``stop``."""

    destination: str
    schemes: Collection[str]
    policy: RewritePolicy
    workers: int
    stop: Stop

    def run(self, application: Application) -> int:
        """Prepare what is not yet; how many rows that were. Raises what ``Application.reencrypt`` raises before its
        first write."""
        keyring = application.keyring
        keyring.refuse_unusable({target.scheme for target in application.targets}, self.destination)
        done = 0

        def report(batch: BatchResult) -> None:
            nonlocal done
            done += batch.rewritten
            application.progress.tell(batch.waits_for or f"preparing {batch.table}", done, None, "rows")

        for database, survey in application.databases:
            rewriting = Rewriting(
                survey.found,
                keyring,
                self.destination,
                application.accepted,
                self.policy,
                stopped=lambda: self.stop.asked,
            )
            fit = [group for group in rewriting.tables if not prepared.obstacle(database, group, keyring, self.schemes)]
            sources = [prepared.describe(group) for group in fit]
            contents = Contents(keyring.key_id(self.destination), sources, keyring.key_id(keyring.base))
            crew = Crew(self.workers, Preparation(rewriting).batches, database.another, self.stop)
            prepared.prepare(database, rewriting, crew, contents, report)
        return done


def as_target(column: CensusResult) -> TargetDescription:
    """A column of a census for the option ``targets``."""
    return {"table": column.table, "column": column.column, "scheme": column.scheme}


def census(application: Application, destination: str, each_row: EachRow | None = None) -> list[Tally]:
    """What is prepared for a destination, by the old tokens: the census of every row as it was then."""
    return _tallies(application, destination, OLD, each_row)


def refuse_unproved(application: Application, destination: str, before: Sequence[CensusResult]) -> dict[str, int]:
    """Raise E_PREPARED unless every new token opens under the destination alone, and the plaintexts are those of the
    old tokens. By database, the number of the last row that was looked at."""
    last = {database.alias: prepared_table.last_number(database) for database, _ in application.databases}
    after = {tally.target.name: tally.result for tally in _tallies(application, destination, NEW)}
    for column in before:
        if after.get(column.name) != column.all_under(destination):
            raise PreparedDiffers(table=column.table, column=column.column)
    return last


def _groups(application: Application) -> Iterator[tuple[Database, TargetGroup]]:
    for database, survey in application.databases:
        for group in by_table(survey.found):
            yield database, group


def _tallies(application: Application, destination: str, side: str, each_row: EachRow | None = None) -> list[Tally]:
    """A census of one side of what is prepared."""
    keyring, found = application.keyring, []
    key = keyring.stages[destination].digest_key
    for database, group in _groups(application):
        contents = prepared_table.read_contents(database)
        if contents is None or contents.key_id != keyring.key_id(destination):
            continue
        source = contents.place(prepared.describe(group))
        if source is not None:
            counting = Census(
                database=database,
                targets=group.members,
                keyring=keyring,
                digest_key=key,
                leave_alone=application.accepted,
                progress=application.progress,
            )
            found += counting.count(group, PreparedRows(database, group, source).pages(side), each_row)
    return found
