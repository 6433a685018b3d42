# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""application_services on the control node: record the step. An emergency stop is possible at any time."""

from __future__ import annotations

from ..module_utils._errors.base import NOTHING_CHANGED, RotationError
from ..module_utils._errors.run import RotationInterrupted
from ..module_utils._services.maintenance import BY_HAND
from ..plugin_utils._report.playbook_command import command
from ..plugin_utils._screen import service_lines
from ..plugin_utils._single_module_action import Answered, HostAction
from ..plugin_utils._task_types import TaskArguments, TaskResult

HOLD_RELEASED = "Nothing was started. The hold on operations is released."


class ActionModule(HostAction):
    kept_here = ("record_dir",)

    def is_recorded(self, args: TaskArguments) -> bool:
        return super().is_recorded(args) and not _has_nothing_to_do(args)

    def refuse_other_run(self, args: TaskArguments) -> None:
        if args.get("state") != "stopped":
            super().refuse_other_run(args)

    def would(self, args: TaskArguments, result: TaskResult) -> str:
        verb = "stop" if args["state"] == "stopped" else "start"
        return f"{verb} {', '.join(result['services']) or 'no service'}"

    def ask(self, options: TaskArguments) -> TaskArguments | Answered:
        asked = self.host_options(options)
        if interrupted := _starts_by_hand(options) and self.interrupted_rotation(options):
            released = self.on_host("application_services", {**asked, "state": "released"})
            if released.get("failed"):
                return Answered(released)
            raise self._interrupted_error(interrupted)
        if _has_nothing_to_do(options):
            nothing: TaskResult = {"changed": False, "services": []}
            return Answered(service_lines.add_advice(options, nothing, dry=self._task.check_mode))
        return asked

    def judge(self, options: TaskArguments, result: TaskResult) -> TaskResult:
        if result.get("failed"):
            return result
        stops = options["state"] == "stopped" and not self._task.check_mode
        by_hand = stops and options.get("rotation_id") == BY_HAND
        release = command(self.variables, "maintenance", ["-e", "key_rotation_maintenance=off"]) if by_hand else ""
        service_lines.show(result, stops=stops, has_services=bool(options["services"]), release=release)
        return service_lines.add_advice(options, result, dry=self._task.check_mode)

    def _interrupted_error(self, rotation_id: str) -> RotationError:
        done = NOTHING_CHANGED if self._task.check_mode else HOLD_RELEASED
        commands = {playbook: command(self.variables, playbook) for playbook in ("rotate", "rollback")}
        return RotationInterrupted(changed=done, rotation_id=rotation_id, **commands)


def _starts_by_hand(args: TaskArguments) -> bool:
    """Return whether a person starts the services, without accepting an interrupted rotation."""
    return (args.get("state"), args.get("rotation_id")) == ("started", BY_HAND) and args.get("interrupted") != "accept"


def _has_nothing_to_do(args: TaskArguments) -> bool:
    """Return whether there is neither a service nor a flag file, and no manual stop to end."""
    return args.get("services") == [] and not args.get("flag_file") and args.get("rotation_id") != BY_HAND
