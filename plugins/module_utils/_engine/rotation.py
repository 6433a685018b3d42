# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Do the work of one rotation inside the application: take the census, keep other writers out, and re-encrypt."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .._system.progress_file import SILENT, ProgressFile
from .application import custom_functions, django_project, own_command
from .crypto.key_entry import KeyEntries
from .crypto.key_set import KeySet
from .crypto.keyring import Keyring
from .discovery import target_survey
from .discovery.columns.target import Target
from .discovery.findings.settlements import BY_COMMAND, UNREADABLE, Settlements
from .postgres import locks
from .postgres.connection import Database
from .proof.census import Census
from .proof.census_tally import Tally
from .proof.row_digests import EachRow
from .request import TRIAL
from .rewrite.concurrent_writers import ConcurrentWrites
from .rewrite.throttle import Throttle

if TYPE_CHECKING:
    from .application.code_uses import CodeUses
    from .application.guarded_start import StartReport
    from .application.key_uses import Use
    from .crypto.scheme_description import SchemesOption, TargetsOption
    from .discovery.elsewhere.other_databases import OtherDatabase
    from .proof.outside_columns import Unopened
    from .rewrite.rewriter import RewritePolicy, Work
    from .rewrite.worker_pool import Stop


@dataclass(frozen=True)
class Described:
    """The options ``schemes`` and ``targets`` as the operator set them."""

    schemes: SchemesOption = "auto"
    targets: TargetsOption = "auto"


