# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chooses how a rotation is rolled back, and refuses what must not be done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...module_utils._errors.option_names import spell_options
from ...module_utils._errors.restore import RepairBackup
from ...module_utils._errors.run import VersionCompromised
from ...module_utils._stores.history import History
from .._report import data_state, restore_lines
from .._report.playbook_command import command
from .._rotation_record.rotation_log import RotationLog
from .._screen import lines
from . import rollback_strategy
from .rollback_look import LookFailed, RollbackLook
from .rollback_situation import find_situation
from .rollback_strategy import RollbackStrategy, Situation

if TYPE_CHECKING:
    from ...module_utils._backup.restore import BackupOutcome
    from ...module_utils._engine.result_types import SeenBeforeRollback

RETURNS = (
    "The rollback returns to version {key_id}, which is compromised, because the values must be under keys that the "
    "application has. Rotate again as soon as you can."
)
STAYS = "Version {key_id} stays in use, and is compromised. Rotate again as soon as you can."
IN_USE_AFTER = {"backwards": RETURNS, "discard": STAYS}
LIST_ALL = spell_options(
    "If the backup has values that open, list all encrypted columns in O(targets), including this one, each with its "
    "scheme from the plan, and run the same command again: each value that opens under no key is then taken from the "
    "backup. Remove O(targets) afterwards."
)
WITHOUT_ROTATION = ("restore", "repair", "settle")


@dataclass(frozen=True)
class RollbackChoice:
    """The strategy, the reason for it, and what the tasks of the role need to know."""

    strategy: str
    reason: str
    does: str
    rotation_id: str
    destination: str | None
    leaving: str | None
    unopened: bool
    seen: SeenBeforeRollback
    databases: Sequence[str]
    was_online: bool


def choose_rollback(log: RotationLog, look: RollbackLook) -> RollbackChoice:
    """Choose the strategy, and show it. Raise LookFailed if it depends on a check that failed, and the refusal if
    there is no rotation to roll back."""
    situation, refusal = find_situation(log, look)
    chosen = rollback_strategy.choose(situation)
    _refuse_blind(look, chosen)
    if refusal and chosen.name not in WITHOUT_ROTATION:
        raise refusal
    _refuse_compromised(situation, chosen)
    refuse_vain_repair(situation, look.backup, look.rotation_id)
    _refuse_without_backup(log, look, situation, chosen)
    if chosen.name != "restore":
        _warn_of_copies(log, look)
    if situation.compromised and chosen.name in IN_USE_AFTER:
        log.controller.warn(IN_USE_AFTER[chosen.name].format(key_id=situation.compromised))
    does = rollback_strategy.DOES[chosen.name].format(rotation_id=situation.rotation_id, rotate=command("rotate"))
    will = "Would" if log.controller.check_mode else "Will"
    lines.show([f"Strategy {chosen.name}: {chosen.reason}. {will} {does}."], "Strategy")
    return RollbackChoice(
        strategy=chosen.name,
        reason=chosen.reason,
        does=does,
        rotation_id=situation.rotation_id,
        destination=situation.destination,
        leaving=situation.created_stage if situation.elsewhere and chosen.name == "backwards" else "",
        unopened=bool(data_state.odd(situation.values)),
        seen=_describe_look(look, log.store.load()),
        databases=situation.damaged_databases if chosen.name == "restore" else [],
        was_online=situation.was_online,
    )


def _refuse_compromised(situation: Situation, chosen: RollbackStrategy) -> None:
    """Raise E_VERSION_COMPROMISED if values would return to a compromised version without an override.

    A restore or a repair of an open rotation is refused too, since it could only end there.
    """
    leads_back = chosen.name == "backwards" or (chosen.name in ("restore", "repair") and situation.open)
    if situation.barred and leads_back:
        raise VersionCompromised(key_id=situation.compromised, rotation_id=situation.rotation_id)


def refuse_vain_repair(situation: Situation, backup: BackupOutcome, asked: str | None) -> None:
    """Raise E_REPAIR_BACKUP if a repair was requested and no backup was found for it, or none of the rotation ``asked``
    for."""
    wanted = situation.unreadable or situation.named
    if situation.prefer != "repair" or not wanted or situation.done or situation.backup or "msg" in backup:
        return
    other = "Leave key_rotation_id out: the backup of another rotation may have them."
    elsewhere = "If there is one elsewhere, set key_rotation_backup_dir."
    of = f" of rotation {asked}" if asked else ""
    goes_back = " The same command without key_rotation_prefer rolls an unfinished rotation back."
    advice = (other if asked else elsewhere) + goes_back * situation.open
    raise RepairBackup(of=of, advice=advice)


def _refuse_blind(look: RollbackLook, chosen: RollbackStrategy) -> None:
    """Raise LookFailed if the database is closed to everybody, or if the values that the strategy writes are
    unknown."""
    if look.is_shut:
        raise LookFailed(look.backup)
    if not look.counted and chosen.name != "restore":
        raise LookFailed(look.census, LIST_ALL if look.prefer == "repair" and look.has_unproved else "")


def _refuse_without_backup(
    log: RotationLog, look: RollbackLook, situation: Situation, chosen: RollbackStrategy
) -> None:
    """Raise LookFailed if the strategy needs a backup and the search for it failed; otherwise that is a warning."""
    if situation.backup or "msg" not in look.backup:
        return
    if chosen.name == "restore" or (situation.prefer == "repair" and not situation.done):
        raise LookFailed(look.backup)
    log.controller.warn(f"It is not known whether a backup has these values: {look.backup['msg']}")


def _warn_of_copies(log: RotationLog, look: RollbackLook) -> None:
    for line in restore_lines.left_copies(look.backup.get("copies") or {}):
        log.controller.warn(line)


def _describe_look(look: RollbackLook, history: History) -> SeenBeforeRollback:
    """Return what the hosts reported for the record: the census, and the key ID of each host's .env file."""
    newest = history.versions[-1].key_id if history.versions else ""
    key_ids = {**history.stages, "rolled back": newest}
    described: SeenBeforeRollback = {"files": {host: key_ids.get(stage, "") for host, stage in look.files.items()}}
    if "targets" in look.census:
        described["targets"] = look.census["targets"]
    if "key_ids" in look.census:
        described["key_ids"] = look.census["key_ids"]
    if "since" in look.census:
        described["since"] = look.census["since"]
    return described
