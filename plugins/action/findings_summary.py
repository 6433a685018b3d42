# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""findings_summary: show the findings of several checks of a playbook together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..module_utils._errors.database import DatabaseFenced, PreparedLeft
from ..module_utils._errors.record import RecordUnsigned
from ..module_utils._errors.run import ChecksFailed
from ..module_utils._options.rotation_options import FINDINGS_SUMMARY
from ..module_utils._record.events import ROTATE
from ..plugin_utils._checklist import checklist
from ..plugin_utils._checklist.item import STOP, ChecklistItem, of_result, worst
from ..plugin_utils._checklist.root_causes import DISCOVERED
from ..plugin_utils._record_action import RecordAction
from ..plugin_utils._report.read_rotation import reduce
from ..plugin_utils._report.typed_commands import command
from ..plugin_utils._screen import lines
from ..plugin_utils._task_types import TaskArguments, TaskResult

BACKUP = "postgresql_backup"
# By module, the display name of the check, and the key that a successful result has.
CHECKS = {
    "rotation_record_info": ("records", "records"),
    "host_tasks": ("hosts", "outcomes"),
    "key_version_info": ("keys", "key_id"),
    "process_keys_info": ("processes", "processes"),
    "django_plan": ("plan", "path"),
    "rotation_checklist": ("checklist", "checks"),
    "django_census": ("values", "targets"),
    "database_lease_info": ("fence", "fenced"),
    BACKUP: ("backup", "dumps"),
}
AFTER = {"plan": (ROTATE, ["--check"])}  # by playbook, the next command if nothing was found
RESUME = "To finish the run that died, run {}"
AGAIN = "Do what the table says for each finding, then run {}"
LEFT = (RecordUnsigned.code, DatabaseFenced.code, PreparedLeft.code)  # what a run that died leaves
Outcomes = Sequence[Mapping[str, Any]]


class ActionModule(RecordAction):
    spec = FINDINGS_SUMMARY

    def act(self, options: TaskArguments) -> TaskResult:
        outcomes = [_outcomes(look) for look in options["looks"]]
        items = list(_items(outcomes))
        failed = [item for item in items if item.status == STOP]
        if not failed:
            if options["playbook"] in AFTER:
                lines.show([f"  next: {command(self.variables, *AFTER[options['playbook']])}"], "Findings")
            return {"changed": False, "msg": "; ".join(_said(outcomes))}
        died = self._died(options, failed)
        todo = command(self.variables, died or options["playbook"])
        if len(failed) == 1:
            lines.show([f"  next: {todo}"], "Findings")
            return {"changed": False, "failed": True, **_error_of(failed[0], outcomes)}
        lines.show(list(checklist.table(items)), "Findings")
        codes = ", ".join(item.code or item.name for item in failed)
        error = ChecksFailed(count=len(failed), codes=codes, advice=(RESUME if died else AGAIN).format(todo))
        return {"changed": False, "failed": True, **error.as_result()}

    def _died(self, options: TaskArguments, failed: Sequence[ChecklistItem]) -> str:
        """The playbook that resumes a run that died; empty without one."""
        left_over = self.lease(options).left_over()
        if left_over:
            state = reduce(left_over, self.record({**options, "rotation_id": left_over}).decoded())
            if any(item.code in LEFT for item in failed) or state.is_interrupted:
                return state.act.direction or ROTATE
        return ""


def _outcomes(look: Mapping[str, Any]) -> Mapping[str, Any]:
    """The results of one call of a host by module; without any, the call itself, which says why."""
    if look.get("skipped"):
        return {}
    outcomes: Mapping[str, Any] = look.get("outcomes") or {"host_tasks": look}
    return outcomes


def _said(outcomes: Outcomes) -> Iterator[str]:
    """The messages of the successful checks, except the backup, which was only checked."""
    for results in outcomes:
        yield from (result["msg"] for name, result in results.items() if name != BACKUP and "msg" in result)


def _items(outcomes: Outcomes) -> Iterator[ChecklistItem]:
    """One item per check for all hosts. An item that only follows from the error of another one is left out."""
    errors: list[str] = []
    for module, (name, needs) in CHECKS.items():
        if found := [results[module] for results in outcomes if results.get(module)]:
            item = worst(name, [of_result(name, result, needs) for result in found], "")
            if item.status == STOP and (item.seen in errors or (errors and item.code in DISCOVERED)):
                continue
            errors += [item.seen] if item.status == STOP else []
            yield item


def _error_of(item: ChecklistItem, outcomes: Outcomes) -> TaskResult:
    """The original error of the check that failed."""
    module, needs = next((module, needs) for module, (name, needs) in CHECKS.items() if name == item.name)
    found = [results[module] for results in outcomes if results.get(module)]
    failed: TaskResult = next(result for result in found if "error" in result or needs not in result)
    return {name: failed[name] for name in ("msg", "error", "findings") if name in failed}
