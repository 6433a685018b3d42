# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The maintenance window is open, and long enough for what this takes."""

from __future__ import annotations

import datetime
from typing import Any

from .item import OK, STOP, WARN, Item, Seen, count

PASSES = 3  # censuses after the first one: the proof, the pass that finds nothing left, and one to spare
SLACK = 2  # an estimate is not a promise: the window must hold twice of it


def window(seen: Seen) -> Item:
    """Outside of it, or where the estimate does not fit twice: stop. Without one in production: warn."""
    seconds, told = estimate(seen)
    limits = seen.options.get("window")
    if not limits:
        status = WARN if seen.production else OK
        todo = "Set key_rotation_window to {start, end}." * (status == WARN)
        return Item("maintenance window", status, f"none is set; {told}", todo)
    try:
        start, end = (_time(limits[name]) for name in ("start", "end"))
    except (KeyError, ValueError):
        todo = "Write it as {start: 2026-12-01T22:00:00+01:00, end: 2026-12-02T02:00:00+01:00}."
        return Item("maintenance window", STOP, "key_rotation_window has no start and end with an offset", todo)
    shown = f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M %Z}"
    if not start <= seen.now <= end:
        return Item(
            "maintenance window",
            STOP,
            f"{shown}, and it is {seen.now:%Y-%m-%d %H:%M %Z}",
            "Wait for it, or correct it.",
        )
    left = (end - seen.now).total_seconds()
    if seconds is None:
        return Item(
            "maintenance window", WARN, f"{left / 60:.0f} minutes are left; {told}", "See that they are enough."
        )
    if seconds * SLACK > left:
        todo = f"Take a longer window: {SLACK} times the estimate is asked for."
        return Item("maintenance window", STOP, f"{left / 60:.0f} minutes are left; {told}", todo)
    return Item("maintenance window", OK, f"{left / 60:.0f} minutes are left; {told}")


def estimate(seen: Seen) -> tuple[float | None, str]:
    """Seconds that the rotation of the values takes, from the speed measured on the host, and how that is told."""
    speeds = [facts for facts in seen.facts.values() if facts["speed"]["row"] is not None]
    if not speeds or "targets" not in seen.census:
        return None, "how long it takes could not be measured"
    facts = speeds[0]
    workers = seen.options["workers"] or facts["cores"]
    crypto, row = facts["speed"]["values"], facts["speed"]["row"]
    slowest = max(crypto.values(), default=0.0)
    work = sum(count(target) * crypto.get(target["scheme"], slowest) for target in seen.census["targets"]) / workers
    writing = sum(target["rows"] for target in _largest_by_table(seen.census["targets"])) * row
    seconds = work * (1 + PASSES) + writing
    return seconds, f"{seen.values:,} values take about {_told(seconds)}, as measured on {SAMPLED}"


SAMPLED = "a sample"


def _largest_by_table(targets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One target for each table: its rows are written once for all of its columns."""
    return list({target["table"]: target for target in targets}.values())


def _told(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"


def _time(text: Any) -> datetime.datetime:
    found = (
        text
        if isinstance(text, datetime.datetime)
        else datetime.datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    )
    if found.tzinfo is None:
        raise ValueError
    return found
