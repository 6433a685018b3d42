# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Classify every encrypted value, and compare the result with what was expected."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from .._errors.base import RotationError
from .._errors.env_file import EnvNotSwitched
from .host_task import HostTask, ModuleResult, TaskParams, surveys_of
from .row_comparison import SecondLook, second_look

if TYPE_CHECKING:
    from .._engine.crypto.key_set import KeySet
    from .._engine.discovery.findings import Finding
    from .._engine.postgres.database_session_types import DatabaseSession
    from .._engine.proof.census_result import CensusResult, ColumnCounts
    from .._engine.proof.census_tally import Tally
    from .._engine.proof.row_digests import TableComparison
    from .._engine.result_types import SinceFirstWrite
    from .._engine.rotation import Application

    Looks = Mapping[str, TableComparison]  # by table

SHOWN = 50  # rows of a column that the record names


@dataclass
class Compared:
    """The census that was compared with the baseline, and what differs.

    By table: the rows that another process wrote, and those that it added. By column: the rows whose value it changed,
    and the rows that differ although no one is known to have written them. ``composed`` are the results if not every
    value was decrypted for it. ``since`` is what a report found to differ from before the first write.
    """

    tallies: Sequence[Tally]
    composed: list[CensusResult] | None = None
    meanwhile: dict[str, dict[str, int]] = field(default_factory=dict)
    written: dict[str, list[str]] = field(default_factory=dict)
    added: dict[str, list[str]] = field(default_factory=dict)
    differing: dict[str, list[str]] = field(default_factory=dict)
    since: SinceFirstWrite | None = None

    @property
    def results(self) -> list[CensusResult]:
        return [tally.result for tally in self.tallies] if self.composed is None else self.composed


@dataclass(frozen=True)
class CensusTask:
    """One census: the options, the application, the baseline, and the findings in columns outside of the rotation."""

    params: TaskParams
    application: Application
    baseline: list[CensusResult]
    outside: list[Finding]

    @cached_property
    def keys(self) -> KeySet:
        """Return the keys of the .env file. Those of a stage are used if they are equal, since computing a key ID is
        slow.

        Raise E_ENV_* unless the application has its keys from there.
        """
        from .._options.engine_request import refuse_other_source

        keys = refuse_other_source(self.params, self.application.started)
        return next((known for known in self.application.keyring.stages.values() if known == keys), keys)

    @property
    def judged(self) -> list[CensusResult]:
        """Return those columns of the baseline that this census counts."""
        columns = _columns(self.params)
        return [column for column in self.baseline if not self.params["serving"] or column.name in columns]


def take_census(task: HostTask) -> ModuleResult:
    """Open the application, classify every value, and compare the result with what was expected."""
    from .._backup.database_swap import kept_aside
    from .._engine import application_findings
    from .._engine.application import django_project
    from .._engine.open_application import open_application
    from .._engine.proof.census_result import CensusResult
    from .._options.engine_request import Purpose, request_of

    params = task.params
    baseline = CensusResult.all_of(params["baseline"])
    purpose = Purpose("census", run=params["run"], leased=False, tried=params["rehearsed"])
    with open_application(request_of(params, purpose), surveys_of(task)) as application:
        outside = application_findings.refuse_unproved(application, params["recorded_columns"])
        asked = CensusTask(params, application, baseline, outside)
        if params["accounted"]:
            application_findings.refuse_unaccounted(application)
        aside = kept_aside(database for database, _ in application.databases)
        if params["serving"]:
            _leave_out_proved(params, application)
        compared = _counted(params, application, baseline)
        if refused := _hold_against(asked, compared):
            return refused
        if params["rehearsed"] and application.keyring.base == "current":
            _rehearse(asked)
        ended = {
            **_needing(asked, compared.tallies),
            "damaged": _damaged(params, application, compared.written),
            "doubtful": [each.as_result() for each in application_findings.find_doubtful(application)]
            if params["accounted"]
            else [],
            "sessions": _connected_since_before(params, application),
        }
    return {
        "changed": False,
        "targets": _targets([*compared.results, *_proved_before(params, baseline)]),
        **_differences(asked, compared),
        "unopened": _unopened(params, compared.tallies),
        "since": compared.since or {},
        "kept_aside": aside,
        "key_ids": _key_ids(application),
        "versions": django_project.versions(),
        **(_migrations() if params["report_only"] else {}),
        "outside": [{"column": each.column, "what": each.what} for each in asked.outside],
        **ended,
    }


def _migrations() -> ModuleResult:
    from .._engine import migration

    return {"migrations": migration.list_migrations()}


