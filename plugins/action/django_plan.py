# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""django_plan on the control node: write the plan, show it, and fail if a finding stops a rotation."""

from __future__ import annotations

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.utils.display import Display

from ..module_utils._engine.plan import plan_document
from ..module_utils._engine.plan.plan_document import PlanDocument
from ..module_utils._errors.base import BUT_THE_PLAN
from ..plugin_utils._control_node import row_file
from ..plugin_utils._plan_action import PlanAction
from ..plugin_utils._plans import plan_approval, plan_file
from ..plugin_utils._report import plan_lines
from ..plugin_utils._screen import lines
from ..plugin_utils._task_types import TaskArguments, TaskResult

display = Display()


class ActionModule(PlanAction):
    def judge_plan(self, args: TaskArguments, plan: PlanDocument) -> TaskResult:
        path = self.path(args)
        done = plan_file.write(path, plan, dry=bool(self._task.check_mode))
        result = done.as_result(path, diff=bool(self._task.diff))
        rows = "" if self._task.check_mode else row_file.path_next_to(path)
        if rows:
            row_file.write(rows, self.listed)
        shown = rows if self.listed else ""
        lines.show(plan_lines.plan(plan, path, shown), "Plan")
        if stopping := plan_document.stops(plan):  # screen and file have the plan: Ansible prints failed results
            error = plan_file.build_unready_error(path, plan).with_changed(BUT_THE_PLAN)
            result.update(failed=True, **error.as_result(), findings=stopping)
            if shown:
                row_file.tell(result, row_file.format_place(shown))
            return result
        if boolean(args.get("require_approval", False)):
            for line in plan_approval.commands(path, plan["hash"], str(args.get("environment", "production"))):
                display.display(f"  {line}")
        return {**result, "plan": plan}

    def would(self, args: TaskArguments, result: TaskResult) -> str:
        return f"write the plan {result['path']}"
