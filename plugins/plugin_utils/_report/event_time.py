# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The time of an event, and the time between two events."""

from __future__ import annotations

import datetime

from ...module_utils._record.events import Event
from ...module_utils._system.timestamps import parse


def moment(event: Event) -> datetime.datetime | None:
    """Return when an event was written."""
    return moment_of(event.time)


def moment_of(text: object) -> datetime.datetime | None:
    """Parse a time of a record (ISO 8601 in UTC, to the second). None if it is not one."""
    try:
        return parse(str(text))
    except ValueError:
        return None


def seconds(first: Event, last: Event) -> float:
    """The seconds between two events, by the monotonic clock if both were written on one machine since its boot."""
    ticks = last.monotonic_ns - first.monotonic_ns
    began, ended = moment(first), moment(last)
    by_clock = (ended - began).total_seconds() if began and ended else 0.0
    if first.monotonic_ns and last.monotonic_ns and abs(ticks / 1e9 - by_clock) <= 2:
        return max(ticks / 1e9, 0.0)
    return max(by_clock, 0.0)


def day(when: datetime.datetime) -> str:
    return f"{when.day} {when:%B %Y}"
