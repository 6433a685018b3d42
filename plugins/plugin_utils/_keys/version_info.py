# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The answers of key_version_info: the versions of the store, or the one that a host has."""

from __future__ import annotations

from ...module_utils._engine.crypto.key_set import KeySet
from ...module_utils._stores.history import History
from .._task_types import TaskResult
from .host_keys import KeyFiles, refuse_other_stage, stage_of


def describe_versions(history: History, key_id: str | None) -> TaskResult:
    """Return every version without its values, and which may be destroyed: the one with this ID, or the previous."""
    chosen = key_id or history.stages.get("previous", "")
    return _result(history, key_id=chosen, versions=history.described())


def describe_host(
    history: History, keys: KeySet, files: KeyFiles, expect_stage: str | None, *, dry: bool
) -> TaskResult:
    """Return the version that a host has. Raise E_ENV_NOT_SWITCHED if it is not the expected one."""
    history.refuse_damaged()
    # A real run would have adopted another list of the current keys by now.
    if expect_stage and not (dry and history.versions and history.other_list(keys)):
        refuse_other_stage(history, keys, files, expect_stage)
    return _result(history, key_id=keys.key_id, holds=stage_of(history, keys, files))


def _result(history: History, **fields: object) -> TaskResult:
    return {"changed": False, **fields, "stages": dict(history.stages), "store": history.path}