@dataclass(frozen=True)
class Application:
    """An open application: its databases with the survey of each, and the keyring for them."""

    databases: Sequence[tuple[Database, target_survey.Survey]]
    keyring: Keyring
    leave_alone: Sequence[str]
    keys_from: str
    started: django_project.ApplicationStart
    processes: Mapping[str, custom_functions.ProcessPair]
    progress: ProgressFile = SILENT
    settlements: Settlements = field(default_factory=dict)
    keys: KeyEntries = ()
    project_dir: str = ""
    read_at_start: Mapping[str, Collection[Use]] = field(default_factory=dict)
    env: Callable[[], Mapping[str, str]] = dict  # as in the request
    command: own_command.OwnCommand | None = None
    command_process: own_command.CommandProcess | None = None  # if the command will run
    trial: KeySet | None = None  # throwaway values, never used for stored data
    online: bool = False  # whether processes have lists of the present keys and these values
    described: Described = field(default_factory=Described)
    env_file: str | None = None
    key_places: Callable[[], Mapping[str, str]] = dict  # of the keys that the application itself reads

    @property
    def surveys(self) -> list[target_survey.Survey]:
        """Return the survey of each database."""
        return [survey for _, survey in self.databases]

    @property
    def targets(self) -> list[Target]:
        """Return the targets of all databases."""
        return [target for survey in self.surveys for target in survey.targets]

    @property
    def read(self) -> list[Target]:
        """Return the encrypted columns of all databases, including those under keys that are not rotated."""
        return [*self.targets, *(column for survey in self.surveys for column in survey.evidence.fixed)]

    @property
    def has_given_recipes(self) -> bool:
        """Return whether a person gave the recipe of a search column. Each proof checks its digests."""
        return any(recipe.is_given for target in self.targets for recipe in target.derived)

    def watch_concurrent_writes(self) -> ConcurrentWrites:
        """Start to note, before a census, which rows other processes write."""
        return ConcurrentWrites.from_now(database for database, _ in self.databases)

    @property
    def accepted(self) -> list[str]:
        """Return the listed values, and the columns whose inner tokens may become unreadable. A person has accepted
        both."""
        return [
            *self.leave_alone,
            *(name for name, settlement in self.settlements.items() if settlement.decision == UNREADABLE),
        ]

    @property
    def unauthenticated(self) -> set[str]:
        """Return the tables with values whose format does not show under which keys they are."""
        return {
            target.table.label
            for target in self.targets
            if not self.keyring.schemes[target.scheme].format.authenticated
        }

    def census(
        self,
        digest_stage: str,
        throttle: Throttle | None = None,
        each_row: EachRow | None = None,
        *,
        searched: bool = False,
    ) -> list[Tally]:
        """Classify every value. Digests are keyed by the key set of ``digest_stage``.

        With ``searched``, also check the digests in search columns, before a rotation to that stage. The other
        parameters are those of ``Census.take``.
        """
        return [
            tally
            for database, survey in self.databases
            for tally in self.census_of(database, survey.targets, digest_stage, searched=searched).take(
                throttle, each_row
            )
        ]

    def census_of(
        self, database: Database, targets: Sequence[Target], digest_stage: str, *, searched: bool = False
    ) -> Census:
        """Return a census of some targets of one database, which the caller takes.

        If the application has its own command, ``searched`` has no effect: the command computes search columns in its
        own way.
        """
        key = self.keyring.stages[digest_stage].digest_key
        destination = digest_stage if searched and not self.command else ""
        return Census(
            database=database,
            targets=targets,
            keyring=self.keyring,
            digest_key=key,
            leave_alone=self.accepted,
            progress=self.progress,
            destination=destination,
        )

    def unopened(self) -> list[Unopened]:
        """Return the columns that are known to be encrypted but in which no value opens, each with its number of
        values."""
        from .proof import outside_columns

        return [column for database, survey in self.databases for column in outside_columns.unopened(database, survey)]

    def put_up_fence(self, rotation_id: str) -> list[str]:
        """Keep all other sessions from writing to the targets. Return the reasons if that is not possible.

        Raise E_FENCE_LOCKED if a table stays locked, or E_STOPPED if the run is to stop.
        """
        from .rewrite import fence
        from .rewrite.worker_pool import Stop

        stop = Stop()

        def wait(table: str) -> None:
            self.progress.tell(f"waiting for those who write to {table}")
            stop.refuse_to_go_on()

        with stop.listening():
            return [
                reason
                for database, survey in self.databases
                for reason in fence.put_up(database, survey.targets, rotation_id, wait)
            ]

    def reencrypt(
        self,
        destination: str,
        work: Work,
        policy: RewritePolicy | None = None,
        *,
        workers: int = 1,
        stop: Stop | None = None,
    ) -> None:
        """Re-encrypt every token to one stage, with ``workers`` processes.

        The caller takes a ``census`` first, and refuses unreadable values.
        """
        from .rewrite import prepared
        from .rewrite.journal import Journal
        from .rewrite.rewriter import RewritePolicy, Rewriting
        from .rewrite.table_passes import reencrypt
        from .rewrite.worker_pool import Crew, Stop

        stop, policy = stop or Stop(), policy or RewritePolicy()
        self.keyring.refuse_unusable({target.scheme for target in self.targets}, destination)
        by_function = any(recipe.needs_process for target in self.targets for recipe in target.derived)
        if by_function or any(scheme.functions for scheme in self.keyring.tried):
            workers = 1  # functions have one process per key set
        for database, survey in self.databases:
            with locks.gate(database):  # several hosts may be about to create it
                Journal(database, self.keyring, survey.targets).prepare()
            rewriting = Rewriting(
                survey.targets, self.keyring, destination, self.accepted, policy, stopped=lambda: stop.is_requested
            )
            by_sets = Crew(workers, prepared.SetRewrite(rewriting).batches, database.another, stop)
            sets = prepared.apply(database, rewriting, by_sets, work) if policy.prepared else None
            crew = Crew(workers, rewriting.batches, database.another, stop)
            reencrypt(database, rewriting, crew, work, sets)
            work.lost += by_sets.lost + crew.lost

    def run_command(self, destination: str, look: Callable[[], None]) -> None:
        """Let the application's own command bring every value to one stage.

        Call ``look`` repeatedly while the command runs; it may raise. Raise E_OWN_COMMAND_FAILED, and what starting the
        application raises.
        """
        if self.command is None or self.command_process is None:
            raise RuntimeError("the application was opened without its command")
        stages = {stage: keys.values for stage, keys in self.keyring.stages.items()}
        new = stages.pop(destination)
        others = sorted(stages, key=lambda stage: stage != self.keyring.base)
        self.progress.tell(f"the application's own command {self.command.name} runs")
        try:
            self.command_process.run(self.command.values([stages[stage] for stage in others], new), look)
        finally:
            self.command_process.close()

    @property
    def command_name(self) -> str:
        """Return the name of the application's own command. Empty if there is no such command."""
        return self.command.name if self.command else ""

    def made_by_command(self) -> list[str]:
        """Return the columns that only the application's own command recreates."""
        return sorted(name for name, settlement in self.settlements.items() if settlement.decision == BY_COMMAND)

    def recreated(self) -> list[str]:
        """Return the attributes of models that hold the columns of ``made_by_command``."""
        columns = self.made_by_command()
        return own_command.attributes_of(columns) if columns else []

    @functools.cached_property
    def other_databases(self) -> list[OtherDatabase]:
        """Return the databases that are not PostgreSQL, with what was found in them. They are read once."""
        from .discovery.elsewhere import other_databases

        return other_databases.look(self.keyring)

    @functools.cached_property
    def code(self) -> CodeUses:
        """Return the places in the application's code that use the keys."""
        from .application.code_uses import CodeUses

        tables = {name for target in self.targets for name in target.table.names}
        return CodeUses(self.project_dir, self.keyring, self.read_at_start, tables)

    @functools.cached_property
    def trial_start(self) -> StartReport | None:
        """Return how the application started with throwaway values. None if that was not tried."""
        return self.processes[TRIAL].opener.started() if TRIAL in self.processes else None

    def establish_function_keys(self) -> None:
        """Find out, once, which keys the application's own functions decrypt with."""
        from .discovery import accounting
        from .proof import function_keys

        singles = {
            stage.removeprefix(function_keys.SINGLE): pair.opener
            for stage, pair in self.processes.items()
            if stage.startswith(function_keys.SINGLE)
        }
        if singles and not self.keyring.function_keys:
            now, signing = self.processes[self.keyring.base].opener, accounting.signing(self.keys)
            keys_by_scheme = function_keys.established(self.databases, self.keyring, now, singles, signing)
            self.keyring.function_keys.update(keys_by_scheme)
