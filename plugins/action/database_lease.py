# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""database_lease on the control node: identify this run, and check whether the run that holds the lease is dead."""

from __future__ import annotations

import os

from ansible.utils.display import Display

from ..module_utils._engine.postgres.lease import build_leased_error
from ..module_utils._record import run_lease
from ..plugin_utils._screen.lease_warnings import describe_undropped, describe_unreleased
from ..plugin_utils._single_module_action import Answered, HostAction
from ..plugin_utils._task_types import TaskArguments, TaskResult

display = Display()


class ActionModule(HostAction):
    kept_here = ("record_dir",)

    def would(self, args: TaskArguments, result: TaskResult) -> str:
        return "let the application write again" if args["state"] == "fence_removed" else super().would(args, result)

    def ask(self, args: TaskArguments) -> TaskArguments | Answered:
        self.refuse_other_run(args)
        if args["state"] == "released" and self._task.check_mode:
            return Answered({"changed": False})  # a dry run has not acquired it
        if args["state"] == "fence_removed" and args.get("interrupted") != "accept" and self.interrupted_rotation(args):
            return Answered({"changed": False})  # application_services starts nothing in this case either
        return self._held_by_us(args)

    def _held_by_us(self, args: TaskArguments) -> TaskArguments:
        asked = self.host_options(args)
        holder = run_lease.describe_holder(str(args["rotation_id"]), os.getppid())  # ansible-playbook itself
        return {**asked, "holder": holder}

    def judge(self, args: TaskArguments, result: TaskResult) -> TaskResult:
        if result.get("failed") and args["state"] == "released":  # the run has ended anyway
            display.warning(describe_unreleased(result))
            return {"changed": False}
        while held := result.pop("held", None):
            if run_lease.alive(held):
                raise build_leased_error(held["alias"], held)
            result = self.on_host("database_lease", {**self._held_by_us(args), "over": held})
        if undropped := result.get("undropped"):
            display.warning(describe_undropped(undropped))
        return result
