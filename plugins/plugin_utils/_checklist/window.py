# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks, at the beginning and before the stop, that the maintenance window is open and long enough."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...module_utils._engine.proof.census_result import ColumnCounts
from ...module_utils._errors.counts import counted
from ...module_utils._errors.run import WindowTooShort
from ...module_utils._system.timestamps import format_estimate, parse_with_offset
from .item import OK, SKIP, STOP, WARN, ChecklistItem, Observations, count

if TYPE_CHECKING:
    from ...module_utils._backup.manifest import KeptBackup
    from ...module_utils._result_types.backup_types import Proof

PREPARING_RATIO = 1.0  # seconds of rest per second of work while the application serves, as in the role rotation
PASSES = 3  # censuses after the first one: the proof, the pass that finds nothing left, and one spare
PREPARED_PASSES = 3  # over every value before the stop: re-encrypt, count, prove
SLACK = 2  # the window must hold the estimate this many times
READINGS = 2  # by the application itself, before and after


@dataclasses.dataclass(frozen=True)
class Estimate:
    """How many seconds the rest of the rotation takes, and what they consist of.

    ``values`` is None if the speed could not be measured. ``least`` and ``most`` are of the values and the steps around
    them, ``last`` is what the last rotation took. ``backup`` is None if no earlier one shows how long it takes.
    """

    count: int
    values: float | None
    last: float
    backup: float | None
    backed_up: bool
    throttled: bool

    @property
    def least(self) -> float:
        return (self.values or 0.0) + STEPS[0]

    @property
    def most(self) -> float:
        return (self.values or 0.0) + STEPS[1]

    @property
    def seconds(self) -> float | None:
        """All of it; None if that is unknown."""
        if self.values is None:
            return None
        all_values = max(self.values, self.last) if self.last else max(self.least, LEAST)
        return all_values + (0.0 if self.backed_up else self.backup or 0.0)

    @property
    def words(self) -> str:
        """The sentence about it."""
        if self.values is None:
            return "the duration could not be measured"
        words = f"{counted(self.count, 'value takes', 'values take')} {_about(self.values)}, as measured on {SAMPLED}"
        if self.throttled:
            words += ", plus the time that the throttle waits"
        if self.last > self.values:
            words += f"; all of it takes {format_estimate(self.last)}, like the last rotation"
        elif not self.last:
            low, high = format_estimate(self.least), format_estimate(self.most)
            words += f"; with the steps around them, all of it takes {low} to {high}"
        if self.backed_up:
            return words
        if self.backup is None:
            return f"{words}; the backup comes on top, and no earlier one shows how long it takes"
        return f"{words}, and the backup {_about(self.backup)}, like the last one"


def window(observations: Observations) -> ChecklistItem:
    """Stop outside of the window, or if the estimate does not fit twice. Warn if production has no window."""
    expected = estimate(observations)
    limits = observations.options.get("window")
    if not limits:
        status = WARN if observations.production else SKIP
        todo = "Set key_rotation_window to {start, end}." * (status == WARN)
        unset = {"window": None, "estimate": expected}
        return ChecklistItem("window", status, f"no window is set; {expected.words}", todo, facts=unset)
    try:
        start, end = (parse_with_offset(str(limits[name])) for name in ("start", "end"))
    except (KeyError, ValueError):
        todo = "Write it as {start: 2026-12-01T22:00:00+01:00, end: 2026-12-02T02:00:00+01:00}."
        summary = "key_rotation_window has no start and end with an offset"
        return ChecklistItem("window", STOP, summary, todo, facts={"invalid": limits})
    shown = f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M %Z}"
    if not start <= observations.now <= end:
        summary = f"{shown}, and it is {observations.now:%Y-%m-%d %H:%M %Z}"
        facts = {"start": start, "end": end, "now": observations.now}
        outside = ChecklistItem("window", STOP, summary, "Wait for it, or correct it.", facts=facts)
        return _unless_down(observations, outside)
    left = (end - observations.now).total_seconds()
    item = ChecklistItem(
        "window", OK, f"{format_estimate(left)} are left; {expected.words}", facts={"left": left, "estimate": expected}
    )
    if expected.seconds is None:
        return dataclasses.replace(item, status=WARN, todo="Check that this is enough.")
    if expected.seconds * SLACK > left:
        todo = f"Choose a longer window: {SLACK} times the estimate is required."
        return _unless_down(observations, dataclasses.replace(item, status=STOP, todo=todo))
    return item


