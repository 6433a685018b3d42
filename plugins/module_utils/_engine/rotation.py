# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One rotation inside the application: open it, take the census, re-encrypt, take proof."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from .._errors.application import DjangoSetup
from .._errors.base import RotationError
from .._errors.by_code import build_error
from .._errors.database import DatabaseIsReplica
from .._errors.env_file import listed_by
from .._errors.options import InvalidLeaveAlone, InvalidOption
from .._system.progress_file import SILENT, ProgressFile
from .application import custom_functions, django_project, key_uses, key_worker, own_command
from .application.process_environment import ProcessEnvironment
from .crypto import schemes
from .crypto.key_entry import KeyEntries, KeyEntry
from .crypto.key_set import KeySet
from .crypto.keyring import ApplicationSettings, Keyring
from .discovery import proposal, settlements, target_survey
from .discovery.findings import KINDS, Finding, Findings, refuse, unsettled
from .discovery.layer_classes import NESTED
from .discovery.settlements import BY_COMMAND, UNREADABLE, Settlements
from .postgres import lease
from .postgres.connection import Database, Direct
from .proof import census, external_acts
from .proof.census import Census, Tally
from .proof.census_result import RowsNeeding
from .proof.row_digests import EachRow
from .rewrite.concurrent_writers import ConcurrentWrites
from .rewrite.throttle import Throttle

if TYPE_CHECKING:
    from . import plan
    from .application.guarded_start import StartReport
    from .discovery.known_surveys import KnownSurveys
    from .discovery.other_databases import OtherDatabase
    from .discovery.unlisted_keys import UnlistedKeys
    from .proof.outside import Unopened
    from .rewrite.rewriter import RewritePolicy, Work
    from .rewrite.worker_pool import Stop

NOTHING: Mapping[str, str] = MappingProxyType({})
SEVERAL = "is command, whose work is one transaction, and the application has several databases"
DOUBTFUL = ("sparse", "digest", "keyed_hash", "same_tokens", "repeated_in_rows", "timeless")  # kinds of findings
TRIAL = "trial"  # in place of a stage: the application under new values that are thrown away


@dataclass(frozen=True)
class Request:
    """What is asked of an application: where it is, which key sets are at hand, what the operator described."""

    project_dir: str
    settings_module: str | None
    key_sets: Mapping[str, Mapping[str, str]] = field(repr=False)  # stage: {name: value}
    key_ids: Mapping[str, str] = field(default_factory=dict)  # stage: key id, of those from a store
    schemes: Any = "auto"
    targets: Any = "auto"
    leave_alone: Sequence[str] = ()
    settlements: Any = field(default_factory=dict)  # by table.column or table.column:key
    ignore: Sequence[str] = ()
    acting: Sequence[str] = ()  # attributes of models, as app.Model.name, that may act outside of the database
    label: str = ""
    run: str = ""  # the run whose lock to share before anything is looked at; none for one that writes nothing
    step: str = ""  # of that run: what an earlier one left behind is waited for
    leased: bool = True  # whether the lease must not be another run's
    keys_from: str = "the key store"
    base: str = "current"  # the stage everything was under when the open rotation began
    env_file: str | None = None
    dialect: str = "dotenv"
    direct: Mapping[str, Direct] = field(default_factory=dict)  # by alias
    aliases: Sequence[str] = ()  # the databases to open; all that there are without it
    key_files: Mapping[str, str] = field(default_factory=dict)  # keys that are read in another file: their paths
    keys: KeyEntries = ()  # as the operator lists them
    file_keys: Mapping[str, str] = field(default_factory=dict, repr=False)  # what the env file and key files hold now
    env: Callable[[], Mapping[str, str]] = dict  # reads every name that the env file sets
    traced: bool = False  # whether to note who reads the keys while the application starts
    progress: str | None = None  # the file for the one who watches
    service_environment: Callable[[], ProcessEnvironment] = ProcessEnvironment  # reads what the service gives to it
    trial: Mapping[str, str] = field(default_factory=dict, repr=False)  # new values that nothing will be under
    command: own_command.OwnCommand | None = None  # of the application's own, which rotates its keys
    runs_command: bool = False

    @property
    def names(self) -> set[str]:
        """The settings of all key sets."""
        return set().union(*self.key_sets.values())

    @property
    def running(self) -> list[Mapping[str, str]]:
        """The key sets with which the application may have started: that of its files, which may be no version of the
        store, and then every version, which counts more."""
        of_files = {name: value for name, value in self.file_keys.items() if name in self.names}
        return [of_files, *self.key_sets.values()]

    @property
    def question(self) -> Request:
        """The request without what makes no difference to a survey: two that are equal have the same one. The ``run``
        counts: what has the lock of a run is looked at under it."""
        return replace(
            self,
            key_ids={stage: key_id for stage, key_id in self.key_ids.items() if stage in self.key_sets},
            base=self.base if self.base in self.key_sets else next(iter(self.key_sets), ""),  # which is tried first
            label="",
            step="",
            leased=True,
            env=dict,
            traced=False,
            progress=None,
            service_environment=ProcessEnvironment,
            trial={},
            runs_command=False,
        )

    @property
    def place(self) -> key_worker.ApplicationLocation:
        """For processes of the application's own."""
        return key_worker.ApplicationLocation(
            self.project_dir,
            self.settings_module,
            self.env_file,
            self.dialect,
            self.keys,
            self.service_environment,
        )


