# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The remaining work after a rotation, each item with the command to type."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .event_time import day
from .playbook_command import PlaybookCommand
from .restores import Aside
from .rotation_state import RotationState
from .run_status import COMPLETED, ROLLED_BACK
from .superseded_runs import Place


@dataclass(frozen=True)
class Item:
    """One thing to do, with its command if there is one."""

    text: str
    command: PlaybookCommand | None = None


def find(rotation: RotationState, place: Place) -> Iterator[Item]:
    if place.superseded_by:
        yield Item(f"Superseded by {place.superseded_by}: its page says what to do now.")
    if rotation.status == COMPLETED and not place.destroyed:
        yield _retire(rotation)
    yield from (_drop(aside, rotation.said.commands.get("restore")) for aside in rotation.kept_aside)
    if place.superseded_by:
        return
    if rotation.unopened:
        yield Item("Restore or delete the values that no key opens: the warnings list them.")
    if rotation.status == COMPLETED:
        yield from _completed(rotation, place)
    elif rotation.status == ROLLED_BACK:
        yield from _rolled_back(rotation, place)
    else:
        yield from _stopped(rotation)


def _retire(rotation: RotationState) -> Item:
    old, day_from = rotation.keys.old, rotation.schedule.retire
    since = f", from {day(day_from)} on" if day_from else ""
    retire = rotation.said.commands.get("retire")
    command = retire and retire.with_options({"key_rotation_retire_key_id": old})
    return _item(f"Retire the previous keys ({old}) when nothing needs them anymore{since}.", command)


def _drop(aside: Aside, restore: PlaybookCommand | None) -> Item:
    alias = aside.alias if aside.alias != "default" else None
    options = {
        "key_rotation_id": aside.backup,
        "key_rotation_restore_alias": alias,
        "key_rotation_restore_drop": "true",
    }
    text = f"Drop {aside.name}, the database from before the restore, when you no longer need anything in it:"
    return _item(text, restore and restore.with_options(options))


def _completed(rotation: RotationState, place: Place) -> Iterator[Item]:
    if place.why_no_rollback:
        yield Item(f"It cannot be rolled back: {place.why_no_rollback}.")
    else:
        yield _item("Until then you can roll it back and keep what was written since:", _named(rotation, "rollback"))
    if place.next.due:
        yield Item(f"Rotate again by {day(place.next.due)}.")


def _rolled_back(rotation: RotationState, place: Place) -> Iterator[Item]:
    due = place.next
    by = f", by {day(due.due)} at the latest, since the keys in use are as old as before" if due.due else ""
    by = f" now, because {due.due_why}" if due.due_now else by
    if rotation.not_running:
        start = "Fix why the application is not running, then start it with -e key_rotation_maintenance=off:"
        yield _item(start, rotation.said.commands.get("maintenance"))
    fix = "Fix what stopped the rotation, then begin" if rotation.failure or rotation.failed_task else "Begin"
    yield _item(f"{fix} a new rotation{by}:", rotation.said.commands.get("rotate"))


def _stopped(rotation: RotationState) -> Iterator[Item]:
    if rotation.failure.get("todo"):
        yield Item(rotation.failure["todo"])
    yield _item("Resume where it stopped:", _named(rotation, "rotate"))
    if rotation.keys.new:
        yield _item("Or roll it back:", _named(rotation, "rollback"))


def _named(rotation: RotationState, playbook: str) -> PlaybookCommand | None:
    command = rotation.said.commands.get(playbook)
    return command and command.with_options({"key_rotation_id": rotation.rotation_id})


def _item(text: str, command: PlaybookCommand | None) -> Item:
    return Item(text if command else text.rstrip(":"), command)
