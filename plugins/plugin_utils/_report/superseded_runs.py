# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rotation of the same keys came after another: what the earlier one's page would say to do is then done."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...module_utils._record.events import RestoreEvent
from ...module_utils._record.writer import FILE_NAME, Record
from .state import COMPLETED, FAILED, OPEN, ROLLED_BACK, story

Told = Mapping[str, Any]


def superseded_by(told: Told, others: Sequence[Told]) -> str | None:
    """The newest rotation that was completed after this one, of the same keys; None where there is none."""
    later = [one for one in others if one["status"] == COMPLETED and _after(one, told) and _same_keys(told, one)]
    return max(later, key=lambda one: one["began"])["rotation_id"] if later else None


def destroyed(told: Told, others: Sequence[Told]) -> bool:
    """Whether any record says that the keys before this rotation are destroyed, by whatever control node that was."""
    versions = [each for one in (told, *others) for each in one["versions"] if isinstance(each, Mapping)]
    old = told["keys"]["old"]
    return bool(told["retired"]) or any(each.get("key_id") == old and each.get("destroyed") for each in versions)


def no_way_back(told: Told, others: Sequence[Told]) -> str:
    """Why a completed rotation cannot be taken back any more; empty where it can."""
    if destroyed(told, others):
        return "the keys before are destroyed"
    if any(act["direction"] == "retire" and act["outcome"] == "open" for act in told["acts"]):
        return "a retirement of the keys before was begun, and nothing says how it ended"
    later = [one for one in others if one["keys"]["new"] and _after(one, told) and _same_keys(told, one)]
    for one in later:
        if one["status"] in (FAILED, OPEN):
            return f"{one['rotation_id']} came after it and has not ended: that one goes on, or back, first"
        if one["status"] == ROLLED_BACK and one["promoted"]:
            return f"{one['rotation_id']} came after it and was taken back: the store lets go of the keys before those"
    return ""


def left(told: Told) -> str | None:
    """Which keys a rotation has left in use; None where it is not known when that was."""
    versions = [one for one in told["versions"] if isinstance(one, Mapping) and one.get("stage") == "current"]
    return next((one.get("key_id") for one in versions), told["keys"]["current"]) if told["began"] else None


def compromised(key_id: str | None, others: Sequence[Told]) -> Told | None:
    """The newest rotation for a compromise that left these keys in use. That is over with its keys: a later rotation
    that did not replace them either, for whatever reason it was begun, changes nothing of that."""
    ours = [one for one in others if key_id and left(one) == key_id and one["compromised"] and one["due"]]
    return max(ours, key=lambda one: (one["began"], one["rotation_id"]), default=None)


def dates(told: Told, others: Sequence[Told]) -> dict[str, Any]:
    """When the next rotation is due and why, where that is said by another one and not by this one itself."""
    other = compromised(left(told), others) if told["ended"] and not told["compromised"] else None
    if other is None:
        return {}
    why = f"{other['due_why']}, as {other['rotation_id']} says"
    return {"due": other["due"], "due_now": True, "due_why": why, "compromised": True}


def changed(told: Told, others: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The rotations whose pages this one changes: the earlier ones of the same keys, by being completed or by going
    back; those that restored its backup, since what they kept aside is dropped in its record."""
    return (one for one in others if (_after(told, one) and _same_keys(one, told)) or _restored(one, told))


def others(record: Record) -> list[dict[str, Any]]:
    """What the records beside this one tell; not of those that nobody can read, which the index names."""
    folder = os.path.dirname(os.path.dirname(record.path))
    found = []
    for name in sorted(os.listdir(folder)):
        if name != record.rotation_id and os.path.isfile(os.path.join(folder, name, FILE_NAME)):
            with contextlib.suppress(Exception):  # whatever somebody wrote into one
                found.append(story(Record(folder, name)))
    return [one for one in found if one["runs"]]


def _restored(one: Told, of: Told) -> bool:
    """Whether a run of one rotation has put the backup of another in the place of a database."""
    restores = (event for event in one["events"] if isinstance(event, RestoreEvent))
    return any(event.backup.get("rotation_id") == of["rotation_id"] for event in restores)


def _after(one: Told, other: Told) -> bool:
    """Within one second, by the order in which their names are made."""
    begun = [(each["began"], each["rotation_id"]) for each in (one, other)]
    return bool(one["began"] and other["began"]) and begun[0] > begun[1]


def _same_keys(told: Told, later: Told) -> bool:
    """By the ids of the keys that each knows of; one that failed before it knew any is held against its hosts."""
    mine, theirs = _key_ids(told), _key_ids(later)
    return bool(mine & theirs) if mine else bool(set(told["hosts"]) & set(later["hosts"]))


def _key_ids(told: Told) -> set[str]:
    named = {str(one.get("key_id")) for one in told["versions"] if isinstance(one, Mapping)}
    return named | {told["keys"][name] for name in ("old", "new") if told["keys"][name]}
