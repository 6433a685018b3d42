# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""secret_key_fallbacks on the control node: send the host the keys that must stay valid, and those that must not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ansible.utils.display import Display

from ..module_utils._engine.crypto.key_set import signing_name
from ..module_utils._errors.application import SessionsCompromised
from ..module_utils._record.events import FallbacksEvent
from ..module_utils._stores.history import History, Version
from ..plugin_utils._single_module_action import Answered, HostAction
from ..plugin_utils._task_types import TaskArguments, TaskResult

display = Display()
# What is still valid after the keys of the store were removed from the list.
LEFT = {
    "revoked": "SECRET_KEY_FALLBACKS still has former keys ({count}), which the application does not read from {path}. "
    "Data signed with them stays valid: remove them from the settings now.",
    "others": "SECRET_KEY_FALLBACKS has keys ({count}) of no version in the store. Data signed with them stays valid: "
    "remove them from {path} if they leaked too.",
}


class ActionModule(HostAction):
    kept_here = ("store", "record_dir", "key_id")
    _removable: Mapping[str, Mapping[str, str]] = {}  # the keys to remove: value to key ID of the version and name

    def would(self, args: TaskArguments, result: TaskResult) -> str:
        return f"change SECRET_KEY_FALLBACKS in {result['path']}"

    def ask(self, args: TaskArguments) -> TaskArguments | Answered:
        is_return = args["state"] == "absent" and not args.get("key_id")
        changes = self._changes(args) if is_return else []
        if is_return and not changes:
            return Answered({"changed": False})
        history = self.store(args).load()
        if args["state"] == "present":
            return self._to_keep(args, *history.last_change)
        self._removable = _keys(self._former(args, history))
        return self._asked(args, add=_removed_by(changes, history), remove=[*self._removable])

    def _to_keep(self, args: TaskArguments, before: Version, after: Version) -> TaskArguments | Answered:
        if before.is_compromised:
            raise SessionsCompromised(chosen="fallbacks")
        name = signing_name(before.values)
        # SECRET_KEY is not rotated, or its value cannot be in a list: the checklist said so.
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
        # Also older ones that were never retired: no later command would name them.
        return [asked, *(version for version in older if version.key_id not in history.stages.values())]

    def _asked(self, args: TaskArguments, **values: Sequence[str]) -> TaskArguments | Answered:
        """The options of the module, with these values."""
        if not any(values.values()):
            return Answered({"changed": False})
        return {**self.host_options(args), "values": values}

    def judge(self, args: TaskArguments, result: TaskResult) -> TaskResult:
        left = result.get("fallbacks", {})
        for name, sentence in LEFT.items():
            if left.get(name):
                display.warning(sentence.format(count=left[name], path=result["path"]))
        named = [*self._removable.values()]
        return {**result, "removed": [named[number] for number in result.get("removed", ())]}

    def _changes(self, args: TaskArguments) -> list[FallbacksEvent]:
        """What the rotation, or a run that was killed, did or may have done to the list of this host."""
        host = self.variables.get("inventory_hostname")
        found = [event for event in self.record(args).decoded() if isinstance(event, FallbacksEvent)]
        return [event for event in found if event.host in ("", host) and event.state in ("present", "revoked")]


def _keys(versions: Sequence[Version]) -> dict[str, dict[str, str]]:
    """The values that may have been SECRET_KEY, whatever the variable is called, with key ID and name. A list cannot
    contain a value with a comma."""
    found = {
        value: {"key_id": version.key_id, "name": name}
        for version in versions
        for name, value in version.values.items()
        if "," not in value
    }
    return dict(sorted(found.items()))


def _removed_by(changes: Sequence[FallbacksEvent], history: History) -> list[str]:
    """The keys that a rotation for a compromise removed from the list, as far as the store still has them."""
    versions = {version.key_id: version.values for version in history.versions}
    removed = [(one["key_id"], one["name"]) for event in changes for one in event.removed]
    return [versions[key_id][name] for key_id, name in dict.fromkeys(removed) if name in versions.get(key_id, {})]
