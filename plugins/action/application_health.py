# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""application_health on the control node: record the step."""

from __future__ import annotations

from ..module_utils._options.application_options import APPLICATION_HEALTH
from ..plugin_utils._single_module_action import HostAction
from ..plugin_utils._task_types import TaskArguments, TaskResult


class ActionModule(HostAction):
    changes = False
    spec = APPLICATION_HEALTH

    def judge(self, options: TaskArguments, result: TaskResult) -> TaskResult:
        started = (self.variables.get("__maintenance_started") or {}).get("services")
        if started and not self.has_rotated:  # in a rotation the message has more to say
            self.retell(result, f"{', '.join(started)} was started before.")
        return result
