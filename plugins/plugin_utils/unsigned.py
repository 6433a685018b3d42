# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines of a record that nobody has signed, or had signed when a later run found them, for its pages.

Whose signature it is, and whether it may be, verifying says: a page is made of what lies beside it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from ..module_utils import record_seen
from ..module_utils.record import Record

OWN = "the record"
WROTE = "a run that was killed, or that goes on, wrote {them}, or somebody else"


@dataclass(frozen=True)
class Unsigned:
    """The lines from ``first`` to ``last``. ``found`` is when a run found them so, which has signed them since."""

    first: int
    last: int
    of: str
    found: str | None = None

    def __str__(self) -> str:
        one = self.first == self.last
        lines = f"Line {self.first}" if one else f"Lines {self.first} to {self.last}"
        wrote = WROTE.format(them="it" if one else "them")
        if self.found:
            return f"{lines} of {self.of}: nobody had signed {'it' if one else 'them'} by {self.found}: {wrote}."
        return f"{lines} of {self.of}: nobody has signed {'it' if one else 'them'}: {wrote}."

    def __contains__(self, number: object) -> bool:
        return isinstance(number, int) and self.first <= number <= self.last


def unsigned(record: Record, of: str = OWN) -> Iterator[Unsigned]:
    """Raises E_RECORD_WRITE where the record cannot be read."""
    seen = record_seen.look(os.path.dirname(os.path.dirname(record.path)), record.rotation_id)
    for line in seen.lines:
        count = line.event.get("unsigned_before")
        if isinstance(count, int) and 0 < count < line.number:
            yield Unsigned(line.number - count, line.number - 1, of, str(line.event.get("time")))
    if seen.signed < len(seen.lines):
        yield Unsigned(seen.signed + 1, len(seen.lines), of)
