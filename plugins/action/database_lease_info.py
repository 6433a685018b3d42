# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""database_lease_info on the control node: ask the host, and check whether the run that prepared values is alive."""

from __future__ import annotations

from ..module_utils._engine.postgres.lease import SHOWN
from ..module_utils._errors.database import PreparedInUse
from ..module_utils._options.data_options import DATABASE_LEASE_INFO
from ..module_utils._record import run_lease
from ..plugin_utils._single_module_action import HostAction
from ..plugin_utils._task_types import TaskArguments, TaskResult


class ActionModule(HostAction):
    changes = False
    spec = DATABASE_LEASE_INFO

    def judge(self, options: TaskArguments, result: TaskResult) -> TaskResult:
        holder = result.pop("holder", None)
        if not holder or not run_lease.alive(holder):
            return result
        error = PreparedInUse(alias=result["error"]["alias"], **{name: str(holder[name]) for name in SHOWN})
        return {"changed": False, "failed": True, **error.as_result()}
