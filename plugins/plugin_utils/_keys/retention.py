# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The time for which a version is kept after its last use."""

from __future__ import annotations

from ...module_utils._errors.base import RotationError
from ...module_utils._errors.keys import VersionHeld
from ...module_utils._record.events import ROLLBACK, ROTATE
from ...module_utils._record.writer import Record
from ...module_utils._stores.history import ROLLED_BACK, History
from ...module_utils._system.timestamps import add_days, now


def held_until(history: History, key_id: str, hold_days: int, records: str) -> str:
    """Return the date until which a version is kept.

    It is ``hold_days`` after the rotation that replaced the version was completed, or after the rotation that created
    it was rolled back.
    """
    replacement, version = history.replacement(key_id), history.version(key_id)
    since = [_ended(records, replacement.rotation_id, ROTATE) or replacement.created]
    if version.outcome == ROLLED_BACK:
        since.append(_ended(records, version.rotation_id, ROLLBACK) or version.created)
    return add_days(max(since), hold_days)


def refuse_held(history: History, key_id: str, hold_days: int, records: str) -> None:
    """Raise E_VERSION_HELD until that date."""
    until = held_until(history, key_id, hold_days, records)
    if hold_days and now() < until:
        raise VersionHeld(key_id=key_id, until=until, days=hold_days)


def _ended(records: str, rotation_id: str, direction: str) -> str | None:
    """Return when the rotation was completed or rolled back according to its record; None if the record does not say
    so."""
    try:
        events = Record(records, rotation_id).decoded()
    except RotationError:  # an adopted version has no rotation, and the record may be on another control node
        return None
    return next((event.time for event in events if event.name == direction and event.is_done), None)
