# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""application_services on the control node: record the step. An emergency stop is possible at any time."""

from __future__ import annotations

from ..module_utils._errors.base import NOTHING_CHANGED, RotationError
from ..module_utils._errors.run import RotationHalfWay
from ..module_utils._services.maintenance import BY_HAND
from ..plugin_utils._report.typed_commands import command
from ..plugin_utils._screen import lines
from ..plugin_utils._screen.service_lines import BY_YOURSELF, format_stopped
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
            return Answered(self._with_advice(options, {"changed": False, "services": []}))
        return asked

    def judge(self, options: TaskArguments, result: TaskResult) -> TaskResult:
        if result.get("failed"):
            return result
        lines.show([f"  {name}: {state}" for name, state in result.get("states", {}).items()], "Services")
        if options["state"] == "stopped" and not self._task.check_mode:
            by_hand = options.get("rotation_id") == BY_HAND
            release = command(self.variables, "maintenance", ["-e", "key_rotation_maintenance=off"]) if by_hand else ""
            has_services = bool(options["services"])
            lines.show(format_stopped(result["services"], has_services=has_services, release=release), "Services")
        return self._with_advice(options, result)

    def _with_advice(self, options: TaskArguments, result: TaskResult) -> TaskResult:
        """Say that a person must stop and start the application, if no service is configured."""
        advice = BY_YOURSELF.get(options["state"])
        if not advice or options["services"]:
            return result
        if self._task.check_mode:
            return {**result, "msg": f"{options['state']}: nothing, because key_rotation_services is empty"}
        lines.detail([f"  {advice}"], "Services")
        return {**result, "msg": advice}

    def _interrupted_error(self, rotation_id: str) -> RotationError:
        done = NOTHING_CHANGED if self._task.check_mode else HOLD_RELEASED
        commands = {playbook: command(self.variables, playbook) for playbook in ("rotate", "rollback")}
        return RotationHalfWay(changed=done, rotation_id=rotation_id, **commands)


def _starts_by_hand(args: TaskArguments) -> bool:
    """Return whether a person starts the services, without accepting an interrupted rotation."""
    return (args.get("state"), args.get("rotation_id")) == ("started", BY_HAND) and args.get("half") != "accept"


def _has_nothing_to_do(args: TaskArguments) -> bool:
    """Return whether there is neither a service nor a flag file, and no manual stop to end."""
    return args.get("services") == [] and not args.get("flag_file") and args.get("rotation_id") != BY_HAND
