# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at the run that is at work, or wait for what a person orders it."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from .._errors.base import RotationError
from .change_lease import databases_of
from .host_task import HostTask, ModuleResult

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._engine.postgres.connection import Database
    from .._engine.postgres.run_orders import Orders

LOOK_SECONDS = 1.0  # between two looks at the orders


def watch_run(task: HostTask) -> ModuleResult:
    """Return who is at work and what was ordered, once there is nothing to wait for. Raise E_ABORTED, E_STOPPED, or
    E_NOTHING_AT_WORK if nobody could order anything."""
    from .._engine.postgres import lease, run_orders
    from .._engine.rewrite import rewrite_progress

    params = task.params
    with databases_of(params, "control", settings_only=True) as databases:
        leased = [database for database in databases if lease.read_holder(database)]
        if params["wait_for"] != "nothing" and not task.check_mode:
            _wait(leased, asked=params["wait_for"] == "switch")
        held = lease.read_holder(leased[0]) if leased else None
        return {
            "changed": False,
            **({"run": {name: str(held.get(name, "unknown")) for name in lease.SHOWN}} if held else {}),
            "control": run_orders.of_holder(held).as_control(),
            "waits_since": held.get("waits_since", "") if held else "",
            "connections": sum(map(run_orders.count_connections, databases)),
            **rewrite_progress.read_document(params["metrics_file"], held.get("rotation_id", "") if held else ""),
        }


def _wait(leased: list[Database], *, asked: bool) -> None:
    from .._engine.rewrite.worker_pool import Stop
    from .._errors.run import NothingAtWork

    if not leased:
        raise NothingAtWork()
    stop = Stop()
    if not _is_due(_orders(leased[0]), asked=asked):
        with stop.listening(), _marked(leased):
            while not _is_due(_orders(leased[0]), asked=asked):
                stop.refuse_to_go_on()
                time.sleep(LOOK_SECONDS)


def _orders(database: Database) -> Orders:
    """Return the orders. Raise E_NOTHING_AT_WORK if the lease is gone, since nobody could order anything then."""
    from .._engine.postgres import lease, run_orders
    from .._errors.run import NothingAtWork

    held = lease.read_holder(database)
    if held is None:
        raise NothingAtWork()
    return run_orders.of_holder(held)


def _is_due(orders: Orders, *, asked: bool) -> bool:
    """Return whether the run may switch. Raise E_ABORTED."""
    from .._engine.postgres.run_orders import SWITCH
    from .._errors.run import RunAborted

    if orders.aborted:
        raise RunAborted(by=orders.aborted["by"], at=orders.aborted["at"])
    return orders.switch == SWITCH or not (asked or orders.switch)


@contextlib.contextmanager
def _marked(leased: list[Database]) -> Iterator[None]:
    """Note in the leases that the run waits."""
    from .._engine.postgres import run_orders
    from .._system.timestamps import now

    for database in leased:
        run_orders.mark_waiting(database, now())
    try:
        yield
    finally:
        for database in leased:
            with contextlib.suppress(RotationError):  # only the status reads it
                run_orders.mark_waiting(database, "")
