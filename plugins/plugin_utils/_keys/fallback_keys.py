# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choose which keys of the store are added to a host's SECRET_KEY_FALLBACKS, and which are removed from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

from ...module_utils._engine.crypto.key_set import signing_name
from ...module_utils._errors.application import SessionsCompromised
from ...module_utils._record.events import Event, FallbacksEvent
from ...module_utils._stores.history import History, Version
from .._task_types import TaskResult

# What is still valid after the keys of the store were removed from the list.
STILL_VALID = {
    "revoked": "SECRET_KEY_FALLBACKS still has former keys ({count}), which the application does not read from {path}. "
    "Data signed with them stays valid: remove them from the settings now.",
    "others": "SECRET_KEY_FALLBACKS has keys ({count}) of no version in the store. Data signed with them stays valid: "
    "remove them from {path} if they leaked too.",
}


class KeyName(TypedDict):
    """A key as the record names it: its version, and the name of its setting."""

    key_id: str
    name: str


class FallbackChange(TypedDict, total=False):
    """The option ``values`` of the module. ``signing`` are keys that the list must not have, since they sign."""

    add: Sequence[str]
    remove: Sequence[str]
    signing: Sequence[str]


@dataclass(frozen=True)
class FallbackRequest:
    """The requested state of the list, and the version whose key must not be in it, if one is named."""

    state: str
    key_id: str | None

    @property
    def is_rollback(self) -> bool:
        """Return whether it takes back what the rotation did to the list."""
        return self.state == "absent" and not self.key_id

    def name_removable(self, history: History) -> dict[str, KeyName]:
        """Return the keys that must not be in the list, with their names."""
        if self.state == "present":
            return {}
        return name_keys(find_former_versions(history, self.state, self.key_id))

    def build_change(self, history: History, changes: Sequence[FallbacksEvent]) -> FallbackChange:
        """Return the change of the list. ``changes`` are those that a rollback takes back."""
        if self.state == "present":
            return build_addition(*history.last_change)
        return {"add": find_removed_keys(changes, history), "remove": [*self.name_removable(history)]}


def build_addition(before: Version, after: Version) -> FallbackChange:
    """Return the change that keeps data valid which the previous key signed; an empty one if there is nothing to keep.

    Raise E_SESSIONS_COMPROMISED if that key is compromised.
    """
    if before.is_compromised:
        raise SessionsCompromised(chosen="fallbacks")
    name = signing_name(before.values)
    # SECRET_KEY is not rotated, or its value cannot be in a list: the checklist said so.
    if name is None or "," in before.values[name]:
        return {}
    return {"add": [before.values[name]], "signing": [after.values[name]]}


def find_former_versions(history: History, state: str, key_id: str | None) -> Sequence[Version]:
    """Return the versions whose keys must no longer be in the list."""
    if state == "revoked":
        return [version for version in history.versions if version.key_id != history.stages.get("current")]
    if not key_id:
        return [history.last_change[0]]
    retired = history.version(key_id)
    older = history.versions[: history.versions.index(retired)]
    # Also older ones that were never retired: no later command would name them.
    return [retired, *(version for version in older if version.key_id not in history.stages.values())]


def name_keys(versions: Sequence[Version]) -> dict[str, KeyName]:
    """Return the values that may have been SECRET_KEY, whatever the variable is called, with their names.

    A list cannot contain a value with a comma.
    """
    names: dict[str, KeyName] = {
        value: {"key_id": version.key_id, "name": name}
        for version in versions
        for name, value in version.values.items()
        if "," not in value
    }
    return dict(sorted(names.items()))


def find_changes(events: Sequence[Event], host: str | None) -> list[FallbacksEvent]:
    """Return what the rotation, or a run that was killed, did or may have done to the list of this host."""
    changes = [event for event in events if isinstance(event, FallbacksEvent)]
    return [event for event in changes if event.host in ("", host) and event.state in ("present", "revoked")]


def find_removed_keys(changes: Sequence[FallbacksEvent], history: History) -> list[str]:
    """Return the keys that a rotation for a compromise removed from the list, if the store still has them."""
    versions: Mapping[str, Mapping[str, str]] = {version.key_id: version.values for version in history.versions}
    removed = dict.fromkeys((key["key_id"], key["name"]) for event in changes for key in event.removed)
    return [versions[key_id][name] for key_id, name in removed if name in versions.get(key_id, {})]


def describe_still_valid(result: TaskResult) -> Iterator[str]:
    """Yield a warning for each kind of key that the list still has."""
    counts = result.get("fallbacks", {})
    for kind, sentence in STILL_VALID.items():
        if counts.get(kind):
            yield sentence.format(count=counts[kind], path=result["path"])
