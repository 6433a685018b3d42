# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""application_services on the controller: keep the record of it, and let an emergency stop through at any time."""

from __future__ import annotations

from typing import Any

from ansible.utils.display import Display

from ..plugin_utils.action import RotationAction

display = Display()


class ActionModule(RotationAction):
    def refuse_other_run(self, args: dict[str, Any]) -> None:
        if args.get("state") != "stopped":
            super().refuse_other_run(args)

    def would(self, args: dict[str, Any], result: dict[str, Any]) -> str:
        verb = "stop" if args["state"] == "stopped" else "start"
        return f"{verb} {', '.join(result['services']) or 'no service'}"

    def act(self, args: dict[str, Any]) -> dict[str, Any]:
        asked = {name: value for name, value in args.items() if name != "record_dir"}
        result = self.on_host("application_services", asked)
        if result.get("services") and not self._task.check_mode:
            display.display(f"  {args['state']}: {', '.join(result['services'])}")
        return result
