# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reasons why a .env file has other keys than the current version in the store."""

from __future__ import annotations

from typing import NoReturn

from ...module_utils._errors.keys import KeysBack, KeysDiffer, KeysLeft
from ...module_utils._stores.history import History


def refuse(history: History, key_id: str, env_file: str, *, switching: bool = False) -> NoReturn:
    """Raise the error for a .env file with other keys than the current version.

    E_KEYS_LEFT: keys of a rotation that was rolled back. E_KEYS_BACK: the previous version, or files ``switching``
    between two versions. E_KEYS_DIFFER: any other keys.
    """
    if rotation_id := history.find_rolled_back(key_id):
        raise KeysLeft(env_file=env_file, key_id=key_id, rotation_id=rotation_id)
    error = KeysBack if switching or key_id == history.stages.get("previous") else KeysDiffer
    raise error(env_file=env_file, key_id=key_id, store=history.path, current=history.stage("current").key_id)
