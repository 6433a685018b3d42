# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write keys to the .env file and the key files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .env_file_change import EnvFileChange, change_files
from .host_task import HostTask, ModuleResult

if TYPE_CHECKING:
    from .._destinations.destination_interface import DestinationChange

LEFT = "{path} is a compiled file with the previous value of a key, and could not be removed: delete it."


def set_env_file(task: HostTask) -> ModuleResult:
    """Rewrite the files in which a value differs. Without values, in a dry run, report what would be set."""
    from .._destinations import destination_interface, key_destinations

    def write(changes: Sequence[DestinationChange]) -> None:
        try:
            destination_interface.write(changes)
        finally:
            for left in (left for change in changes for left in change.leftovers):
                task.warn(LEFT.format(path=left))

    change = change_files(task, "env_file", write)
    settings = [key["name"] for key in task.params["keys"]] if change.differs else []
    result = {"changed": change.differs, "path": change.place, "key_id": change.after, "settings": settings}
    if task.check_mode:
        result["rewritten"] = key_destinations.rewritten(task.params["path"], task.params["keys"])
    return {**result, "diff": _diff(task, change)} if task._diff else result


def _diff(task: HostTask, change: EnvFileChange) -> list[dict[str, str]]:
    from .._destinations import key_destinations

    return [
        {
            "before_header": place.place,
            "after_header": place.place,
            "before": _format_diff(place.names, change.before),
            "after": _format_diff(place.names, change.after),
        }
        for place in key_destinations.of(task.params["path"], task.params["keys"])
    ]


def _format_diff(names: Sequence[str], key_id: str) -> str:
    """Return the names of the keys with their version, and not as lines of the file: a key file has no names."""
    return "".join(f"{name} of version {key_id}\n" for name in names)
