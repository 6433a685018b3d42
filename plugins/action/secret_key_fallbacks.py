# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""secret_key_fallbacks on the control node: send the host the keys that must stay valid, and those that must not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..module_utils._record.events import FallbacksEvent
from ..plugin_utils._keys.fallback_keys import FallbackRequest, KeyName, describe_still_valid, find_changes
from ..plugin_utils._screen import lines
from ..plugin_utils._single_module_action import Answered, HostAction
from ..plugin_utils._task_types import TaskArguments, TaskResult


class ActionModule(HostAction):
    kept_here = ("store", "record_dir", "key_id")
    _removable: Mapping[str, KeyName] = {}  # the keys to remove, by value

    def would(self, args: TaskArguments, result: TaskResult) -> str:
        return f"change SECRET_KEY_FALLBACKS in {result['path']}"

    def ask(self, args: TaskArguments) -> TaskArguments | Answered:
        request = FallbackRequest(args["state"], args.get("key_id"))
        changes = self._changes_of_host(args) if request.is_rollback else []
        if request.is_rollback and not changes:
            return Answered({"changed": False})
        history = self.store(args).load()
        change = request.build_change(history, changes)
        self._removable = request.name_removable(history)
        return {**self.host_options(args), "values": change} if any(change.values()) else Answered({"changed": False})

    def _changes_of_host(self, args: TaskArguments) -> Sequence[FallbacksEvent]:
        return find_changes(self.record(args).decoded(), self.variables.get("inventory_hostname"))

    def judge(self, args: TaskArguments, result: TaskResult) -> TaskResult:
        lines.warn(describe_still_valid(result))
        names = [*self._removable.values()]
        return {**result, "removed": [names[number] for number in result.get("removed", ())]}
