# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""secret_key_fallbacks on the control node: send the host the keys that must stay valid, and those that must not."""

from __future__ import annotations

from collections.abc import Mapping

from ansible.utils.display import Display

from ..module_utils._record.events import FallbacksEvent
from ..plugin_utils._keys import fallback_keys
from ..plugin_utils._keys.fallback_keys import FallbackChange, KeyName
from ..plugin_utils._single_module_action import Answered, HostAction
from ..plugin_utils._task_types import TaskArguments, TaskResult

display = Display()


class ActionModule(HostAction):
    kept_here = ("store", "record_dir", "key_id")
    _removable: Mapping[str, KeyName] = {}  # the keys to remove, by value

    def would(self, args: TaskArguments, result: TaskResult) -> str:
        return f"change SECRET_KEY_FALLBACKS in {result['path']}"

    def ask(self, args: TaskArguments) -> TaskArguments | Answered:
        change = self._change(args)
        return {**self.host_options(args), "values": change} if any(change.values()) else Answered({"changed": False})

    def _change(self, args: TaskArguments) -> FallbackChange:
        is_return = args["state"] == "absent" and not args.get("key_id")
        changes = self._changes_of_host(args) if is_return else []
        if is_return and not changes:
            return {}
        history = self.store(args).load()
        if args["state"] == "present":
            return fallback_keys.build_addition(*history.last_change)
        former = fallback_keys.find_former_versions(history, args["state"], args.get("key_id"))
        self._removable = fallback_keys.name_keys(former)
        return {"add": fallback_keys.find_removed_keys(changes, history), "remove": [*self._removable]}

    def _changes_of_host(self, args: TaskArguments) -> list[FallbacksEvent]:
        events = self.record(args).decoded()
        return fallback_keys.find_changes(events, self.variables.get("inventory_hostname"))

    def judge(self, args: TaskArguments, result: TaskResult) -> TaskResult:
        for warning in fallback_keys.describe_still_valid(result):
            display.warning(warning)
        names = [*self._removable.values()]
        return {**result, "removed": [names[number] for number in result.get("removed", ())]}
