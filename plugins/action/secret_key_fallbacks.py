# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""secret_key_fallbacks on the controller: hand the host the key of a version that is to stay valid, or no longer."""

from __future__ import annotations

from ..module_utils._engine.crypto.key_set import signing_name
from ..module_utils._errors.options import InvalidOption
from ..plugin_utils._host_action import Answered, HostAction
from ..plugin_utils._task_types import TaskArguments, TaskResult

HAS_COMMA = "has a value with a comma in the version {key_id}, which cannot be in a comma-separated list"


class ActionModule(HostAction):
    def would(self, args: TaskArguments, result: TaskResult) -> str:
        return f"change SECRET_KEY_FALLBACKS in {result['path']}"

    def ask(self, args: TaskArguments) -> TaskArguments | Answered:
        if args["state"] == "absent" and not (args.get("key_id") or self._were_kept(args)):
            return Answered({"changed": False})
        history = self.store(args).load()
        version = history.version(args["key_id"]) if args.get("key_id") else history.last_change[0]
        name = signing_name(version.values)
        if name is None:  # SECRET_KEY was not rotated, or the version is destroyed
            return Answered({"changed": False})
        key = version.values[name]
        if "," in key:
            raise InvalidOption(name=name, found=HAS_COMMA.format(key_id=version.key_id), advice="Use resign.")
        asked = {name: value for name, value in args.items() if name not in ("store", "record_dir", "key_id")}
        return {**asked, "values": {"add" if args["state"] == "present" else "remove": [key]}}

    def _were_kept(self, args: TaskArguments) -> bool:
        """Whether the rotation has put a key into the list, or a run that was killed may have."""
        return any(event.name == self.module and event.state == "present" for event in self.record(args).decoded())
