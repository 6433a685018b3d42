# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One step in the record of a rotation: the intent before it, the outcome after it."""

from __future__ import annotations

from ..module_utils._errors.base import RotationError
from ..module_utils._errors.run import UnexpectedError
from ..module_utils._record.events import LineContent
from ..module_utils._record.writer import Record
from ._task_types import TaskResult

# Fields of a module's result that go into the record: ids, counts, paths, times.
RECORDED = (
    "key_id",
    "key_ids",
    "generated",
    "stages",
    "targets",
    "concurrent_rows",
    "served",
    "written_rows",
    "added_rows",
    "differing_rows",
    "others_rows",
    "damaged",
    "since",
    "unopened",
    "needing",
    "outside",
    "work",
    "path",
    "dumps",
    "migration",
    "command",
    "settings",
    "processes",
    "reading",
    "snapshot",
    "services",
    "sessions",
    "logins",
    "fence",
    "fenced",
    "undropped",
    "answer",
    "logs",
    "commands",
    "checks",
    "mode",
    "mode_reason",
    "plan_hash",
    "plan_content",
    "collection",
    "environment",
    "exposed_backups",
    "backup",
    "restored",
    "lost",
    "dropped",
    "sought",
    "repaired",
    "left",
    "preparation",
    "control",
    "drain",
    "removed",
    "stale",
    "settlements",
    "kept",
    "kept_aside",
    "kept_by",
    "changed",
)


class RecordEntry:
    """The lines about one step of a host."""

    def __init__(self, record: Record, event: str, about: LineContent) -> None:
        self._record = record
        self._event = event
        self._about = about

    def intend(self, more: LineContent) -> None:
        """Record the intent before the step."""
        self._record.append(self._event, "intent", **self._about, **more)

    def fail(self, exc: Exception) -> None:
        """Record an error. The text of an error that is not in the catalog could hold a value, and is left out."""
        error: object = {"code": UnexpectedError.code, "what": type(exc).__name__}
        if isinstance(exc, RotationError):
            error = exc.parts
        self._record.append(self._event, "failed", error=error, **self._about)

    def end(self, result: TaskResult, took: float = 0.0) -> None:
        """Record the result, and the seconds that the step took of a shared process.

        Raise E_RECORD_* with what the step was, if the record cannot be written.
        """
        phase = "failed" if result.get("failed") else "done"
        recorded = {name: result[name] for name in RECORDED if name in result}
        if took:
            recorded["took"] = took
        try:
            self._record.append(self._event, phase, error=result.get("error"), **self._about, **recorded)
        except RotationError as exc:
            raise exc.with_changed(f"The step itself, {self._event}, was {phase}.") from None
