# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""monitoring_summary: show what the role monitoring registered for each host in one table, and fail with findings."""

from __future__ import annotations

from ..module_utils._monitoring import snapshot_table
from ..plugin_utils._action import RotationAction
from ..plugin_utils._report.monitored_hosts import REACHED, evaluate_host
from ..plugin_utils._report.playbook_command import command
from ..plugin_utils._screen import lines
from ..plugin_utils._task_types import TaskArguments, TaskResult


class ActionModule(RotationAction):
    def act(self, options: TaskArguments) -> TaskResult:
        names, hostvars = list(self.variables["ansible_play_hosts_all"]), self.variables["hostvars"]
        again = command("monitor")
        host = self.variables["inventory_hostname"]
        if host == next(name for name in names if REACHED in hostvars[name]):
            hosts = {name: evaluate_host(name, hostvars[name], again) for name in names}
            lines.show(snapshot_table.table(hosts), "Monitoring")
        findings = evaluate_host(host, hostvars[host], again)["findings"]
        if not findings:
            return {"changed": False}
        return {"changed": False, "failed": True, **snapshot_table.build_findings_error(findings).as_result()}
