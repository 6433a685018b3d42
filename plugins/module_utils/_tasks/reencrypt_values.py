# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Re-encrypt every value under the keys of one stage."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from .._errors.base import RotationError
from . import run_own_command
from .host_task import HostTask, ModuleResult, TaskParams
from .reencryption import Examined, Reencryption

if TYPE_CHECKING:
    from .._engine.comparison.prepared_census import PreparedCensus
    from .._engine.proof.census_result import CensusResult
    from .._engine.proof.row_digests import Recording
    from .._engine.rewrite.concurrent_writers import ConcurrentWrites
    from .._engine.rotation import Application
    from .._options.engine_request import Purpose

SHOWN = 50  # rows of a table that the record names


def reencrypt_values(task: HostTask) -> ModuleResult:
    """Take a census, refuse unreadable values, then re-encrypt by the chosen method.

    After the switch, the re-encryption comes first, and only then the refusal of what the application cannot read.
    """
    from .._engine import application_findings
    from .._engine.open_application import open_application
    from .._engine.postgres import run_orders
    from .._engine.proof.census_result import CensusResult
    from .._engine.rewrite.concurrent_writers import ConcurrentWrites
    from .._engine.rewrite.rewrite_result import RewriteResult
    from .._engine.rewrite.rewriter import changed
    from .._options.engine_request import request_of

    params = task.params
    started = time.monotonic()
    with open_application(request_of(params, _purpose(task))) as application:
        application_findings.refuse_unproved(application, params["recorded_columns"])
        fenced = {} if task.check_mode or params["fence"] == "off" else _fence(application, params)
        earlier = params["concurrent_writes"]
        concurrent_writes = ConcurrentWrites.of(earlier) if earlier else application.watch_concurrent_writes()
        examined = Examined(CensusResult.all_of(params["examined"] or ()))
        if not examined.results:
            examined = _examined(application, params)
        before, refusal = examined.results, examined.refusal
        if refusal and not _is_settlement(params):
            raise refusal
        if task.check_mode:
            return _would(before, concurrent_writes, params["destination"])
        settlements = [settlement.as_planned() for settlement in application.settlements.values()]
        key_id = application.keyring.key_id(params["destination"])
        run = _begin(params, application, examined, concurrent_writes)
        try:
            more = {"drain": run.drain()} if params["drain"] else _METHODS[_method(params)](run)
        finally:
            run.progress.end()
        if refusal:
            failed = refusal.with_changed(changed(run.work, key_id)).as_result()
            return {"changed": True, "failed": True, **failed, "others_rows": _first(run.concurrent_writes)}
        controlled = run_orders.describe_control(application.databases[0][0])
        if until_end := getattr(task, "until_end", None):
            _stay_the_one_run(run, until_end)
    seconds = time.monotonic() - started
    result = RewriteResult(before, run.work, key_id, seconds, run.concurrent_writes, run.progress.unwritten).as_result()
    return {**result, "settlements": settlements, **fenced, **examined.as_result(), **more, **controlled}


def _purpose(task: HostTask) -> Purpose:
    from .._options.engine_request import Purpose

    params = task.params
    return Purpose(
        params["rotation_id"],
        run="" if task.check_mode else params["run"] or secrets.token_hex(8),
        step=params["step"],
        tried=task.check_mode,
        runs_command=_method(params) == "command" and not task.check_mode,
    )


def _would(before: list[CensusResult], concurrent_writes: ConcurrentWrites, destination: str) -> ModuleResult:
    """The result of a dry run."""
    from .._engine.rewrite.rewrite_result import reencrypted

    targets = reencrypted(before, lambda column: column.not_under(destination))
    changes = any(target["reencrypted"] for target in targets)
    return {"changed": changes, "targets": targets, "concurrent_writes": concurrent_writes.as_result()}


def _begin(
    params: TaskParams, application: Application, examined: Examined, concurrent_writes: ConcurrentWrites
) -> Reencryption:
    """The re-encryption with its progress, which is shown from now on."""
    from .._engine.rewrite.rewrite_progress import Progress, ProgressFiles
    from .._engine.rewrite.rewriter import Share

    destination = params["destination"]
    share = Share(**(params["share"] or {}))
    # After the shares of all hosts nothing should be left.
    left = examined.results if params["share"] or not params["examined"] else []
    totals = {column.name: column.not_under(destination) for column in left}
    files = ProgressFiles(params["progress"], params["metrics_file"])
    progress = Progress(params["rotation_id"], totals, files, share.of, application.keyring.key_id(destination))
    progress.tell()
    return Reencryption(params, application, progress, examined, concurrent_writes, share)


