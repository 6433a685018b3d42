# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""write_fence on the control node: identify this run, and check whether the values are under several versions."""

from __future__ import annotations

from ..module_utils._options.data_options import WRITE_FENCE
from ..plugin_utils._lease_action import LeaseAction
from ..plugin_utils._single_module_action import Answered
from ..plugin_utils._task_types import TaskArguments, TaskResult


class ActionModule(LeaseAction):
    spec = WRITE_FENCE

    def would(self, args: TaskArguments, result: TaskResult) -> str:
        return "let the application write again"

    def ask(self, options: TaskArguments) -> TaskArguments | Answered:
        self.refuse_other_run(options)
        stays = options["interrupted"] == "refuse" and not options["refuse_writers"]
        if stays and self.interrupted_rotation(options):
            return Answered({"changed": False})  # application_services starts nothing in this case either
        return self.with_holder(options)
