# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""django_sessions on the control node: send the previous and the new keys, and report what happened to the logins."""

from __future__ import annotations

from ..module_utils._errors.application import SessionsCompromised
from ..module_utils._record.events import LoginsEvent
from ..plugin_utils._report import sentences
from ..plugin_utils._screen import lines
from ..plugin_utils._single_module_action import Answered, HostAction
from ..plugin_utils._task_types import TaskArguments, TaskResult


class ActionModule(HostAction):
    def ask(self, args: TaskArguments) -> TaskArguments | Answered:
        restores = args["state"] == "restored"
        if restores and not self._were_resigned(args):
            return Answered({"changed": False})
        history = self.store(args).load()
        if args["state"] == "resigned" and history.last_change[0].is_compromised:
            raise SessionsCompromised(chosen="resign")
        asked = self.host_options(args)
        before, after = (dict(version.values) for version in history.last_change)
        asked["key_sets"] = {"old": after, "new": before} if restores else {"old": before, "new": after}
        return {**asked, **self.step_of_run()}

    def _were_resigned(self, args: TaskArguments) -> bool:
        """Return whether the rotation signed sessions again, perhaps in a run that was killed afterwards."""
        events = self.record(args).decoded()
        return any(isinstance(event, LoginsEvent) and event.state == "resigned" for event in events)

    def judge(self, args: TaskArguments, result: TaskResult) -> TaskResult:
        lines.warn(sentences.logins_left(result.get("logins", {})))
        return result
