# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An action that works with the records, the store and the lease as a whole."""

from __future__ import annotations

import functools
import os

from ansible.utils.display import Display

from ._action import RotationAction
from ._rotation_record.rotation_log import Controller, RotationLog
from ._task_types import TaskArguments, TaskResult


class RecordAction(RotationAction):
    """The base of actions that work with records.

    Most of them write the record themselves. So the call of such an action is recorded only if the action asks for it.
    """

    recorded = False

    def log(self, options: TaskArguments) -> RotationLog:
        """The records that the options name, with their store and what the services need of Ansible."""
        controller = Controller(
            variables=self.variables,
            loader=self._loader,
            display=Display(),
            check_mode=bool(self._task.check_mode),
            pid=os.getppid(),
        )
        return RotationLog(self._records(options), functools.partial(self.store, options), controller)

    def _tell_dry(self, args: TaskArguments, result: TaskResult) -> None:
        """Say nothing more in a dry run: the tasks before this one have said what they would have done."""
