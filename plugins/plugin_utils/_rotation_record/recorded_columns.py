# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The columns of the last rotation, as its record on this control node has them."""

from __future__ import annotations

from ...module_utils._errors.base import RotationError
from ...module_utils._record.events import CountingEvent
from ...module_utils._record.writer import Record
from ...module_utils._stores.history import History


def recorded_columns(history: History, records: str) -> list[str]:
    """Each as table.column. Empty if no rotation made a version, or if ``records`` does not have its record: then no
    column is known to be outside of it."""
    made = [version.rotation_id for version in history.versions if version.origin == "generated"]
    if not made:
        return []
    try:
        events = Record(records, made[-1]).decoded()
    except RotationError:
        return []
    counted = (target for event in events if isinstance(event, CountingEvent) for target in event.targets)
    return sorted({f"{target.get('table')}.{target.get('column')}" for target in counted})
