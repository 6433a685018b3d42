# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rotation prepared while the application serves, and proved by a process that has only the new keys."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .._errors.values import PreparedDiffers
from .postgres.connection import Database
from .proof.census import Census, Tally
from .proof.table_pages import TargetGroup, by_table
from .rewrite import prepared
from .rewrite.prepared import NEW, OLD, Contents, Preparation, PreparedRows
from .rewrite.rewriter import BatchResult, RewritePolicy, Rewriting
from .rewrite.worker_pool import Crew, Stop
from .rotation import Application

EMPTY = "empty"  # of the classes of a census


@dataclass(frozen=True)
class PreparedColumn:
    """What is prepared of one column: in how many rows, and the keyed digest of the plaintexts that the old tokens in
    these have."""

    table: str
    column: str
    scheme: str
    rows: int
    digest: str

    @classmethod
    def all_of(cls, results: Sequence[Mapping[str, Any]]) -> list[PreparedColumn]:
        """From the results of ``as_result``."""
        return [cls(**result) for result in results]

    def as_result(self) -> dict[str, Any]:
        return asdict(self)

    def as_target(self) -> dict[str, str]:
        """For the option ``targets``."""
        return {"table": self.table, "column": self.column, "scheme": self.scheme}


def excluded(application: Application, schemes: Collection[str]) -> dict[str, str]:
    """By table, why its rows go the ordinary way. ``schemes`` are those that are known without the present keys."""
    reasons = (
        (group.table.label, prepared.obstacle(database, group, application.keyring, schemes))
        for database, group in _groups(application)
    )
    return {table: why for table, why in reasons if why}


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

        for database, survey in application.parts:
            rewriting = Rewriting(
                survey.found,
                keyring,
                self.destination,
                application.accepted,
                self.policy,
                stopped=lambda: self.stop.asked,
            )
            fit = [group for group in rewriting.tables if not prepared.obstacle(database, group, keyring, self.schemes)]
            contents = Contents(keyring.key_id(self.destination), [prepared.describe(group) for group in fit])
            crew = Crew(self.workers, Preparation(rewriting).batches, database.another, self.stop)
            prepared.prepare(database, rewriting, crew, contents, report)
        return done


def columns(application: Application, destination: str) -> list[PreparedColumn]:
    """What is prepared for a destination, by the old tokens."""
    found = _tallies(application, destination, OLD)
    return [_column(tally) for tally in found]


def refuse_unproved(application: Application, destination: str, before: Sequence[PreparedColumn]) -> None:
    """Raise E_PREPARED unless every new token opens under the destination alone, and the plaintexts are those of the
    old tokens."""
    tallies = _tallies(application, destination, NEW)
    after = {(tally.target.table.label, tally.target.column): tally for tally in tallies}
    for column in before:
        tally = after.get((column.table, column.column))
        if tally is None or _column(tally) != column or set(tally.classes) - {destination, EMPTY}:
            raise PreparedDiffers(table=column.table, column=column.column)


def _column(tally: Tally) -> PreparedColumn:
    target = tally.target
    return PreparedColumn(target.table.label, target.column, target.scheme, tally.rows, tally.result.digest)


def _groups(application: Application) -> Iterator[tuple[Database, TargetGroup]]:
    for database, survey in application.parts:
        for group in by_table(survey.found):
            yield database, group


def _tallies(application: Application, destination: str, side: str) -> list[Tally]:
    """A census of one side of what is prepared."""
    keyring, found = application.keyring, []
    key = keyring.stages[destination].digest_key
    for database, group in _groups(application):
        contents = prepared.read_contents(database)
        if contents is None or contents.key_id != keyring.key_id(destination):
            continue
        source = contents.place(group)
        if source is not None:
            census = Census(database, group.members, keyring, key, application.accepted, application.progress)
            found += census.count(group, PreparedRows(database, group, source).pages(side))
    return found
