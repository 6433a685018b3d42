# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""application_log_info on the control node: record the step, and warn about what is not an error."""

from __future__ import annotations

from ansible.utils.display import Display

from ..module_utils._monitoring import log_window
from ..module_utils._options.application_options import APPLICATION_LOG_INFO
from ..plugin_utils._single_module_action import HostAction
from ..plugin_utils._task_types import TaskArguments, TaskResult

display = Display()


class ActionModule(HostAction):
    changes = False
    spec = APPLICATION_LOG_INFO

    def judge(self, options: TaskArguments, result: TaskResult) -> TaskResult:
        logs, host = result.get("logs", {}), self.variables.get("inventory_hostname")
        if logs.get("errors"):
            display.warning(f"{host}: {log_window.error(logs['errors']).what}.")
        for word in (*logs.get("problems", ()), *logs.get("notes", ())):
            display.warning(f"{host}: {word}.")
        return result
