# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stop and start the services of an application."""

from __future__ import annotations

from .._services.listed_services import services_of
from .._services.maintenance import BY_HAND, Maintenance, MaintenanceOptions
from .host_task import HostTask, ModuleResult


def switch_services(task: HostTask) -> ModuleResult:
    """Stop or start the services. Raise E_OPTION, E_SERVICE_* or E_MAINTENANCE_FILE."""
    params = task.params
    offered, wrong = services_of(params["services"])
    if wrong and (params["state"], params["rotation_id"]) != ("stopped", BY_HAND):
        raise wrong[0]
    options = MaintenanceOptions(
        memory=params["memory"],
        rotation_id=params["rotation_id"],
        flag=params["flag_file"],
        patience=params["timeout"],
        settle=params["settle"],
        jobs=params["jobs"],
        held=params["held"],
    )
    maintenance = Maintenance(offered, options, wrong)
    acts = {"stopped": maintenance.stop, "started": maintenance.start, "released": maintenance.release}
    try:
        names = acts[params["state"]](dry=task.check_mode)
    finally:
        for warning in maintenance.warnings:
            task.warn(warning)
    states = maintenance.states(names) if params["state"] == "started" and not task.check_mode else {}
    return {"changed": bool(names), "services": names, "states": states}
