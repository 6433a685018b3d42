# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""django_prepare on the control node: send the key sets from the store to the host, and show what is prepared."""

from __future__ import annotations

from ..plugin_utils._report import step_lines
from ..plugin_utils._screen import lines
from ..plugin_utils._single_module_action import HostAction
from ..plugin_utils._task_types import TaskArguments, TaskResult


class ActionModule(HostAction):
    shows_progress = True

    def would(self, args: TaskArguments, result: TaskResult) -> str:
        return "prepare the re-encryption"

    def ask(self, args: TaskArguments) -> TaskArguments:
        history, destination = self.store(args).load(), str(args["destination"])
        asked = self.host_options(args)
        if not self._task.check_mode:
            history.stage(destination)  # E_STORE_STAGE before anything starts
            asked.update(self.step_of_run())
        return {**asked, **history.for_host([destination] if args.get("state") == "verified" else ())}

    def judge(self, args: TaskArguments, result: TaskResult) -> TaskResult:
        if result.get("preparation") and args.get("state") != "verified":
            lines.detail(step_lines.prepared(result["preparation"]), "Preparation")
        return result
