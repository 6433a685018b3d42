# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""monitoring_summary: show what the role monitoring registered for each host in one table, and fail with findings."""

from __future__ import annotations

from typing import Any

from ..module_utils._errors.monitoring import MonitorHost, MonitorTimer
from ..module_utils._monitoring import snapshot_table
from ..plugin_utils._action import RotationAction
from ..plugin_utils._report.typed_commands import command
from ..plugin_utils._screen import lines
from ..plugin_utils._task_types import TaskArguments, TaskResult


class ActionModule(RotationAction):
    def act(self, options: TaskArguments) -> TaskResult:
        hosts, shown = list(self.variables["ansible_play_hosts_all"]), self.variables["hostvars"]
        host = self.variables["inventory_hostname"]
        if host == next(each for each in hosts if "__monitoring_reached" in shown[each]):
            lines.show(snapshot_table.table({each: self._look(each, shown[each]) for each in hosts}), "Monitoring")
        findings = self._look(host, shown[host])["findings"]
        if not findings:
            return {"changed": False}
        return {"changed": False, "failed": True, **snapshot_table.build_findings_error(findings).as_result()}

    def _look(self, host: str, shown: Any) -> dict[str, Any]:
        """The ``snapshot`` of one host, if there is one, whether it was ``reached``, and all ``findings``."""
        reached, look, failed = (
            dict(shown.get(f"__monitoring_{name}") or {}) for name in ("reached", "look", "failed")
        )
        snapshot = look.get("snapshot")
        findings = list(snapshot["findings"]) if snapshot else []
        lost = bool(reached.get("unreachable") or look.get("unreachable"))
        if lost:
            why = _words(reached.get("msg", "")) if reached.get("unreachable") else "it was lost during the check"
            findings.append(self._finding(host, f"cannot be reached ({why})"))
        elif failed.get("error"):
            findings.append({**failed["error"], "next": self._again()})
        elif not snapshot:
            findings.append(self._finding(host, f"cannot be checked ({_words(failed.get('msg', ''))})"))
        elif failed:
            findings.append(self._finding(host, _words(failed.get("msg", "")), MonitorTimer))
        return {"snapshot": snapshot, "reached": not lost, "findings": findings}

    def _finding(self, host: str, reason: str, kind: type[MonitorHost | MonitorTimer] = MonitorHost) -> dict[str, str]:
        error = kind(host=host, reason=reason)
        return {"code": error.code, "what": error.what, "todo": error.todo, "next": self._again()}

    def _again(self) -> str:
        return command(self.variables, "monitor")


def _words(message: str) -> str:
    """Ansible's message about a host, as part of a sentence."""
    return " ".join(str(message).removeprefix("Task failed: ").split()).rstrip(":. ")
