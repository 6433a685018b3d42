# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines of a record that are not signed, or were not when a later run found them, for the pages.

Only verification checks signatures. A page shows what is stored next to the record.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...module_utils._record import reader
from ...module_utils._record.chain import RecordLine
from ...module_utils._record.events import NotificationEvent, RunEvent
from ...module_utils._record.writer import Record

OWN = "the record"
WROTE = "a killed or running run wrote this, or someone else"
REFUSED_EARLY = "the run was refused before the store had a key that signs records"


@dataclass(frozen=True)
class Unsigned:
    """The unsigned lines from ``first`` to ``last``. ``signed_at`` is when a later run signed them.

    ``expected`` is whether no key could sign them, since the first run was refused before the store had a version.
    """

    first: int
    last: int
    of: str
    signed_at: str | None = None
    expected: bool = False

    def __str__(self) -> str:
        is_single = self.first == self.last
        lines = f"Line {self.first}" if is_single else f"Lines {self.first} to {self.last}"
        were, are = ("was", "is") if is_single else ("were", "are")
        when = f"{were} not signed by {self.signed_at}" if self.signed_at else f"{are} not signed"
        return f"{lines} of {self.of} {when}: {REFUSED_EARLY if self.expected else WROTE}."

    def __contains__(self, number: object) -> bool:
        return isinstance(number, int) and self.first <= number <= self.last


def unsigned(record: Record, of: str = OWN) -> Iterator[Unsigned]:
    """The unsigned lines of a record. Raise E_RECORD_WRITE if it cannot be read."""
    stored_record = reader.look(os.path.dirname(os.path.dirname(record.path)), record.rotation_id)
    for line in stored_record.lines:
        event = line.event
        if 0 < event.unsigned_before < line.number:
            yield _part(stored_record.lines, line.number - event.unsigned_before, line.number - 1, of, event.time)
    if stored_record.signed < len(stored_record.lines):
        yield _part(stored_record.lines, stored_record.signed + 1, len(stored_record.lines), of)


def _part(lines: Sequence[RecordLine], first: int, last: int, of: str, signed_at: str | None = None) -> Unsigned:
    part = [line.event for line in lines[first - 1 : last]]
    ends = [event for event in part if isinstance(event, RunEvent) and not event.is_intent]
    # Only a run that ends before the store has a version writes this. Verification checks that such a line is genuine.
    expected = first == 1 and bool(ends) and all(event.had_empty_store for event in ends)
    return Unsigned(first, last, of, signed_at, expected and isinstance(part[-1], (RunEvent, NotificationEvent)))
