# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a task of key_version on the store, by its state."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field

from ansible.parsing.dataloader import DataLoader

from ...module_utils._destinations import key_generation
from ...module_utils._engine.crypto.key_set import KeySet
from ...module_utils._record.writer import Record
from ...module_utils._stores.store_interface import Store
from .._task_types import TaskResult
from . import key_versions
from .key_versions import Move, VersionRequest, move
from .pending_version import NewVersion, supplied_values

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
    loader: DataLoader = field(repr=False)

    @property
    def needs_keys_of_host(self) -> bool:
        """Return whether the keys of a host are needed: to adopt them, or in the dry run of a new version in an empty
        store. A real run would have adopted them before."""
        request = self.request
        if request.state == "adopted":
            return True
        may_need_them = request.state == "pending" and request.dry and request.env_file
        return bool(may_need_them) and not self.store.load().versions

    def run(self, keys: KeySet | None = None) -> TaskResult:
        """Bring the store into the requested state. Return the result of the task.

        ``keys`` are those of the host, if they are needed and the host could read them.
        """
        if self.request.state == "pending":
            return self._create(keys)
        if self.request.state == "destroyed":
            destroyed = key_versions.destroy(self.store, self.request, self.records)
            return {**as_result(destroyed), "kept_by": list(destroyed.kept_by)}
        step = functools.partial(key_versions.adopt, keys=keys) if keys else STEPS[self.request.state]
        return as_result(move(self.store, functools.partial(step, request=self.request), dry=self.request.dry))

    def run_after_host(self, result: TaskResult, open_keys: Callable[[TaskResult], KeySet]) -> TaskResult:
        """Run with the keys in the ``result`` of the host. If it could not read them, only a new version needs none."""
        if not result.get("failed"):
            return self.run(open_keys(result))
        return self.run() if self.request.state == "pending" else result

    def _create(self, in_use: KeySet | None) -> TaskResult:
        supplied = supplied_values(self.request, self.loader)
        record = Record(self.records, self.request.rotation_id)
        created = NewVersion(self.request, supplied, record, in_use).create(self.store)
        if self.request.compromised and not self.request.dry:
            move(self.store, functools.partial(key_versions.expose, request=self.request), dry=False)
        if not created.changed:
            return as_result(created)
        current = created.history.values_in_use
        return {**as_result(created), "generated": key_generation.described(self.request.keys, current, supplied)}


def describe_dry_run(state: str, result: TaskResult) -> str:
    """Return what a real run would do, for the result of a dry run."""
    return WOULD[state].format(**result)


def as_result(done: Move) -> TaskResult:
    stages, store = dict(done.history.stages), done.history.path
    return {"changed": done.changed, "key_id": done.key_id, "stages": stages, "store": store}
