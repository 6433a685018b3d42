# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checklist as a file next to the record."""

from __future__ import annotations

import json
import os

from ...module_utils._errors.record import RecordWrite
from ...module_utils._record.writer import Record
from ...module_utils._system import atomic_file
from .._task_types import TaskResult


def write_checklist(record: Record, result: TaskResult) -> str:
    """Write the result, and return the path of the file. Raises E_RECORD_WRITE."""
    path = os.path.join(os.path.dirname(record.path), "checklist.json")
    try:
        atomic_file.replace(path, json.dumps(result, indent=2).encode("utf-8") + b"\n")
    except OSError as exc:
        raise RecordWrite(path=path, reason=exc.strerror) from None
    return path
