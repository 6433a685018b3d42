# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times as records and stores write them: UTC, ISO 8601, to the second."""

from __future__ import annotations

import datetime

FORM = "%Y-%m-%dT%H:%M:%SZ"


def parse(time: str) -> datetime.datetime:
    """The moment of a time as ``now`` writes it. Raises ValueError."""
    return datetime.datetime.strptime(time, FORM).replace(tzinfo=datetime.timezone.utc)


def now() -> str:
    """The time as records and stores write it: UTC, ISO 8601, to the second."""
    return datetime.datetime.now(datetime.timezone.utc).strftime(FORM)


def at(moment: float) -> str:
    """A time in seconds since 1970 in the same form."""
    return datetime.datetime.fromtimestamp(moment, datetime.timezone.utc).strftime(FORM)


def add_days(time: str, days: int) -> str:
    """So many days after a time, both as ``now`` writes them."""
    return (parse(time) + datetime.timedelta(days=days)).strftime(FORM)
