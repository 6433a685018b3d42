# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ends a successful run: the last line of its record, its report, and the summary."""

from __future__ import annotations

from collections.abc import Sequence

from ...module_utils._engine.discovery.findings.findings import Finding, refuse
from ...module_utils._engine.discovery.findings.settlements import UNREADABLE
from ...module_utils._engine.proof.damage_words import NOTHING, build_damaged_error
from ...module_utils._engine.proof.repair_option import format_repair
from ...module_utils._engine.proof.value_classes import UNOPENED
from ...module_utils._engine.proof.value_list import format_values
from ...module_utils._errors.base import RotationError
from ...module_utils._errors.errors_by_code import build_error
from ...module_utils._errors.restore import ValuesNotRepaired
from ...module_utils._errors.values import ValuesEmptied, ValuesWritten
from ...module_utils._record.events import ROLLBACK, ROTATE
from ...module_utils._record.writer import Record
from .._failed_runs import exit_code
from .._notify import notification
from .._report import data_sentences, summary_box
from .._report.data_state import PLAINTEXT
from .._report.read_rotation import read
from .._report.rotation_state import RotationState
from .._report.run_ending import Ending
from .._screen import lines
from . import record_fields
from .record_pages import write_page
from .record_signing import try_to_seal
from .record_task import RecordResult, RecordTask
from .rotation_log import RotationLog
from .run_notice import notify_people

DRY_RUN = "Nothing was written: this was a dry run."
TAKE_BY_NAME = (
    "To take {values} from the backup, whatever the rest of the row is now, run the rollback playbook with {repair}. "
)
NAMES = {ROTATE: "rotation", ROLLBACK: "rollback"}


def complete(log: RotationLog, task: RecordTask) -> RecordResult:
    """Close a completed rotation. Raise E_VALUES_WRITTEN if another process wrote values while the application was
    stopped, and otherwise E_VALUES_EMPTIED if it emptied any."""
    record = log.record(task.rotation_id)
    record.begun(ROTATE)  # fails before anything is closed
    with log.store.change() as history:
        history.close(record.rotation_id)
    _append_end(log, record, task, ROTATE)
    seal_and_notify(log, record, notification.COMPLETED, task)
    result, state = _finish(log, record)
    emptied = _emptied(state)
    _refuse_written(state, emptied)
    _refuse_emptied(emptied, f"The rotation is completed. {data_sentences.values(state.state)}")
    return result


def roll_back(log: RotationLog, task: RecordTask) -> RecordResult:
    """Close a rollback. Unless a failed task led to it, raise an error if values need attention.

    E_NOT_REPAIRED: a repair left values that no key decrypts, or that a person named. E_UNREADABLE: no key decrypts
    some values. E_PLAINTEXT: some values are plain text. E_VALUES_DAMAGED: another process wrote values that the
    application cannot read. E_VALUES_WRITTEN: another process wrote while the application was stopped.
    E_VALUES_EMPTIED: it emptied values.
    """
    if log.controller.check_mode:
        log.controller.display.display(DRY_RUN)
        return {}
    record = log.record(task.rotation_id)
    record.begun(ROLLBACK)
    _append_end(log, record, task, ROLLBACK)
    stays = read(record).last_run.stays
    seal_and_notify(log, record, notification.COMPLETED if stays else notification.ROLLED_BACK, task)
    result, state = _finish(log, record)
    if state.state.values and set(state.state.values.odd) - {PLAINTEXT}:
        exit_code.ask(exit_code.LEFT)
    if not task.failed_task:
        _refuse_unrepaired(state)
        _refuse_unreadable(state)
        done = f"The rollback is done. {data_sentences.values(state.state)}"
        if damaged := build_damaged_error(state.census.proof.damaged):
            raise damaged.with_changed(done)
        emptied = [value for value, reads in state.census.proof.damaged if reads == NOTHING]
        _refuse_written(state, emptied)
        _refuse_emptied(emptied, done)
    return result


def seal_and_notify(log: RotationLog, record: Record, moment: str, task: RecordTask) -> None:
    """Sign the record, notify people, which may take long or be interrupted, and sign it again with who was
    notified."""
    try_to_seal(record, log.store)
    notify_people(log, record, moment, task.notify)
    try_to_seal(record, log.store)


