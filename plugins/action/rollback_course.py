# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rollback_course on the controller: hold what was seen against the store, and say which way back there is."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ansible.utils.display import Display

from ..module_utils._engine.postgres.catalog import Table
from ..module_utils._errors.base import RotationError
from ..module_utils._errors.restore import RepairBackup
from ..module_utils._errors.run import NothingToRollBack, RotationRolledBack
from ..module_utils._options.rotation_options import ROLLBACK_COURSE
from ..module_utils._record import reader
from ..module_utils._record.events import ROLLBACK, ROTATE, CountingEvent, Event, RestoreEvent, RunEvent
from ..module_utils._record.rotation_id import checked
from ..module_utils._record.writer import Record
from ..plugin_utils._action import RotationAction
from ..plugin_utils._report import data_state, read_rotation, restore_lines
from ..plugin_utils._report.typed_commands import command
from ..plugin_utils._screen import lines
from ..plugin_utils._services import rollback_strategy

display = Display()
UNKNOWN_KEYS = (
    "The .env file of {hosts} has neither the current nor the previous keys of the store {store}: a key was changed by "
    "hand, key_rotation_keys lists other keys than the store has, or the store is another application's. A rollback "
    "replaces the keys in the file."
)
NO_ROTATION = ("E_NOTHING_TO_ROLL_BACK", "E_PREVIOUS_DESTROYED", "E_ROLLED_BACK")


class ActionModule(RotationAction):
    spec = ROLLBACK_COURSE
    recorded = False  # it only looks; the record is opened with what it says

    def act(self, options: dict[str, Any]) -> dict[str, Any]:
        found, refusal = self._found(options)
        chosen = rollback_strategy.choose(found)
        if (options["backup"].get("error") or {}).get("code") == "E_RESTORE_SHUT":
            return _failed(options["backup"])
        if "targets" not in options["census"] and chosen.name != "restore":
            return _failed(options["census"])
        if refusal and chosen.name not in ("restore", "repair", "settle"):
            raise refusal
        refuse_vain_repair(found, options["backup"], options["rotation_id"])
        if not found.backup and "msg" in options["backup"]:
            if chosen.name == "restore" or (found.prefer == "repair" and not found.done):
                return _failed(options["backup"])
            display.warning(f"Nobody knows what a backup has of these values: {options['backup']['msg']}")
        if chosen.name != "restore":
            for line in restore_lines.left_copies(options["backup"].get("copies") or {}, self.variables):
                display.warning(line)
        rotate = command(self.variables, "rotate")
        does = rollback_strategy.DOES[chosen.name].format(rotation_id=found.rotation_id, rotate=rotate)
        will = "Would" if self._task.check_mode else "Will"
        lines.show([f"Course {chosen.name}: {chosen.reason}. {will} {does}."], "Course")
        return {
            "changed": False,
            "course": chosen.name,
            "reason": chosen.reason,
            "does": does,
            "rotation_id": found.rotation_id,
            "destination": found.destination,
            "leaving": found.taken_back if found.elsewhere and chosen.name == "backwards" else "",
            "unopened": bool(data_state.odd(found.values)),
            "seen": self._seen(options),
            "databases": found.ruined if chosen.name == "restore" else [],
        }

    def _seen(self, options: dict[str, Any]) -> dict[str, Any]:
        """What the look showed, for the record: the census, and the key ID that each host's files hold."""
        history = self.store(options).load()
        newest = history.versions[-1].key_id if history.versions else ""
        key_ids = {**history.stages, "rolled back": newest}
        census = {name: options["census"][name] for name in ("targets", "key_ids") if name in options["census"]}
        return {**census, "files": {host: key_ids.get(stage, "") for host, stage in options["files"].items()}}

    def _found(self, options: dict[str, Any]) -> tuple[rollback_strategy.Situation, RotationError | None]:
        """All that was seen; and why no rotation can be taken back, where none can: rows may be all the same."""
        backup = options["backup"].get("backup") or {}
        asked = checked(options["rotation_id"]) if options["rotation_id"] else None
        rows = options["prefer"] in ("restore", "repair") or bool(options["done"])  # then it is a backup that is named
        refusal = None
        history = self.store(options).load()
        strange = [host for host, stage in options["files"].items() if stage == "other"]
        if strange and history.versions:
            display.warning(UNKNOWN_KEYS.format(hosts=", ".join(strange), store=history.path))
        try:
            lease = self.lease(options)
            ours = lease.of_run(os.getppid()) if options["done"] else None  # maybe without a version
            said = rollback_strategy.of_store(history, None if rows else asked, ours or lease.left_over())
        except RotationError as exc:
            if exc.code not in NO_ROTATION:
                raise
            refusal = changed_nothing(exc, self._records(options))
            said = {"rotation_id": asked or backup.get("rotation_id") or "", "destination": None}
        later = closed_after(self._records(options), said["rotation_id"]) if not (asked or rows or refusal) else None
        if later:
            already = RotationRolledBack(rotation_id=later, earlier=said["rotation_id"])
            raise changed_nothing(already, self._records(options))
        if said["destination"] is None and "rolled back" in options["files"].values():
            said["rotation_id"] = history.versions[-1].rotation_id
        events = Record(self._records(options), said["rotation_id"]).decoded() if said["rotation_id"] else []
        found = rollback_strategy.Situation(
            **said,
            **rollback_strategy.of_census(options["census"], said["rotation_id"]),
            files=options["files"],
            lost=_lost_tables(options, events),
            restored=was_restored(events),
            backup=backup["snapshot"]["time"] if backup else "",
            prefer=options["prefer"],
            named=len(options["repair"]),
            done=options["done"],
        )
        return found, refusal


