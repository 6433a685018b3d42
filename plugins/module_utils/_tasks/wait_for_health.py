# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait until the application answers."""

from __future__ import annotations

from .._services import health
from .host_task import HostTask, ModuleResult


def wait_for_health(task: HostTask) -> ModuleResult:
    """Wait until the application answers. Raise E_HEALTH or E_OPTION."""
    params = task.params
    check = health.HealthCheck(
        params["url"], params["host"], params["headers"], params["ca_file"], params["answer_timeout"]
    )
    answer = health.wait(check, params["timeout"])
    return {"changed": False, "answer": answer._asdict()}
