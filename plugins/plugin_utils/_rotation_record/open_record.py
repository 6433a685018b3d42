# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Begins a run: finds its rotation, and writes the first line of its record."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from ...module_utils._errors.run import RollbackInterrupted
from ...module_utils._record import page_checksums, sshsig, verifier
from ...module_utils._record.events import (
    FORMAT,
    ROLLBACK,
    ROTATE,
    LineContent,
    ReencryptionEvent,
    for_compromise,
    is_compromise,
)
from ...module_utils._record.writer import Record
from ...module_utils._stores.history import COMPLETED, History
from ...module_utils._stores.vault_file import VaultFile
from .._control_node import clock
from .._control_node.container import refuse_ephemeral
from .._control_node.provenance import provenance
from .._notify import notification
from .._report import refused_runs, summary_box
from .._report.playbook_command import build_command
from .._report.read_rotation import read
from .._screen import lines
from . import record_fields
from .plan_permission import PlanPermission, find_permission
from .public_keys import public_keys
from .record_pages import write_page
from .record_signing import follows, goes_on_here, refuse_changed, refuse_gone, seal
from .record_task import RecordResult, RecordTask
from .recorded_mode import AUTO, find_mode
from .rotation_choice import NEW, RESUMED, choose_rotation, without_outcome
from .rotation_log import RotationLog
from .run_notice import channels, notify_people

COMMANDS = ("rotate", "rollback", "restore", "retire", "verify", "maintenance")  # the commands that reports suggest


@dataclass(frozen=True)
class Opening:
    """A run that begins. ``destination`` is the stage that every value must be under when it ends."""

    direction: str
    rotation_id: str
    how: str
    destination: str | None

    @property
    def rotates(self) -> bool:
        return self.direction == ROTATE

    @property
    def resumed(self) -> bool:
        return self.how == RESUMED

    @property
    def completed(self) -> bool:
        return self.how == COMPLETED

    def __str__(self) -> str:
        if self.completed:
            return f"Rotation {self.rotation_id} is already complete: nothing to do"
        return (
            f"{summary_box.format_title(self.direction)} {self.rotation_id} {'resumes' if self.resumed else 'begins'}"
        )


def open_record(log: RotationLog, task: RecordTask) -> RecordResult:
    """Find the rotation of this run, the open one or a new one, and begin its record."""
    notification.rehearse(channels(log, task.notify))
    refuse_ephemeral({**_store_file(log), "folder of the records": log.folder})
    history = log.store.load()
    run = _identify(log, task, history)
    if not run.completed:
        refuse_gone(log.folder, log.store)
        if log.controller.check_mode:
            log.lease.refuse_other(log.controller.pid)
        else:
            _begin(log, task, run, history)
    lines.detail([f"{run}."], "Record")
    return {
        "msg": str(run),
        "rotation_id": run.rotation_id,
        "resumed": run.resumed,
        "completed": run.completed,
        "destination": run.destination,
        "mode": _mode(log, task, run),
        "in_window": run.resumed and _was_in_window(log, run),
        "compromised": _is_compromise(log, task, run, history),
    }


def _was_in_window(log: RotationLog, run: Opening) -> bool:
    """Return whether the run that is resumed stopped the application, or may have written a value."""
    record = log.record(run.rotation_id)
    return read(record).downtime.lasts or any(isinstance(event, ReencryptionEvent) for event in record.decoded())


def _mode(log: RotationLog, task: RecordTask, run: Opening) -> str:
    """Return when the values are re-encrypted: what the operator named, or for ``auto`` as the run that is resumed."""
    if task.mode != AUTO or not run.resumed:
        return task.mode
    return find_mode(log.record(run.rotation_id).decoded()) or AUTO


def _is_compromise(log: RotationLog, task: RecordTask, run: Opening, history: History) -> bool:
    """Return whether any run of this rotation, or an earlier rotation, declared the replaced keys compromised."""
    if not run.rotates or run.completed:
        return False
    is_said = history.is_base_compromised or is_compromise(task.reason)
    return is_said or for_compromise(log.record(run.rotation_id).decoded())


