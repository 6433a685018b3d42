# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""env_file on the control node: send the values of a stage from the store to the host."""

from __future__ import annotations

from ..module_utils._engine.crypto.key_set import KeySet
from ..module_utils._options.key_options import ENV_FILE
from ..plugin_utils._keys.stage_choice import StageChoice
from ..plugin_utils._single_module_action import HostAction
from ..plugin_utils._task_types import TaskArguments, TaskResult


class ActionModule(HostAction):
    spec = ENV_FILE

    def would(self, args: TaskArguments, result: TaskResult) -> str:
        return f"set {', '.join(result['settings'])} in {result['path']}, and nothing else in it"

    def ask(self, options: TaskArguments) -> TaskArguments:
        names = [key["name"] for key in options["keys"]]
        choice = StageChoice(options["stage"], options["rotation_id"])
        values = choice.values(self.store(options).load(), names, dry=bool(self._task.check_mode))
        asked = {name: options[name] for name in ("state", "dialect", "path", "stage", "rotation_id")}
        places = [{"name": key["name"], "destination": key["destination"]} for key in options["keys"]]
        key_id = KeySet(values).key_id if values else None
        return {**asked, "keys": places, "values": values, "key_id": key_id}
