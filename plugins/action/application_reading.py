# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""application_reading on the control node: send the current keys, or return the reading of an interrupted rotation."""

from __future__ import annotations

from ..module_utils._options.application_options import APPLICATION_READING
from ..plugin_utils._keys.reading_keys import reading_keys
from ..plugin_utils._report import sentences, step_lines
from ..plugin_utils._rotation_record.earlier_reading import earlier_reading
from ..plugin_utils._screen import lines
from ..plugin_utils._single_module_action import Answered, HostAction
from ..plugin_utils._task_types import TaskArguments, TaskResult


class ActionModule(HostAction):
    spec = APPLICATION_READING
    shows_progress = True

    def ask(self, options: TaskArguments) -> TaskArguments | Answered:
        if options["state"] == "recorded" and (earlier := earlier_reading(self.record(options))) is not None:
            return Answered({"changed": False, "reading": {**earlier, "earlier": True}})
        return {**self.host_options(options), **reading_keys(self.store(options).load(), options["rotation_id"])}

    def judge(self, options: TaskArguments, result: TaskResult) -> TaskResult:
        reading = result.get("reading")
        lines.detail(step_lines.reading(reading, options["baseline"] or {}), "The application's own reading")
        lines.warn(sentences.reading(reading))
        return result
