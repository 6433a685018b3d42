# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write keys to the .env file and the key files."""

from __future__ import annotations

from collections.abc import Sequence

from .._errors.run import ActionPluginMissing
from .host_task import HostTask, ModuleResult

LEFT = "{path} is a compiled file with the previous value of a key, and could not be removed: delete it."


def set_env_file(task: HostTask) -> ModuleResult:
    """Rewrite the files in which a value differs. Without values, in a dry run, report what would be set."""
    from .._destinations import env_file_editor, key_destinations

    places = key_destinations.paths(task.params["path"], task.params["keys"])
    if task.check_mode:
        return _set(task)
    if not task.params["values"]:
        raise ActionPluginMissing(module="env_file")
    with env_file_editor.held(places):
        for place in places:
            env_file_editor.discard_leftover(place)
        return _set(task)


def _set(task: HostTask) -> ModuleResult:
    from .._destinations import destination_interface, key_destinations
    from .._engine.crypto.key_set import KeySet

    state, path, dialect = task.params["state"], task.params["path"], task.params["dialect"]
    keys, values = task.params["keys"], task.params["values"]
    names = [key["name"] for key in keys]
    before = KeySet(key_destinations.read(path, keys, dialect=dialect))
    after = task.params["key_id"] if values else "(created by a real run)"
    differs = before.values != values
    if differs:
        key_destinations.refuse_unwritable(path, keys)
    if differs and values:
        changes = key_destinations.changes(path, keys, values, dialect)
        if not task.check_mode:
            try:
                (destination_interface.write if state == "present" else destination_interface.rehearse)(changes)
            finally:
                for left in (left for change in changes for left in change.leftovers):
                    task.warn(LEFT.format(path=left))
    changed = differs and state == "present"
    place = key_destinations.described(path, keys)
    result = {"changed": changed, "path": place, "key_id": after, "settings": names if changed else []}
    if task._diff and state == "present":
        result["diff"] = [
            {
                "before_header": each.place,
                "after_header": each.place,
                "before": _format_diff(each.names, before.key_id),
                "after": _format_diff(each.names, after),
            }
            for each in key_destinations.of(path, keys)
        ]
    return result


def _format_diff(names: Sequence[str], key_id: str) -> str:
    return "".join(f"{name}=<of key set {key_id}>\n" for name in names)
