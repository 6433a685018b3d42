# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""django_plan_info on the control node: compare the application with the plan that was approved."""

from __future__ import annotations

from ..module_utils._engine.plan.plan_document import PlanDocument
from ..plugin_utils._plan_action import PlanAction
from ..plugin_utils._plans import plan_file
from ..plugin_utils._single_module_action import Answered
from ..plugin_utils._task_types import TaskArguments, TaskResult

NO_PLAN = "There is no plan: the application is accepted unchanged."


class ActionModule(PlanAction):
    def ask(self, args: TaskArguments) -> TaskArguments | Answered:
        path = self.path(args)
        approved = plan_file.read(path)
        if approved is None:
            return Answered({"changed": False, "path": path, "msg": NO_PLAN})
        plan_file.refuse_unready(path, approved)
        return super().ask(args)

    def judge_plan(self, args: TaskArguments, plan: PlanDocument) -> TaskResult:
        path = self.path(args)
        approved = plan_file.read(path) or {}
        plan_file.refuse_other(path, approved, plan)
        return {"changed": False, "path": path, "plan": {**plan, "hash": approved["hash"]}}
