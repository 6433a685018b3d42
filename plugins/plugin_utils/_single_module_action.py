# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An action that is one call of its module on the host, so that ``host_tasks`` can put several into one process."""

from __future__ import annotations

import abc
import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ..module_utils._errors.base import RotationError
from ._action import RotationAction
from ._control_node import row_file
from ._host_tasks_messages import HostCall, HostResults
from ._task_types import TaskArguments, TaskResult


@dataclass(frozen=True)
class Answered:
    """A result that is known without asking the host."""

    result: TaskResult


class HostAction(RotationAction, abc.ABC):
    """An action that prepares the options of its module, and evaluates the module's result."""

    shows_progress: ClassVar[bool] = False  # whether the module writes how far it is
    changes: ClassVar[bool] = True  # whether it may change something on the host
    judged_here: bool = False  # whether ``judge`` may fail although the module did not
    listed: Sequence[Mapping[str, Any]] = ()  # all rows of the findings that the host returned

    def ask(self, options: TaskArguments) -> TaskArguments | Answered:
        """The options of the module."""
        return self.host_options(options)

    def judge(self, options: TaskArguments, result: TaskResult) -> TaskResult:
        """The result of the task, from that of the module."""
        return result

    def call(self, name: str, asked: TaskArguments) -> HostCall:
        """The module with its options, one of several on the host."""
        return HostCall(name, self.module, asked, bool(self._task.check_mode))

    def answer(self, name: str, options: TaskArguments, ran: HostResults) -> TaskResult:
        """Return the result of the task from the results of the host's process."""
        self.times = ran.times
        return self._judged(options, {**ran.results[name], **ran.said})

    def _judged(self, options: TaskArguments, result: TaskResult) -> TaskResult:
        """The result, without the rows of its findings: a file has them."""
        self.listed = result.pop("listed", ())
        judged = self.judge(options, result)
        if self.listed and judged.get("failed"):
            self.list_rows(options, judged)
        return judged

    def list_rows(self, options: TaskArguments, result: TaskResult) -> None:
        """Write all rows of the findings of a failed ``result`` next to the record, and name the file in the error."""
        place = row_file.ELSEWHERE
        if "rotation_id" in self._task.args and not self._task.check_mode:
            path = os.path.join(os.path.dirname(self.record(self._task.args).path), "rows.csv")
            with contextlib.suppress(RotationError):  # the findings are the news
                row_file.write(path, self.listed)
                place = row_file.format_place(path)
        row_file.tell(result, place)

    def act(self, options: TaskArguments) -> TaskResult:
        asked = self.ask(options)
        if isinstance(asked, Answered):
            return asked.result
        if not self.shows_progress:
            return self._judged(options, self.on_host(self.module, asked))
        return self._judged(options, self.watched(self.module, asked, self.progress_host(options)))

    def progress_host(self, options: TaskArguments) -> str:
        """Return the host whose progress is shown if several work at once; otherwise an empty string."""
        return ""
