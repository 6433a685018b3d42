# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""env_file on the control node: send the values of a stage from the store to the host."""

from __future__ import annotations

from ..module_utils._options.key_options import ENV_FILE
from ..plugin_utils._keys.stage_choice import with_values
from ..plugin_utils._single_module_action import HostAction
from ..plugin_utils._task_types import TaskArguments, TaskResult


class ActionModule(HostAction):
    spec = ENV_FILE

    def would(self, args: TaskArguments, result: TaskResult) -> str:
        return f"set {', '.join(result['settings'])} in {result['path']}, and nothing else in it"

    def ask(self, options: TaskArguments) -> TaskArguments:
        return with_values(options, self.store(options).load(), dry=bool(self._task.check_mode))
