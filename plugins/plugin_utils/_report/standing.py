# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a rotation stands, by the runs of its record: its status, the error that stopped it, and who approved it."""

from __future__ import annotations

from collections.abc import Sequence

from ...module_utils._errors.base import ErrorParts
from ...module_utils._record.events import ROTATE
from .run import Run

COMPLETED, FAILED, ROLLED_BACK, OPEN = "completed", "failed", "rolled back", "open"


def settled(runs: Sequence[Run]) -> Sequence[Run]:
    """The runs without the last rollbacks that stopped before they changed anything: all is as it was before them."""
    while runs and runs[-1].is_refused_rollback:
        runs = runs[:-1]
    return runs


def status(runs: Sequence[Run]) -> str:
    end = runs[-1].end if runs else None
    if end is None or not (end.is_done or end.is_failed):
        return OPEN
    if end.is_failed:
        return FAILED
    ended = [run.direction for run in runs if run.outcome == "done" and not run.stays]
    return COMPLETED if end.name == ROTATE or ended[-1:] == [ROTATE] else ROLLED_BACK


def failure(runs: Sequence[Run]) -> ErrorParts:
    """The error at which the last run stopped, or for which the rotation was rolled back by a later one.

    What an earlier run failed at was fixed, and what was completed is not rolled back for an error of its own.
    """
    if not runs:
        return {}
    if status(runs) != ROLLED_BACK:
        return runs[-1].failure
    rotated = [run for run in runs if run.direction == ROTATE]
    return rotated[-1].failure if rotated and rotated[-1].outcome != "done" else {}


def deciding(runs: Sequence[Run]) -> Run:
    """The run that made the rotation what it is. Who approved a repair of single rows is shown with that run."""
    settled_rows = runs
    while settled_rows and settled_rows[-1].stays and settled_rows[-1].outcome == "done":
        settled_rows = settled_rows[:-1]
    return (settled_rows or runs or [Run()])[-1]


def granted(runs: Sequence[Run]) -> Run:
    """The run whose approval counts: a rotation's own rollback is done with what the rotation was approved by."""
    last = deciding(runs)
    before = runs[runs.index(last) - 1] if last in runs[1:] else Run()
    own = last.took_itself_back and before.direction == ROTATE and before.end.is_intent
    return before if own else last
