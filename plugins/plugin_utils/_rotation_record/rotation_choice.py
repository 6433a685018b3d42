# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chooses the rotation of a run: the one that was asked for, the open one, or a new one."""

from __future__ import annotations

import datetime
import secrets
from typing import NamedTuple

from ...module_utils._errors.run import RotationIdUsed, RotationOpen
from ...module_utils._record.events import ROLLBACK
from ...module_utils._record.rotation_id import checked
from ...module_utils._stores.history import COMPLETED, ROLLED_BACK, History

NEW, RESUMED = "new", "resumed"


class RotationChoice(NamedTuple):
    """The rotation of a run. ``how`` is NEW, RESUMED or COMPLETED."""

    rotation_id: str
    how: str


def choose_rotation(history: History, direction: str, asked: str | None) -> RotationChoice:
    """Choose the rotation. Raise E_OPTION, E_ROTATION_OPEN, E_ROTATION_ID_USED, and what History.to_roll_back
    raises."""
    asked = checked(asked) if asked else None
    if direction == ROLLBACK:
        return RotationChoice(history.to_roll_back(asked), NEW)
    outcome = history.outcome(asked) if asked else None
    if outcome == ROLLED_BACK:
        raise RotationIdUsed(rotation_id=asked)
    if outcome == COMPLETED:
        return RotationChoice(str(asked), COMPLETED)
    open_id = history.open_rotation
    if open_id and asked and asked != open_id:
        raise RotationOpen(open_id=open_id, requested=asked)
    if open_id:
        return RotationChoice(open_id, RESUMED)
    return RotationChoice(asked or new_id(), NEW)


def without_outcome(history: History, left_over: str | None) -> str | None:
    """The rotation of a run that died, unless it has ended. Its backup can still be used."""
    return left_over if left_over and history.outcome(left_over) is None else None


def new_id() -> str:
    now = datetime.datetime.now(datetime.timezone.utc)
    return f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
