# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""django_census_info on the control node: send the key sets from the store to the host."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

from ..plugin_utils._report import data_state, sentences
from ..plugin_utils._report.playbook_command import command
from ..plugin_utils._rollback.rollback_loss import RollbackLoss
from ..plugin_utils._rotation_record.recorded_columns import recorded_columns, recorded_plain
from ..plugin_utils._screen import lines
from ..plugin_utils._single_module_action import HostAction
from ..plugin_utils._task_types import TaskArguments, TaskResult

if TYPE_CHECKING:
    from ..module_utils._engine.result_types import CensusOutcome


class ActionModule(HostAction):
    changes = False
    kept_here = ("store", "record_dir", "rotation_id")
    shows_progress = True
    refused = False  # whether the module found what stops the run

    def ask(self, args: TaskArguments) -> TaskArguments:
        self.judged_here = bool(args.get("leaving"))  # fails if a rollback would lose values
        if args.get("report_only"):  # during another run, the census would be outdated at once
            self.lease(args).refuse_other(os.getppid())
            args["run"] = self.run_name()
        history = self.store(args).load()
        if args.get("outside") == "report":
            args["recorded_columns"] = recorded_columns(history, self._records(args))
        return {**self.host_options(args), **history.for_host(args.get("stages") or ())}

    def judge(self, args: TaskArguments, result: TaskResult) -> TaskResult:
        self.refused = bool(result.get("failed"))
        lines.census(result.get("targets", []), whole=self.refused)
        before = data_state.count_plain(args.get("baseline") or ())
        if args.get("outside") == "report":
            before = recorded_plain(self.store(args).load(), self._records(args))
        lines.warn(sentences.census(cast("CensusOutcome", result), before))
        loss = RollbackLoss(result, command("rollback"))
        return loss.judged(str(args.get("acknowledge") or ""))

    def after(self, args: TaskArguments, result: TaskResult) -> TaskResult:
        if self.refused:  # the screen and the record have the counts: Ansible prints failed results
            result.pop("targets", None)
        return super().after(args, result)