def refuse_vain_repair(found: rollback_strategy.Situation, backup: Mapping[str, Any], asked: str | None) -> None:
    """Raise E_REPAIR_BACKUP where a repair was asked for by name, and the look found no backup for it, or none of the
    rotation that was ``asked`` for."""
    wanted = found.unreadable or found.named
    if found.prefer == "repair" and wanted and not found.done and not found.backup and "msg" not in backup:
        other = "Leave key_rotation_id out: the backup of another rotation may have them."
        elsewhere = "If there is one elsewhere, set key_rotation_backup_dir."
        of = f" of rotation {asked}" if asked else ""
        goes_back = " A rotation that stands half way goes back by the same command without key_rotation_prefer."
        advice = (other if asked else elsewhere) + goes_back * found.open
        raise RepairBackup(of=of, advice=advice)


def _lost_tables(options: Mapping[str, Any], events: Sequence[Event]) -> dict[str, list[str]]:
    """By alias, tables that the backup has and the database has not; also without such a backup, those in which the
    record of the rotation has counted values."""
    gone = counted_once(options["backup"].get("gone") or {}, with_values(events))
    return {**gone, **options["backup"].get("missing", {})}


def was_restored(events: Sequence[Event]) -> bool:
    """Whether a backup was put in the place of a database, or may have been by a run that was killed."""
    swaps = [event for event in events if isinstance(event, RestoreEvent) and event.state == "present"]
    return any(event.is_done for event in swaps) or any(event.is_intent for event in swaps[-1:])


def counted_once(gone: Mapping[str, Sequence[str]], held: Collection[str]) -> dict[str, list[str]]:
    """Of the tables that are gone, by alias, those which a record has counted values in, as it calls them: one of the
    same name in another database is another table, which may never have been there."""
    known = {
        alias: [table for table in tables if Table("public", table, visible=True, alias=alias).label in held]
        for alias, tables in gone.items()
    }
    return {alias: tables for alias, tables in known.items() if tables}


def with_values(events: Sequence[Event]) -> set[str]:
    """The tables in which the newest count of a record has found values."""
    with_counts = (event.targets for event in reversed(events) if isinstance(event, CountingEvent) and event.targets)
    counted: Sequence[Mapping[str, Any]] = next(with_counts, [])
    return {
        str(target["table"])
        for target in counted
        if any(count for name, count in target["classes"].items() if name != "empty")
    }


def closed_after(folder: str, rotation_id: str) -> str | None:
    """The newest rotation of these records, where that is another one and a run back has ended it: it may have made no
    key, so that the store knows nothing of it, and the same command once more is not meant for the one before."""
    newest: tuple[str, str, bool] = ("", "", False)
    for name in reader.names(folder):
        runs = [event for event in Record(folder, name).decoded() if isinstance(event, RunEvent)]
        began = max((event.time for event in runs if event.name == ROTATE), default="")
        if began:
            back = runs[-1].name == ROLLBACK and runs[-1].is_done
            newest = max(newest, (began, name, back))
    return newest[1] if newest[2] and newest[1] != rotation_id else None


def changed_nothing(refusal: RotationError, folder: str) -> RotationError:
    """The refusal; of a rotation that was rolled back before it wrote a value or a file, that there is nothing to roll
    back."""
    if not isinstance(refusal, RotationRolledBack):
        return refusal
    events = Record(folder, refusal.rotation_id).decoded()
    if not events or read_rotation.reduce(refusal.rotation_id, events).state.written:
        return refusal
    return NothingToRollBack(
        found=f"the last attempt, {refusal.rotation_id}, wrote no value and no .env file, and is closed",
        advice=f"To take back {refusal.earlier}, which was completed before, name it: "
        f"-e key_rotation_id={refusal.earlier}. ",
    )


def _failed(result: dict[str, Any]) -> dict[str, Any]:
    """The failure of a look, told by the one who needed it."""
    return {"failed": True, **{name: result.get(name) for name in ("msg", "error")}}
