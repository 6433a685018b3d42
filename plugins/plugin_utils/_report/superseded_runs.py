# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the later rotation that supersedes another one of the same keys.

The page of the older rotation then has nothing left to do.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ...module_utils._record.writer import FILE_NAME, Record
from .read_rotation import read
from .rotation_state import RotationState
from .run_status import COMPLETED, FAILED, OPEN, ROLLED_BACK
from .schedule import Due

Rotations = Sequence[RotationState]


@dataclass(frozen=True)
class Place:
    """The place of a rotation among those of the same keys. ``next`` is when the next one is due, considering all."""

    superseded_by: str | None
    destroyed: bool
    why_no_rollback: str
    next: Due


def place(rotation: RotationState, others: Rotations) -> Place:
    return Place(
        superseded_by(rotation, others),
        destroyed(rotation, others),
        why_no_rollback(rotation, others),
        next_due(rotation, others),
    )


def superseded_by(rotation: RotationState, others: Rotations) -> str | None:
    """The newest rotation of the same keys that was completed after this one; None if there is no such rotation."""
    later = [
        other
        for other in others
        if other.status == COMPLETED and _after(other, rotation) and _same_keys(rotation, other)
    ]
    return max(later, key=_order).rotation_id if later else None


def destroyed(rotation: RotationState, others: Rotations) -> bool:
    """Return whether any record, of any control node, says that the previous keys of this rotation are destroyed."""
    versions = [
        version for state in (rotation, *others) for version in state.said.versions if isinstance(version, Mapping)
    ]
    old = rotation.keys.old
    gone = any(version.get("key_id") == old and version.get("destroyed") for version in versions)
    return bool(rotation.schedule.retired) or gone


def why_no_rollback(rotation: RotationState, others: Rotations) -> str:
    """Return why a completed rotation can no longer be rolled back; empty if it can."""
    if destroyed(rotation, others):
        return "the previous keys are destroyed"
    if any(run.direction == "retire" and run.outcome == "open" for run in rotation.all_runs):
        return "a retirement of the previous keys was started, and it is not known how it ended"
    later = [other for other in others if other.keys.new and _after(other, rotation) and _same_keys(rotation, other)]
    for other in later:
        if other.status in (FAILED, OPEN):
            return f"{other.rotation_id} came after it and has not ended: finish it or roll it back first"
        if other.status == ROLLED_BACK and other.promoted:
            stageless = "the previous keys no longer have a stage in the store"
            return f"{other.rotation_id} came after it and was rolled back: {stageless}"
    return ""


def find_key_in_use(rotation: RotationState) -> str | None:
    """The key ID that a rotation left in use; None if it is not known when the rotation began."""
    versions = [
        version
        for version in rotation.said.versions
        if isinstance(version, Mapping) and version.get("stage") == "current"
    ]
    return next((version.get("key_id") for version in versions), rotation.keys.current) if rotation.began else None


def compromised(key_id: str | None, others: Rotations) -> RotationState | None:
    """The newest rotation for a compromise that left these keys in use.

    The keys stay compromised until they are replaced, also through later rotations for other reasons.
    """
    ours = [
        other for other in others if key_id and find_key_in_use(other) == key_id and other.schedule.next.compromised
    ]
    return max((other for other in ours if other.schedule.next.due), key=_order, default=None)


def next_due(rotation: RotationState, others: Rotations) -> Due:
    """Return when and why the next rotation is due, by this rotation or another one that found the keys compromised."""
    due = rotation.schedule.next
    other = compromised(find_key_in_use(rotation), others) if rotation.ended and not due.compromised else None
    if other is None:
        return due
    decisive = other.schedule.next
    return Due(decisive.due, True, f"{decisive.due_why}, as {other.rotation_id} says", compromised=True)


def changed(rotation: RotationState, others: Rotations) -> Iterator[RotationState]:
    """Yield the rotations whose pages this one changes.

    They are earlier ones of the same keys, and those that restored its backup. The drop of the databases that they kept
    aside is in its record.
    """
    for other in others:
        earlier = _after(rotation, other) and _same_keys(other, rotation)
        if earlier or rotation.rotation_id in other.restores.backups:
            yield other


def others(record: Record) -> list[RotationState]:
    """The rotations of the records next to this one, except records that cannot be read: the index lists those."""
    folder = os.path.dirname(os.path.dirname(record.path))
    rotations = []
    for name in sorted(os.listdir(folder)):
        if name != record.rotation_id and os.path.isfile(os.path.join(folder, name, FILE_NAME)):
            with contextlib.suppress(Exception):  # a record may hold anything
                rotations.append(read(Record(folder, name)))
    return [rotation for rotation in rotations if rotation.runs]


def _order(rotation: RotationState) -> tuple[str, str]:
    """The sort key of a rotation: its begin, and within one second its ID, which is ordered by time."""
    return f"{rotation.began}", rotation.rotation_id


def _after(rotation: RotationState, other: RotationState) -> bool:
    return bool(rotation.began and other.began) and _order(rotation) > _order(other)


def _same_keys(rotation: RotationState, later: RotationState) -> bool:
    """Return whether they share a key ID. If the first one knows no key ID, compare the hosts instead."""
    mine, theirs = _key_ids(rotation), _key_ids(later)
    return bool(mine & theirs) if mine else bool(set(rotation.hosts) & set(later.hosts))


def _key_ids(rotation: RotationState) -> set[str]:
    named = {str(version.get("key_id")) for version in rotation.said.versions if isinstance(version, Mapping)}
    return named | {key_id for key_id in (rotation.keys.old, rotation.keys.new) if key_id}
