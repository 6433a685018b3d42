# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""application_services on the control node: record the step. An emergency stop is possible at any time."""

from __future__ import annotations

from ..plugin_utils._screen import service_lines
from ..plugin_utils._service_steps import build_interrupted_error, has_nothing_to_do, release_command, starts_by_hand
from ..plugin_utils._single_module_action import Answered, HostAction
from ..plugin_utils._task_types import TaskArguments, TaskResult


class ActionModule(HostAction):
    kept_here = ("record_dir",)

    def is_recorded(self, args: TaskArguments) -> bool:
        return super().is_recorded(args) and not has_nothing_to_do(args)

    def refuse_other_run(self, args: TaskArguments) -> None:
        if args.get("state") != "stopped":
            super().refuse_other_run(args)

    def would(self, args: TaskArguments, result: TaskResult) -> str:
        verb = "stop" if args["state"] == "stopped" else "start"
        return f"{verb} {', '.join(result['services']) or 'no service'}"

    def ask(self, options: TaskArguments) -> TaskArguments | Answered:
        asked = self.host_options(options)
        if interrupted := starts_by_hand(options) and self.interrupted_rotation(options):
            released = self.on_host("application_services", {**asked, "state": "released"})
            if released.get("failed"):
                return Answered(released)
            raise build_interrupted_error(interrupted, dry=self._task.check_mode)
        if has_nothing_to_do(options):
            nothing: TaskResult = {"changed": False, "services": []}
            return Answered(service_lines.add_advice(options, nothing, dry=self._task.check_mode))
        return asked

    def judge(self, options: TaskArguments, result: TaskResult) -> TaskResult:
        if result.get("failed"):
            return result
        stops = options["state"] == "stopped" and not self._task.check_mode
        release = release_command(options) if stops else ""
        service_lines.show(result, stops=stops, has_services=bool(options["services"]), release=release)
        return service_lines.add_advice(options, result, dry=self._task.check_mode)
