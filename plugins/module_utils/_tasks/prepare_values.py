# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prepare a re-encryption while the application serves, or prove what is prepared."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .._errors.values import PreparedDiffers
from .host_task import HostTask, ModuleResult, TaskParams

if TYPE_CHECKING:
    from .._engine.rotation import Application


def prepare_values(task: HostTask) -> ModuleResult:
    """Everything that can be prepared; or the proof of it, by a process that has only the keys of the destination."""
    from .._engine import rotation
    from .._engine.crypto import schemes
    from .._engine.preparation import PreparedColumn
    from .._options.engine_request import Purpose, request_of

    params, started = task.params, time.monotonic()
    if task.check_mode:
        return {"changed": True, "preparation": {}}
    request = request_of(params, Purpose(params["rotation_id"], run=params["run"], step=params["step"]))
    before = PreparedColumn.all_of(params["columns"])
    if params["state"] == "verified":
        if before:
            request = replace(request, targets=[column.as_target() for column in before])
            with rotation.open_application(request) as application:
                _prove(application, params["destination"], before)
        found: dict[str, Any] = {"columns": params["columns"]}
    else:
        with rotation.open_application(request) as application:
            application.refuse_unproved()
            known = schemes.tried(request.schemes, request.names)
            found = _prepared(params, application, known)
    seconds = round(time.monotonic() - started, 1)
    return {"changed": bool(found.get("rows")), "preparation": {**found, "seconds": seconds}}


def _prepared(params: TaskParams, application: Application, known: Collection[str]) -> dict[str, Any]:
    from .._engine import preparation
    from .._engine.rewrite.rewriter import RewritePolicy
    from .._engine.rewrite.throttle import Throttle, refuse_unfit
    from .._engine.rewrite.worker_pool import Stop, cores

    asked = {name: value for name, value in (params["throttle"] or {}).items() if value is not None}
    refuse_unfit(asked)
    policy, stop = RewritePolicy(throttle=Throttle(**asked)), Stop()
    work = preparation.Preparing(params["destination"], known, policy, params["workers"] or cores(), stop)
    with stop.listening():
        rows = work.run(application)
    return {
        "columns": [column.as_result() for column in preparation.columns(application, params["destination"])],
        "excluded": preparation.excluded(application, known),
        "rows": rows,
    }


def _prove(application: Application, destination: str, before: Any) -> None:
    """Raise E_PREPARED, after which nothing is prepared any more."""
    from .._engine import preparation
    from .._engine.rewrite import prepared

    try:
        preparation.refuse_unproved(application, destination, before)
    except PreparedDiffers:
        for database, _ in application.parts:
            prepared.drop(database)
        raise