def _hold_against(asked: CensusTask, compared: Compared) -> ModuleResult | None:
    """Return a failed result if the data is not as expected. None if it is, or if nothing was expected."""
    from .._engine import application_findings
    from .._engine.discovery.findings import refuse

    params, application = asked.params, asked.application
    if params["report_only"] or params["leaving"] is not None:
        return None
    with second_look(params, application, asked.baseline, asked.judged) as look:
        try:
            expected = params["expect_stage"] or ""
            found = application_findings.find_kept(application, expected)
            if not params["run"]:  # a run may be in its downtime
                found += application_findings.find_set_aside(application, expected)
            refuse(found)
            _refuse_outside(asked)
            _refuse(asked, compared.tallies, asked.baseline, look)
            if params["accounted"]:
                _refuse_unsettled(application, compared.tallies)
            _compare(asked, compared, look)
        except RotationError as exc:  # the reader needs to know where the values are, and who wrote them
            _name_written(params, compared, look)
            known = {"key_ids": _key_ids(application), **_since(asked)}
            return {"changed": False, "failed": True, **exc.as_result(), **_named(compared), **known}
    return None


def _since(asked: CensusTask) -> ModuleResult:
    """Return what changed since the first write of an interrupted rotation, if its checklist was refused.

    What other processes left may be readable, and then the refusal does not name it.
    """
    if asked.baseline:
        return {}
    with contextlib.suppress(RotationError):  # the refusal itself says more
        compared = _since_first_write(asked.params, asked.application)
        return {"since": compared.since} if compared else {}
    return {}


def _differences(asked: CensusTask, compared: Compared) -> ModuleResult:
    """Return what other processes wrote since the baseline."""
    if asked.params["serving"]:
        return {"served": compared.meanwhile}
    return {
        "meanwhile": compared.meanwhile,
        "unwrapped": _unwrapped(asked.baseline),
        "written": compared.written,
        "written_rows": _first(compared.written),
        "added_rows": _first(compared.added),
    }


def _rehearse(asked: CensusTask) -> None:
    """Raise the errors that would stop a rotation under new keys.

    If the application does not start with values that no one supplied, this says nothing about values that a person
    has.
    """
    from .._engine import application_findings, under_new_keys
    from .._engine.discovery.findings import refuse
    from .._engine.request import TRIAL

    params, application = asked.params, asked.application
    # After the switch, this process has the new keys and cannot read values under the previous ones.
    has_base = asked.keys.key_id == application.keyring.key_id("current")
    found = [*under_new_keys.start_findings(application), *application_findings.find_refused_updates(application)]
    found += under_new_keys.attributes_of_keys(application, params["left_out"]) if has_base else []
    if params["supplied"]:
        found += under_new_keys.made_of_keys(application)
        found = [each for each in found if each.kind.name != "new_keys_refused"]
    else:
        under_new_keys.refuse_unfit(application, "pending" if "pending" in application.keyring.stages else TRIAL)
    refuse(found)


def _key_ids(application: Application) -> dict[str, str]:
    return {stage: application.keyring.key_id(stage) for stage in application.keyring.stages}


def _reported(params: TaskParams, application: Application) -> Compared:
    """Return the census for a report, and what differs from the one before the first write."""
    return _since_first_write(params, application) or Compared(application.census(params["digest_stage"]))


def _since_first_write(params: TaskParams, application: Application) -> Compared | None:
    """Return a census and what differs from the one before the first write.

    Return None without the row digests that an unfinished rotation or rollback leaves.
    """
    from .._engine.proof import row_digests

    path, key_ids = params["row_digests"], _key_ids(application)
    columns = {target.name for target in application.targets}
    with row_digests.left_over(path, key_ids, application.unauthenticated, columns) as left:
        if left is None:
            return None
        stage, rows = left
        tallies = application.census(stage, each_row=rows)
        looks = rows.looks({target.table.label for target in application.targets})
    since: SinceFirstWrite = {
        "same": all(look.is_same for look in looks.values()),
        "written_rows": _first(_by_column(tallies, looks, lambda look, column: look.values.get(column, []))),
        "added_rows": _first(_added(looks)),
    }
    return Compared(tallies, since=since)


def _damaged(params: TaskParams, application: Application, written: dict[str, list[str]]) -> list[list[str]]:
    """At the end of a rollback, the values that another process wrote and that the application cannot read."""
    from .._engine.proof import damage

    if params["written"] is None:
        return []
    names = {*written, *params["written"]}
    rows = {name: sorted({*written.get(name, ()), *params["written"].get(name, ())}) for name in names}
    return [list(each) for each in damage.find_damaged(rows, application.targets, application.keyring)]


