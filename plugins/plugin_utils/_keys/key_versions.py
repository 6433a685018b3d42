# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The changes of a store's history. Each one checks and acts while it holds the store, and is idempotent."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from typing import TYPE_CHECKING

from ...module_utils._destinations.key_generation import check_keys
from ...module_utils._engine.crypto.key_entry import KeyEntries
from ...module_utils._engine.crypto.key_set import KeySet
from ...module_utils._engine.result_types import CensusOutcome
from ...module_utils._errors.base import RotationError
from ...module_utils._errors.keys import KeysNotProved
from ...module_utils._errors.options import InvalidOption
from ...module_utils._errors.run import RotationOpen
from ...module_utils._stores.history import ROLLED_BACK, History
from ...module_utils._stores.store_interface import Store
from .host_keys import KeyFiles, refuse_other_keys
from .listed_keys import refuse_unlisted
from .retention import refuse_held
from .version_use import refuse_backups, refuse_kept_aside, refuse_needed, refuse_processes, refuse_used

if TYPE_CHECKING:
    from ...module_utils._backup.manifest import KeptBackup
    from .._task_types import TaskArguments, TaskResult

UNMADE = "(created by a real run)"  # instead of the key ID that only a real run creates


@dataclass(frozen=True)
class VersionRequest:
    """A requested change of the store: the options of ``key_version``, and whether it is a dry run."""

    keys: KeyEntries
    rotation_id: str
    dialect: str
    dry: bool
    state: str = ""
    env_file: str = ""
    values_file: str = ""
    key_id: str | None = None
    census: CensusOutcome = field(default_factory=CensusOutcome)
    kept_backups: Sequence[KeptBackup] = ()
    processes: Mapping[str, TaskResult] = field(default_factory=dict)
    hold_days: int = 0
    compromised: bool = False
    former_keys: Sequence[str] = ()

    @classmethod
    def of(cls, options: TaskArguments, *, dry: bool) -> VersionRequest:
        """Return what a task asks for. Raise E_KEY_SPEC or E_KEY_TYPE for its keys."""
        check_keys(options["keys"])
        names = {member.name for member in fields(cls)}
        given = {name: value for name, value in options.items() if name in names and value is not None}
        return cls(**given, dry=dry)

    @property
    def files(self) -> KeyFiles:
        return KeyFiles(self.env_file, self.keys, self.dialect)


@dataclass(frozen=True)
class Move:
    """The result of a change: the history, the version that it concerned, and the versions that keep a value of it."""

    history: History
    key_id: str
    changed: bool
    kept_by: Sequence[str] = ()


def move(store: Store, step: Callable[[History], str], *, dry: bool) -> Move:
    """Take ``step``, which returns a key ID, while no other host can change the store. A dry run discards the
    change."""
    with contextlib.nullcontext(store.load()) if dry else store.change() as history:
        history.refuse_damaged()
        before = history.as_document()
        key_id = step(history)
        return Move(history, key_id, key_id == UNMADE or history.as_document() != before)


def adopt(history: History, request: VersionRequest, keys: KeySet) -> str:
    """Make the application's own keys the current version, or check that they belong to the open rotation."""
    proved = request.key_id
    refuse_unlisted(history, request.keys, request.former_keys)
    is_other_list = bool(history.versions) and history.other_list(keys)
    if not history.versions or is_other_list:
        if proved not in (None, keys.key_id, is_other_list and history.stages["current"]):
            raise KeysNotProved(env_file=request.files.described, key_id=keys.key_id, proved=proved)
        history.adopt(keys, request.keys)
    refuse_other_keys(history, keys, request.files)
    return keys.key_id


def promote(history: History, request: VersionRequest) -> str:
    """Make the pending version of this rotation current."""
    rotation_id = request.rotation_id
    if request.dry and not history.open_rotation and not history.made_by(rotation_id):
        return UNMADE
    if "current" not in history.stages or history.stage("current").rotation_id != rotation_id:
        _refuse_other_rotation(history.stage("pending").rotation_id, rotation_id)
        history.promote()
    return history.stage("current").key_id


def expose(history: History, request: VersionRequest) -> str:
    """Mark the version that this rotation replaces as compromised."""
    if history.open_rotation == request.rotation_id:
        history.expose()
    return history.stage(history.base).key_id


def roll_back(history: History, request: VersionRequest) -> str:
    """Make the version before that of this rotation current again."""
    if history.outcome(request.rotation_id) != ROLLED_BACK:
        _refuse_other_rotation(history.last.rotation_id, request.rotation_id)
        history.roll_back()
    return history.stage("current").key_id


def discard(history: History, request: VersionRequest) -> str:
    """Remove the stage of this rotation's pending version. Refused if a value is under it."""
    version = history.made_by(request.rotation_id)
    if version and version.outcome == ROLLED_BACK:
        return version.key_id
    pending = history.stage("pending")
    _refuse_other_rotation(pending.rotation_id, request.rotation_id)
    refuse_used(request.census, pending.key_id)
    history.roll_back()
    return pending.key_id


def destroy(store: Store, request: VersionRequest, records: str) -> Move:
    """Destroy the values of a version that nothing needs. The history keeps the version.

    ``records`` is the folder of the records, which show since when it is not in use.
    """
    key_id = request.key_id
    if not key_id:
        raise InvalidOption(option="retire_key_id", fault="is not set", advice="Set it to the version to destroy.")

    def step(history: History) -> str:
        if not history.version(key_id).destroyed:
            _refuse_needed(history, request, key_id, records)
        kept_by.update(holder.key_id for _, holder in history.listed_by(key_id))
        destroyed.append(history.destroy(key_id, compromised=request.compromised).rotation_id)
        return key_id

    destroyed: list[str] = []
    kept_by: set[str] = set()
    done = move(store, step, dry=request.dry)
    if not request.dry:
        try:
            store.destroy_values(destroyed[-1])  # done again if an earlier run died before it
        except RotationError as exc:
            raise exc.with_changed(
                f"The history says that {key_id} is destroyed, but its values still exist."
            ) from None
    return Move(done.history, done.key_id, done.changed, sorted(kept_by))


def _refuse_needed(history: History, request: VersionRequest, key_id: str, records: str) -> None:
    """Raise E_VERSION_* with every reason why the version cannot be destroyed."""
    refuse_needed(
        key_id,
        partial(history.refuse_destruction, key_id),
        partial(refuse_used, request.census, key_id),
        partial(refuse_processes, request.processes, key_id),
        partial(refuse_backups, request.kept_backups, key_id),
        partial(refuse_kept_aside, request.census, key_id),
        partial(refuse_held, history, key_id, request.hold_days, records),
    )


def _refuse_other_rotation(open_id: str, asked: str) -> None:
    if open_id != asked:
        raise RotationOpen(open_id=open_id, requested=asked)
