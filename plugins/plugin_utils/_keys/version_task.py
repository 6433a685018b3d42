# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task of key_version does with the store, by state."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

from ...module_utils._destinations import key_generation
from ...module_utils._engine.crypto.key_set import KeySet
from ...module_utils._record.writer import Record
from ...module_utils._stores.store_interface import Store
from .._task_types import TaskResult
from . import key_versions
from .key_versions import Move, VersionRequest, move
from .pending_version import NewVersion

STEPS = {
    "current": key_versions.promote,
    "rolled_back": key_versions.roll_back,
    "discarded": key_versions.discard,
}
WOULD = {
    "adopted": "adopt the keys of the application, {key_id}, as the current version in {store}",
    "pending": "create new keys in {store}",
    "current": "make the new keys current in {store}",
    "rolled_back": "make the previous version current again in {store}",
    "discarded": "discard the pending version {key_id} in {store}",
    "destroyed": "destroy the values of the version {key_id} in {store}",
}


@dataclass(frozen=True)
class VersionTask:
    """A requested change of a store. ``records`` is the folder of all records."""

    request: VersionRequest
    store: Store
    records: str

    def bring(self, state: str) -> TaskResult:
        """Bring the store into a state that needs no keys from outside. Returns the result of the task."""
        if state == "destroyed":
            destroyed = key_versions.destroy(self.store, self.request, self.records)
            return {**as_result(destroyed), "kept_by": list(destroyed.kept_by)}
        return as_result(move(self.store, functools.partial(STEPS[state], request=self.request), dry=self.request.dry))

    def adopt(self, keys: KeySet) -> TaskResult:
        """The same for the keys of a host, which become the current version."""
        step = functools.partial(key_versions.adopt, request=self.request, keys=keys)
        return as_result(move(self.store, step, dry=self.request.dry))

    def create(self, supplied: Mapping[str, str], in_use: KeySet | None) -> TaskResult:
        """The same for the new version. For the parameters see ``NewVersion``."""
        record = Record(self.records, self.request.rotation_id)
        created = NewVersion(self.request, supplied, record, in_use).create(self.store)
        if self.request.compromised and not self.request.dry:
            move(self.store, functools.partial(key_versions.expose, request=self.request), dry=False)
        if not created.changed:
            return as_result(created)
        return {**as_result(created), "generated": key_generation.described(self.request.keys, supplied)}


def as_result(done: Move) -> TaskResult:
    stages, store = dict(done.history.stages), done.history.path
    return {"changed": done.changed, "key_id": done.key_id, "stages": stages, "store": store}
