# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""findings_summary: what several checks of one playbook have found, together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..module_utils._errors.run import ChecksFailed
from ..module_utils._options.rotation_options import FINDINGS_SUMMARY
from ..module_utils._record.events import ROTATE
from ..plugin_utils._checklist import checklist
from ..plugin_utils._checklist.item import STOP, ChecklistItem, of_result, worst
from ..plugin_utils._record_action import RecordAction
from ..plugin_utils._report.read_rotation import read
from ..plugin_utils._report.typed_commands import command
from ..plugin_utils._run_end.interrupted_rotation import is_interrupted
from ..plugin_utils._screen import lines
from ..plugin_utils._task_types import TaskArguments, TaskResult

NAMES = {
    "rotation_record_info": "records",
    "key_version_info": "keys",
    "process_keys_info": "processes",
    "django_plan": "plan",
    "django_census": "values",
    "database_lease_info": "fence",
    "postgresql_backup": "backup",
}
LEFT = ("E_RECORD_UNSIGNED", "E_FENCED")  # by a run that died
Outcomes = Sequence[Mapping[str, Any]]


class ActionModule(RecordAction):
    spec = FINDINGS_SUMMARY

    def act(self, options: TaskArguments) -> TaskResult:
        items = list(_items(options["outcomes"]))
        failed = [item for item in items if item.status == STOP]
        if not failed:
            return {"changed": False}
        todo = self._next(options, failed)
        if len(failed) == 1:
            lines.show([f"  next: {todo}"], "Findings")
            return {"changed": False, "failed": True, **_error_of(failed[0], options["outcomes"])}
        lines.show([*checklist.table(items), f"  next: {todo}"], "Findings")
        codes = ", ".join(item.seen.partition(":")[0] for item in failed)
        error = ChecksFailed(count=len(failed), codes=codes, command=todo)
        return {"changed": False, "failed": True, **error.as_result()}

    def _next(self, options: TaskArguments, failed: Sequence[ChecklistItem]) -> str:
        """What resumes a run that died; without one, the same checks, after what each finding says."""
        left_over = self.lease(options).left_over()
        if left_over:
            record = self.record({**options, "rotation_id": left_over})
            if any(item.seen.startswith(LEFT) for item in failed) or is_interrupted(record.decoded()):
                return command(self.variables, read(record).act.direction or ROTATE)
        return command(self.variables, options["playbook"])


def _items(outcomes: Outcomes) -> Iterator[ChecklistItem]:
    """What each check has shown, of all hosts together. What follows from the error of another one is not repeated."""
    errors: list[str] = []
    for module, name in NAMES.items():
        if found := [results[module] for results in outcomes if results.get(module)]:
            item = worst(name, [of_result(name, result, "changed") for result in found], "")
            if item.status == STOP and (item.seen in errors or (errors and item.seen.startswith(checklist.DISCOVERED))):
                continue
            errors += [item.seen] if item.status == STOP else []
            yield item


def _error_of(item: ChecklistItem, outcomes: Outcomes) -> TaskResult:
    """The error of the check that failed, as it was when it did."""
    found = [results[module] for results in outcomes for module in results if NAMES.get(module) == item.name]
    failed: TaskResult = next(result for result in found if "error" in result or "changed" not in result)
    return {name: failed[name] for name in ("msg", "error", "findings") if name in failed}