def _store_file(log: RotationLog) -> dict[str, str]:
    """The key store, if it is a file."""
    return {"key store": log.store.path} if isinstance(log.store, VaultFile) else {}


def _identify(log: RotationLog, task: RecordTask, history: History) -> Opening:
    if task.strategy:
        return Opening(task.direction, task.strategy.rotation_id, NEW, task.strategy.destination)
    asked = task.rotation_id
    if task.direction == ROTATE:
        _refuse_half_rolled_back(log, history)
    if task.direction == ROTATE and not asked and not history.open_rotation:
        asked = without_outcome(history, log.lease.left_over())
    rotation_id, how = choose_rotation(history, task.direction, asked)
    destination = "current" if how == COMPLETED else history.destination(task.direction)
    return Opening(task.direction, rotation_id, how, destination)


def _refuse_half_rolled_back(log: RotationLog, history: History) -> None:
    """Raise E_ROLLBACK_INTERRUPTED if the last run died while it rolled back a completed rotation: only a rollback
    continues, and it finds its rotation by the lease that this run would take over."""
    left_over = log.lease.left_over()
    if left_over and history.outcome(left_over) == COMPLETED:
        state = read(log.record(left_over))
        if state.is_interrupted and state.last_run.direction == ROLLBACK:
            raise RollbackInterrupted(rotation_id=left_over)


def _begin(log: RotationLog, task: RecordTask, run: Opening, history: History) -> None:
    """Acquire the lease and write the first line, after all checks that may refuse the run."""
    record = log.record(run.rotation_id)
    permission = find_permission(log, task, record, resumed=run.resumed) if run.rotates else None
    unsigned = _refuse_damaged(log, task, record)
    log.lease.take(run.rotation_id, log.controller.pid)
    record.append(
        run.direction,
        "intent",
        format=FORMAT,
        resumed=run.resumed,
        **_of_control_node(log),
        **task.as_recorded(),
        **(_of_rotation(task, permission) if permission else {}),
        **({"compromised": True} if _is_compromise(log, task, run, history) else {}),
        **(task.strategy.as_recorded() if task.strategy else {}),
        **unsigned,
        **_of_other_records(log),
    )
    notify_people(log, record, notification.STARTED, task.notify)
    if history.versions and goes_on_here(record, log.store):
        seal(record, log.store)
    write_page(log, record)  # replaces the report of an earlier run


def _refuse_damaged(log: RotationLog, task: RecordTask, record: Record) -> LineContent:
    """Raise E_RECORD_* if the record cannot be continued. Returns, for the first line, how many lines are not signed.

    A run that rolls itself back wrote those lines itself.
    """
    record.refuse_full()
    record.events()  # read all of it: later steps read only the last line
    unsigned = refuse_changed(record, log.store, public_keys(task.former_signers))
    rolls_itself_back = log.lease.of_run(log.controller.pid) == record.rotation_id
    return {"rolls_itself_back": True} if rolls_itself_back else unsigned


def _of_control_node(log: RotationLog) -> LineContent:
    return {
        "tool": provenance(),
        "clock": clock.read_clock(),
        "commands": {name: asdict(build_command(name)) for name in COMMANDS},
        "retain_until": record_fields.retain_until(),
        "pages": page_checksums.SUMS,
    }


def _of_rotation(task: RecordTask, permission: PlanPermission) -> LineContent:
    periods = {"hold_days": task.hold_days, "cryptoperiod_days": task.cryptoperiod_days}
    return {**periods, **permission.as_recorded()}


def _of_other_records(log: RotationLog) -> LineContent:
    return {**follows(log.store), **refused_runs.followed(log.folder), **_former_signers(log)}


def _former_signers(log: RotationLog) -> LineContent:
    """The keys that signed the records, if the store has no signing key: it is another store, or lost its key. They are
    recorded so that they are known later."""
    if log.store.kept_signing_key() is not None:
        return {}
    signers = verifier.signers(log.folder)
    for key in signers:
        log.controller.warn(
            f"Records are signed by {sshsig.fingerprint(key)}, but {log.store.path} has no key that signs records: it "
            "gets a new one. If you did not change the store, find out who removed the key."
        )
    return {"former_signers": signers} if signers else {}
