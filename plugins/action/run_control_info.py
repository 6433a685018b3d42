# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""run_control_info on the control node: ask the host, and show what it knows of the run."""

from __future__ import annotations

from ..module_utils._options.data_options import RUN_CONTROL_INFO
from ..plugin_utils._report import control_lines
from ..plugin_utils._screen import lines
from ..plugin_utils._single_module_action import HostAction
from ..plugin_utils._task_types import TaskArguments, TaskResult


class ActionModule(HostAction):
    changes = False
    spec = RUN_CONTROL_INFO
    kept_here = ("record_dir",)

    def is_recorded(self, args: TaskArguments) -> bool:
        return args.get("rotation_id") is not None

    def judge(self, options: TaskArguments, result: TaskResult) -> TaskResult:
        if not result.get("failed") and options["wait_for"] == "nothing":
            lines.show(control_lines.status(result), "Run")
        return result
