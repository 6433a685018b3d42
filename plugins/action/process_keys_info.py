# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""process_keys_info on the control node: send the expected key ID, and return one error for all stale processes."""

from __future__ import annotations

from ..module_utils._options.key_options import PROCESS_KEYS_INFO
from ..plugin_utils._keys.stale_processes import build_stale_error
from ..plugin_utils._single_module_action import HostAction
from ..plugin_utils._task_types import TaskArguments, TaskResult

PROCESSES = ("units", "pids", "patterns", "hidden_environment", "orphans", "absent", "timeout")
FOR_THE_HOST = ("moment", "env_file", "dialect", *PROCESSES)


class ActionModule(HostAction):
    changes = False
    judged_here = True
    spec = PROCESS_KEYS_INFO

    def ask(self, options: TaskArguments) -> TaskArguments:
        asked = {name: options[name] for name in FOR_THE_HOST}
        places = [{"name": key["name"], "destination": key["destination"]} for key in options["keys"]]
        return {**asked, "keys": places, "expected": self._expected(options)}

    def _expected(self, options: TaskArguments) -> str | None:
        if options["moment"] == "before":
            return None
        history, stage = self.store(options).load(), options["stage"]
        both = history.transitions.get(stage)
        return both.key_id if both else history.stage(stage).key_id

    def judge(self, options: TaskArguments, result: TaskResult) -> TaskResult:
        stale = [process for process in result.get("processes", []) if process["stale"]]
        if not stale:
            return result
        total, expected = len(result["processes"]), self._expected(options)
        error = build_stale_error(stale, total, expected, options["env_file"], options["keys"])
        return {**result, "failed": True, **error.as_result()}
