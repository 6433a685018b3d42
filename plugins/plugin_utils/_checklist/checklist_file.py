# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of the checklist, and its file next to the record."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

from ...module_utils._errors.record import RecordWrite
from ...module_utils._record.writer import Record
from ...module_utils._system import atomic_file
from .._task_types import TaskResult
from .checklist import summary
from .compromise import exposed_backups
from .item import ChecklistItem, Observations


def build_result(items: Sequence[ChecklistItem], observations: Observations, rotation_id: str) -> TaskResult:
    """Return the result of the task, which the file contains too."""
    plan = observations.plan.get("plan", {})
    result = {
        "changed": False,
        "checks": [item.as_result() for item in items],
        "mode": observations.options["mode"],
        "mode_reason": observations.options.get("mode_reason") or "",
        "key_ids": observations.census.get("key_ids", {}),
        "plan_hash": plan.get("hash"),
        "plan_content": plan.get("content_hash"),
        "collection": observations.collection,
        "environment": observations.options["environment"],
        "msg": summary(items),
    }
    if observations.options["compromised"]:
        result["exposed_backups"] = exposed_backups(observations, rotation_id)
    return result


def write_checklist(record: Record, result: TaskResult) -> str:
    """Write the result, and return the path of the file. Raise E_RECORD_WRITE."""
    path = os.path.join(os.path.dirname(record.path), "checklist.json")
    try:
        atomic_file.replace(path, json.dumps(result, indent=2).encode("utf-8") + b"\n")
    except OSError as exc:
        raise RecordWrite(path=path, reason=exc.strerror) from None
    return path
