# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""django_repair on the control node: send the keys and the age identity to the host, and show what was repaired."""

from __future__ import annotations

from ..module_utils._record.events import RepairEvent, from_result
from ..plugin_utils._action import RotationAction
from ..plugin_utils._report import restore_lines
from ..plugin_utils._screen import lines
from ..plugin_utils._task_types import TaskArguments, TaskResult


class ActionModule(RotationAction):
    kept_here = ("store", "record_dir", "identity_file")

    def would(self, args: TaskArguments, result: TaskResult) -> str:
        return f"restore a copy of the backup {args['backup']}, and repair values from it"

    def act(self, args: TaskArguments) -> TaskResult:
        result = self.on_host("django_repair", {**self.options_for_backup(args), "run": self.run_name()})
        lines.show_rows(restore_lines.repaired(from_result(RepairEvent, result)), "Repair")
        return result
