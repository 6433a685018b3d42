# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a .env file has other keys than the current version in the store."""

from __future__ import annotations

from typing import NoReturn

from ...module_utils._errors.keys import KeysBack, KeysDiffer, KeysLeft
from ...module_utils._stores.history import History


def refuse(history: History, found: str, env_file: str, *, switching: bool = False) -> NoReturn:
    """Raise E_KEYS_LEFT for keys of a rotation that was rolled back, E_KEYS_BACK for the previous version or for files
    ``switching`` between two versions, and E_KEYS_DIFFER for any other keys."""
    if rotation_id := history.taken_back(found):
        raise KeysLeft(env_file=env_file, found=found, rotation_id=rotation_id)
    error = KeysBack if switching or found == history.stages.get("previous") else KeysDiffer
    raise error(env_file=env_file, found=found, store=history.path, current=history.stage("current").key_id)
