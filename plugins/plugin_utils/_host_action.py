# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An action that is one call of its module on the host, so that ``host_tasks`` can put several into one process."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import ClassVar

from ._action import RotationAction
from ._host_calls import HostCall, HostResults
from ._task_types import TaskArguments, TaskResult


@dataclass(frozen=True)
class Answered:
    """The host need not be asked: the result is known."""

    result: TaskResult


class HostAction(RotationAction, abc.ABC):
    """What to ask the host, and what its answer means."""

    shows_progress: ClassVar[bool] = False  # whether the module writes how far it is
    changes: ClassVar[bool] = True  # whether it may change something on the host
    judged_here: ClassVar[bool] = False  # whether ``judge`` may fail where the module did not

    @abc.abstractmethod
    def ask(self, options: TaskArguments) -> TaskArguments | Answered:
        """The options of the module."""

    def judge(self, options: TaskArguments, result: TaskResult) -> TaskResult:
        """The result of the task, from that of the module."""
        return result

    def call(self, asked: TaskArguments) -> HostCall:
        """The module with its options."""
        return HostCall(self.module, asked, bool(self._task.check_mode))

    def answer(self, options: TaskArguments, ran: HostResults) -> TaskResult:
        """The result of the task, from what ran on the host."""
        self.times = ran.times
        return self.judge(options, {**ran.results[self.module], **ran.said})

    def act(self, options: TaskArguments) -> TaskResult:
        asked = self.ask(options)
        if isinstance(asked, Answered):
            return asked.result
        if not self.shows_progress:
            return self.judge(options, self.on_host(self.module, asked))
        return self.judge(options, self.watched(self.module, asked, self.progress_host(options)))

    def progress_host(self, options: TaskArguments) -> str:
        """The host whose progress is shown, if it is one of several at work at once."""
        return ""