def too_short(item: ChecklistItem, *, resumed: bool) -> WindowTooShort:
    """The error, after the backup, for a window that is too short for the rest."""
    so_far = "this run has stopped nothing" if resumed else "nothing was stopped or re-encrypted"
    changed = f"The backup was created and the new keys are in the store; {so_far}."
    return WindowTooShort(changed=changed, seen=item.seen, advice=item.todo)


def _unless_down(observations: Observations, item: ChecklistItem) -> ChecklistItem:
    """Turn the item into a warning if an earlier run left the application stopped: this run starts it again."""
    stopped = {
        name for results in observations.hosts.values() for name in results.get("services", {}).get("services") or ()
    }
    if not stopped:
        return item
    todo = f"An earlier run stopped {', '.join(sorted(stopped))}: this one continues and starts them again."
    return dataclasses.replace(item, status=WARN, todo=todo, facts={**item.facts, "stopped": sorted(stopped)})


def estimate(observations: Observations) -> Estimate:
    """Return how long the rest takes. Includes the backup unless it is done."""
    backed_up = bool(observations.options.get("backed_up"))
    return Estimate(
        count=observations.values,
        values=_values(observations),
        last=observations.options.get("down_for") or 0.0,
        backup=None if backed_up else _backup(observations),
        backed_up=backed_up,
        throttled=any(observations.options["throttle"].get(name) for name in WAITS),
    )


SAMPLED = "a sample"
LEAST = 60.0  # seconds without an earlier rotation: stop, switch and start take time even for one value
STEPS = (15.0, 60.0)  # seconds of all other steps of a run, at least and at most: 27 were measured for the example
OTHER_MODELS = ""  # reading.OTHERS: seconds for all their rows
WAITS = ("replica_lag", "wal_backlog", "pause_file", "query")  # of the throttle; their duration cannot be estimated


def _values(observations: Observations) -> float | None:
    """Estimated seconds, by the speed measured on the host, to re-encrypt and prove all values and to read them as the
    application does. In the mode prepared, and with the backup done, of what remains to be done."""
    facts = next((facts for facts in observations.facts.values() if facts["speed"]["row"] is not None), None)
    if facts is None or "targets" not in observations.census:
        return None
    workers = observations.options["workers"] or facts["cores"]
    crypto, row, read = facts["speed"]["values"], facts["speed"]["row"] or 0.0, facts["speed"]["read"]
    slowest = max(crypto.values(), default=0.0)
    tables = _largest_by_table(observations.census["targets"])
    most = observations.options.get("application_rows") or float("inf")

    def work(targets: Sequence[ColumnCounts]) -> float:
        return float(sum(count(each) * crypto.get(each["scheme"], slowest) for each in targets) / workers)

    writing = sum(target["rows"] for target in tables) * row
    reading = sum(min(target["rows"], most) * read.get(target["table"], 0.0) for target in tables)
    reading += read.get(OTHER_MODELS, 0.0)
    rests = 1 + observations.options["throttle"].get("ratio", 0)
    targets, unprepared = observations.census["targets"], observations.unprepared
    if unprepared is None:
        return float((work(targets) * (1 + PASSES) + writing) * rests + reading * READINGS)
    # Prepared, proved and read before the stop, changed by sets, decrypted and read again after the start.
    ordinary = work([target for target in targets if target["table"] in unprepared])
    prepared = work(targets) - ordinary
    left = (ordinary * (1 + PASSES) + writing) * rests + prepared + reading
    if observations.options.get("backed_up"):
        return float(left)
    return float(
        left
        + prepared * PREPARED_PASSES * (1 + observations.options["throttle"].get("ratio", PREPARING_RATIO))
        + reading
    )


def _backup(observations: Observations) -> float | None:
    """Seconds that the last backup of each database took, including its proof if that is requested again."""
    newest: dict[str, KeptBackup] = {}
    for backup in sorted(observations.kept, key=lambda backup: str(backup["snapshot"]["time"])):
        newest[backup["alias"]] = backup
    return sum(_took(backup, observations.options["backup_proof"]) for backup in newest.values()) if newest else None


def _took(backup: KeptBackup, asked: str) -> float:
    proof: Proof = backup["proof"] or {}
    dump = (parse_with_offset(backup["ended"]) - parse_with_offset(backup["begun"])).total_seconds()
    return dump + (proof.get("seconds", 0.0) if proof.get("kind") == asked else 0.0)


def _largest_by_table(targets: Sequence[ColumnCounts]) -> list[ColumnCounts]:
    """One target per table: its rows are written once for all of its columns."""
    return list({target["table"]: target for target in targets}.values())


def _about(seconds: float) -> str:
    return "less than 1 s" if seconds < 1 else f"about {format_estimate(seconds)}"
