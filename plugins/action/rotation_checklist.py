# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rotation_checklist: evaluate what the hosts reported, and show all items at once."""

from __future__ import annotations

from ansible.utils.display import Display

from ..module_utils._errors.base import BUT_THE_PLAN, NOTHING_CHANGED, RotationError
from ..module_utils._options.rotation_options import ROTATION_CHECKLIST
from ..plugin_utils._checklist import checklist, compromise
from ..plugin_utils._checklist.checklist_file import build_result, write_checklist
from ..plugin_utils._checklist.item import checklist_options
from ..plugin_utils._checklist.mode_choice import choose_mode
from ..plugin_utils._checklist.observe import observe
from ..plugin_utils._record_action import RecordAction
from ..plugin_utils._rotation_record.recorded_mode import AUTO
from ..plugin_utils._screen import lines
from ..plugin_utils._task_types import TaskArguments, TaskResult, Variables


class ActionModule(RecordAction):
    spec = ROTATION_CHECKLIST
    recorded = True

    def run(self, tmp: str | None = None, task_vars: Variables | None = None) -> TaskResult:
        result = super().run(tmp, task_vars)
        if result.get("failed"):
            result.pop("checks", None)  # the screen and the record have them: Ansible prints failed results
        return result

    def act(self, options: TaskArguments) -> TaskResult:
        log, rotation_id = self.log(options), options["rotation_id"]
        if options["planned"]:
            options = {**options, "compromised": compromise.will_be_for_compromise(options["reason"], log)}
        observations = observe(log, rotation_id, checklist_options(options))
        if options["mode"] == AUTO:
            observations = observations.with_mode(*choose_mode(observations))
        items = checklist.judge_items(observations, options["accept"], planned=options["planned"])
        if options["compromised"]:
            lines.show(list(compromise.what_happens(observations, rotation_id)), "Compromise")
        lines.show(checklist.table(items, whole=Display().verbosity > 0), "Checklist")
        result = build_result(items, observations, rotation_id)
        if not self._task.check_mode:
            result["path"] = write_checklist(self.record(options), result)
        try:
            checklist.refuse(items, BUT_THE_PLAN if options["planned"] else NOTHING_CHANGED)
        except RotationError as exc:
            result.update(failed=True, **exc.as_result())
        return result
