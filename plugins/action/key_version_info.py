# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""key_version_info on the control node: list the versions of the store, or find the one that a host has."""

from __future__ import annotations

from ..module_utils._destinations import key_generation
from ..module_utils._options.key_options import KEY_VERSION_INFO
from ..module_utils._stores.history import History
from ..plugin_utils._key_action import KeyAction
from ..plugin_utils._keys.host_keys import refuse_other_stage, stage_of
from ..plugin_utils._report import step_lines
from ..plugin_utils._screen import lines
from ..plugin_utils._single_module_action import Answered
from ..plugin_utils._task_types import TaskArguments, TaskResult


class ActionModule(KeyAction):
    spec = KEY_VERSION_INFO

    def is_recorded(self, args: TaskArguments) -> bool:
        """Return whether the step is recorded. Only the check of a host belongs to a rotation."""
        return bool(args.get("env_file")) and super().is_recorded(args)

    def ask(self, options: TaskArguments) -> TaskArguments | Answered:
        key_generation.check_keys(options["keys"])
        if not options["env_file"]:
            return Answered(self._versions(options))
        return self.ask_for_keys(options)

    def judge(self, options: TaskArguments, result: TaskResult) -> TaskResult:
        if result.get("failed"):
            return result
        keys, history = self.opened(result), self.store(options).load()
        history.refuse_damaged()
        # A real run would have adopted another list of the current keys by now.
        if options["expect_stage"] and not (self._task.check_mode and history.versions and history.other_list(keys)):
            refuse_other_stage(history, keys, self.files(options), options["expect_stage"])
        return _result(history, key_id=keys.key_id, holds=stage_of(history, keys, self.files(options)))

    def _versions(self, options: TaskArguments) -> TaskResult:
        """Every version without its values, and the one that may be destroyed: the named one, or the previous."""
        history = self.store(options).load()
        versions = history.described()
        chosen = options["key_id"] or history.stages.get("previous", "")
        # The callback shows lines at the end of a step, when key_version has shown what a destruction has left.
        tell = lines.detail if chosen and not self._task.check_mode else lines.show
        tell(step_lines.versions(versions), "Key versions")
        return _result(history, key_id=chosen, versions=versions)


def _result(history: History, **fields: object) -> TaskResult:
    return {"changed": False, **fields, "stages": dict(history.stages), "store": history.path}
