# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prepare a re-encryption while the application serves, or prove what was prepared."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from .._errors.values import PreparedDiffers
from .host_task import HostTask, ModuleResult, TaskParams
from .reencryption import throttle_of

if TYPE_CHECKING:
    from .._engine.proof.census_result import CensusResult
    from .._engine.result_types import PreparationResult
    from .._engine.rotation import Application


def prepare_values(task: HostTask) -> ModuleResult:
    """Everything that can be prepared; or the proof of it, by a process that has only the keys of the destination."""
    from .._engine import application_findings, preparation, under_new_keys
    from .._engine.crypto import schemes
    from .._engine.discovery.findings.findings import refuse
    from .._engine.open_application import open_application
    from .._engine.postgres import run_orders
    from .._engine.proof.census_result import CensusResult
    from .._options.engine_request import Purpose, request_of

    params, started = task.params, time.monotonic()
    controlled: run_orders.ControlResult = {}
    if task.check_mode:
        return {"changed": True, "preparation": {}}
    request = request_of(params, Purpose(params["rotation_id"], run=params["run"], step=params["step"]))
    before = CensusResult.all_of(params["columns"])
    if params["state"] == "verified":
        result: PreparationResult = {"columns": params["columns"], "last": {}}
        if before:
            request = replace(request, targets=[preparation.as_target(column) for column in before])
            with open_application(request) as application:
                result["last"] = _prove(application, params["destination"], before)
    else:
        with open_application(request) as application:
            application_findings.refuse_unproved(application)
            application_findings.refuse_unaccounted(application)
            refuse(application_findings.find_kept(application))
            under_new_keys.refuse_unfit(application, params["destination"])
            known = schemes.tried(request.schemes, request.names)
            result = _prepared(params, application, known)
            controlled = run_orders.describe_control(application.databases[0][0])
    seconds = round(time.monotonic() - started, 1)
    return {"changed": bool(result.get("rows")), "preparation": {**result, "seconds": seconds}, **controlled}


def _prepared(params: TaskParams, application: Application, known: Collection[str]) -> PreparationResult:
    from .._engine import preparation
    from .._engine.rewrite.rewriter import RewritePolicy
    from .._engine.rewrite.worker_pool import Stop, cores

    policy, stop = RewritePolicy(throttle=throttle_of(params, abortable=True)), Stop()
    work = preparation.Preparing(params["destination"], known, policy, params["workers"] or cores(), stop)
    with stop.listening():
        rows = work.run(application)
    return {**_counted(params, application), "excluded": preparation.excluded(application, known), "rows": rows}


def _counted(params: TaskParams, application: Application) -> PreparationResult:
    """Return the census of all prepared rows, and write the digest of each to a file.

    What stops a rotation before its first write stops the preparation here.
    """
    from .._engine import application_findings, preparation
    from .._engine.discovery.findings.findings import refuse
    from .._engine.proof import census_findings, row_digests

    row_digests.discard(params["row_digests"])
    destination = params["destination"]
    key = row_digests.of_preparation(application.keyring.key_id(destination))
    with row_digests.recording(params["row_digests"], key) as rows:
        tallies = preparation.census(application, destination, rows)
        results = [tally.result for tally in tallies]
        if rows:
            rows.end(results)
        whole = rows is not None and rows.is_whole
    refuse([*census_findings.findings(tallies), *application_findings.find_staying(application, tallies)])
    return {"columns": [column.as_result() for column in results], "row_digests": whole}


def _prove(application: Application, destination: str, before: Sequence[CensusResult]) -> dict[str, int]:
    """Verify what was prepared. Raise E_PREPARED after dropping the tables."""
    from .._engine import preparation
    from .._engine.rewrite import prepared_table

    try:
        return preparation.verify_prepared(application, destination, before)
    except PreparedDiffers:
        for database, _ in application.databases:
            prepared_table.drop(database)
        raise
