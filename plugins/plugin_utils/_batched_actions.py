# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several actions of which each asks the host once, in one process there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from ..module_utils._errors.base import RotationError
from ..module_utils._errors.run import NotRun
from ..module_utils._tasks.registry import WORK
from ._action import WRITES_VALUES, RotationAction
from ._host_tasks_messages import HostCall, HostResults
from ._single_module_action import Answered, HostAction
from ._task_types import TaskArguments, TaskResult


class Part:
    """One of them: its record entry is its own. It is over when it has a ``result``."""

    def __init__(self, name: str, action: HostAction, args: TaskArguments) -> None:
        self.name = name
        self.module = action.module
        self.action = action
        self.result: TaskResult | None = None
        self._args = args
        self._options: TaskArguments = {}
        self._asked: TaskArguments = {}

    def prepare(self) -> None:
        """Record the intent, and find out what to ask the host."""

        def ask() -> TaskResult | None:
            self._options = self.action.begin(self._args)
            asked = self.action.ask(self._options)
            if isinstance(asked, Answered):
                return self.action.end(self._args, self._options, asked.result)
            self._asked = asked
            return None

        self._guarded(ask)

    def call(self, progress: str, earlier: Sequence[tuple[str, TaskResult]]) -> HostCall:
        """For the host; ``progress`` is the file for those who show how far they are, ``earlier`` what others found in
        another process."""
        asked = {**self._asked, **WORK[self.module].taken(earlier)}
        return self.action.call(self.name, {**asked, "progress": progress} if self.action.shows_progress else asked)

    def judge(self, ran: HostResults, *, after_writes: bool) -> None:
        """Take what ran on the host, if this did; ``after_writes`` is whether one before it has written values."""
        if self.name in ran.results:
            self._guarded(lambda: self._ended(ran, after_writes=after_writes))

    @property
    def has_written(self) -> bool:
        """Whether it has written values."""
        return self.module == WRITES_VALUES and bool((self.result or {}).get("changed"))

    def _ended(self, ran: HostResults, *, after_writes: bool) -> TaskResult:
        result = self.action.in_rotation(
            lambda: self.action.answer(self.name, self._options, ran), after_writes=after_writes
        )
        result = self.action.end(self._args, self._options, result)
        self.action.add_sentence(result)
        return result

    def skip(self, because: str) -> None:
        """It is not run; the result stays None, and the record has why."""
        self.action.failed(NotRun(because=because))

    def abandon(self, exc: RotationError) -> None:
        """It ended with this error."""
        self.action.failed(exc)
        self.result = {"failed": True, **exc.as_result()}

    @property
    def forks_first(self) -> bool:
        """Whether processes of the application are forked for it before Django starts: for a scheme that is functions
        of the application, or for a command of its own."""
        if self._args.get("method") == "command":
            return True
        schemes = self._args.get("schemes")
        described = schemes.values() if isinstance(schemes, Mapping) else ()
        return any("application" in each for each in described if isinstance(each, Mapping))

    @property
    def has_failed(self) -> bool:
        return bool((self.result or {}).get("failed"))

    def _guarded(self, work: Callable[[], TaskResult | None]) -> None:
        try:
            self.result = work()
        except RotationError as exc:
            self.abandon(exc)


def run_parts(batch: RotationAction, parts: Sequence[Part], *, all_of_them: bool) -> None:
    """Run them in order, until one fails or ``all_of_them``. Raises what a lost connection raises."""
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
    """Those that can share the next process.

    What forks processes before Django starts, so that each starts it under its own keys, comes first in one. What
    changes something waits for the judgment of what was looked at before it.
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
            each
            for name, each in results.items()
            if _has_failed(each, fatal if all_of_them and name not in fatal else None)
        ),
        {},
    )
    shown: TaskResult = {name: failed[name] for name in ("failed", "msg", "error") if name in failed}
    if warnings := list(dict.fromkeys(each for result in results.values() for each in result.pop("warnings", ()))):
        shown["warnings"] = warnings
    if diffs := [each for result in results.values() for each in _differences(result)]:
        shown["diff"] = diffs
    if not all_of_them:
        shown.setdefault("msg", "; ".join(each["msg"] for each in results.values() if "msg" in each))
    return {"changed": any(result.get("changed") for result in results.values()), "outcomes": results, **shown}


def _differences(result: TaskResult) -> list[Any]:
    """What Ansible shows with --diff, of one place or of several."""
    found = result.pop("diff", [])
    return found if isinstance(found, list) else [found]


def _has_failed(result: TaskResult, codes: Collection[str] | None) -> bool:
    """Whether it has failed with one of these codes; with any, if there are None."""
    code = (result.get("error") or {}).get("code")
    return bool(result.get("failed")) and (codes is None or code in codes)