def show_summary(log: RotationLog, record: Record, page: str | None) -> RotationState:
    """Show the summary of a rotation, and return its state."""
    state = read(record)
    ending = Ending(state, page, log.store.path)
    lines.show(summary_box.lines(ending, log.controller.display.columns))
    return state


def _append_end(log: RotationLog, record: Record, task: RecordTask, direction: str) -> None:
    failed = {"failed_task": task.failed_task} if task.failed_task else {}
    try:
        record.append(direction, "done", **record_fields.end_fields(log.store, log.store.load()), **failed)
    except RotationError as exc:
        raise exc.with_changed(f"The {NAMES[direction]} itself is done; its record has no end yet.") from None


def _finish(log: RotationLog, record: Record) -> tuple[RecordResult, RotationState]:
    page = write_page(log, record)
    state = show_summary(log, record, page)
    log.lease.give_back()
    return {"record": record.path, "report": page}, state


def _refuse_unrepaired(state: RotationState) -> None:
    """Raise E_NOT_REPAIRED for values that a repair left, if a person named them or if no key opens some values."""
    left = [value for value in state.last_run.left_values if value.get("named") or state.census.last.unopened]
    if not left:
        return
    reasons: dict[str, list[str]] = {}
    for value in left:
        reasons.setdefault(str(value["reason"]), []).append(str(value["value"]))
    by_name = state.last_run.left_by_name
    raise ValuesNotRepaired(
        changed=data_sentences.values(state.state),
        count=len(left),
        rows="; ".join(f"{format_values(values)} ({reason})" for reason, values in reasons.items()),
        advice=TAKE_BY_NAME.format(values=format_values(by_name), repair=format_repair(by_name)) if by_name else "",
    )


def _refuse_unreadable(state: RotationState) -> None:
    """Raise an error for each class of values that the last proof accepted although no key decrypts them.

    Examples are E_UNREADABLE and E_PLAINTEXT. Such a run is not a success.
    """
    left = state.census.last.unopened
    if not left:
        return
    classes = left.get("classes") or {UNREADABLE: {"count": left["count"], "rows": left["rows"]}}
    try:
        refuse(Finding.of("", build_error(UNOPENED[name], **facts)) for name, facts in classes.items())
    except RotationError as exc:
        raise exc.with_changed(data_sentences.values(state.state)) from None


def _emptied(state: RotationState) -> list[str]:
    """The values that another process emptied before the proof, each as table.column:key."""
    reading = state.watched.reading or {}
    return [value for value, reads in reading.get("written") or [] if reads == NOTHING]


def _refuse_emptied(emptied: Sequence[str], changed: str) -> None:
    """Raise E_VALUES_EMPTIED for such values. The run stays completed, but a person has to check them."""
    if emptied:
        raise ValuesEmptied(
            changed=changed,
            count=len(emptied),
            rows=format_values(emptied),
            repair=format_repair(emptied),
        )


def _refuse_written(state: RotationState, emptied: Sequence[str] = ()) -> None:
    """Raise E_VALUES_WRITTEN if another process wrote or ``emptied`` values while the application was stopped. If
    nothing was stopped, users of the application may have written them."""
    proof = state.census.proof
    changed = [f"{column}:{row}" for column, rows in sorted(proof.written_rows.items()) for row in rows]
    added = [f"{table}:{row}" for table, rows in sorted(proof.added_rows.items()) for row in rows]
    if not state.services.were_stopped or not (changed or added):
        return
    kinds = {"": changed, "new rows ": added, f"emptied ({ValuesEmptied.code}): ": emptied}
    saved = list(dict.fromkeys([*changed, *emptied]))
    repair = f"To take them from the backup, run the rollback playbook with {format_repair(saved)}"
    raise ValuesWritten(
        changed=f"Completed and verified. {data_sentences.values(state.state)}",
        count=sum(counts.get(what, 0) for counts in proof.concurrent_rows.values() for what in ("changed", "inserted")),
        rows="; ".join(f"{kind}{format_values(values)}" for kind, values in kinds.items() if values),
        advice=repair if saved else "",
    )
