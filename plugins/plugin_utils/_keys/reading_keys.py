# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys with which the application's own reading is compared."""

from __future__ import annotations

from ...module_utils._errors.run import VersionNotCreated
from ...module_utils._stores.history import History
from .._task_types import TaskArguments


def reading_keys(history: History, rotation_id: str) -> TaskArguments:
    """Return the current keys, and the key of the digests, as options for the host.

    The digests before and after a rotation have the same key, which is derived from its new version. Raise
    E_VERSION_NOT_CREATED if the store has no version of this rotation.
    """
    version = history.made_by(rotation_id)
    if version is None:
        raise VersionNotCreated(rotation_id=rotation_id)
    current = history.stage("current")
    return {
        "key_sets": {"current": dict(current.values)},
        "key_set_ids": {"current": current.key_id},
        "base": "current",
        "digest_key": version.keys.digest_key.hex(),
    }
