# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""secret_key_fallbacks on the controller: hand the host the key of a version that is to stay valid, or no longer."""

from __future__ import annotations

from collections.abc import Sequence

from ..module_utils._engine.crypto.key_set import signing_name
from ..module_utils._errors.application import SessionsCompromised
from ..module_utils._stores.history import Version
from ..plugin_utils._host_action import Answered, HostAction
from ..plugin_utils._task_types import TaskArguments, TaskResult


class ActionModule(HostAction):
    def would(self, args: TaskArguments, result: TaskResult) -> str:
        return f"change SECRET_KEY_FALLBACKS in {result['path']}"

    def ask(self, args: TaskArguments) -> TaskArguments | Answered:
        if args["state"] == "absent" and not (args.get("key_id") or self._were_kept(args)):
            return Answered({"changed": False})
        history = self.store(args).load()
        if args["state"] == "present":
            before, after = history.last_change
            if before.is_compromised:
                raise SessionsCompromised(chosen="fallbacks")
            return self._asked(args, before, add=[before], signing=[after])
        version = history.version(args["key_id"]) if args.get("key_id") else history.last_change[0]
        return self._asked(args, version, remove=[version])

    @staticmethod
    def _asked(args: TaskArguments, version: Version, **lists: Sequence[Version]) -> TaskArguments | Answered:
        """The options of the module, with the SECRET_KEY of each of these versions."""
        name = signing_name(version.values)
        # SECRET_KEY is not rotated, the version is destroyed, or its value can be in no list: the checklist said so.
        if name is None or "," in version.values[name]:
            return Answered({"changed": False})
        asked = {option: value for option, value in args.items() if option not in ("store", "record_dir", "key_id")}
        return {**asked, "values": {each: [one.values[name] for one in versions] for each, versions in lists.items()}}

    def _were_kept(self, args: TaskArguments) -> bool:
        """Whether the rotation has put a key into the list, or a run that was killed may have."""
        return any(event.name == self.module and event.state == "present" for event in self.record(args).decoded())
