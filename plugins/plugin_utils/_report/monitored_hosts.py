# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The findings about each host, from the results that the role monitoring registered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...module_utils._errors.monitoring import MonitorHost, MonitorTimer
from .._task_types import Variables

if TYPE_CHECKING:
    from ...module_utils._result_types.monitoring_types import MonitoredHost

REACHED = "__monitoring_reached"  # registered first, by the hosts on which monitoring began
LOOK = "__monitoring_look"
FAILED = "__monitoring_failed"


def evaluate_host(host: str, registered: Variables, again: str) -> MonitoredHost:
    """Return what is known about a host by its ``registered`` variables. ``again`` is the command that checks again."""
    reached, look, failed = (dict(registered.get(name) or {}) for name in (REACHED, LOOK, FAILED))
    snapshot = look.get("snapshot")
    findings = list(snapshot["findings"]) if snapshot else []
    is_lost = bool(reached.get("unreachable") or look.get("unreachable"))
    message = _as_clause(failed.get("msg", ""))
    if is_lost:
        why = _as_clause(reached.get("msg", "")) if reached.get("unreachable") else "it was lost during the check"
        findings.append(_finding(MonitorHost(host=host, reason=f"cannot be reached ({why})"), again))
    elif failed.get("error"):
        findings.append({**failed["error"], "next": again})
    elif not snapshot:
        findings.append(_finding(MonitorHost(host=host, reason=f"cannot be checked ({message})"), again))
    elif failed:
        findings.append(_finding(MonitorTimer(host=host, reason=message), again))
    return {"snapshot": snapshot, "reached": not is_lost, "findings": findings}


def _finding(error: MonitorHost | MonitorTimer, again: str) -> dict[str, str]:
    return {"code": error.code, "what": error.what, "todo": error.todo, "next": again}


def _as_clause(message: object) -> str:
    """Return Ansible's message about a host as part of a sentence."""
    return " ".join(str(message).removeprefix("Task failed: ").split()).rstrip(":. ")
