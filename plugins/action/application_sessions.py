# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""application_sessions on the control node: record the step, and show the remaining sessions."""

from __future__ import annotations

from ..module_utils._engine.postgres.database_sessions import format_session
from ..module_utils._services.maintenance import BY_HAND
from ..plugin_utils._screen import lines
from ..plugin_utils._single_module_action import HostAction
from ..plugin_utils._task_types import TaskArguments, TaskResult


class ActionModule(HostAction):
    changes = False
    kept_here = ("record_dir",)

    def refuse_other_run(self, args: TaskArguments) -> None:
        if args.get("rotation_id") != BY_HAND:  # an emergency stop lists the sessions during any other run
            super().refuse_other_run(args)

    def judge(self, options: TaskArguments, result: TaskResult) -> TaskResult:
        what = "would wait for" if self._task.check_mode else "still connected:"
        lines.show([f"  {what} {format_session(session)}" for session in result.get("sessions", [])], "Sessions")
        return result
