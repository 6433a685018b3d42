# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""application_reading on the control node: send the current keys, or return the reading of an interrupted rotation."""

from __future__ import annotations

from ansible.utils.display import Display

from ..module_utils._errors.run import VersionNotCreated
from ..module_utils._options.application_options import APPLICATION_READING
from ..plugin_utils._report import sentences, step_lines
from ..plugin_utils._rotation_record.earlier_reading import earlier_reading
from ..plugin_utils._screen import lines
from ..plugin_utils._single_module_action import Answered, HostAction
from ..plugin_utils._task_types import TaskArguments, TaskResult

display = Display()


class ActionModule(HostAction):
    spec = APPLICATION_READING
    shows_progress = True

    def ask(self, options: TaskArguments) -> TaskArguments | Answered:
        if options["state"] == "recorded" and (earlier := earlier_reading(self.record(options))) is not None:
            return Answered({"changed": False, "reading": {**earlier, "earlier": True}})
        history = self.store(options).load()
        version = history.made_by(options["rotation_id"])
        if version is None:
            raise VersionNotCreated(rotation_id=options["rotation_id"])
        current = history.stage("current")
        return {
            **self.host_options(options),
            "key_sets": {"current": dict(current.values)},
            "key_set_ids": {"current": current.key_id},
            "base": "current",
            "digest_key": version.keys.digest_key.hex(),
        }

    def judge(self, options: TaskArguments, result: TaskResult) -> TaskResult:
        lines.detail(
            step_lines.reading(result.get("reading"), options["baseline"] or {}), "The application's own reading"
        )
        for sentence in sentences.reading(result.get("reading")):
            display.warning(sentence)
        return result