def _stay_the_one_run(run: Reencryption, until_end: contextlib.ExitStack) -> None:
    """Share the lock of the run until the process ends, since later steps may write the keys of these values.

    Raise E_STOPPED if no one waits for the result anymore.
    """
    run.stop.refuse_to_go_on()
    for database, _ in run.application.databases:
        until_end.enter_context(contextlib.closing(database.another()))


def _fence(application: Application, params: TaskParams) -> ModuleResult:
    """Keep other sessions from writing, before any value is read."""
    from .._engine.rewrite import fence

    without = application.put_up_fence(params["rotation_id"])
    looked = application.databases if params["refuse_writers"] else ()
    hidden = [who for database, _ in looked for who in fence.refuse_writers(database, look_out=True)]
    return {"fence": {"closed": not without, "without": without, **({"behind_pooler": hidden} if hidden else {})}}


def _first(concurrent_writes: ConcurrentWrites) -> dict[str, list[str]]:
    """Return by table the rows in the record that another process wrote and the rotation re-encrypted."""
    return {table: sorted(rows)[:SHOWN] for table, rows in concurrent_writes.rows.items() if rows}


def _is_settlement(params: TaskParams) -> bool:
    """Return whether the application has the new keys already, and only concurrently written values are left."""
    return (
        bool(params["concurrent_writes"])
        and not params["share"]
        and not params["reverse"]
        and _method(params) == "direct"
    )


def _examined(application: Application, params: TaskParams) -> Examined:
    """Take the census before the first write, and refuse what it finds."""
    from .._engine import application_findings, under_new_keys
    from .._engine.discovery.findings.findings import refuse
    from .._engine.proof import census_findings, row_digests
    from .._engine.request import TRIAL

    destination, reverse = params["destination"], params["reverse"]
    known = destination in application.keyring.stages  # not in a dry run before the version exists
    key_id = application.keyring.key_id(destination if known else "current")
    is_prepared = bool(params["preparation"]) and not reverse
    continues = row_digests.of_preparation(key_id) if is_prepared else key_id
    with row_digests.recording(params["row_digests"], key_id, continues) as rows:
        prepared = _prepared(application, params, rows) if is_prepared else None
        tallies = (
            prepared.tallies if prepared else application.census(destination if known else "current", each_row=rows)
        )
        results = prepared.results if prepared else [tally.result for tally in tallies]
        traced = rows is not None and rows.goes_on
        if rows and (traced or prepared is None):  # of the prepared rows, a new file only has the decrypted ones
            rows.end(results)
    refusal = None
    if reverse:
        under_new_keys.rehearse(application, destination, stop_at_unreadable=False)
    else:
        try:
            if not params["concurrent_writes"]:  # the last look before the first write
                application_findings.refuse_unaccounted(application)
            kept = application_findings.find_kept(application)
            refuse(
                [*census_findings.findings(tallies), *kept, *application_findings.find_staying(application, tallies)]
            )
            if not params["concurrent_writes"]:  # its processes are forked before the application starts
                under_new_keys.refuse_unfit(application, destination if known else TRIAL)
        except RotationError as exc:
            refusal = exc
    return Examined(results, refusal, prepared, traced)


def _prepared(application: Application, params: TaskParams, rows: Recording | None) -> PreparedCensus:
    """Return the census of the rows that changed since they were prepared, and of all other tables.

    After the switch, it is the census of the rows that changed since they were written.
    """
    from .._engine.comparison.prepared_census import PreparedCounting
    from .._engine.proof.census_result import CensusResult
    from .._engine.rewrite.prepared_table import NEW, OLD

    destination = params["destination"]
    base = CensusResult.all_of(params["preparation"]["columns"])
    counting = PreparedCounting(application, destination, application.keyring.key_id(destination), rows)
    if params["concurrent_writes"]:
        return counting.before([column.all_under(destination) for column in base], NEW)
    return counting.before(base, OLD)


def _directly(run: Reencryption) -> ModuleResult:
    run.act()
    return {}


def _by_migration(run: Reencryption) -> ModuleResult:
    from .._engine import migration

    params = run.params
    if params["reverse"]:
        migration.backwards(params["rotation_id"], run.act)
        return {}
    place = params["migration_app"], params["rotation_id"]
    return {"migration": migration.forwards(*place, run.application.targets, run.act)}


def _by_command(run: Reencryption) -> ModuleResult:
    return run_own_command.backwards(run) if run.params["reverse"] else run_own_command.forwards(run)


_METHODS: dict[str, Callable[[Reencryption], ModuleResult]] = {
    "direct": _directly,
    "migration": _by_migration,
    "command": _by_command,
}


def _method(params: TaskParams) -> str:
    """The method of a rollback: the command, if one is named, or the migration, if there is one."""
    if params["reverse"]:
        return "command" if params["command"] else "migration"
    return str(params["method"])
