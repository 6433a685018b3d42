# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Collects what is known before a rollback, from the hosts, the store and the records."""

from __future__ import annotations

from ...module_utils._errors.base import RotationError
from ...module_utils._errors.keys import PreviousDestroyed
from ...module_utils._errors.run import NothingToRollBack, RotationRolledBack
from ...module_utils._record.events import ROTATE, RunEvent
from ...module_utils._stores.history import History
from .._rotation_record.recorded_mode import was_online
from .._rotation_record.rotation_log import RotationLog
from . import rollback_strategy
from .rollback_look import RollbackLook
from .rollback_records import changed_nothing, closed_after, lost_tables, was_restored
from .rollback_strategy import OfStore, Situation

UNKNOWN_KEYS = (
    "The .env file of {hosts} has neither the current nor the previous keys of the store {store}: a key was changed by "
    "hand, key_rotation_keys lists other keys than the store has, or the store belongs to another application. A "
    "rollback replaces the keys in the file."
)
NO_ROTATION = (NothingToRollBack, PreviousDestroyed, RotationRolledBack)


def find_situation(log: RotationLog, look: RollbackLook) -> tuple[Situation, RotationError | None]:
    """The situation, and why no rotation can be rolled back, if so. Rows may still be repaired then."""
    asked, history = look.requested_rotation, log.store.load()
    _warn_of_unknown_keys(log, look, history)
    refusal = None
    try:
        of_store = _of_store(log, look, asked, history)
    except NO_ROTATION as exc:
        refusal = changed_nothing(exc, log.folder)
        of_store = {"rotation_id": asked or look.manifest.get("rotation_id") or "", "destination": None}
    if not (asked or look.names_backup or refusal):
        _refuse_closed(log, of_store["rotation_id"])
    if of_store["destination"] is None and "rolled back" in look.files.values():
        of_store["rotation_id"] = history.versions[-1].rotation_id
    return _situation(log, look, of_store, history), refusal


def _warn_of_unknown_keys(log: RotationLog, look: RollbackLook, history: History) -> None:
    unknown = [host for host, stage in look.files.items() if stage == "other"]
    if unknown and history.versions:
        log.controller.warn(UNKNOWN_KEYS.format(hosts=", ".join(unknown), store=history.path))


def _of_store(log: RotationLog, look: RollbackLook, asked: str | None, history: History) -> OfStore:
    """Return the store's facts. A run that restored or repaired rows holds the lease, perhaps without a version."""
    own = log.lease.of_run(log.controller.pid) if look.done else None
    return rollback_strategy.of_store(history, None if look.names_backup else asked, own or log.lease.left_over())


def _refuse_closed(log: RotationLog, rotation_id: str) -> None:
    """Raise E_ROLLED_BACK or E_NOTHING_TO_ROLL_BACK if a later rotation was rolled back already."""
    if later := closed_after(log.folder, rotation_id):
        raise changed_nothing(RotationRolledBack(rotation_id=later, earlier=rotation_id), log.folder)


def _compromised(history: History, destination: str | None) -> str:
    """The key ID of the version to roll back to, if it is compromised."""
    version = history.stage(destination) if destination else None
    return version.key_id if version and version.is_compromised else ""


def _rolls_itself_back(log: RotationLog) -> bool:
    """Return whether this same run began a rotation that failed.

    A rollback that a person starts holds the lease as well, once its record is open.
    """
    own = log.lease.of_run(log.controller.pid)
    events = log.record(own).decoded() if own else []
    begun = [event for event in events if isinstance(event, RunEvent) and event.is_intent]
    return bool(begun) and (begun[-1].name == ROTATE or begun[-1].rolls_itself_back)


def _situation(log: RotationLog, look: RollbackLook, of_store: OfStore, history: History) -> Situation:
    rotation_id = of_store["rotation_id"]
    events = log.record(rotation_id).decoded() if rotation_id else []
    return Situation(
        **of_store,
        **rollback_strategy.of_census(look.census, rotation_id),
        files=look.files,
        lost=lost_tables(look.backup, events),
        restored=was_restored(events),
        was_online=was_online(events),
        backup=look.manifest["snapshot"]["time"] if look.manifest else "",
        prefer=look.prefer,
        named=len(look.repair),
        done=look.done,
        compromised=_compromised(history, of_store["destination"]),
        returns=look.compromised == "accept" or _rolls_itself_back(log),
    )
