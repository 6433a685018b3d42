# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run several actions in one process on the host. Alone, each would call the host once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from ..module_utils._errors.base import RotationError
from ._action import RotationAction
from ._batched_part import Part
from ._task_types import TaskResult


def run_parts(batch: RotationAction, parts: Sequence[Part], *, all_of_them: bool) -> None:
    """Run the parts in order, until one fails or ``all_of_them``. Raise the error of a lost connection."""
    try:
        for part in parts:
            part.prepare()
            if part.has_failed and not all_of_them:
                break
        while (waiting := [part for part in parts if part.result is None]) and not _stopped(parts, all_of_them):
            _call(batch, _next_call(waiting, all_of_them=all_of_them), parts, all_of_them=all_of_them)
    except Exception as exc:
        for part in parts:
            if part.result is None:
                part.action.failed(exc)
        raise
    for part in waiting:
        part.skip(next(part.name for part in parts if part.has_failed))


def _stopped(parts: Sequence[Part], all_of_them: bool) -> bool:
    return not all_of_them and any(part.has_failed for part in parts)


def _next_call(waiting: Sequence[Part], *, all_of_them: bool) -> Sequence[Part]:
    """Return the parts that can share the next process.

    A part that forks processes before Django starts must be the first one of its process. A part that changes something
    waits until the results before it have been evaluated.
    """
    call = [waiting[0]]
    for part in waiting[1:]:
        guarded = part.action.changes and any(each.action.judged_here for each in call) and not all_of_them
        if guarded or part.forks_first or call[-1].forks_first:
            break
        call.append(part)
    return call


def _call(batch: RotationAction, call: Sequence[Part], parts: Sequence[Part], *, all_of_them: bool) -> None:
    earlier = [(part.module, part.result) for part in parts if part.result and not part.has_failed]
    try:
        with batch.progress_line() as progress:
            ran = batch.run_tasks([part.call(progress, earlier) for part in call], all_of_them=all_of_them)
    except RotationError as exc:
        for part in call:
            part.abandon(exc)
        return
    for part in call[:-1]:  # the last has the rest of the process
        part.action.took = round(ran.seconds.get(part.name, 0.0), 3)
    for part in call:
        part.judge(ran, after_writes=any(each.has_written for each in parts))


def batch_result(parts: Sequence[Part], *, all_of_them: bool, fatal: Collection[str]) -> TaskResult:
    """The result of all parts. If all of them run, they are judged together afterwards, except those in ``fatal``
    (codes and names)."""
    results = {part.name: part.result for part in parts if part.result is not None}
    failed: TaskResult = next(
        (
            result
            for name, result in results.items()
            if _has_failed(result, fatal if all_of_them and name not in fatal else None)
        ),
        {},
    )
    shown: TaskResult = {name: failed[name] for name in ("failed", "msg", "error") if name in failed}
    if warnings := list(dict.fromkeys(each for result in results.values() for each in result.pop("warnings", ()))):
        shown["warnings"] = warnings
    if diffs := [difference for result in results.values() for difference in _differences(result)]:
        shown["diff"] = diffs
    if not all_of_them:
        shown.setdefault("msg", "; ".join(each["msg"] for each in results.values() if "msg" in each))
    return {"changed": any(result.get("changed") for result in results.values()), "outcomes": results, **shown}


def _differences(result: TaskResult) -> list[Any]:
    """Return what Ansible shows with --diff, for one file or for several."""
    difference = result.pop("diff", [])
    return difference if isinstance(difference, list) else [difference]


def _has_failed(result: TaskResult, codes: Collection[str] | None) -> bool:
    """Return whether it failed with one of these codes, or with any code if ``codes`` is None."""
    code = (result.get("error") or {}).get("code")
    return bool(result.get("failed")) and (codes is None or code in codes)
