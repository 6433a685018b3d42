# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verifies every record: its chain, its signature, and its head in the store. Never creates a key."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from ...module_utils._errors.base import RotationError
from ...module_utils._errors.record import (
    RecordAnchor,
    RecordBroken,
    RecordElsewhere,
    RecordNoKey,
    RecordNotFound,
    RecordOlder,
    RecordPages,
    RecordUnsigned,
)
from ...module_utils._record import sshsig, verifier
from ...module_utils._record.verifier import VerifiedRecord
from .._report.playbook_command import command
from .._screen import lines
from .._task_types import TaskRequest
from .public_keys import public_keys
from .rotation_log import RotationLog


@dataclass(frozen=True)
class VerifyTask(TaskRequest):
    """The options of rotation_record_info."""

    rotation_id: str | None
    other_record_dirs: Sequence[str]
    control_nodes: Sequence[str]
    former_signers: Sequence[str]


def verify_records(log: RotationLog, task: VerifyTask) -> Sequence[VerifiedRecord]:
    """Verify the records. Raise E_RECORD_* for the worst problem."""
    records = _check(log, task)
    lines.show([f"  {record}" for record in records], "Records")
    for record in records:
        if record.elsewhere in task.control_nodes:
            log.controller.warn(f"{record}. Verify it there.")
    if not records and task.rotation_id:
        raise RecordNotFound(path=os.path.join(log.folder, task.rotation_id))
    if not records:
        log.controller.display.display(f"  There is no record in {log.folder} yet.")
    _refuse_broken(log, records)
    _refuse_elsewhere(records, task.control_nodes)
    return records


def _check(log: RotationLog, task: VerifyTask) -> Sequence[VerifiedRecord]:
    """Return the verifier's findings.

    Raise E_RECORD_NO_KEY or E_RECORD_ANCHOR if the store lost the key of signed records or their head.
    """
    store = log.store
    places = [log.folder, *map(log.controller.path, task.other_record_dirs)]
    former = public_keys(task.former_signers)
    anchor, kept = store.anchor(), store.kept_signing_key()
    key = sshsig.public(kept) if kept else None
    try:
        records = verifier.check(places, anchor=anchor, key=key, former=former, only=task.rotation_id)
    except ValueError:
        raise RecordAnchor(store=store.path, fault="is not a head") from None
    signers = [record.signer for record in records if record.signer]
    if not key and not former and signers:
        raise RecordNoKey(store=store.path, count=len(signers), signers=", ".join(sorted(set(signers))))
    if key and not anchor and signers:
        raise RecordAnchor(store=store.path, fault="is gone")
    return records


def _refuse_broken(log: RotationLog, records: Sequence[VerifiedRecord]) -> None:
    broken = [record for record in records if record.problems]
    if broken:
        raise _worst(log, broken, len(records))


def _worst(log: RotationLog, broken: Sequence[VerifiedRecord], total: int) -> RotationError:
    """The error for the worst problem. An older copy or an older store is not necessarily tampering."""
    problems = "; ".join(map(str, broken))
    kinds = {problem.kind for record in broken for problem in record.problems}
    if kinds == {"stale"}:
        return RecordAnchor(store=log.store.path, fault=f"is older than the records: {problems}")
    if kinds <= {"stale", "older"}:
        return RecordOlder(problems=problems, folder=log.folder, store=log.store.path)
    if kinds == {"page"}:
        return RecordPages(problems=problems, report=command("report"))
    error = RecordUnsigned if kinds == {"unsigned"} else RecordBroken
    return error(count=len(broken), total=total, problems=problems, folder=log.folder)


def _refuse_elsewhere(records: Sequence[VerifiedRecord], control_nodes: Sequence[str]) -> None:
    away = [record for record in records if record.elsewhere and record.elsewhere not in control_nodes]
    if away:
        raise RecordElsewhere(problems="; ".join(map(str, away)), node=away[0].elsewhere)
