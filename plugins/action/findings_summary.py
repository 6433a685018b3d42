# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""findings_summary: show the findings of several checks of a playbook together."""

from __future__ import annotations

from ..module_utils._options.rotation_options import FINDINGS_SUMMARY
from ..plugin_utils._checklist.findings_table import summarize_findings
from ..plugin_utils._record_action import RecordAction
from ..plugin_utils._screen import lines
from ..plugin_utils._task_types import TaskArguments, TaskResult


class ActionModule(RecordAction):
    spec = FINDINGS_SUMMARY

    def act(self, options: TaskArguments) -> TaskResult:
        summary = summarize_findings(options["looks"], self.log(options), options["playbook"])
        lines.show(summary.lines, "Findings")
        return summary.result
