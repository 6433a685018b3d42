# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One of the actions that share a process on the host, and how an entry of the option ``tasks`` becomes one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ..module_utils._errors.base import RotationError
from ..module_utils._errors.options import InvalidArgument
from ..module_utils._errors.run import NotRun
from ..module_utils._tasks.registry import WORK
from ._action import WRITES_VALUES, RotationAction
from ._host_tasks_messages import HostCall, HostResults
from ._single_module_action import Answered, HostAction
from ._task_types import TaskArguments, TaskResult

LABEL = "name"  # in an entry: the name of its result, instead of that of its module
NOT_SHARED = ("tasks", "calls", "code", "all", "fatal")


class Part:
    """One of the actions, with a record entry of its own. It is over when it has a ``result``."""

    def __init__(self, name: str, action: HostAction, args: TaskArguments) -> None:
        self.name = name
        self.module = action.module
        self.action = action
        self.result: TaskResult | None = None
        self._args = args
        self._options: TaskArguments = {}
        self._asked: TaskArguments = {}

    def prepare(self) -> None:
        """Record the intent, and prepare the options for the host."""

        def ask() -> TaskResult | None:
            self._options = self.action.begin(self._args)
            asked = self.action.ask(self._options)
            if isinstance(asked, Answered):
                return self.action.end(self._args, self._options, asked.result)
            self._asked = asked
            return None

        self._guarded(ask)

    def call(self, progress: str, earlier: Sequence[tuple[str, TaskResult]]) -> HostCall:
        """Return the call for the host. ``progress`` is the file for modules that show their progress, ``earlier`` the
        results of other parts by module."""
        asked = {**self._asked, **WORK[self.module].taken(earlier)}
        return self.action.call(self.name, {**asked, "progress": progress} if self.action.shows_progress else asked)

    def judge(self, ran: HostResults, *, after_writes: bool) -> None:
        """Evaluate its result, if it ran on the host. ``after_writes``: an earlier part has written values."""
        if self.name in ran.results:
            self._guarded(lambda: self._ended(ran, after_writes=after_writes))

    @property
    def has_written(self) -> bool:
        """Return whether it has written values."""
        return self.module == WRITES_VALUES and bool((self.result or {}).get("changed"))

    def _ended(self, ran: HostResults, *, after_writes: bool) -> TaskResult:
        result = self.action.in_rotation(
            lambda: self.action.answer(self.name, self._options, ran), after_writes=after_writes
        )
        result = self.action.end(self._args, self._options, result)
        self.action.add_sentence(result)
        return result

    def skip(self, because: str) -> None:
        """Record why it is not run. Its result stays None."""
        self.action.failed(NotRun(because=because))

    def abandon(self, exc: RotationError) -> None:
        """End this action with an error."""
        self.action.failed(exc)
        self.result = {"failed": True, **exc.as_result()}

    @property
    def forks_first(self) -> bool:
        """Return whether it forks processes of the application before Django starts.

        A scheme or a recipe that uses functions of the application needs them, and so does the application's own
        command.
        """
        if self._args.get("method") == "command":
            return True
        schemes, targets = self._args.get("schemes"), self._args.get("targets")
        described = [*schemes.values()] if isinstance(schemes, Mapping) else []
        if isinstance(targets, list):
            described += [entry.get("recipe") for entry in targets if isinstance(entry, Mapping)]
        return any("application" in each for each in described if isinstance(each, Mapping))

    @property
    def has_failed(self) -> bool:
        return bool((self.result or {}).get("failed"))

    def _guarded(self, work: Callable[[], TaskResult | None]) -> None:
        try:
            self.result = work()
        except RotationError as exc:
            self.abandon(exc)


def build_parts(batch: RotationAction, entries: Iterable[Mapping[str, Any]], shared: TaskArguments) -> list[Part]:
    """Return a part for each module in the entries, with the ``shared`` options that it has.

    Raise E_ARGUMENT if a module cannot share a process, or if two parts have the same name.
    """
    parts = [
        _build_part(batch, str(entry.get(LABEL, module)), module, _options(module, shared, own or {}))
        for entry in entries
        for module, own in entry.items()
        if module != LABEL
    ]
    for name, count in Counter(part.name for part in parts).items():
        if count > 1:
            raise _refusal(f"has {name} more than once", "Give one of them another name.")
    return parts


def _options(module: str, shared: TaskArguments, own: TaskArguments) -> TaskArguments:
    if module not in WORK:
        raise _refusal(f"has no module {module}", f"Its names are {', '.join(sorted(WORK))}.")
    spec = WORK[module].spec
    return {**{name: value for name, value in shared.items() if name in spec and name not in NOT_SHARED}, **own}


def _build_part(batch: RotationAction, name: str, module: str, args: TaskArguments) -> Part:
    task = batch.task_of(module, args)
    if "check_mode" in args:  # it only checks, whatever the others do
        task.check_mode, task.changed_when = args.pop("check_mode"), [False]
    action = batch.action_of(task)
    if not isinstance(action, HostAction):
        raise _refusal(f"cannot run {module}", "Write it as a separate task.")
    action.variables = batch.variables
    return Part(name, action, args)


def _refusal(fault: str, advice: str) -> InvalidArgument:
    return InvalidArgument(argument="tasks", fault=fault, advice=advice)
