# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""monitoring_program: build the program, and copy it with ansible.builtin.copy."""

from __future__ import annotations

import tempfile

from ..module_utils._options.monitoring_options import MONITORING_PROGRAM
from ..plugin_utils._control_node.monitor_zipapp import program
from ..plugin_utils._module_runner import HostCaller
from ..plugin_utils._task_options import on_controller
from ..plugin_utils._task_types import TaskResult, Variables


class ActionModule(HostCaller):
    _VALID_ARGS = frozenset(MONITORING_PROGRAM)

    def run(self, tmp: str | None = None, task_vars: Variables | None = None) -> TaskResult:
        super().run(tmp, task_vars)
        self.validate_argument_spec(on_controller(MONITORING_PROGRAM))
        with tempfile.NamedTemporaryFile() as file:
            file.write(program())
            file.flush()
            task = self._task.copy()
            task.action = "ansible.legacy.copy"
            task.args = {"src": file.name, "dest": self._task.args["path"], "mode": "0644"}
            result: TaskResult = self.action_of(task).run(task_vars=task_vars)
        return result
