# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the reports next to the records. A failure is only a warning: a report can be written again."""

from __future__ import annotations

import os
from collections.abc import Iterable

from ...module_utils._errors.base import RotationError
from ...module_utils._errors.record import RecordNotFound
from ...module_utils._record import page_checksums, reader, sshsig, verifier
from ...module_utils._record.rotation_id import checked
from ...module_utils._record.writer import Record
from ...module_utils._stores.store_interface import Store
from .._report import report_files
from .._report.read_rotation import is_rotation
from .record_task import RecordResult
from .rotation_log import RotationLog


def write_page(log: RotationLog, record: Record) -> str | None:
    """Write the report of a record, those of other rotations that it changes, and the index."""
    page, written = _write_alone(log, record), [record.rotation_id]
    try:
        written += report_files.write_changed(record)
    except Exception as exc:  # noqa: BLE001
        log.controller.warn(f"The reports of other rotations could not be written again: {type(exc).__name__}.")
    write_index(log, written)
    return page


def write_index(log: RotationLog, written: Iterable[str]) -> None:
    """Write the index of all records, and the checksums of it and of the reports that were ``written``."""
    store = log.store
    try:
        report_files.write_index(log.folder)
    except Exception as exc:  # noqa: BLE001
        log.controller.warn(f"The index of the records in {log.folder} could not be written: {type(exc).__name__}.")
    try:
        _note_checksums(log, store, written)
    except (OSError, RotationError) as exc:
        log.controller.warn(f"The checksums of the pages in {log.folder} could not be written: {exc}")


def write_reports(log: RotationLog, asked: str | None) -> RecordResult:
    """Write the report of the rotation that was asked for, or of all, again: a run that died wrote no report.

    Raise E_RECORD_NOT_FOUND if it has no record.
    """
    records = [Record(log.folder, name) for name in ([checked(asked)] if asked else reader.names(log.folder))]
    if asked and not records[0].events():
        raise RecordNotFound(path=records[0].path)
    if log.controller.check_mode:
        return {}
    rotations = [record for record in records if asked or is_rotation(record)]
    pages = [_write_alone(log, record) for record in rotations]
    if records:
        write_index(log, [record.rotation_id for record in rotations])
    page = pages[0] if asked else os.path.join(log.folder, page_checksums.INDEX)
    line = f"  report     {page}" if records else f"  There is no record in {log.folder} yet."
    log.controller.display.display(line)
    return {"report": page if records else None}


def _write_alone(log: RotationLog, record: Record) -> str | None:
    try:
        return report_files.write(record)
    except Exception as exc:  # noqa: BLE001  # a record of another version may hold anything
        log.controller.warn(f"The report of {record.path} could not be written: {type(exc).__name__}.")
        return None


def _note_checksums(log: RotationLog, store: Store, written: Iterable[str]) -> None:
    key = store.kept_signing_key()
    known = verifier.known_keys(log.folder, sshsig.public(key)) if key else []
    if key and not page_checksums.note(log.folder, list(written), key, known):
        sums = f"{log.folder}/{page_checksums.SUMS}"
        log.controller.warn(f"{sums} was not signed with the key of {store.path}, and starts over.")
