# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys in the files of a host: how they reach the control node, and which version of the store they are."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from ...module_utils._destinations import agreement, key_destinations
from ...module_utils._engine.crypto.key_entry import KeyEntries
from ...module_utils._engine.crypto.key_set import KeySet
from ...module_utils._engine.crypto.keys_in_files import build_env_error
from ...module_utils._errors.keys import KeysNotProved
from ...module_utils._module.sealed_result import Envelope
from ...module_utils._stores.history import History
from .._task_types import TaskArguments, TaskResult
from . import other_keys

with contextlib.suppress(ImportError):  # a dependency of ansible-core
    from cryptography.exceptions import InvalidTag


@dataclass(frozen=True)
class KeyFiles:
    """The .env file of a host, and which keys are in it or in a file of their own."""

    env_file: str
    keys: KeyEntries
    dialect: str

    @property
    def described(self) -> str:
        """The places of the keys, in words."""
        return key_destinations.described(self.env_file, self.keys)


class SealedKeys:
    """The keys of one host, which arrive sealed in the result of a module."""

    def __init__(self, files: KeyFiles) -> None:
        self._files = files
        self._envelope = Envelope()

    def request(self) -> TaskArguments:
        """The options of the module. It never gets the store."""
        files = self._files
        asked = {"env_file": files.env_file or None, "keys": files.keys, "dialect": files.dialect}
        return {**asked, "seal_to": self._envelope.address}

    def open(self, result: TaskResult) -> KeySet:
        """Open the sealed keys. Raise E_KEYS_NOT_PROVED if they were sealed for another recipient."""
        try:
            return KeySet(self._envelope.open(result["sealed"]))
        except (InvalidTag, ValueError):
            raise KeysNotProved(env_file=self._files.described, key_id="?", proved="?") from None


def stage_of(history: History, keys: KeySet, files: KeyFiles) -> str:
    """The stage or transition that the host has, or ``rolled back``, ``several`` or ``other``."""
    for stage, key_id in history.stages.items():
        if key_id == keys.key_id:
            return stage
    for stage, both in history.transitions.items():  # by their values: a key ID takes long to make
        if both == keys:
            return stage
    if history.find_rolled_back(keys.key_id):
        return "rolled back"
    return "several" if _is_switching(history, keys, files) else "other"


def refuse_other_stage(history: History, keys: KeySet, files: KeyFiles, stage: str) -> None:
    """Raise E_ENV_BETWEEN_VERSIONS or E_ENV_NOT_SWITCHED unless the host has the version of that stage.

    With an empty store, it may have any keys.
    """
    if not history.versions:
        return
    expected = history.stage(stage).key_id
    if expected != keys.key_id:
        raise build_env_error(files.described, keys, expected, history.key_sets)


def refuse_other_keys(history: History, keys: KeySet, files: KeyFiles) -> None:
    """Raise E_KEYS_* unless the files have the current version, or each has a version of an interrupted switch."""
    if keys.key_id == history.stage("current").key_id:
        return
    is_switching = _is_switching(history, keys, files)
    if not (is_switching and history.open_rotation):
        other_keys.refuse(history, keys.key_id, files.described, switching=is_switching)


def _is_switching(history: History, keys: KeySet, files: KeyFiles) -> bool:
    """Return whether every file has a version with a stage, such as one the current and another the pending one, or
    what comes between them."""
    staged = [history.stage(stage).values for stage in history.stages]
    staged += [each.values for each in history.transitions.values()]
    staged = [values for values in staged if set(values) == set(keys.values)]
    return agreement.each_file_is_staged(keys.values, staged, files.keys)
