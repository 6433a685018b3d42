# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""maintenance_window_info: check after the backup that the window is long enough for the rest of the rotation."""

from __future__ import annotations

from ..module_utils._options.rotation_options import MAINTENANCE_WINDOW_INFO
from ..plugin_utils._checklist import window
from ..plugin_utils._checklist.item import STOP, checklist_options
from ..plugin_utils._checklist.observe import observe
from ..plugin_utils._record_action import RecordAction
from ..plugin_utils._screen import lines
from ..plugin_utils._task_types import TaskArguments, TaskResult


class ActionModule(RecordAction):
    spec = MAINTENANCE_WINDOW_INFO
    recorded = True
    module = "rotation_checklist"  # the event in the record: this checks one item of the checklist again

    def select_recorded_arguments(self, args: TaskArguments) -> TaskResult:
        return {"state": "still_open"}

    def act(self, options: TaskArguments) -> TaskResult:
        observations = observe(self.log(options), options["rotation_id"], checklist_options(options, backed_up=True))
        item = window.window(observations)
        lines.show([f"  window: {item.seen}. {item.todo}".rstrip(". ")], "Checklist")
        if item.status == STOP and "window" not in options["accept"] and not self._task.check_mode:
            raise window.too_short(item, resumed=observations.options["resumed"])
        return {"changed": False, "status": item.status, "seen": item.seen}
