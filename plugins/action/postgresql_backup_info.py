# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""postgresql_backup_info on the control node: show what the host found."""

from __future__ import annotations

from ..plugin_utils._report import step_lines
from ..plugin_utils._screen import lines
from ..plugin_utils._single_module_action import HostAction
from ..plugin_utils._task_types import TaskArguments, TaskResult


class ActionModule(HostAction):
    changes = False
    kept_here = ()

    def judge(self, options: TaskArguments, result: TaskResult) -> TaskResult:
        lines.detail(step_lines.kept_backups(result.get("backups", [])), "Retained backups")
        return result
