# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remove the write fence: that of a killed run, or that of this run before the application is started."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .change_lease import TRIES, databases_of
from .host_task import HostTask, ModuleResult

if TYPE_CHECKING:
    from .._engine.postgres.connection import Database
    from .._engine.postgres.lease import Holder


def remove_fence(task: HostTask) -> ModuleResult:
    """Let everybody write again. A dry run only looks."""
    from .._engine.postgres import lease

    params, dry = task.params, task.check_mode
    with databases_of(params, params["rotation_id"]) as databases:
        if not params["refuse_writers"]:
            return _remove_of_killed_run(databases, params["holder"], params["over"], dry=dry)
        return _remove_own(
            [database for database in databases if lease.is_held_by(database, params["holder"])], dry=dry
        )


def _remove_own(databases: Sequence[Database], *, dry: bool) -> ModuleResult:
    """Remove the fence of this run, after everything that is verified before the start.

    What cannot be dropped now is dropped when the lease is released. Raise E_STALE_WRITER if a process that was not
    stopped waits to write.
    """
    from .._engine.rewrite import fence

    hidden = [who for database in databases for who in fence.refuse_writers(database)]
    for database in databases if not dry else ():
        fence.take_down(database)
    return {"changed": bool(databases), "fence": {"behind_pooler": hidden}}


def _remove_of_killed_run(
    databases: Sequence[Database], mine: Holder, over: Holder | None, *, dry: bool
) -> ModuleResult:
    """Remove every fence, unless a run that may be alive holds the lease."""
    from .._engine.postgres import lease
    from .._engine.rewrite import fence, write_watch

    fenced = [database for database in databases if fence.read_fence(database)]
    for database in fenced:
        if held := lease.look(database, mine, over):
            return {"changed": False, "held": {**held, "alias": database.alias}}
    undropped = [table for database in fenced if not dry for table in fence.take_down(database, TRIES)]
    free = (database for database in databases if not dry and not lease.look(database, mine, over))
    undropped += [table for database in free for table in write_watch.take_down(database, TRIES)]
    return {"changed": bool(fenced), "undropped": undropped}
