# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The application's own reading before the first write, for a rotation that is resumed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...module_utils._record.events import ReadingEvent, ReencryptionEvent
from ...module_utils._record.writer import Record

if TYPE_CHECKING:
    from ...module_utils._engine.proof.reading_types import RecordedReading, RoundTripOutcome, RoundTripResult

FORMER_OUTCOMES: dict[str, RoundTripOutcome] = {
    "not tried": "not_tried",
    "does not return the value that was written": "not_returned",
    "encrypts under other keys than the current ones": "other_keys",
}


def earlier_reading(record: Record) -> RecordedReading | None:
    """Return the reading before the first write; an empty one if the application was not read.

    Return None if nothing was written, or if the reading was verified already: the application may have written since.
    """
    reading: RecordedReading = {}
    written = False
    for event in record.decoded():
        if isinstance(event, ReadingEvent) and event.is_done:
            proved = event.state == "verified"
            reading = {} if proved else reading or _in_present_words(event.reading)
            written = written and not proved
        written = written or isinstance(event, ReencryptionEvent)
    return reading if written else None


def _in_present_words(reading: RecordedReading) -> RecordedReading:
    """Return the reading with the present outcomes of round trips. An earlier version recorded sentences."""
    if "round_trips" not in reading:
        return reading
    trips = reading["round_trips"]
    return {**reading, "round_trips": [{**trip, "outcome": _present_outcome(trip)} for trip in trips]}


def _present_outcome(trip: RoundTripResult) -> RoundTripOutcome:
    return FORMER_OUTCOMES.get(trip["outcome"], trip["outcome"])
