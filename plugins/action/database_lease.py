# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""database_lease on the control node: identify this run, and check whether the run that holds the lease is dead."""

from __future__ import annotations

from ansible.utils.display import Display

from ..plugin_utils._lease_action import LeaseAction
from ..plugin_utils._screen.lease_warnings import describe_unreleased
from ..plugin_utils._single_module_action import Answered
from ..plugin_utils._task_types import TaskArguments, TaskResult

display = Display()


class ActionModule(LeaseAction):
    def ask(self, args: TaskArguments) -> TaskArguments | Answered:
        self.refuse_other_run(args)
        if args["state"] == "released" and self._task.check_mode:
            return Answered({"changed": False})  # a dry run has not acquired it
        return self.with_holder(args)

    def judge(self, args: TaskArguments, result: TaskResult) -> TaskResult:
        if result.get("failed") and args["state"] == "released":  # the run has ended anyway
            display.warning(describe_unreleased(result))
            return {"changed": False}
        return super().judge(args, result)
