# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Acquire and release the lease of every database."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .host_task import HostTask, ModuleResult, TaskParams

if TYPE_CHECKING:
    from .._engine.postgres.connection import Database

TRIES = 5  # to drop the prepared values, and the triggers of a fence that is open


def change_lease(task: HostTask) -> ModuleResult:
    """Acquire the lease of every database or of none, or release it and remove the fence."""
    from .._engine.postgres import catalog, lease, run_orders
    from .._engine.rewrite import fence, prepared_table, write_watch

    params = task.params
    mine, over = params["holder"], params["over"]
    is_end = params["state"] == "released"  # nothing of the application is checked anymore
    with databases_of(params, params["rotation_id"], settings_only=is_end) as databases:
        if params["state"] == "released":
            ended = [database for database in databases if lease.is_held_by(database, mine)]
            controlled = run_orders.describe_control(ended[0]) if ended else {}
            both = (fence.take_down, write_watch.take_down)
            undropped = [table for database in ended for remove in both for table in remove(database, TRIES)]
            for database in ended:
                if not prepared_table.drop(database, TRIES):
                    task.warn(f"The table {catalog.PREPARED} could not be dropped: drop it by hand.")
                lease.give_back(database, mine)
            if params["row_digests"]:
                _delete(params["row_digests"], task)
            return {"changed": bool(ended), "undropped": undropped, **controlled}
        for database in databases:
            take = lease.look if task.check_mode else lease.take
            held = take(database, mine, over)
            if held:
                for other in databases if not task.check_mode else ():
                    lease.give_back(other, mine)
                return {"failed": True, "held": {**held, "alias": database.alias}}
        fenced = any(fence.refusing(database) for database in databases)
    return {"changed": not task.check_mode, "fenced": fenced}


@contextlib.contextmanager
def databases_of(params: TaskParams, label: str, *, settings_only: bool = False) -> Iterator[Sequence[Database]]:
    """The databases of the application, connected, without the replicas; by its settings alone, if they suffice, or of
    the application as it starts."""
    from .._engine.application import django_project
    from .._engine.postgres import server_info
    from .._engine.postgres.connection import Database
    from .._options.application_start import read_settings, start_application

    (read_settings if settings_only else start_application)(params)
    if settings_only and django_project.needs_models():
        start_application(params)
    with contextlib.ExitStack() as stack:
        databases = [
            stack.enter_context(contextlib.closing(Database(alias, label, params["direct"].get(alias, {}))))
            for alias in django_project.aliases()
        ]
        yield [database for database in databases if not server_info.is_replica(database)]


def _delete(path: str, task: HostTask) -> None:
    """Delete a file of row digests. If it cannot be deleted, warn only, so that the lease is still released."""
    try:
        Path(path).unlink(missing_ok=True)
    except OSError as exc:
        task.warn(f"{path} could not be deleted: {exc.strerror}. It contains digests of rows, and no values.")
