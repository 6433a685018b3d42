# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rotation_record_info: verify that the records of an application are unchanged since they were written."""

from __future__ import annotations

from dataclasses import asdict

from ..module_utils._options.rotation_options import ROTATION_RECORD_INFO
from ..plugin_utils._record_action import RecordAction
from ..plugin_utils._rotation_record.verify_records import VerifyTask, verify_records
from ..plugin_utils._task_types import TaskArguments, TaskResult


class ActionModule(RecordAction):
    spec = ROTATION_RECORD_INFO

    def act(self, options: TaskArguments) -> TaskResult:
        records = verify_records(self.log(options), VerifyTask.of(options))
        return {"changed": False, "records": [asdict(record) for record in records]}
