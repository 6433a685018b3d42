# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""key_version on the control node: create, stage and roll back versions in the store."""

from __future__ import annotations

from ..module_utils._options.key_options import KEY_VERSION
from ..module_utils._record.writer import Record
from ..plugin_utils._key_action import KeyAction
from ..plugin_utils._keys.key_versions import VersionRequest
from ..plugin_utils._keys.version_task import VersionTask, describe_dry_run
from ..plugin_utils._report import sentences
from ..plugin_utils._rotation_record.version_record import begin_destruction, destruction_words, end_change
from ..plugin_utils._screen import lines
from ..plugin_utils._single_module_action import Answered
from ..plugin_utils._task_types import TaskArguments, TaskResult


class ActionModule(KeyAction):
    spec = KEY_VERSION

    def ask(self, options: TaskArguments) -> TaskArguments | Answered:
        task = self._task_on_store(options)
        if task.needs_keys_of_host:
            return self.ask_for_keys(options, "state", "rotation_id")
        result = task.run()
        lines.warn(sentences.kept_by(result))
        return Answered(result)

    def judge(self, options: TaskArguments, result: TaskResult) -> TaskResult:
        return self._task_on_store(options).run_after_host(result, self.opened)

    def _task_on_store(self, options: TaskArguments) -> VersionTask:
        request = VersionRequest.of(options, dry=bool(self._task.check_mode))
        return VersionTask(request, self.store(options), self._records(options), self._loader)

    def would(self, args: TaskArguments, result: TaskResult) -> str:
        return describe_dry_run(args["state"], result)

    def select_recorded_arguments(self, args: TaskArguments) -> TaskArguments:
        return {**super().select_recorded_arguments(args), **destruction_words(args)}

    def before(self, record: Record, args: TaskArguments) -> TaskArguments:
        destroys = args["state"] == "destroyed"
        return {**begin_destruction(args, record, self._records(args), self.store(args))} if destroys else {}

    def after(self, args: TaskArguments, result: TaskResult) -> TaskResult:
        if not self._task.check_mode:
            end_change(args["state"], result, self.record(args), self.store(args))
        return result
