# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file on the control node that lists every row of the findings: table, column, primary key and class."""

from __future__ import annotations

import contextlib
import csv
import io
import os
from collections.abc import Mapping, Sequence
from typing import Any

from ...module_utils._errors.base import ErrorParts, build_result
from ...module_utils._errors.discovery import RowFile
from ...module_utils._system import atomic_file
from .._task_types import TaskResult

ELSEWHERE = "The plan playbook lists all of these rows in a file."
FindingRows = Mapping[str, Any]  # a ListedRows of the engine, from the JSON of a result
HEAD = ("table", "column", "primary key", "class")


def path_next_to(plan: str) -> str:
    """The file that belongs to a plan."""
    return f"{os.path.splitext(plan)[0]}.rows.csv"


def write(path: str, findings: Sequence[FindingRows]) -> None:
    """Write the rows, or remove the file of an earlier run if there are none. Raise E_ROW_FILE."""
    try:
        if findings:
            atomic_file.private_folder(os.path.dirname(path))
            atomic_file.replace(path, _text(findings).encode("utf-8"))
        else:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
    except OSError as exc:
        raise RowFile(path=path, reason=exc.strerror) from None


def format_place(path: str) -> str:
    """Return a sentence that says in which file all rows are."""
    return f"All of these rows are in {path}."


def _text(findings: Sequence[FindingRows]) -> str:
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(HEAD)
    for finding in findings:
        place = finding["table"], finding["column"]
        lines.writerows((*place, key, finding["value_class"]) for key in finding["keys"])
        if left := finding["count"] - len(finding["keys"]):
            lines.writerow((*place, f"({left} more)", finding["value_class"]))
    return text.getvalue()


def tell(result: TaskResult, sentence: str) -> None:
    """Say in a failed result where all rows are."""
    error: ErrorParts | None = result.get("error")
    if error:
        result.update(build_result({**error, "todo": f"{error['todo']} {sentence}"}))
        result.pop("exception", None)  # ansible-core 2.19 and newer show its text, not msg
