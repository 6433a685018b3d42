# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""host_tasks on the control node: run several modules on a host in one call. Their own actions prepare and evaluate
them."""

from __future__ import annotations

from ..module_utils._options.rotation_options import HOST_TASKS
from ..plugin_utils._action import RotationAction
from ..plugin_utils._batched_actions import batch_result, run_parts
from ..plugin_utils._batched_part import build_parts
from ..plugin_utils._task_types import TaskArguments, TaskResult


class ActionModule(RotationAction):
    spec = HOST_TASKS
    recorded = False  # each of the modules is recorded

    def act(self, options: TaskArguments) -> TaskResult:
        parts = build_parts(self, options["tasks"], self._task.args)
        run_parts(self, parts, all_of_them=options["all"])
        return batch_result(parts, all_of_them=options["all"], fatal=options["fatal"])

    def _tell_dry(self, args: TaskArguments, result: TaskResult) -> None:
        """Do nothing: each of the modules has said what it would do."""
