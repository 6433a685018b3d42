# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks, at the beginning and before the stop, that the maintenance window is open and long enough."""

from __future__ import annotations

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


def window(observations: Observations) -> ChecklistItem:
    """Stop outside of the window, or if the estimate does not fit twice. Warn if production has no window."""
    seconds, basis = estimate(observations)
    limits = observations.options.get("window")
    if not limits:
        status = WARN if observations.production else SKIP
        todo = "Set key_rotation_window to {start, end}." * (status == WARN)
        return ChecklistItem("window", status, f"no window is set; {basis}", todo)
    try:
        start, end = (parse_with_offset(str(limits[name])) for name in ("start", "end"))
    except (KeyError, ValueError):
        todo = "Write it as {start: 2026-12-01T22:00:00+01:00, end: 2026-12-02T02:00:00+01:00}."
        return ChecklistItem("window", STOP, "key_rotation_window has no start and end with an offset", todo)
    shown = f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M %Z}"
    if not start <= observations.now <= end:
        summary = f"{shown}, and it is {observations.now:%Y-%m-%d %H:%M %Z}"
        return _unless_down(observations, ChecklistItem("window", STOP, summary, "Wait for it, or correct it."))
    left = (end - observations.now).total_seconds()
    summary = f"{format_estimate(left)} are left; {basis}"
    if seconds is None:
        return ChecklistItem("window", WARN, summary, "Check that this is enough.")
    if seconds * SLACK > left:
        todo = f"Choose a longer window: {SLACK} times the estimate is required."
        return _unless_down(observations, ChecklistItem("window", STOP, summary, todo))
    return ChecklistItem("window", OK, summary)


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
    return ChecklistItem(item.name, WARN, item.seen, todo)


def estimate(observations: Observations) -> tuple[float | None, str]:
    """The seconds that the rest takes, and a sentence about them. Includes the backup unless it is done."""
    values = _values(observations)
    if values is None:
        return None, "the duration could not be measured"
    basis = f"{counted(observations.values, 'value takes', 'values take')} {_about(values)}, as measured on {SAMPLED}"
    if any(observations.options["throttle"].get(name) for name in WAITS):
        basis += ", plus the time that the throttle waits"
    down = observations.options.get("down_for") or 0.0
    if down > values:
        values, basis = down, f"{basis}; all of it takes {format_estimate(down)}, like the last rotation"
    elif not down:
        low, high = (values + each for each in STEPS)
        values, basis = (
            max(low, LEAST),
            f"{basis}; with the steps around them, all of it takes {format_estimate(low)} to {format_estimate(high)}",
        )
    if observations.options.get("backed_up"):
        return values, basis
    backup = _backup(observations)
    if backup is None:
        return values, f"{basis}; the backup comes on top, and no earlier one shows how long it takes"
    return values + backup, f"{basis}, and the backup {_about(backup)}, like the last one"


SAMPLED = "a sample"
LEAST = 60.0  # seconds without an earlier rotation: stop, switch and start take time even for one value
STEPS = (15.0, 60.0)  # seconds of all other steps of a run, at least and at most: 27 were measured for the example
OTHER_MODELS = ""  # reading.OTHERS: seconds for all their rows
WAITS = ("replica_lag", "wal_backlog", "pause_file")  # of the throttle; their duration cannot be estimated


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
    targets, unprepared = observations.census["targets"], facts["unprepared"]
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
