# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The observations of monitoring and of the application's own reading, as lines."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...module_utils._monitoring import snapshot_table
from ...module_utils._record.events import Event, ReadingEvent, SnapshotEvent
from .event_time import moment
from .step_lines import opening

if TYPE_CHECKING:
    from ...module_utils._engine.proof.reading_types import RecordedReading


@dataclass(frozen=True)
class ReportObservation:
    time: datetime.datetime | None
    lines: Sequence[str]


@dataclass
class ReportObservations:
    """The observations of a rotation. ``before`` is the first reading, which later ones are compared with.

    ``reading`` is the newest one.
    """

    entries: list[ReportObservation] = field(default_factory=list)
    before: RecordedReading | None = None
    reading: RecordedReading | None = None

    def apply(self, event: Event) -> None:
        try:
            lines = self._lines(event)
        except (KeyError, TypeError, ValueError, AttributeError):  # written by another version
            return
        self.entries += [ReportObservation(moment(event), lines)] if lines else []

    def _lines(self, event: Event) -> list[str]:
        if isinstance(event, SnapshotEvent) and event.snapshot:
            return list(snapshot_table.lines(event.snapshot, event.host))
        if isinstance(event, ReadingEvent) and event.reading:
            return self._take(event)
        return []

    def _take(self, event: ReadingEvent) -> list[str]:
        self.reading = event.reading
        lines = [f"{event.host}:{line}" for line in opening(event.reading, self.before or {})]
        self.before = self.before or event.reading
        return lines
