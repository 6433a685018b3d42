# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rotation_report: write the reports of records again."""

from __future__ import annotations

from ..module_utils._options.rotation_options import ROTATION_REPORT
from ..plugin_utils._record_action import RecordAction
from ..plugin_utils._rotation_record.record_pages import write_reports
from ..plugin_utils._task_types import TaskArguments, TaskResult


class ActionModule(RecordAction):
    spec = ROTATION_REPORT

    def act(self, options: TaskArguments) -> TaskResult:
        return {"changed": False, **write_reports(self.log(options), options["rotation_id"])}
