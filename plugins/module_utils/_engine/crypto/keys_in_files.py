# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The error of files with other keys than those of the expected version."""

from __future__ import annotations

from collections.abc import Mapping

from ..._errors.base import RotationError
from ..._errors.env_file import EnvBetweenVersions, EnvNotSwitched
from .key_set import KeySet
from .key_transitions import READABLE, last_change, of_stages


def build_env_error(place: str, keys: KeySet, expected: str, stages: Mapping[str, KeySet]) -> RotationError:
    """Return the error of ``keys`` that are not the expected ones: E_ENV_BETWEEN_VERSIONS if they are those of two
    versions, otherwise E_ENV_NOT_SWITCHED."""
    between = of_stages({stage: known.values for stage, known in stages.items()})
    for transition, both in between.items():
        if both == keys:
            order = last_change(stages) if transition == READABLE else last_change(stages)[::-1]
            first, second = (stages[stage].key_id for stage in order)
            return EnvBetweenVersions(path=place, first=first, second=second)
    return EnvNotSwitched(path=place, key_id=keys.key_id, expected=expected)
