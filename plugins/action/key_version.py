# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""key_version on the control node: create, stage and roll back versions in the store."""

from __future__ import annotations

from ansible.utils.display import Display

from ..module_utils._destinations import key_generation
from ..module_utils._options.key_options import KEY_VERSION
from ..module_utils._record.writer import Record
from ..plugin_utils._key_action import KeyAction
from ..plugin_utils._keys.key_versions import VersionRequest
from ..plugin_utils._keys.version_task import WOULD, VersionTask
from ..plugin_utils._report import sentences, step_lines
from ..plugin_utils._rotation_record.version_record import begin_destruction, destruction_words, seal_versions
from ..plugin_utils._screen import lines
from ..plugin_utils._single_module_action import Answered
from ..plugin_utils._task_types import TaskArguments, TaskResult

display = Display()
ASKED = ("state", "rotation_id")  # of the task, for the module


class ActionModule(KeyAction):
    spec = KEY_VERSION

    def ask(self, options: TaskArguments) -> TaskArguments | Answered:
        key_generation.check_keys(options["keys"])
        task = self._task_on_store(options)
        if task.needs_keys_of_host:
            return self.ask_for_keys(options, *ASKED)
        result = task.run()
        for sentence in sentences.kept_by(result):
            display.warning(sentence)
        return Answered(result)

    def judge(self, options: TaskArguments, result: TaskResult) -> TaskResult:
        if not result.get("failed"):
            return self._task_on_store(options).run(self.opened(result))
        return self._task_on_store(options).run() if options["state"] == "pending" else result

    def _task_on_store(self, options: TaskArguments) -> VersionTask:
        request = VersionRequest.of(options, dry=bool(self._task.check_mode))
        return VersionTask(request, self.store(options), self._records(options), self._loader)

    def would(self, args: TaskArguments, result: TaskResult) -> str:
        return WOULD[args["state"]].format(**result)

    def select_recorded_arguments(self, args: TaskArguments) -> TaskArguments:
        return {**super().select_recorded_arguments(args), **destruction_words(args)}

    def before(self, record: Record, args: TaskArguments) -> TaskArguments:
        if args["state"] != "destroyed":
            return {}
        return {**begin_destruction(args, record, self._records(args), self.store(args))}

    def after(self, args: TaskArguments, result: TaskResult) -> TaskResult:
        if not self._task.check_mode:
            seal_versions(args["state"], result, self.record(args), self.store(args))
            if args["state"] == "destroyed":
                lines.show(step_lines.versions(self.store(args).load().described()), "Key versions")
        return result
