# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""run_control on the control node: say who gives the order, and whether the run that got it is alive."""

from __future__ import annotations

from ..module_utils._engine.postgres import run_orders
from ..module_utils._errors.run import NothingAtWork
from ..module_utils._options.data_options import RUN_CONTROL
from ..module_utils._record import run_lease
from ..plugin_utils._single_module_action import HostAction
from ..plugin_utils._task_types import TaskArguments, TaskResult


class ActionModule(HostAction):
    spec = RUN_CONTROL

    def would(self, args: TaskArguments, result: TaskResult) -> str:
        return f"order {result['order']}"

    def ask(self, options: TaskArguments) -> TaskArguments:
        return {**options, "order": run_orders.check(options["order"]), "by": run_lease.describe_person()}

    def judge(self, options: TaskArguments, result: TaskResult) -> TaskResult:
        held = result.pop("holder", None)
        if held and not run_lease.alive(held):
            raise NothingAtWork()
        return result
