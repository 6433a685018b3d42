# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""secret_key_fallbacks on the controller: hand the host the key of a version that is to stay valid, or no longer."""

from __future__ import annotations

from collections.abc import Sequence

from ansible.utils.display import Display

from ..module_utils._engine.crypto.key_set import signing_name
from ..module_utils._errors.application import SessionsCompromised
from ..module_utils._stores.history import History, Version
from ..plugin_utils._host_action import Answered, HostAction
from ..plugin_utils._task_types import TaskArguments, TaskResult

display = Display()
# What is still valid after the keys of the store were taken out of the list.
LEFT = {
    "revoked": "SECRET_KEY_FALLBACKS still has former keys ({count}), which the application does not read from {path}. "
    "What these have signed stays valid: take them out of the settings now.",
    "others": "SECRET_KEY_FALLBACKS has keys ({count}) of no version in the store. What these have signed stays valid: "
    "take them out of {path} if they leaked too.",
}


class ActionModule(HostAction):
    def would(self, args: TaskArguments, result: TaskResult) -> str:
        return f"change SECRET_KEY_FALLBACKS in {result['path']}"

    def ask(self, args: TaskArguments) -> TaskArguments | Answered:
        if args["state"] == "absent" and not (args.get("key_id") or self._were_kept(args)):
            return Answered({"changed": False})
        history = self.store(args).load()
        if args["state"] == "present":
            return self._to_keep(args, *history.last_change)
        return self._asked(args, remove=_values(self._former(args, history)))

    def _to_keep(self, args: TaskArguments, before: Version, after: Version) -> TaskArguments | Answered:
        if before.is_compromised:
            raise SessionsCompromised(chosen="fallbacks")
        name = signing_name(before.values)
        # SECRET_KEY is not rotated, or its value can be in no list: the checklist said so.
        if name is None or "," in before.values[name]:
            return Answered({"changed": False})
        return self._asked(args, add=[before.values[name]], signing=[after.values[name]])

    @staticmethod
    def _former(args: TaskArguments, history: History) -> Sequence[Version]:
        """The versions whose keys must no longer be in the list."""
        if args["state"] == "revoked":
            return [version for version in history.versions if version.key_id != history.stages.get("current")]
        if not args.get("key_id"):
            return [history.last_change[0]]
        asked = history.version(args["key_id"])
        older = history.versions[: history.versions.index(asked)]
        # What nobody retired before this one: no command would name it any more.
        return [asked, *(version for version in older if version.key_id not in history.stages.values())]

    @staticmethod
    def _asked(args: TaskArguments, **values: Sequence[str]) -> TaskArguments | Answered:
        """The options of the module, with these values."""
        if not any(values.values()):
            return Answered({"changed": False})
        asked = {option: value for option, value in args.items() if option not in ("store", "record_dir", "key_id")}
        return {**asked, "values": values}

    def judge(self, args: TaskArguments, result: TaskResult) -> TaskResult:
        left = result.get("fallbacks", {})
        for name, sentence in LEFT.items():
            if left.get(name):
                display.warning(sentence.format(count=left[name], path=result["path"]))
        return result

    def _were_kept(self, args: TaskArguments) -> bool:
        """Whether the rotation has put a key into the list, or a run that was killed may have."""
        return any(event.name == self.module and event.state == "present" for event in self.record(args).decoded())


def _values(versions: Sequence[Version]) -> list[str]:
    """All that may have been SECRET_KEY, whatever the variable is called. What has a comma is in no list."""
    return sorted({value for version in versions for value in version.values.values() if "," not in value})
