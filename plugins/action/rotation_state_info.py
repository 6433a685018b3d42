# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rotation_state_info: describe the current state of data and keys, for the last message of a run."""

from __future__ import annotations

from ..module_utils._options.rotation_options import ROTATION_STATE_INFO
from ..plugin_utils._record_action import RecordAction
from ..plugin_utils._report import data_sentences
from ..plugin_utils._report.data_state import DataState
from ..plugin_utils._report.playbook_command import command
from ..plugin_utils._report.read_rotation import read
from ..plugin_utils._task_types import TaskArguments, TaskResult


class ActionModule(RecordAction):
    spec = ROTATION_STATE_INFO

    def act(self, options: TaskArguments) -> TaskResult:
        state = read(self.record(options)).state if options["rotation_id"] else DataState()
        sentences = data_sentences.sentences(state, command("verify"))
        return {"changed": False, "statement": " ".join(sentences)}
