# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""application_commands on the control node: record the step."""

from __future__ import annotations

from ..module_utils._options.application_options import APPLICATION_COMMANDS
from ..plugin_utils._single_module_action import HostAction
from ..plugin_utils._task_types import TaskArguments


class ActionModule(HostAction):
    spec = APPLICATION_COMMANDS

    def ask(self, options: TaskArguments) -> TaskArguments:
        names = ("commands", "project_dir", "timeout", "purpose", "rotation_id")
        return {name: options[name] for name in names}

    def select_recorded_arguments(self, args: TaskArguments) -> TaskArguments:
        return {"purpose": args.get("purpose", "verification")}
