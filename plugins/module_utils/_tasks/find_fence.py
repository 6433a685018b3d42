# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find a write fence and prepared values that a killed run left behind."""

from __future__ import annotations

from .._errors.database import DatabaseFenced, PreparedLeft
from .change_lease import databases_of
from .host_task import HostTask, ModuleResult


def find_fence(task: HostTask) -> ModuleResult:
    """Find out whether a database refuses the writes of others, or has prepared values.

    Raise E_FENCED, or return E_PREPARED_LEFT with the ``holder`` of the lease, unless that is accepted. The control
    node knows whether that run is alive.
    """
    from .._engine.postgres import lease
    from .._engine.postgres.catalog import PREPARED
    from .._engine.rewrite import fence, prepared_table

    fenced = False
    with databases_of(task.params, "look") as databases:
        for database in databases:
            if there := fence.refusing(database):
                fenced = True
                if task.params["fence"] == "refuse":
                    raise DatabaseFenced(alias=database.alias, rotation_id=there.rotation_id, since=there.since)
        left = [database for database in databases if prepared_table.exists(database)]
        if left and task.params["fence"] == "refuse":
            where = {"alias": left[0].alias, "table": PREPARED}
            holder = lease.read_holder(left[0])
            return {"changed": False, "failed": True, **PreparedLeft(**where).as_result(), "holder": holder}
    return {"changed": False, "fenced": fenced, "prepared": bool(left)}
