# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of a task compared with those of the .env file and the key files, and the files that differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .._errors.run import ActionPluginMissing
from .host_task import HostTask

if TYPE_CHECKING:
    from .._destinations.destination_interface import DestinationChange

UNMADE = "(created by a real run)"


@dataclass(frozen=True)
class EnvFileChange:
    """Whether the keys differ, and the key IDs before and after. ``place`` names the files."""

    differs: bool
    before: str
    after: str
    place: str


def change_files(task: HostTask, module: str, change: Callable[[Sequence[DestinationChange]], None]) -> EnvFileChange:
    """Call ``change`` with the files in which a value differs. A dry run only refuses files that cannot be written.

    Raise E_ACTION_MISSING if ``module`` has no values.
    """
    from .._destinations import env_file_editor, key_destinations

    places = key_destinations.paths(task.params["path"], task.params["keys"])
    if task.check_mode:
        return _compare(task, None)
    if not task.params["values"]:
        raise ActionPluginMissing(module=module)
    with env_file_editor.held(places):
        for place in places:
            env_file_editor.discard_leftover(place)
        return _compare(task, change)


def _compare(task: HostTask, change: Callable[[Sequence[DestinationChange]], None] | None) -> EnvFileChange:
    from .._destinations import key_destinations
    from .._engine.crypto.key_set import KeySet

    path, keys, values, dialect = (task.params[name] for name in ("path", "keys", "values", "dialect"))
    before = KeySet(key_destinations.read(path, keys, dialect=dialect))
    differs = before.values != values
    if differs:
        key_destinations.refuse_unwritable(path, keys)
    if differs and values:
        changes = key_destinations.changes(path, keys, values, dialect)
        if change:
            change(changes)
    after = task.params["key_id"] if values else UNMADE
    return EnvFileChange(differs, before.key_id, after, key_destinations.described(path, keys))
