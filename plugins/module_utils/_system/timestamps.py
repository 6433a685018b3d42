# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times as records and stores write them (UTC, ISO 8601, to the second), and durations as a person reads them."""

from __future__ import annotations

import datetime

FORM = "%Y-%m-%dT%H:%M:%SZ"
MINUTE, HOUR = 60, 3600  # seconds


def parse(time: str) -> datetime.datetime:
    """Parse a time that ``now`` wrote. Raise ValueError for any other form."""
    return datetime.datetime.strptime(time, FORM).replace(tzinfo=datetime.timezone.utc)


def parse_with_offset(time: str) -> datetime.datetime:
    """Parse an ISO 8601 time that ends with Z or an offset. Raise ValueError if it is not one."""
    moment = datetime.datetime.fromisoformat(time.replace("Z", "+00:00"))
    if moment.tzinfo is None:
        raise ValueError("the time has no offset")
    return moment


def seconds_since_1970(time: str) -> float:
    """Return a time that ends with Z or an offset as seconds since 1970. Raise ValueError."""
    return parse_with_offset(time).timestamp()


def now() -> str:
    """Return the current time."""
    return datetime.datetime.now(datetime.timezone.utc).strftime(FORM)


def at(moment: float) -> str:
    """Return the time that is so many seconds after 1970."""
    return datetime.datetime.fromtimestamp(moment, datetime.timezone.utc).strftime(FORM)


def add_days(time: str, days: int) -> str:
    """Return the time ``days`` after another one."""
    return (parse(time) + datetime.timedelta(days=days)).strftime(FORM)


def format_duration(seconds: float) -> str:
    """Format a duration in seconds for a person: ``0.4 s``, ``12 s``, ``3 min 20 s``, ``2 h 5 min``."""
    whole = round(seconds)
    if seconds < 9.95:  # anything longer is rounded to 10.0
        return f"{seconds:.1f} s"
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE} s"
    return f"{whole // HOUR} h {whole % HOUR // MINUTE} min"


def format_estimate(seconds: float) -> str:
    """Format a duration in seconds that is known only roughly: ``80 s``, ``12 minutes``."""
    return f"{seconds:.0f} s" if seconds < 2 * MINUTE else f"{seconds / MINUTE:.0f} minutes"
