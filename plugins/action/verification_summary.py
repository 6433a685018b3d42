# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""verification_summary: what verify.yml has found of records, hosts, values and fence, together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..module_utils._errors.run import VerificationFindings
from ..module_utils._options.rotation_options import VERIFICATION_SUMMARY
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
    "django_census": "values",
    "database_lease_info": "fence",
}
LEFT = ("E_RECORD_UNSIGNED", "E_FENCED")  # by a run that died


class ActionModule(RecordAction):
    spec = VERIFICATION_SUMMARY

    def act(self, options: TaskArguments) -> TaskResult:
        shown = self.variables["hostvars"]
        looks = [shown[host].get("__verification_looked", {}) for host in self.variables["ansible_play_hosts_all"]]
        results = [{"rotation_record_info": options["records"]}, *(look.get("outcomes", {}) for look in looks)]
        items = list(_items(results))
        failed = [item for item in items if item.status == STOP]
        if not failed:
            return {"changed": False}
        todo = self._next(options, failed)
        if len(failed) == 1:
            lines.show([f"  next: {todo}"], "Findings")
            return {"changed": False, "failed": True, **_error_of(failed[0], results)}
        lines.show([*checklist.table(items), f"  next: {todo}"], "Findings")
        codes = ", ".join(item.seen.partition(":")[0] for item in failed)
        error = VerificationFindings(count=len(failed), codes=codes, command=todo)
        return {"changed": False, "failed": True, **error.as_result()}

    def _next(self, options: TaskArguments, failed: Sequence[ChecklistItem]) -> str:
        """What resumes a run that died; without one, the same verification, after what each finding says."""
        left_over = self.lease(options).left_over()
        if left_over:
            record = self.record({**options, "rotation_id": left_over})
            if any(item.seen.startswith(LEFT) for item in failed) or is_interrupted(record.decoded()):
                return command(self.variables, read(record).act.direction or ROTATE)
        return command(self.variables, "verify")


def _items(results: Sequence[Mapping[str, Any]]) -> Iterator[ChecklistItem]:
    """What each check has shown, of all hosts together."""
    for module, name in NAMES.items():
        if found := [outcomes[module] for outcomes in results if outcomes.get(module)]:
            yield worst(name, [of_result(name, result, "changed") for result in found], "")


def _error_of(item: ChecklistItem, results: Sequence[Mapping[str, Any]]) -> TaskResult:
    """The error of the check that failed, as it was when it did."""
    found = [outcomes[module] for outcomes in results for module in outcomes if NAMES.get(module) == item.name]
    failed: TaskResult = next(result for result in found if "error" in result or "changed" not in result)
    return {name: failed[name] for name in ("msg", "error") if name in failed}
