# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""checklist_info on the control node: send the keys, and compare the host's clock with the local one."""

from __future__ import annotations

from ..module_utils._options.rotation_options import CHECKLIST_INFO
from ..plugin_utils._control_node import clock
from ..plugin_utils._single_module_action import HostAction
from ..plugin_utils._task_types import TaskArguments, TaskResult


class ActionModule(HostAction):
    changes = False
    spec = CHECKLIST_INFO

    def ask(self, options: TaskArguments) -> TaskArguments:
        return {**self.host_options(options), **self.store(options).load().for_host()}

    def judge(self, options: TaskArguments, result: TaskResult) -> TaskResult:
        times, facts = self.times, result.get("facts")
        if times and facts:
            facts["skew"] = clock.skew(times.sent, times.began, times.ended, times.received)
            for database in facts["databases"]:
                began, ended = times.began + database["ahead"], times.ended + database["ahead"]
                database["skew"] = clock.skew(times.sent, began, ended, times.received)
        return result
