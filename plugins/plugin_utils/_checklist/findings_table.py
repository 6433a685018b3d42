# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The findings of several checks of a playbook, together: a table, one error, and the command to run next."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from ...module_utils._errors.base import ErrorParts
from ...module_utils._errors.database import DatabaseFenced, PreparedLeft
from ...module_utils._errors.record import RecordUnsigned
from ...module_utils._errors.run import ChecksFailed
from ...module_utils._record.events import ROTATE
from .._report.playbook_command import command, named_command
from .._report.read_rotation import reduce
from .._rotation_record.rotation_log import RotationLog
from .._task_types import TaskResult
from . import checklist
from .host_results import CheckResult
from .item import STOP, ChecklistItem, of_result, worst
from .root_causes import DISCOVERED

BACKUP = "postgresql_backup"
# By module, the display name of the check, and the key that a successful result has.
CHECKS = {
    "rotation_record_info": ("records", "records"),
    "host_tasks": ("hosts", "outcomes"),
    "key_version_info": ("keys", "key_id"),
    "process_keys_info": ("processes", "processes"),
    "django_plan": ("plan", "path"),
    "rotation_checklist": ("checklist", "checks"),
    "django_census_info": ("values", "targets"),
    "database_lease_info": ("fence", "fenced"),
    BACKUP: ("backup", "dumps"),
}
NEXT = {"plan": (ROTATE, ["--check"])}  # by playbook, the next command if nothing was found
RESUME = "To finish the run that died, run {}"
AGAIN = "Do what the table says for each finding, then run {}"
LEFT = (RecordUnsigned.code, DatabaseFenced.code, PreparedLeft.code)  # what a run that died leaves
MODE = re.compile(r"key_rotation_mode=\w+")
CheckResults = Mapping[str, TaskResult]  # the results of one host by module


@dataclass(frozen=True)
class FindingsSummary:
    """The lines to show, and the result of the task."""

    lines: Sequence[str]
    result: TaskResult


def summarize_findings(registered: Sequence[TaskResult], log: RotationLog, playbook: str) -> FindingsSummary:
    """Judge the ``registered`` results of all hosts. A single finding is the error; several are a table and E_CHECKS.

    ``playbook`` runs again after the findings are resolved, unless a run died: then its playbook resumes it.
    """
    hosts = [_results_by_module(result) for result in registered]
    items = list(_items(hosts))
    failed = [item for item in items if item.status == STOP]
    if not failed:
        next_lines = [_next_line(command(*NEXT[playbook]))] if playbook in NEXT else []
        return FindingsSummary(next_lines, {"changed": False, "msg": "; ".join(_messages(hosts))})
    interrupted = _find_resuming_command(log, failed)
    next_command = interrupted or command(playbook)
    if len(failed) == 1:
        error = _error_of(failed[0], hosts)
        named = "" if interrupted else named_command(error.get("error") or {})
        return FindingsSummary([_next_line(named or next_command)], {"changed": False, "failed": True, **error})
    codes = ", ".join(item.code or item.name for item in failed)
    advice = (RESUME if interrupted else AGAIN).format(next_command)
    all_failed = ChecksFailed(count=len(failed), codes=codes, advice=advice)
    return FindingsSummary(list(checklist.table(items)), {"changed": False, "failed": True, **all_failed.as_result()})


def _next_line(typed: str) -> str:
    return f"  next: {typed}"


def _find_resuming_command(log: RotationLog, failed: Sequence[ChecklistItem]) -> str:
    """Return the command that resumes a run that died, in the mode of that run; empty without one."""
    if left_over := log.lease.left_over():
        state = reduce(left_over, log.record(left_over).decoded())
        if any(item.code in LEFT for item in failed) or state.is_interrupted:
            playbook = state.last_run.direction or ROTATE
            mode = MODE.search(state.said.commands[playbook].typed) if playbook in state.said.commands else None
            typed = command(playbook)
            return command(playbook, ["-e", mode[0]]) if mode and not MODE.search(typed) else typed
    return ""


def _results_by_module(registered: TaskResult) -> CheckResults:
    """Return the results of one call of a host by module. If there are none, the call itself says why."""
    if registered.get("skipped"):
        return {}
    outcomes: CheckResults = registered.get("outcomes") or {"host_tasks": registered}
    return outcomes


def _messages(hosts: Sequence[CheckResults]) -> Iterator[str]:
    """Yield the messages of the successful checks, except the backup, which was only checked."""
    for results in hosts:
        yield from (result["msg"] for module, result in results.items() if module != BACKUP and "msg" in result)


def _items(hosts: Sequence[CheckResults]) -> Iterator[ChecklistItem]:
    """Yield one item per check for all hosts. Leave out an item that only follows from the error of another one."""
    reported: list[Sequence[ErrorParts]] = []
    for module, (name, needs) in CHECKS.items():
        if results := _results_of(module, hosts):
            item = worst(name, [of_result(name, cast("CheckResult", result), needs) for result in results], "")
            errors = _errors_of(results, needs)
            if errors and (errors in reported or (reported and item.code in DISCOVERED)):
                continue
            reported += [errors] if errors else []
            yield item


def _results_of(module: str, hosts: Sequence[CheckResults]) -> list[TaskResult]:
    return [results[module] for results in hosts if results.get(module)]


def _errors_of(results: Sequence[Mapping[str, object]], needs: str) -> Sequence[ErrorParts]:
    """Return the errors of the checks that failed, each once."""
    failed = [cast("CheckResult", result) for result in results if result.get("error") or needs not in result]
    errors = [result.get("error") or ErrorParts(what=str(result.get("msg"))) for result in failed]
    return [error for number, error in enumerate(errors) if error not in errors[:number]]


def _error_of(item: ChecklistItem, hosts: Sequence[CheckResults]) -> TaskResult:
    """Return the original error of the check that failed."""
    module, needs = next((module, needs) for module, (name, needs) in CHECKS.items() if name == item.name)
    failed = next(result for result in _results_of(module, hosts) if "error" in result or needs not in result)
    return {name: failed[name] for name in ("msg", "error", "findings") if name in failed}
