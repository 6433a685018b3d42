# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Classify every encrypted value, and compare the result with what was expected."""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .host_task import HostTask, ModuleResult, TaskParams, surveys_of

if TYPE_CHECKING:
    from .._engine.comparison.census_task import CensusOptions, CensusTask, Compared
    from .._engine.comparison.expected_census import CensusRefusal
    from .._engine.postgres.database_session_types import DatabaseSession
    from .._engine.proof.census_result import CensusResult, ColumnCounts
    from .._engine.rotation import Application


def take_census(task: HostTask) -> ModuleResult:
    """Open the application, classify every value, and compare the result with what was expected."""
    from .._backup.database_swap import kept_aside
    from .._engine import application_findings
    from .._engine.comparison import census_counting, expected_census
    from .._engine.open_application import open_application
    from .._options.engine_request import Purpose, request_of

    params = task.params
    purpose = Purpose("census", run=params["run"], leased=False, tried=params["rehearsed"])
    with open_application(request_of(params, purpose), surveys_of(task)) as application:
        asked = _begin(params, application)
        if params["accounted"]:
            application_findings.refuse_unaccounted(application)
        aside = kept_aside(database for database, _ in application.databases)
        compared = census_counting.count_values(asked)
        if refused := expected_census.find_refusal(asked, compared):
            return _format_refusal(asked, compared, refused)
        if params["rehearsed"] and application.keyring.base == "current":
            _rehearse(params, asked)
        more = _find_more(params, asked, compared)
    return {"changed": False, **_format_census(params, asked, compared), "kept_aside": aside, **more}


def _read_options(params: TaskParams) -> CensusOptions:
    from .._destinations import key_destinations
    from .._engine.comparison.census_task import CensusOptions
    from .._engine.proof.census_result import CensusResult

    names = (
        "digest_stage",
        "expect_stage",
        "row_digests",
        "concurrent_writes",
        "written",
        "leaving",
        "serving",
        "users_write",
    )
    return CensusOptions(
        **{name: params[name] for name in (*names, "report_only", "accounted", "run")},
        baseline=CensusResult.all_of(params["baseline"]),
        reopened=CensusResult.all_of(params["reopened"]),
        last_proved=params["preparation"].get("last"),
        accepts_unopened=params["unopened"] == "as_before",
        keys_place=key_destinations.described(params["env_file"], params["keys"]),
    )


def _begin(params: TaskParams, application: Application) -> CensusTask:
    """Return the census of an open application. Raise what no census can work with."""
    from .._engine import application_findings
    from .._engine.comparison.census_task import CensusTask
    from .._options.engine_request import refuse_other_source

    outside = application_findings.find_passed(application, params["recorded_columns"])
    read_keys = functools.partial(refuse_other_source, params, application.started)
    return CensusTask(_read_options(params), application, outside, read_keys)


def _rehearse(params: TaskParams, asked: CensusTask) -> None:
    from .._engine import under_new_keys

    has_base = asked.keys.key_id == asked.application.keyring.key_id("current")
    under_new_keys.refuse_unrotatable(
        asked.application, params["application_ignore"], has_base=has_base, are_supplied=params["supplied"]
    )


def _find_more(params: TaskParams, asked: CensusTask, compared: Compared) -> ModuleResult:
    """Return what is read from the open application besides the counts. The action judges ``needing``."""
    from .._engine import application_findings
    from .._engine.comparison import expected_census

    leaving, application = params["leaving"], asked.application
    doubtful = application_findings.find_doubtful(application) if params["accounted"] else []
    return {
        **({} if leaving is None else {"needing": expected_census.find_needing(asked, compared.tallies, leaving)}),
        "damaged": expected_census.find_damaged(asked, compared.written),
        "doubtful": [each.as_result() for each in doubtful],
        "sessions": _connected_since_before(params, application),
    }


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


def _format_refusal(asked: CensusTask, compared: Compared, refused: CensusRefusal) -> ModuleResult:
    """Return the failed result: the counts of the refused census, and the rows that are the reason."""
    from .._engine.comparison.census_counting import first_rows

    return {
        "changed": False,
        "failed": True,
        **refused.error.as_result(),
        "targets": _format_targets(compared.results),
        "differing_rows": first_rows(compared.differing),
        "written_rows": first_rows(compared.written),
        "added_rows": first_rows(compared.added),
        "key_ids": asked.key_ids,
        **({} if refused.since is None else {"since": refused.since}),
    }


def _format_census(params: TaskParams, asked: CensusTask, compared: Compared) -> ModuleResult:
    from .._engine import migration
    from .._engine.application import django_project
    from .._engine.comparison import census_counting

    return {
        "targets": _format_targets([*compared.results, *census_counting.proved_before(asked.options)]),
        **_format_differences(asked, compared),
        "unopened": census_counting.count_unopened(asked, compared.tallies),
        "since": compared.since or {},
        "key_ids": asked.key_ids,
        "versions": django_project.versions(),
        **({"migrations": migration.list_migrations()} if params["report_only"] else {}),
        "outside": [{"column": each.column, "what": each.what} for each in asked.outside],
    }


def _format_differences(asked: CensusTask, compared: Compared) -> ModuleResult:
    """Return what other processes wrote since the baseline."""
    from .._engine.comparison.census_counting import count_unwrapped, first_rows

    if asked.options.serving:
        return {"served": compared.concurrent_rows}
    if asked.options.users_write:
        unwrapped = count_unwrapped(asked.options.baseline)
        return {"served": compared.concurrent_rows, "unwrapped": unwrapped, "written": compared.written}
    return {
        "concurrent_rows": compared.concurrent_rows,
        "unwrapped": count_unwrapped(asked.options.baseline),
        "written": compared.written,
        "written_rows": first_rows(compared.written),
        "added_rows": first_rows(compared.added),
    }


def _format_targets(results: Sequence[CensusResult]) -> list[ColumnCounts]:
    return [column.as_result() for column in results]
