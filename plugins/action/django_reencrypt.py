# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""django_reencrypt on the control node: send the key sets from the store to the host, and show the progress."""

from __future__ import annotations

from ..module_utils._errors.counts import counted
from ..plugin_utils._reencryption_shares import take_shares
from ..plugin_utils._report import sentences, step_lines
from ..plugin_utils._rotation_record.recorded_columns import recorded_columns
from ..plugin_utils._screen import lines
from ..plugin_utils._single_module_action import Answered, HostAction
from ..plugin_utils._task_types import TaskArguments, TaskResult


class ActionModule(HostAction):
    shows_progress = True

    def would(self, args: TaskArguments, result: TaskResult) -> str:
        return f"re-encrypt {counted(sum(target['reencrypted'] for target in result['targets']), 'value')}"

    def ask(self, args: TaskArguments) -> TaskArguments | Answered:
        if failure := take_shares(args):
            return Answered(failure)
        history = self.store(args).load()
        if args.get("outside") == "report":
            args["recorded_columns"] = recorded_columns(history, self._records(args))
        asked = self.host_options(args)
        asked.update(history.for_host())
        if self._task.check_mode:
            return asked
        history.stage(str(args["destination"]))  # E_STORE_STAGE before anything starts
        history.refuse_damaged()
        return {**asked, **self.step_of_run()}

    def progress_host(self, options: TaskArguments) -> str:
        return str(self.variables["inventory_hostname"]) if options.get("share") else ""

    def judge(self, args: TaskArguments, result: TaskResult) -> TaskResult:
        if self._task.check_mode:
            return result
        host = self.progress_host(args)
        lines.detail(step_lines.share(result, host) if host else step_lines.reencrypted(result), "Re-encryption")
        lines.warn(sentences.reencryption(result))
        return result
