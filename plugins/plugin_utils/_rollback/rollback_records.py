# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts of the records for a rollback: what was lost, what was restored, and what is already rolled back."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from ...module_utils._engine.postgres.catalog import Table
from ...module_utils._engine.proof.census_result import ColumnCounts
from ...module_utils._errors.base import RotationError
from ...module_utils._errors.run import NothingToRollBack, RotationRolledBack
from ...module_utils._record import reader
from ...module_utils._record.events import ROLLBACK, ROTATE, CountingEvent, Event, RestoreEvent, RunEvent
from ...module_utils._record.writer import Record
from .._report import read_rotation

if TYPE_CHECKING:
    from ...module_utils._backup.restore import BackupOutcome


def lost_tables(backup: BackupOutcome, events: Sequence[Event]) -> Mapping[str, Sequence[str]]:
    """Return by alias the tables that the database lost.

    These are the tables that the backup has and the database lacks. If the backup does not list its tables, they are
    the missing tables in which the record counted values.
    """
    gone = counted_once(backup.get("gone") or {}, with_values(events))
    return {**gone, **backup.get("missing", {})}


def was_restored(events: Sequence[Event]) -> bool:
    """Return whether a backup replaced a database, or may have in a run that was killed."""
    swaps = [event for event in events if isinstance(event, RestoreEvent) and event.state == "present"]
    return any(event.is_done for event in swaps) or any(event.is_intent for event in swaps[-1:])


def counted_once(gone: Mapping[str, Sequence[str]], held: Collection[str]) -> dict[str, list[str]]:
    """Return the ``gone`` tables, by alias, in which the record once counted values. ``held`` are its names for them.

    A table of the same name may never have existed in another database.
    """
    known = {
        alias: [table for table in tables if Table("public", table, visible=True, alias=alias).label in held]
        for alias, tables in gone.items()
    }
    return {alias: tables for alias, tables in known.items() if tables}


def with_values(events: Sequence[Event]) -> set[str]:
    """The tables in which the newest census of a record counted values."""
    with_counts = (event.targets for event in reversed(events) if isinstance(event, CountingEvent) and event.targets)
    counted: Sequence[ColumnCounts] = next(with_counts, [])
    return {
        str(target["table"])
        for target in counted
        if any(count for name, count in target["classes"].items() if name != "empty")
    }


def closed_after(folder: str, rotation_id: str) -> str | None:
    """The newest rotation of these records, if it is another one and a rollback ended it.

    If it created no key, the store does not know it. Repeating its rollback command is not meant for the rotation
    before it.
    """
    newest: tuple[str, str, bool] = ("", "", False)
    for name in reader.names(folder):
        runs = [event for event in Record(folder, name).decoded() if isinstance(event, RunEvent)]
        began = max((event.time for event in runs if event.name == ROTATE), default="")
        if began:
            rolled_back = runs[-1].name == ROLLBACK and runs[-1].is_done
            newest = max(newest, (began, name, rolled_back))
    return newest[1] if newest[2] and newest[1] != rotation_id else None


def changed_nothing(refusal: RotationError, folder: str) -> RotationError:
    """The refusal, or one that says that there is nothing to roll back, if the rotation wrote no value and no file."""
    if not isinstance(refusal, RotationRolledBack):
        return refusal
    events = Record(folder, refusal.rotation_id).decoded()
    if not events or read_rotation.reduce(refusal.rotation_id, events).state.written:
        return refusal
    return NothingToRollBack(
        reason=f"the last attempt, {refusal.rotation_id}, wrote no value and no key of the application, and is closed",
        advice=f"To roll back {refusal.earlier}, which was completed before, name it: "
        f"-e key_rotation_id={refusal.earlier}. ",
    )