def _named(compared: Compared) -> ModuleResult:
    """Return the counts of a refused census, and the rows that are the reason."""
    return {
        "targets": _targets(compared.results),
        "differing_rows": _first(compared.differing),
        "written_rows": _first(compared.written),
        "added_rows": _first(compared.added),
    }


def _first(rows: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return by column or table the rows that the record names."""
    return {name: each[:SHOWN] for name, each in rows.items()}


def _targets(results: list[CensusResult]) -> list[ColumnCounts]:
    return [column.as_result() for column in results]


def _counted(params: TaskParams, application: Application, baseline: list[CensusResult]) -> Compared:
    """Count every value. It is decrypted, unless it equals a token that the preparation has decrypted in such a
    process."""
    if params["report_only"]:
        return _reported(params, application)
    stage, last = params["digest_stage"], params["preparation"].get("last")
    if params["serving"] or not last:
        return Compared(application.census(stage, searched=params["accounted"]))
    from .._engine.prepared_census import PreparedCounting
    from .._engine.proof.census_result import CensusResult

    counting = PreparedCounting(application, stage, application.keyring.key_id(stage))
    found = counting.after(baseline, CensusResult.all_of(params["reopened"]), last)
    return Compared(found.tallies, found.results)


def _leave_out_proved(params: TaskParams, application: Application) -> None:
    """Leave out the columns of which every value was opened before the start."""
    columns = _columns(params)
    for survey in application.surveys:
        survey.found = [target for target in survey.found if target.name in columns]


def _proved_before(params: TaskParams, baseline: list[CensusResult]) -> list[CensusResult]:
    """The other columns, as they were proved before the start."""
    columns = _columns(params)
    others = [column for column in baseline if params["serving"] and column.name not in columns]
    return [column.all_under(params["digest_stage"]) for column in others]


def _columns(params: TaskParams) -> set[str]:
    """Return the columns that had values to open again after the preparation."""
    return {f"{column['table']}.{column['column']}" for column in params["reopened"]}


def _refuse_outside(asked: CensusTask) -> None:
    """Raise the findings of columns outside of the rotation that hold values under another version than the expected
    one."""
    from .._engine import application_findings
    from .._engine.discovery.findings import refuse

    others = set(asked.application.keyring.stages) - {asked.params["expect_stage"]}
    columns = {
        each["column"] for each in application_findings.find_needing_outside(asked.application, asked.outside, others)
    }
    refuse(each for each in asked.outside if each.column in columns)


def _needing(asked: CensusTask, tallies: Sequence[Tally]) -> ModuleResult:
    """Return the values that may need a version that the .env file is about to lose. The action judges them."""
    from .._engine import application_findings
    from .._engine.proof import census_findings

    leaving = asked.params["leaving"]
    if leaving is None:
        return {}
    found = census_findings.needing(tallies, asked.application.keyring, leaving)
    return {"needing": [*found, *application_findings.find_needing_outside(asked.application, asked.outside, leaving)]}


def _refuse(asked: CensusTask, tallies: Sequence[Tally], baseline: list[CensusResult], look: SecondLook | None) -> None:
    """Raise an error if the data, the .env file or the application is not as expected.

    It is E_VALUES_OVERWRITTEN if the rows show that another process wrote the values that cannot be decrypted.
    """
    from .._engine import application_findings
    from .._engine.discovery.findings import refuse
    from .._engine.proof import census_comparison, census_findings, damage
    from .._engine.proof.value_classes import UNOPENED, UNOPENED_ALONE

    params, application = asked.params, asked.application
    if params["unopened"] == "as_before":
        tallies = census_comparison.beyond(tallies, baseline)
    # With the expected keys alone, a damaged value looks like one that was written under other keys.
    alone = list(application.keyring.stages) == [params["expect_stage"]]
    classes = UNOPENED_ALONE if alone else tuple(UNOPENED)
    found = census_findings.findings(tallies, classes)
    try:
        refuse(found if params["expect_stage"] else application_findings.explain(application, found))
    except RotationError:
        if look:
            damage.refuse_overwritten(census_comparison.beyond(look.tallies, baseline), classes, look.looks)
        raise
    keys = asked.keys
    if params["expect_stage"]:
        census_findings.refuse_nested(tallies)
        census_findings.refuse_other_than(params["expect_stage"], tallies, application.keyring)
        _refuse_other_env(params, keys.key_id, application.keyring.key_id(params["expect_stage"]))


def _refuse_unsettled(application: Application, tallies: Sequence[Tally]) -> None:
    """Raise what a rotation would refuse of values that stay unchanged, unless a person settled it."""
    from .._engine import application_findings
    from .._engine.discovery.findings import refuse

    refuse(application_findings.find_staying(application, tallies))


def _connected_since_before(params: TaskParams, application: Application) -> list[DatabaseSession]:
    """Return the application's sessions from before the switch of the .env file: their processes may have other keys.

    The sessions of a pooler do not show who uses them.
    """
    from .._destinations import key_destinations
    from .._engine.postgres import database_sessions

    if not params["baseline"] or params["report_only"]:
        return []
    try:
        changed_at = key_destinations.changed_at(params["env_file"], params["keys"])
    except OSError:  # a copy of the application elsewhere may have no such file
        return []
    databases = [database for database, _ in application.databases if database.alias not in params["direct"]]
    age = time.time() - changed_at
    return database_sessions.list_sessions(databases, params["sessions_allowed"], max(age, 0.0))


def _unwrapped(baseline: list[CensusResult]) -> dict[str, dict[str, int]]:
    """Return by table how many values were encrypted twice and are one token now.

    The application reads them in another way than before.
    """
    from .._engine.discovery.layer_classes import NESTED

    found: dict[str, dict[str, int]] = {}
    for column in baseline:
        if count := column.classes.get(NESTED, 0):
            counts = found.setdefault(column.table, {"unwrapped": 0})
            counts["unwrapped"] += count
    return found


def _unopened(params: TaskParams, tallies: Sequence[Tally]) -> ModuleResult:
    """The values that no key opens and that were accepted."""
    from .._engine.proof import census_findings
    from .._engine.proof.value_classes import UNOPENED

    count, rows = census_findings.find_odd(tallies, UNOPENED.__contains__)
    if not count or params["unopened"] != "as_before":
        return {}
    by_class = {name: census_findings.find_odd(tallies, name.__eq__) for name in UNOPENED}
    classes = {name: {"count": each[0], "rows": each[1]} for name, each in by_class.items() if each[0]}
    return {"count": count, "rows": rows, "classes": classes}


def _compare(asked: CensusTask, compared: Compared, look: SecondLook | None) -> None:
    """Compare the census with the baseline: the digests of all values, otherwise every row.

    Raise an error if a value differs that no other process wrote.
    """
    from .._engine.proof import census_comparison

    baseline = asked.judged
    differs: RotationError | None = None
    try:
        census_comparison.refuse_difference(baseline, compared.results)
    except RotationError as exc:
        differs = exc
    if look is None or not (differs or look.has_earlier):
        if differs:
            raise differs
        return
    compared.tallies, compared.composed = look.tallies, None
    _refuse(asked, compared.tallies, baseline, look)
    compared.differing = census_comparison.differing_rows(baseline, look.looks)
    census_comparison.refuse_difference(baseline, compared.results, look.looks)
    found = {table: each.as_result() for table, each in look.looks.items()}
    compared.meanwhile = {table: counts for table, counts in found.items() if any(counts.values())}
    compared.written = _select_written(compared.tallies, look.looks)
    compared.added = _added(look.looks)


def _name_written(params: TaskParams, compared: Compared, look: SecondLook | None) -> None:
    """Add to ``compared`` what another process wrote, for a census that was refused before it was compared.

    This may be the reason for the refusal. It may also have changed values that can be decrypted.
    """
    if look and params["concurrent_writes"] and not (look.has_failed or compared.differing or params["serving"]):
        compared.written = _select_written(compared.tallies, look.looks)
        compared.added = _added(look.looks)


def _select_written(tallies: Sequence[Tally], looks: Looks) -> dict[str, list[str]]:
    """Return by column, as table.column, the rows of which another process changed the value."""
    return _by_column(tallies, looks, lambda look, column: look.theirs(column))


def _by_column(
    tallies: Sequence[Tally], looks: Looks, rows_of: Callable[[TableComparison, str], list[str]]
) -> dict[str, list[str]]:
    """Return by column, as table.column, the rows that ``rows_of`` finds for its table. Columns without such rows are
    left out."""
    found = {tally.target.name: (tally.target.table.label, tally.result.column) for tally in tallies}
    rows = {name: rows_of(looks[table], column) for name, (table, column) in found.items() if table in looks}
    return {name: each for name, each in rows.items() if each}


def _added(looks: Looks) -> dict[str, list[str]]:
    """Return the new rows by table."""
    return {table: look.new for table, look in looks.items() if look.new}


def _refuse_other_env(params: TaskParams, found: str, expected: str) -> None:
    """Raise an error unless the keys in the .env file are the ones that were proved."""
    from .._destinations import key_destinations

    if found != expected:
        raise EnvNotSwitched(
            path=key_destinations.described(params["env_file"], params["keys"]), found=found, expected=expected
        )
