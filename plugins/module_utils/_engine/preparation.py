# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prepare a rotation while the application serves requests, and prove it in a process that has only the new keys."""

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
    """Return the reason why each table that cannot be prepared is left to the ordinary passes, by table.

    ``schemes`` are those that are known without the present keys.
    """
    reasons = (
        (group.table.label, prepared.obstacle(database, group, application.keyring, schemes))
        for database, group in _groups(application)
    )
    return {table: why for table, why in reasons if why}


def bytes_needed(application: Application, schemes: Collection[str]) -> int:
    """Return about how many bytes the prepared rows will take, estimated from a sample of the values."""
    return sum(
        prepared.bytes_needed(database, group)
        for database, group in _groups(application)
        if not prepared.obstacle(database, group, application.keyring, schemes)
    )


@dataclass(frozen=True)
class Preparing:
    """The preparation for one ``destination``, by ``workers`` processes, until ``stop`` is requested.

    ``schemes`` are those that are known without the present keys.
    """

    destination: str
    schemes: Collection[str]
    policy: RewritePolicy
    workers: int
    stop: Stop

    def run(self, application: Application) -> int:
        """Prepare the rows that are not prepared yet, and return their number.

        Raise what ``Application.reencrypt`` raises before its first write.
        """
        keyring = application.keyring
        keyring.refuse_unusable({target.scheme for target in application.targets}, self.destination)
        done = 0

        def report(batch: BatchResult) -> None:
            nonlocal done
            done += batch.rewritten
            application.progress.tell(batch.waits_for or f"preparing {batch.table}", done, None, "rows")

        for database, survey in application.databases:
            rewriting = Rewriting(
                survey.targets,
                keyring,
                self.destination,
                application.accepted,
                self.policy,
                stopped=lambda: self.stop.is_requested,
            )
            fit = [group for group in rewriting.tables if not prepared.obstacle(database, group, keyring, self.schemes)]
            sources = [prepared.describe(group) for group in fit]
            contents = Contents(keyring.key_id(self.destination), sources, keyring.key_id(keyring.base))
            crew = Crew(self.workers, Preparation(rewriting).batches, database.another, self.stop)
            prepared.prepare(database, rewriting, crew, contents, report)
        return done


def as_target(column: CensusResult) -> TargetDescription:
    """Return a column of a census as an entry of the option ``targets``."""
    return {"table": column.table, "column": column.column, "scheme": column.scheme}


def census(application: Application, destination: str, each_row: EachRow | None = None) -> list[Tally]:
    """Take a census of the prepared rows by their old tokens. It shows each row as it was when it was prepared."""
    return _tallies(application, destination, OLD, each_row)


def verify_prepared(application: Application, destination: str, before: Sequence[CensusResult]) -> dict[str, int]:
    """Raise E_PREPARED unless the preparation is correct. Return by database the number of the last checked row.

    Every new token must open under the destination alone, and the plaintexts must be those of the old tokens.
    """
    last = {database.alias: prepared_table.last_number(database) for database, _ in application.databases}
    after = {tally.target.name: tally.result for tally in _tallies(application, destination, NEW)}
    for column in before:
        if after.get(column.name) != column.all_under(destination):
            raise PreparedDiffers(table=column.table, column=column.column)
    return last


def _groups(application: Application) -> Iterator[tuple[Database, TargetGroup]]:
    for database, survey in application.databases:
        for group in by_table(survey.targets):
            yield database, group


def _tallies(application: Application, destination: str, side: str, each_row: EachRow | None = None) -> list[Tally]:
    """Take a census of one side of the prepared rows."""
    keyring, tallies = application.keyring, []
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
            tallies += counting.count(group, PreparedRows(database, group, source).pages(side), each_row)
    return tallies
