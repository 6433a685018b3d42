# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows about a restore, a repair or a drop, and the commands that drop the databases that were kept aside."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ...module_utils._errors.counts import counted
from ...module_utils._record.events import RepairEvent, RestoreEvent, StepResult
from .playbook_command import command
from .summary_row import Row

if TYPE_CHECKING:
    from ...module_utils._result_types.restore_types import RestoredDatabase

VALUES = "values"  # the label of the row with the number of values under which keys


def format_restore(event: RestoreEvent) -> Iterator[Row]:
    """Yield the rows about a restore: the names, how many values are under which keys, and what was lost."""
    done = event.restored
    if done.get("copy"):
        yield Row("", f"{done['copy']} is next to {done['database']}, verified: the backup of {_moment(event)}")
    elif "under" in done and event.changed:
        yield Row("", f"{done['database']} is now the backup of {_moment(event)}")
        under = ", ".join(f"{count:,} {name}" for name, count in sorted(done["under"].items()))
        yield Row(VALUES, under or "no value under the keys")
        for table in event.lost:
            rows = {"added": table["added"], "changed": table["changed"], "deleted": table["deleted"]}
            counts = ", ".join(f"{count:,} {name}" for name, count in rows.items() if count) or "not counted"
            yield Row("lost", f"{table['table']}: rows since {counts}")
    elif done and event.changed is False:
        done_before = "this backup replaced the database at an earlier time"
        yield Row("", f"NOTHING WAS RESTORED NOW: {done_before}. To restore it again,")
        yield Row("", "first drop the database that was kept: -e key_rotation_restore_drop=true")
    if aside := done.get("aside"):
        yield kept_aside(aside)


def without_values(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield the rows for a reader who has the census, which counts the values."""
    yield from (row for row in rows if row.label != VALUES)


def kept_aside(name: str) -> Row:
    return Row("aside", f"{name}, without connections, until you drop it")


def dropped(result: StepResult) -> Iterator[Row]:
    """Yield the names that were dropped; if there are none, the names that were looked for."""
    yield from (Row("dropped", name) for name in result.get("dropped") or ())
    if not result.get("dropped") and result.get("sought"):
        yield Row("", f"nothing to drop: there is no database {' or '.join(result['sought'])}")


def _moment(event: RestoreEvent) -> str:
    return event.backup["snapshot"]["time"]


def repaired(event: RepairEvent) -> Iterator[Row]:
    """Yield the number of repaired values, and each value that was not repaired."""
    for column, count in sorted(event.repaired.items()):
        yield Row("", f"{column}: {counted(count, 'value')} repaired from the backup")
    for value in event.left:
        yield Row("", f"{value['value']} is left: {value['reason']}")
    if event.kept:
        yield Row("", f"what was overwritten is kept in {event.kept}")


def left_copies(copies: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """A line for each copy of a restore that did not replace a database: what it is, and the command that drops it."""
    for alias, rotation_ids in copies.items():
        for name, rotation_id in rotation_ids.items():
            what = f"{name} is the copy of an unfinished restore. Running the same restore again uses it"
            yield f"{what}; {drop_command(rotation_id, alias)} drops it."


def drop_command(rotation_id: str, alias: str) -> str:
    """The command that drops the database that a restore kept aside."""
    options = [f"key_rotation_id={rotation_id}"]
    options += [f"key_rotation_restore_alias={alias}"] if alias != "default" else []
    options.append("key_rotation_restore_drop=true")
    return command("restore", [word for one in options for word in ("-e", one)])


def from_backup(event: RepairEvent | RestoreEvent, aside: Collection[str]) -> Iterator[str]:
    """Yield sentences about an event: what it took from a backup, what was lost, what is ``aside``, and what failed."""
    with contextlib.suppress(AttributeError, KeyError, TypeError, ValueError):  # written by another version
        shown: Iterable[Row] = ()
        if isinstance(event, RepairEvent):
            shown = repaired(event)
        elif event.swapped:
            kept = event.restored["aside"]
            restored: RestoredDatabase = {**event.restored, "aside": kept if kept in aside else None}
            shown = format_restore(replace(event, restored=restored))
        yield from [row.as_sentence() for row in without_values(shown)]


def swapped_untold(alias: str, backup: str) -> Row:
    """Return the row about a restore whose run was killed right after the swap."""
    done = f"DATABASES[{alias}] is now the backup of {backup}"
    return Row("restored", f"{done}: an earlier run was killed right after the swap", whole=False)