@dataclass(frozen=True)
class Described:
    """The options ``schemes`` and ``targets`` as the operator has them."""

    schemes: Any = "auto"
    targets: Any = "auto"


@dataclass(frozen=True)
class Application:
    """The application opened: its databases with what was found in each, and the ciphers for it."""

    parts: Sequence[tuple[Database, target_survey.Survey]]
    keyring: Keyring
    leave_alone: Sequence[str]
    keys_from: str
    started: django_project.ApplicationStart
    processes: Mapping[str, custom_functions.ProcessPair]
    progress: ProgressFile = SILENT
    settlements: Settlements = field(default_factory=dict)
    keys: KeyEntries = ()
    project_dir: str = ""
    read_at_start: Mapping[str, Collection[key_uses.Use]] = field(default_factory=dict)
    env: Callable[[], Mapping[str, str]] = dict  # as of the request
    command: own_command.OwnCommand | None = None
    command_process: own_command.CommandProcess | None = None  # if it is to run
    trial: KeySet | None = None  # new values that nothing will be under, if there are any
    described: Described = field(default_factory=Described)
    env_file: str | None = None
    _scans: dict[Collection[str], key_uses.Scan] = field(default_factory=dict)

    @property
    def targets(self) -> list[target_survey.Target]:
        """The targets of all databases."""
        return [target for _, survey in self.parts for target in survey.found]

    @property
    def read(self) -> list[target_survey.Target]:
        """The encrypted columns of all databases, those under keys that are not rotated included."""
        return [*self.targets, *(column for _, survey in self.parts for column in survey.fixed)]

    def others(self) -> ConcurrentWrites:
        """Before a census: from now on it is known who writes rows."""
        return ConcurrentWrites.from_now(database for database, _ in self.parts)

    @property
    def accepted(self) -> list[str]:
        """What a person has accepted: values that are listed, and columns in which tokens inside become unreadable."""
        return [*self.leave_alone, *(name for name, one in self.settlements.items() if one.decision == UNREADABLE)]

    @property
    def unauthenticated(self) -> set[str]:
        """Tables with a value that cannot tell by itself under which keys it is."""
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
        """Class every value; digests are keyed by the key set of ``digest_stage``. With ``searched`` also those in
        search columns are looked at, before a rotation to that stage. The rest as for Census.take."""
        return [
            tally
            for database, survey in self.parts
            for tally in self.census_of(database, survey.found, digest_stage, searched=searched).take(
                throttle, each_row
            )
        ]

    def census_of(
        self, database: Database, targets: Sequence[target_survey.Target], digest_stage: str, *, searched: bool = False
    ) -> Census:
        """The same of some targets of one database, yet to be taken. A command of the application's own computes search
        columns in its own way."""
        key = self.keyring.stages[digest_stage].digest_key
        destination = digest_stage if searched and not self.command else ""
        return Census(database, targets, self.keyring, key, self.accepted, self.progress, destination)

    def staying(self, tallies: Sequence[Tally]) -> list[Finding]:
        """What a rotation would leave unchanged by a census, and no person has settled."""
        from .proof import stale_digests

        return [
            *census.left_alone(tallies, self.settlements),
            *census.staying_plain(tallies, self.settlements),
            *stale_digests.findings(tallies, self.settlements),
        ]

    def unopened(self) -> list[Unopened]:
        """The columns that are known to be encrypted and in which nothing opens, with the number of their values."""
        from .proof import outside

        return [found for database, survey in self.parts for found in outside.unopened(database, survey)]

    def explained(self, found: Sequence[Finding]) -> list[Finding]:
        """Findings of a census, with the true reason where the application reads what no key at hand opens."""
        from .proof import read_by_application

        return read_by_application.explain(found, self.targets, self.keyring)

    def among_kept(self, expected: str = "") -> list[Finding]:
        """Values under keys that are rotated, and not under the ``expected`` stage, in columns whose own keys stay."""
        from .proof import kept_columns

        return [
            finding
            for database, survey in self.parts
            for finding in kept_columns.findings(database, survey.fixed, self.keyring, self.settlements, expected)
        ]

    def among_set_aside(self, expected: str = "") -> list[Finding]:
        """The same in columns that a person has set aside. It may take long, so it is not asked in the downtime."""
        from .proof import outside

        return [
            finding
            for database, survey in self.parts
            for finding in outside.set_aside(database, survey, self.keyring, expected)
        ]

    def refuse_unfit(self, destination: str = TRIAL) -> None:
        """Raise what a census does not show and what would stop a rotation before its first write: by then the
        application is down. Without a version it is asked under new values that are thrown away."""
        self.refuse_made_of_keys(destination)
        self.refuse_keyless_digests(destination)
        self.rehearse(destination)

    def rehearse(self, destination: str, *, stop_at_unreadable: bool = True) -> None:
        """Do all that ``reencrypt`` does but write, for what functions of the application seal. Raises the same, or
        E_NEW_KEYS_REFUSED."""
        keyring = self._keyring_of(destination)
        if keyring is None:
            return
        from .rewrite.rewriter import RewritePolicy, Rewriting

        for database, survey in self.parts:
            targets = [target for target in survey.found if self.keyring.schemes[target.scheme].functions]
            policy = RewritePolicy(stop_at_unreadable=stop_at_unreadable)
            try:
                Rewriting(targets, keyring, destination, self.accepted, policy).rehearse(database)
            except RotationError as exc:
                if destination != TRIAL or exc.code != DjangoSetup.code:
                    raise
                refuse([self._new_keys_refused(exc.where)])

    def _keyring_of(self, destination: str) -> Keyring | None:
        """The keyring with this destination. For ``TRIAL`` it has the application's functions alone, which need no key
        of their own, and is None if there are no such values."""
        if destination != TRIAL:
            return self.keyring
        if self.trial is None:
            return None
        functions = {name: scheme for name, scheme in self.keyring.schemes.items() if scheme.functions}
        stages = {**self.keyring.stages, TRIAL: self.trial}
        processes = {stage: self.processes[stage] for stage in stages if stage in self.processes}
        return Keyring(functions, stages, self.keyring.application, self.keyring.base, processes)

    def depending_on_keys(self, ignore: Collection[str]) -> list[Finding]:
        """The attributes of models, but those in ``ignore``, that read another value under new keys although the same
        is encrypted. Without new values nothing is known."""
        from .proof import trial_reading

        if self.trial is None or not self._starts_under_new_keys:
            return []
        proving = {name: scheme for name, scheme in self.keyring.schemes.items() if not scheme.functions}
        keyring = Keyring(proving, {TRIAL: self.trial}, self.keyring.application, TRIAL)
        return trial_reading.findings(self.read, self.keyring, keyring, self.processes[TRIAL].opener.read, ignore)

    def start_under_new_keys(self) -> list[Finding]:
        """What the application does at its start under keys that are not those of its data: it writes, it checks what
        is stored, or it does not start. Without new values nothing is known."""
        report = self._trial_start
        if report is None:
            return []
        keys = ", ".join(sorted(self.keyring.names))
        own = self.started.statements
        written = report.refused_but(own.templates if own else ())
        if written:
            return [Finding(KINDS["start_writes"], keys, {"statements": ", ".join(written)})]
        if report.check:
            return [Finding(KINDS["start_checks"], keys, _place_of(report.check.where))]
        if report.failure and report.refused:  # by what it writes under its own keys too
            return [Finding(KINDS["start_untried"], keys, _place_of(report.failure.where))]
        if report.failure and report.failure.code == DjangoSetup.code:
            return [self._new_keys_refused(report.failure.where)]
        if report.failure:
            raise build_error(report.failure.code, **report.failure.where)
        return []

    @functools.cached_property
    def _trial_start(self) -> StartReport | None:
        return self.processes[TRIAL].opener.started() if TRIAL in self.processes else None

    @property
    def _starts_under_new_keys(self) -> bool:
        return self._trial_start is not None and self._trial_start.failure is None

    def _new_keys_refused(self, where: Mapping[str, Any]) -> Finding:
        """That the application does not start with new values of its keys."""
        return Finding(KINDS["new_keys_refused"], ", ".join(sorted(self.keyring.names)), _place_of(where))

    def close(self, rotation_id: str) -> list[str]:
        """Keep all other sessions from writing to the targets; why not, if that cannot be had. Raises E_FENCE_LOCKED
        or E_STOPPED."""
        from .rewrite import fence
        from .rewrite.worker_pool import Stop

        stop = Stop()

        def wait(table: str) -> None:
            self.progress.tell(f"waiting for those who write to {table}")
            stop.refuse_to_go_on()

        with stop.listening():
            return [
                reason
                for database, survey in self.parts
                for reason in fence.put_up(database, survey.found, rotation_id, wait)
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
        """Every token to one stage, by so many processes; call ``census`` and refuse what is unreadable first."""
        from .rewrite import prepared
        from .rewrite.journal import Journal
        from .rewrite.rewriter import RewritePolicy, Rewriting, reencrypt
        from .rewrite.worker_pool import Crew, Stop

        stop, policy = stop or Stop(), policy or RewritePolicy()
        self.keyring.refuse_unusable({target.scheme for target in self.targets}, destination)
        if any(scheme.functions for scheme in self.keyring.tried):
            workers = 1  # they have one process per key set
        for database, survey in self.parts:
            with database.gate():  # several hosts may be about to make it
                Journal(database, self.keyring, survey.found).prepare()
            rewriting = Rewriting(
                survey.found, self.keyring, destination, self.accepted, policy, stopped=lambda: stop.asked
            )
            by_sets = Crew(workers, prepared.SetRewrite(rewriting).batches, database.another, stop)
            sets = prepared.apply(database, rewriting, by_sets, work) if policy.prepared else None
            crew = Crew(workers, rewriting.batches, database.another, stop)
            reencrypt(database, rewriting, crew, work, sets)
            work.lost += by_sets.lost + crew.lost

    def run_command(self, destination: str, look: Callable[[], None]) -> None:
        """Have the application's own command bring every value to one stage. ``look`` is called meanwhile, and may
        raise. Raises E_OWN_COMMAND_FAILED, and what starting the application raises."""
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

    def made_by_command(self) -> list[str]:
        """The columns that only the application's own command makes."""
        return sorted(name for name, one in self.settlements.items() if one.decision == BY_COMMAND)

    def recreated(self) -> list[str]:
        """The attributes of models that the application's own command makes of the keys."""
        columns = self.made_by_command()
        return own_command.attributes_of(columns) if columns else []

    def refused_updates(self) -> list[Finding]:
        """The targets of tables whose triggers refuse what a rotation writes, or copy it where that cannot be
        re-encrypted, as a trial shows that is rolled back. A command of the application's own writes in its own way."""
        if self.command:
            return []
        from .rewrite import trial_update

        return [
            found for database, survey in self.parts for found in trial_update.findings(database, survey, self.keyring)
        ]

    def refuse_made_of_keys(self, destination: str) -> None:
        """Raise E_MADE_OF_KEYS, E_SHARED_VALUE or E_PASSWORD_PEPPER for what ``made_of_keys`` finds."""
        refuse(self.made_of_keys(destination))

    def made_of_keys(self, destination: str = TRIAL) -> list[Finding]:
        """What the application itself makes of the keys, and what is therefore another one under a destination: the
        settings that columns are thought to be under, and hashes of passwords. Settings that have the value of a key,
        and are the same there. Without processes under these, nothing is known, as in one that has read the application
        before it re-encrypts: the checklist has asked under new values of the same types."""
        if not self._answers(destination) or (destination == TRIAL and not self._starts_under_new_keys):
            return []
        return [*self._settings_made_of_keys(destination), *self._peppered_passwords(destination)]

    def _answers(self, stage: str) -> bool:
        """Whether a process of the application can be asked that has the keys of a stage."""
        return stage in self.processes and self.processes[stage].opener.answers

    def _settings_made_of_keys(self, destination: str) -> list[Finding]:
        from .discovery import shared_values

        kept = {
            (each.column, setting)
            for _, survey in self.parts
            for each in survey.findings.of("fixed")
            for setting in self.keyring.settings_of(self.keyring.fixed[each.facts["scheme"]])
        } | {(each.column, each.facts["setting"]) for _, survey in self.parts for each in survey.findings.of("kept")}
        found = Findings()
        shared = self._settings_with_values()
        columns = {setting: column for column, setting in sorted(kept)}
        for name in sorted({*columns, *shared}):
            before, after = (self.processes[each].opener.setting(name) for each in (self.keyring.base, destination))
            if before != after and name in columns:
                what = f"the salt of {name}" if "." in name else f"the setting {name}"
                found.put("made_of_keys", columns[name], found=what)
            elif before == after and name in shared:
                found.add(shared_values.of_setting(name, shared[name]))
        return unsettled(found.with_text(stops=True), self.settlements)

    def _peppered_passwords(self, destination: str) -> list[Finding]:
        """Passwords that would not be accepted under a destination, but those that a person has settled."""
        from .proof import peppered_passwords

        now, there = (self.processes[each].opener for each in (self.keyring.base, destination))
        return unsettled(peppered_passwords.findings(self.parts, now, there), self.settlements)

    def _settings_with_values(self) -> dict[str, str]:
        """Settings that have a value of a key, with its name, although neither a key nor a variable is named so."""
        from .discovery import shared_values

        rotated = self.keyring.stages[self.keyring.base].values
        unseen = {entry["name"] for entry in self.keys if "read" in (entry.get("destination") or ())}
        parts = {
            part.encode(): key
            for key, value in rotated.items()
            for part in shared_values.parts_of(value)
            if key not in unseen  # what the application reads by a command of its own does not change for a try
        }
        named = {*rotated, *self.env()}
        settings = django_project.settings_with(parts) if parts else {}
        return {name: parts[value] for name, value in settings.items() if name not in named}

    def refuse_keyless_digests(self, destination: str) -> None:
        """Raise E_COLUMN_TIED for a search column whose key cannot be made of the setting's value under other keys, or
        if it is not known, now or in a rollback, how it is computed."""
        refuse(self.keyless_digests(destination))

    def keyless_digests(self, destination: str = TRIAL) -> list[Finding]:
        """The search columns that ``refuse_keyless_digests`` stops at."""
        keyring = self._keyring_of(destination)
        if keyring is None:
            return []
        found = Findings()
        first = "" if destination == TRIAL else "Roll back. Then "
        recipes = {(target.table, each) for target in self.targets for each in target.derived}
        for table, each in sorted(recipes, key=str):
            secrets = (keyring.secret(stage, each.secret) for stage in (keyring.base, destination))
            why, made = each.tied(*secrets) or ("", "")
            advice = f"{first}give {each.secret} {made} in O(keys), and rotate."
            if twins := _twins(keyring, each.secret, destination):
                why = f"the value of {' and '.join(twins)}: with which of them, it does not tell"
                advice = f"{first}list it in O(ignore), rotate, and have the application recreate it after that."
            column = table.label_of(each.column)
            if why and column not in found.columns():
                found.put("tied", column, found=f"is computed with {why}", advice=_sentence(advice))
        return found.with_text(stops=True)

    def refuse_unproved(self, recorded: Collection[str] = ()) -> list[Finding]:
        """Raise the error of what was found and stops, before anything relies on the targets being all.

        If there is no target, columns that look like ciphertext are named with it: one of them may be what is missing.
        With the ``recorded`` columns of a rotation, another one of which nothing opens is no part of it: this is
        returned, since the rollback of the others does not depend on it. It must be one that can be tried whole.
        """
        from .proof import outside

        surveys = [survey for _, survey in self.parts]
        settings = target_survey.settings_of(surveys, self.keyring)
        line = proposal.line(proposal.propose(settings, self.env()))
        found = target_survey.findings_of(surveys, self.keyring, self.keys_from, self.settlements, line)
        if any(each.kind.name == "no_targets" for each in found):
            found += self.unaccounted()
        may_pass = recorded and any(survey.found for survey in surveys)
        parts = self.parts if may_pass else ()
        tried = {name for _, survey in parts for name in outside.tried(survey, self.keyring)}
        outside_of_it = tried.difference(recorded)
        passed = [each for each in found if each.kind.is_closed and each.column in outside_of_it]
        refuse(each for each in found if each not in passed)
        return passed

    def needing_outside(self, found: Collection[Finding], stages: Collection[str]) -> list[RowsNeeding]:
        """Of the columns outside of a rotation that were ``found``, those with values under one of these stages."""
        from .proof import outside

        columns = {each.column for each in found}
        return [
            each
            for database, survey in self.parts
            for each in outside.needing(database, survey, self.keyring, columns, stages)
        ]

    def refuse_unaccounted(self) -> None:
        """Raise E_SETTLEMENT for a settlement that names no column, or the error of what nothing accounts for.

        Asked of all databases, before the first write.
        """
        self._refuse_settlements_without_place()
        refuse(self.unaccounted())

    def _refuse_settlements_without_place(self) -> None:
        columns = (
            table.label_of(column.name)
            for _, survey in self.parts
            for table, columns in survey.every_column().items()
            for column in columns
        )
        variables = [name for name, one in self.settlements.items() if one.decision == settlements.NOT_A_KEY]
        places = {*columns, *self.env().keys() & {*variables}}
        if not places.issuperset(self.settlements):  # few of them are about what was not looked at
            from .discovery import configured_tokens, out_of_reach, stored_definitions

            places |= {name for name in variables if django_project.setting(name) is not None}
            places |= {name for database, _ in self.parts for name in out_of_reach.places(database)}
            places |= {name for database, _ in self.parts for name in stored_definitions.places(database)}
            places |= configured_tokens.places(self.settlements)
            places.update(*(one.columns for one in self._elsewhere))
        settlements.refuse_without_place(self.settlements, places, self.leave_alone)
        schemes_of = {target.name: self.keyring.schemes[target.scheme] for target in self.targets}
        untold = {name: settlements.UNMARKED for name, each in schemes_of.items() if not each.marker}
        for name, each in schemes_of.items():
            if not (each.format.authenticated or each.functions):
                untold[name] = settlements.UNAUTHENTICATED
        settlements.refuse_untold(self.settlements, untold)

    def unaccounted(self) -> list[Finding]:
        """Columns and keys that nothing accounts for, and that no person has settled; others with the keys' values."""
        from .discovery import (
            accounting,
            configured_tokens,
            file_names,
            fingerprint_columns,
            out_of_reach,
            shared_values,
            stored_definitions,
            stored_files,
        )
        from .proof import list_order, repeated_tokens

        self._establish_function_keys()
        found = [
            each
            for database, survey in self.parts
            for each in [
                *self._unexplained(database, survey),
                *unsettled(fingerprint_columns.find(database, survey, self.keyring), self.settlements),
                *unsettled(stored_files.find(database, survey, self.keyring), self.settlements),
                *unsettled(file_names.find(survey), self.settlements),
                *unsettled(stored_definitions.find(database, survey, self.keyring), self.settlements),
                *out_of_reach.find(database, survey, self.settlements),
            ]
        ]
        found += unsettled((each for one in self._elsewhere for each in one.findings), self.settlements)
        found += unsettled(repeated_tokens.find(self.targets, self.keyring), self.settlements)
        found += list_order.find(self.targets, self.keyring, self.keys)
        schemes_of = {target.scheme for target in self.targets}
        found += unsettled(
            configured_tokens.find(self.keyring, schemes_of, self.env(), self.project_dir, self.env_file),
            self.settlements,
        )
        surveys = [survey for _, survey in self.parts]
        accounting.put_hashes(surveys, self._hashing)
        found += accounting.keys(surveys, self.keyring, self.keys, self.uses)
        shared = shared_values.of_variables(self.keyring, self.env(), self.keys, self._uses_of)
        found += unsettled(shared, self.settlements)
        return [*found, *shared_values.of_keys(self.keyring, [self.trial] if self.trial else ())]

    def _unexplained(self, database: Database, survey: target_survey.Survey) -> list[Finding]:
        """Columns next to the targets that nothing accounts for, and those that are digests of their tokens."""
        from .discovery import accounting, token_digests

        digests = token_digests.find(database, survey, self.keyring)
        explained = {each.column for each in digests if each.facts["count"] == each.facts["looked_at"]}
        columns = accounting.columns(database, survey, self.settlements)
        left = [each for each in columns if each.kind.name != "unexplained" or each.column not in explained]
        return [*left, *unsettled(digests, self.settlements)]

    def doubtful(self) -> list[Finding]:
        """What ``unaccounted`` has seen that stops nothing, and that a rotation may break."""
        found = [each for _, survey in self.parts for each in survey.findings.of(*DOUBTFUL)]
        return [*(one.warning for one in self._elsewhere), *found]

    @functools.cached_property
    def _elsewhere(self) -> list[OtherDatabase]:
        """The databases that are not PostgreSQL, which are looked at once."""
        from .discovery import other_databases

        return other_databases.look(self.keyring)

    def _establish_function_keys(self) -> None:
        """See which keys the application's own functions decrypt with, once."""
        from .discovery import accounting
        from .proof import function_keys

        singles = {
            stage.removeprefix(function_keys.SINGLE): pair.opener
            for stage, pair in self.processes.items()
            if stage.startswith(function_keys.SINGLE)
        }
        if singles and not self.keyring.function_keys:
            now, signing = self.processes[self.keyring.base].opener, accounting.signing(self.keys)
            found = function_keys.established(self.parts, self.keyring, now, singles, signing)
            self.keyring.function_keys.update(found)

    def uses(self) -> dict[str, list[key_uses.Use]]:
        """Who uses each key in code, by its name. It reads the source of the project and its applications."""
        spelled, scanned = self._spellings(), self._uses_of_keys()
        of_django = {"SECRET_KEY": key_uses.of_django()}
        known = (scanned, self.read_at_start, of_django)
        return {
            key: sorted({use for uses in known for name in settings for use in uses.get(name, ())})
            for key, settings in spelled.items()
        }

    def _spellings(self) -> dict[str, set[str]]:
        """By each key, its name and those of the settings that it feeds."""
        return {name: {name, *self.keyring.settings_fed_by(name)} for name in self.keyring.names}

    def _uses_of_keys(self) -> Mapping[str, list[key_uses.Use]]:
        """Who reads the keys and the settings that they feed, and who calls what hashes with SECRET_KEY."""
        return self._uses_of({key_uses.SALTED_HMAC}.union(*self._spellings().values()))

    def _hashing(self) -> dict[str, list[key_uses.Use]]:
        """Where the application hashes data with each key."""
        from .application import keyed_hashes

        found = keyed_hashes.find(self.project_dir, key_uses.installed_folders(), self._uses_of_keys())
        salted = {"SECRET_KEY": {key_uses.SALTED_HMAC}}
        return {
            key: sorted(
                {use for name in names for each in (name, *salted.get(name, ())) for use in found.get(each, ())}
            )
            for key, names in sorted(self._spellings().items())
        }

    def _uses_of(self, names: Collection[str]) -> Mapping[str, list[key_uses.Use]]:
        """Who reads these names, by the source of the project and its applications, which is read once for them."""
        asked = frozenset(names)
        if asked not in self._scans:
            self._scans[asked] = key_uses.scan(self.project_dir, asked, key_uses.installed_folders())
        return self._scans[asked].uses

    def _cut_off(self) -> list[Finding]:
        """That a search for uses of the keys ended at one of its limits."""
        if not any(each.cut_off for each in self._scans.values()):
            return []
        limits = {"files": key_uses.MOST_FILES, "seconds": int(key_uses.MOST_SECONDS)}
        return [Finding(KINDS["scan_cut_off"], "the application's code", limits)]

    def plan(
        self,
        *,
        counted: bool,
        env: Mapping[str, str] = NOTHING,
        unset: Sequence[str] = (),
    ) -> plan.Plan:
        """The plan of a rotation, with all that stops it, and with or without the counts of a census.

        ``env`` has every name that the env file sets, ``unset`` are the keys that it does not set. Raises E_SETTLEMENT.
        """
        from . import plan
        from .discovery import accounting, listed_rows, unlisted_keys

        surveys = [survey for _, survey in self.parts]
        self._refuse_settlements_without_place()
        self._establish_function_keys()
        tallies = self.census("current", searched=True) if counted else []
        others = unlisted_keys.by_column(surveys, env)
        proposed = self._proposed_keys(others, env)
        line = proposal.line(proposed or [{"name": name} for name in sorted(self.keyring.names)])
        missing = {"path": self.keys_from, "line": line, "listed": listed_by(key["name"] for key in self.keys)}
        found = [Finding(KINDS["key_missing"], name, {"name": name, **missing}) for name in unset]
        unproved = target_survey.findings_of(surveys, self.keyring, self.keys_from, self.settlements, line)
        found += [
            unlisted_keys.finding(each, others[each.column], line) if each.column in others else each
            for each in unproved
        ]
        found += self.unaccounted()
        found += self.refused_updates()
        unfit = any(each.kind.name == "key_type_unfit" for each in found)  # the application need not start with those
        if not (unset or unfit):
            found += [*self.start_under_new_keys(), *self.made_of_keys(), *self.keyless_digests()]
        found += self.explained(census.findings(tallies, (*census.UNOPENED, NESTED)))
        found += [*self.among_kept(), *self.among_set_aside()] if counted else []
        found += self.staying(tallies)
        found += census.notable(tallies)
        found += self._commands()
        uses = self.uses()
        found += self._cut_off()
        if counted and not any(each.kind.stops for each in found):
            self.rehearse(TRIAL)
        around = [*(one.warning.as_notice() for one in self._elsewhere), *plan.caches()]
        notices = [*around, *(each.as_notice() for each in found), *self._notices()]
        keys = accounting.planned_keys(surveys, self.keyring, self.keys, uses)
        asked = (self.settlements, keys, proposed, self.leave_alone)
        listed = listed_rows.as_results(each.listed for each in found)
        described = self._proposed_schemes(found)
        return plan.Plan(surveys, tallies, self.keyring, notices, *asked, listed, self.command, described)

    def _commands(self) -> list[Finding]:
        """The command that will re-encrypt, or those of the application that could."""
        found = Findings()
        for name in [self.command.name] if self.command else own_command.candidates():
            found.put("by_command" if self.command else "own_command", name)
        return found.with_text(stops=False)

    def _proposed_keys(self, others: Mapping[str, UnlistedKeys], env: Mapping[str, str]) -> list[KeyEntry]:
        """Entries of the option ``keys`` for all under which values are, those of ``others`` included."""
        from .discovery import accounting, unlisted_keys

        surveys = [survey for _, survey in self.parts]
        known = [target_survey.settings_of(surveys, self.keyring), *(each.keys for each in others.values())]
        known.append(unlisted_keys.of_inner_layers(surveys, env))
        proposed = proposal.propose({name: values for each in known for name, values in each.items()}, env)
        listed = [entry for entry in self.keys if entry["name"] in self.keyring.names]  # of those that have a value
        return proposal.with_listed(proposed, listed, accounting.used_keys(surveys, self.keyring))

    def _proposed_schemes(self, found: Sequence[Finding]) -> dict[str, Any]:
        """The options ``schemes`` and ``targets`` with the columns of an unknown format that were ``found``."""
        from .application import function_pairs
        from .discovery import scheme_proposal

        columns = [*scheme_proposal.columns_of(found, [survey for _, survey in self.parts])]
        if not columns:
            return {}
        uses = {name: uses for name, uses in self._uses_of_keys().items() if name != key_uses.SALTED_HMAC}
        code = function_pairs.find(self.project_dir, key_uses.installed_folders(), uses)
        return scheme_proposal.propose(columns, code.candidates, self.described.schemes, self.described.targets)

    def _notices(self) -> Iterator[dict[str, str]]:
        """What the databases say of the targets, and what a rotation leaves out."""
        from . import plan
        from .discovery import cached_tokens

        for database, survey in self.parts:
            yield from plan.notices(database, survey.found, self.keyring)
            plan.left_out(database, survey)
            for each in cached_tokens.find(database, survey, self.keyring):
                each.put(survey.findings)
            yield from (each.as_notice() for each in survey.findings.with_text(stops=False))


def _twins(keyring: Keyring, name: str, destination: str) -> list[str]:
    """The keys that have one value with this one, and not under the destination too; with it, where there are."""
    if name not in keyring.names:
        return []
    before, after = (
        {each: keyring.secret(stage, each) for each in keyring.names} for stage in (keyring.base, destination)
    )
    parted = [each for each in before if before[each] == before[name] and after[each] != after[name]]
    return sorted([name, *parted]) if parted else []


def _place_of(where: Mapping[str, Any]) -> dict[str, Any]:
    """Where the application fails, by the places of an error."""
    return {"place": where.get("place", "an unknown place")}


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


@contextlib.contextmanager
def open_application(request: Request, known: KnownSurveys | None = None) -> Iterator[Application]:
    """Start the application and find its targets, unless they are ``known`` from a task before. Raises what project,
    schemes, discovery and Database raise."""
    _refuse_invalid_rows(request.leave_alone)
    settled = settlements.parse(request.settlements)
    settlements.refuse_without_command(settled, request.command is not None)
    described = schemes.tried(request.schemes, request.names)
    stages = {stage: KeySet(values, request.key_ids.get(stage, "")) for stage, values in request.key_sets.items()}
    with contextlib.ExitStack() as stack:
        trial = {TRIAL: KeySet(request.trial)} if request.trial else {}
        singles = _single_changes(request, described)
        key_sets = {**stages, **trial, **singles}
        processes = stack.enter_context(custom_functions.processes(request.place, key_sets, request.file_keys))
        waiting = _waiting_command(request, stack)
        trace = key_uses.Trace(request.names, request.project_dir) if request.traced else None
        place = request.project_dir, request.settings_module
        started = django_project.start(*place, trace, request.service_environment)
        if request.command:
            request.command.refuse_unfit(request.keys)
        external_acts.allow(request.acting)
        databases = _connected(request, stack)
        of_stages = {stage: pair for stage, pair in processes.items() if stage in stages}
        keyring = Keyring(described, stages, _settings(request), request.base, of_stages)
        fit = _locked(request, databases)
        yield Application(
            [*zip(fit, _surveyed(request, fit, keyring, settled, known))],
            keyring,
            request.leave_alone,
            request.keys_from,
            started,
            processes,
            stack.enter_context(ProgressFile(request.progress)),
            settled,
            request.keys,
            request.project_dir,
            trace.uses if trace else {},
            request.env,
            request.command,
            waiting,
            trial.get(TRIAL),
            Described(request.schemes, request.targets),
            request.env_file,
        )


def _surveyed(
    request: Request,
    databases: Sequence[Database],
    keyring: Keyring,
    settled: Settlements,
    known: KnownSurveys | None,
) -> list[target_survey.Survey]:
    """A survey of each database, which is known to whoever follows."""
    question = (request.question, [database.alias for database in databases])
    if known and (surveys := known.answer(question, databases, keyring)):
        return surveys
    surveys = [
        target_survey.find(database, request.targets, request.ignore, keyring, settled) for database in databases
    ]
    if known:
        known.keep(question, surveys, keyring)
    return surveys


def _single_changes(request: Request, described: Mapping[str, schemes.Scheme]) -> dict[str, KeySet]:
    """Key sets in which one key alone is another, for functions of the application, if new values are tried. Not of
    what the application reads by a command of its own, which does not change for a try."""

    if not any(scheme.functions for scheme in described.values()):
        return {}
    from .proof import function_keys

    unseen = {entry["name"] for entry in request.keys if "read" in (entry.get("destination") or ())}
    found = function_keys.key_sets(request.key_sets.get(request.base, {}), request.trial)
    return {f"{function_keys.SINGLE}{name}": KeySet(keys) for name, keys in found.items() if name not in unseen}


def _waiting_command(request: Request, stack: contextlib.ExitStack) -> own_command.CommandProcess | None:
    if not (request.command and request.runs_command):
        return None
    process = own_command.CommandProcess(request.place, request.command, request.direct)
    return stack.enter_context(contextlib.closing(process))


def _refuse_invalid_rows(leave_alone: Sequence[str]) -> None:
    for index, entry in enumerate(leave_alone):
        if entry.count(":") < 1 or "." not in entry.rsplit(":", 1)[0]:
            raise InvalidLeaveAlone(index=index)


def _connected(request: Request, stack: contextlib.ExitStack) -> list[Database]:
    """A connection to each database of the request, which ends with the ``stack``. Raises E_OPTION if they are too
    many for the application's own command."""
    aliases = request.aliases or django_project.aliases()
    databases = (Database(alias, request.label, request.direct.get(alias, {})) for alias in aliases)
    connected = [stack.enter_context(contextlib.closing(database)) for database in databases]
    if request.command and len(connected) > 1:
        raise InvalidOption(name="O(method)", found=SEVERAL, advice="Set it to direct.")
    return connected


def _settings(request: Request) -> ApplicationSettings:
    """The settings of the application that was started."""

    def setting(name: str) -> Any:
        value = django_project.setting(name)
        # A setting that is the file's name stands for the list of keys in it.
        return [value] if name in request.key_files and str(value or "") in ("", request.key_files[name]) else value

    return ApplicationSettings(setting, django_project.feeds(request.running), django_project.texts())


def _locked(request: Request, connected: Sequence[Database]) -> list[Database]:
    """Those that are no replicas, locked for the run of the request. Raises E_DB_REPLICA, E_LOCKED or E_LEASED."""
    databases = [database for database in connected if not database.is_replica()]
    if not databases:
        raise DatabaseIsReplica()
    for database in databases if request.run else ():
        lease.lock_for_run(database, request.run, request.step, leased=request.leased)
    return databases
