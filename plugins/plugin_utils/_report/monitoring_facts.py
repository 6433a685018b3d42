# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts for monitoring from the store and the records: versions, dates, and the commands that people may need."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...module_utils._errors.base import RotationError
from ...module_utils._record import reader
from ...module_utils._record.events import ReadingEvent
from ...module_utils._record.run_lease import Lease
from ...module_utils._record.writer import Record
from ...module_utils._stores.history import STAGES, History
from ...module_utils._system.timestamps import add_days, now
from .._keys.retention import held_until
from .._task_types import TaskArguments
from . import superseded_runs
from .playbook_command import command
from .read_rotation import read
from .rotation_state import RotationState

if TYPE_CHECKING:
    from ...module_utils._result_types.monitoring_types import RetirableVersion, RotationFacts

COMMANDS = ("verify", "rotate", "monitor", "retire")
REPAIR = ("-e", "key_rotation_prefer=repair")
LAST = "9999-12-31T23:59:59Z"  # later than any date


@dataclass(frozen=True)
class Probe:
    """One monitoring check of a host, during a rotation or not. ``records`` is the folder of all records."""

    host: str
    rotation_id: str | None
    records: str
    hold_days: int
    cryptoperiod_days: int
    due_warning_days: int

    @classmethod
    def of(cls, options: TaskArguments, host: str, records: str) -> Probe:
        """Return the check of a host that a task asks for."""
        names = ("rotation_id", "hold_days", "cryptoperiod_days", "due_warning_days")
        return cls(host=host, records=records, **{name: options[name] for name in names})


def facts(history: History, probe: Probe) -> RotationFacts:
    """Build the option ``rotation`` of the module monitoring_probe."""
    plain: RotationFacts = {
        "commands": {
            **{playbook: command(playbook) for playbook in COMMANDS},
            "repair": command("rollback", REPAIR),
        },
        "open": _open_rotation(history, probe),
        "asked": now(),
        "retirable": [],
        "retire": None,
    }
    if "current" not in history.stages:
        return plain
    current = history.stage("current")
    retirable = _retirable(history, probe)
    return {
        **plain,
        "key_id": current.key_id,
        "created": current.created,
        "origin": current.origin,
        **_due(history, probe),
        "opening": _opening(current.rotation_id, probe),
        "retirable": retirable,
        "retire": max((version["held_until"] for version in retirable), default=None),
    }


def _due(history: History, probe: Probe) -> RotationFacts:
    """Return when the current keys must be replaced, and when to warn about it."""
    current = history.stage("current")
    due: RotationFacts = {}
    if probe.cryptoperiod_days:
        adopted = current.origin == "adopted"  # created by hand at an unknown time: due at once
        due["due"] = add_days(current.created, 0 if adopted else probe.cryptoperiod_days)
    if compromise := _compromise(current.key_id, probe):
        next_one = compromise.schedule.next
        due["due"] = min(f"{next_one.due:%Y-%m-%dT%H:%M:%SZ}", due.get("due", LAST))
        due["why"] = next_one.due_why
    if due.get("due"):
        due["due_soon"] = add_days(due["due"], -probe.due_warning_days)
    return due


def _compromise(key_id: str, probe: Probe) -> RotationState | None:
    """The newest rotation for a compromise that left these keys in use. Only the records show it, not the store."""
    rotations = []
    for name in reader.names(probe.records):
        with contextlib.suppress(Exception):  # a record may hold anything
            rotations.append(read(Record(probe.records, name)))
    return superseded_runs.compromised(
        key_id, [rotation for rotation in rotations if rotation.rotation_id != probe.rotation_id]
    )


def _open_rotation(history: History, probe: Probe) -> str | None:
    """Return the open rotation; None if it is the one that asks, or if a run is active."""
    try:
        Lease(probe.records).refuse_other(os.getppid())
    except RotationError:
        return None
    return None if history.open_rotation == probe.rotation_id else history.open_rotation


def _opening(rotation_id: str, probe: Probe) -> list[Any] | None:
    """Seconds that decryption took on this host before the rotation changed anything, the time, and the source."""
    try:
        events = Record(probe.records, rotation_id).decoded()
    except RotationError:  # an adopted version has no rotation, and the record may be on another control node
        return None
    first = next((event for event in events if isinstance(event, ReadingEvent) and event.is_done), None)
    if first is None or first.host != probe.host:
        return None
    opening = first.reading.get("opening")
    seconds = opening and opening.get("seconds")
    return [seconds, first.time, f"before rotation {rotation_id}"] if seconds else None


def _retirable(history: History, probe: Probe) -> list[RetirableVersion]:
    """The versions that still have their values and are neither current nor pending."""
    names = {key_id: stage for stage, key_id in history.stages.items()}
    return [
        {
            "key_id": version.key_id,
            "stage": names.get(version.key_id, f"older-{version.key_id}"),
            "held_until": held_until(history, version.key_id, probe.hold_days, probe.records),
        }
        for version in history.versions
        if not version.destroyed and names.get(version.key_id) not in STAGES[:2]
    ]
