# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The columns of the last rotation, and how many of their values are plain text, from its record here."""

from __future__ import annotations

from ...module_utils._errors.base import RotationError
from ...module_utils._record.events import CountingEvent
from ...module_utils._record.writer import Record
from ...module_utils._stores.history import History
from .._report.data_state import count_plain


def recorded_columns(history: History, records: str) -> list[str]:
    """Return the columns, each as table.column.

    The list is empty if no rotation created a version, or if ``records`` has no record of it. Then no column is known
    to be outside of the rotation.
    """
    return sorted(recorded_plain(history, records))


def recorded_plain(history: History, records: str) -> dict[str, int]:
    """Return by table.column how many values were plain text at the last count of the last rotation or its rollback."""
    generated = [version.rotation_id for version in history.versions if version.origin == "generated"]
    if not generated:
        return {}
    try:
        events = Record(records, generated[-1]).decoded()
    except RotationError:
        return {}
    return count_plain(target for event in events if isinstance(event, CountingEvent) for target in event.targets)
