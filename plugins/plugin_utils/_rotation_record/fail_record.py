# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ends a run that failed or was refused, and signs what was added after the end of a run."""

from __future__ import annotations

import contextlib
import os

from ...module_utils._errors.base import RotationError
from ...module_utils._record.events import RunEvent
from ...module_utils._record.writer import Record
from ...module_utils._stores.history import History
from .._notify import notification
from .._report import refused_runs
from .._report.playbook_command import started
from . import record_fields
from .close_record import seal_and_notify, show_summary
from .record_pages import write_index, write_page
from .record_signing import goes_on_here, refuse_changed, try_to_seal
from .record_task import RecordResult, RecordTask
from .rotation_log import RotationLog
from .run_notice import notify_people


def fail(log: RotationLog, task: RecordTask) -> RecordResult:
    """End the run with a failure, unless it was already closed, for example by its rollback."""
    if log.controller.check_mode:
        return {}
    if not task.rotation_id:
        return _note_refused(log, task)
    record, store = log.record(task.rotation_id), log.store
    last = _last_run(record)
    if last is None:
        return {"record": record.path}
    history = store.load()
    if not last.is_intent:
        _seal_added(log, record, history)
        return {"record": record.path}
    why = {"failed_task": task.failed_task, "error": task.error or None}
    record.append(last.name, "failed", **record_fields.end_fields(store, history), **why)
    if history.versions and goes_on_here(record, store):
        seal_and_notify(log, record, notification.FAILED, task)
    else:
        notify_people(log, record, notification.FAILED, task.notify)
    page = write_page(log, record)
    show_summary(log, record, page)
    return {"record": record.path, "report": page}


def sign_added(log: RotationLog, task: RecordTask) -> RecordResult:
    """Sign what was done for a rotation after the end of its last run, and rewrite its report."""
    record, store = log.record(task.rotation_id), log.store
    last = _last_run(record)
    if log.controller.check_mode or last is None or last.is_intent:
        return {}
    whole = _seal_added(log, record, store.load())
    return {"record": record.path, "report": write_page(log, record) if whole else None}


def _last_run(record: Record) -> RunEvent | None:
    return next((event for event in reversed(record.decoded()) if isinstance(event, RunEvent)), None)


def _seal_added(log: RotationLog, record: Record, history: History) -> bool:
    """Sign what was added after the end of a run; returns False if the record was tampered with. If nothing was added,
    nothing is signed, so that the store keeps its head, which may be of another record."""
    if not history.versions or not goes_on_here(record, log.store):
        return True
    try:
        added = refuse_changed(record, log.store)
    except RotationError as exc:
        log.controller.warn(f"The record {record.path} was not signed. {exc}")
        return False
    if added:
        try_to_seal(record, log.store)
    return True


def _note_refused(log: RotationLog, task: RecordTask) -> RecordResult:
    """Record who tried what if the run was refused before it had a record."""
    about = {**task.as_recorded(), "failed_task": task.failed_task, "error": task.error}
    record = refused_runs.note(log.folder, _seen_by_store(log), playbook=os.path.basename(started()), **about)
    if record is None:
        log.controller.warn("The refusal of this run could not be recorded.")
        return {}
    with contextlib.suppress(RotationError):
        write_index(log, [])
    return {"record": record.path}


def _seen_by_store(log: RotationLog) -> str | None:
    """The head in the store. If the store cannot be read, it may have one: then only an existing folder is used."""
    try:
        return log.store.anchor()
    except RotationError:
        return None if os.path.isdir(log.folder) else "unknown"
