# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The application's own reading before the first write, for a rotation that is resumed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...module_utils._record.events import ReadingEvent, ReencryptionEvent
from ...module_utils._record.writer import Record

if TYPE_CHECKING:
    from ...module_utils._engine.proof.reading_types import RecordedReading


def earlier_reading(record: Record) -> RecordedReading | None:
    """Return the reading before the first write; an empty one if the application was not read.

    Return None if nothing was written, or if the reading was verified already: the application may have written since.
    """
    reading: RecordedReading = {}
    written = False
    for event in record.decoded():
        if isinstance(event, ReadingEvent) and event.is_done:
            proved = event.state == "verified"
            reading = {} if proved else reading or event.reading
            written = written and not proved
        written = written or isinstance(event, ReencryptionEvent)
    return reading if written else None
