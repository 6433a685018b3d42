# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The status of a rotation by its runs, the error that stopped it, and the run that was approved."""

from __future__ import annotations

from collections.abc import Sequence

from ...module_utils._errors.base import ErrorParts
from ...module_utils._record.events import ROTATE
from .run import Run

COMPLETED, FAILED, ROLLED_BACK, OPEN = "completed", "failed", "rolled back", "open"


def settled(runs: Sequence[Run]) -> Sequence[Run]:
    """The runs without the last rollbacks that stopped before they changed anything."""
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
    """Return the error that stopped the last run, or that made a later run roll the rotation back.

    Errors of earlier runs were fixed. If a completed rotation is rolled back, its own errors are not the reason.
    """
    if not runs:
        return {}
    if status(runs) != ROLLED_BACK:
        return runs[-1].failure
    rotated = [run for run in runs if run.direction == ROTATE]
    return rotated[-1].failure if rotated and rotated[-1].outcome != "done" else {}


def deciding(runs: Sequence[Run]) -> Run:
    """The run that decides the status. Repairs of single rows do not; their approval is shown with their own run."""
    settled_rows = runs
    while settled_rows and settled_rows[-1].stays and settled_rows[-1].outcome == "done":
        settled_rows = settled_rows[:-1]
    return (settled_rows or runs or [Run()])[-1]


def granted(runs: Sequence[Run]) -> Run:
    """The run whose approval counts. A rotation that rolls itself back does so with its own approval."""
    last = deciding(runs)
    before = runs[runs.index(last) - 1] if last in runs[1:] else Run()
    own = last.rolled_itself_back and before.direction == ROTATE and before.end.is_intent
    return before if own else last
