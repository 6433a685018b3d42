# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calendar reminders: when the next rotation is due, and the first day on which the previous keys can be retired.

Source: RFC 5545 (3.1 lines and their folding, 3.3.11 text, 3.6.1 events, 3.6.6 alarms, 3.8.1.11 status, 3.8.7.4
sequence).
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from .playbook_command import PlaybookCommand
from .rotation_state import RotationState
from .schedule import Due
from .shown_text import one_line
from .superseded_runs import Place

FOLD = 75  # maximum octets in a line, RFC 5545 section 3.1
ALARM_DAYS = 14
CONFIRMED, CANCELLED = "CONFIRMED", "CANCELLED"
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)  # for a record without a time
_SPECIAL = re.compile(r"([\\;,])")


@dataclass(frozen=True)
class Entry:
    name: str
    summary: str
    command: PlaybookCommand | None
    status: str = CONFIRMED


def reminders(rotation: RotationState, place: Place) -> str | None:
    """An iCalendar file with what is due after a rotation, and cancellations of what no longer is. None if empty.

    An entry has the same UID in every file for the same keys, so that a calendar replaces it when it imports a newer
    file.
    """
    old, dates, next_due = rotation.keys.old, rotation.schedule, place.next
    commands, versions = rotation.said.commands, rotation.said.versions
    first = next(
        (version["key_id"] for version in versions if isinstance(version, Mapping) and version.get("key_id")), old
    )
    command = commands.get("retire")
    named = command and command.with_options({"key_rotation_retire_key_id": old})  # by then it may be another
    retire = Entry(f"{old or rotation.rotation_id}-retire", f"Retire the encryption keys {old}", named)
    rotate = Entry(f"{first or rotation.rotation_id}-due", _rotate(next_due), commands.get("rotate"))
    entries = [
        (None if place.superseded_by else next_due.due, rotate),
        (dates.retire, retire),
        (dates.not_to_retire, replace(retire, status=CANCELLED)),
    ]
    events = [line for moment, entry in entries if moment for line in _event(rotation, moment.date(), entry)]
    if not events:
        return None
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Tetech//key_rotation//EN", *events, "END:VCALENDAR"]
    return "".join(f"{folded}\r\n" for line in lines for folded in _folded(line))


def _rotate(due: Due) -> str:
    return f"Rotate the encryption keys now ({due.due_why})" if due.due_now else "Rotate the encryption keys"


def _event(rotation: RotationState, day: datetime.date, entry: Entry) -> Iterator[str]:
    about = f"Rotation {rotation.rotation_id}: {rotation.status}. {entry.command or ''}".strip()
    of = ", ".join(rotation.hosts) or "the application"
    changed = rotation.schedule.changed or EPOCH
    yield "BEGIN:VEVENT"
    yield f"UID:{entry.name}@key-rotation.tetech"
    yield f"SEQUENCE:{int(changed.timestamp())}"
    yield f"DTSTAMP:{changed:%Y%m%dT%H%M%SZ}"
    yield f"DTSTART;VALUE=DATE:{day:%Y%m%d}"
    yield f"DTEND;VALUE=DATE:{day + datetime.timedelta(days=1):%Y%m%d}"
    yield f"STATUS:{entry.status}"
    yield f"SUMMARY:{_text(f'{entry.summary} of {of}')}"
    yield f"DESCRIPTION:{_text(about)}"
    yield "TRANSP:TRANSPARENT"
    if entry.status != CANCELLED:
        yield "BEGIN:VALARM"
        yield "ACTION:DISPLAY"
        yield f"DESCRIPTION:{_text(entry.summary)}"
        yield f"TRIGGER:-P{ALARM_DAYS}D"
        yield "END:VALARM"
    yield "END:VEVENT"


def _text(value: str) -> str:
    return _SPECIAL.sub(r"\\\1", one_line(value))


def _folded(line: str) -> Iterator[str]:
    """Split a line into pieces of at most 75 octets, never inside a character. All but the first begin with a space."""
    piece = ""
    for character in line:
        if len((piece + character).encode("utf-8")) > FOLD:
            yield piece
            piece = " "
        piece += character
    yield piece
