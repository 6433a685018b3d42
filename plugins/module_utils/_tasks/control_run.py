# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Give an order to the run that is at work."""

from __future__ import annotations

from .change_lease import databases_of
from .host_task import HostTask, ModuleResult


def control_run(task: HostTask) -> ModuleResult:
    """Write the order to the lease of every database. Raise E_NOTHING_AT_WORK."""
    from .._engine.postgres import lease, run_orders
    from .._errors.run import NothingAtWork
    from .._system.timestamps import now

    given: lease.Order = {"order": task.params["order"], "by": task.params["by"], "at": now()}
    with databases_of(task.params, "control", settings_only=True) as databases:
        leased = {database: held for database in databases if (held := lease.read_holder(database))}
        if not leased:
            raise NothingAtWork()
        for database in leased if not task.check_mode else ():
            run_orders.give(database, given)
        holder = next(iter(leased.values()))
    return {"changed": True, "order": given["order"], "holder": holder}
