# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rollback_strategy_info: choose how to roll a rotation back from its current state."""

from __future__ import annotations

from ..module_utils._options.rotation_options import ROLLBACK_STRATEGY_INFO
from ..plugin_utils._record_action import RecordAction
from ..plugin_utils._rollback.rollback_choice import choose_rollback
from ..plugin_utils._rollback.rollback_look import LookFailed, RollbackLook
from ..plugin_utils._task_types import TaskArguments, TaskResult


class ActionModule(RecordAction):
    spec = ROLLBACK_STRATEGY_INFO

    def act(self, options: TaskArguments) -> TaskResult:
        try:
            choice = choose_rollback(self.log(options), RollbackLook.of(options))
        except LookFailed as exc:
            return exc.result
        return {"changed": False, **vars(choice)}
