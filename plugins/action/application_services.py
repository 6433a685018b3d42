# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""application_services on the control node: record it. An emergency stop is possible at any time."""

from __future__ import annotations

from ..module_utils._errors.base import NOTHING_CHANGED, RotationError
from ..module_utils._errors.run import RotationHalfWay
from ..module_utils._services.maintenance import BY_HAND
from ..plugin_utils._report.typed_commands import command
from ..plugin_utils._screen import lines
from ..plugin_utils._single_module_action import Answered, HostAction
from ..plugin_utils._task_types import TaskArguments, TaskResult

BY_YOURSELF = {
    "stopped": "No service is stopped, because key_rotation_services is empty. If the application runs, stop it "
    "yourself.",
    "started": "No service is started, because key_rotation_services is empty. If the application is stopped, start it "
    "yourself. If it runs and its .env file has changed, restart it.",
}


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
        half_way = self._half_way(options)
        if half_way:
            released = self.on_host("application_services", {**asked, "state": "released"})
            if released.get("failed"):
                return Answered(released)
            raise self._told_half_way(half_way)
        if _has_nothing_to_do(options):
            return Answered(self._with_advice(options, {"changed": False, "services": []}))
        return asked

    def judge(self, options: TaskArguments, result: TaskResult) -> TaskResult:
        if result.get("failed"):
            return result
        lines.show([f"  {name}: {state}" for name, state in result.get("states", {}).items()], "Services")
        if options["state"] == "stopped" and not self._task.check_mode:
            self._tell_stopped(options, result["services"])
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

    def _tell_stopped(self, args: TaskArguments, stopped: list[str]) -> None:
        by_hand = args.get("rotation_id") == BY_HAND
        told = []
        if stopped or (by_hand and args["services"]):
            told.append(f"  stopped: {', '.join(stopped) or 'nothing, because no service was running'}")
        if by_hand:
            off = command(self.variables, "maintenance", ["-e", "key_rotation_maintenance=off"])
            told.append(f"  held: no rotation starts anything until you run {off}")
        lines.show(told, "Services")

    def _half_way(self, args: TaskArguments) -> str | None:
        """The unfinished rotation during which nothing may be started by hand; None without one, or if that is
        accepted."""
        if (args.get("state"), args.get("rotation_id")) != ("started", BY_HAND) or args.get("half") == "accept":
            return None
        return self.interrupted_rotation(args)

    def _told_half_way(self, rotation_id: str) -> RotationError:
        done = NOTHING_CHANGED if self._task.check_mode else "Nothing was started. The hold on operations is released."
        commands = {name: command(self.variables, name) for name in ("rotate", "rollback")}
        return RotationHalfWay(changed=done, rotation_id=rotation_id, **commands)


def _has_nothing_to_do(args: TaskArguments) -> bool:
    """Whether there is neither a service nor a flag file, and no manual stop to end."""
    return args.get("services") == [] and not args.get("flag_file") and args.get("rotation_id") != BY_HAND
