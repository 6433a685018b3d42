# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""key_version_info on the control node: list the versions of the store, or find the one that a host has."""

from __future__ import annotations

from ..module_utils._destinations import key_generation
from ..module_utils._options.key_options import KEY_VERSION_INFO
from ..plugin_utils._key_action import KeyAction
from ..plugin_utils._keys.version_info import describe_host, describe_versions
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
        if options["env_file"]:
            return self.ask_for_keys(options)
        result = describe_versions(self.store(options).load(), options["key_id"])
        # The callback shows lines at the end of a step, when key_version has shown what a destruction has left.
        show = lines.detail if result["key_id"] and not self._task.check_mode else lines.show
        show(step_lines.versions(result["versions"]), "Key versions")
        return Answered(result)

    def judge(self, options: TaskArguments, result: TaskResult) -> TaskResult:
        if result.get("failed"):
            return result
        keys, history = self.opened(result), self.store(options).load()
        dry = bool(self._task.check_mode)
        return describe_host(history, keys, self.files(options), options["expect_stage"], dry=dry)
