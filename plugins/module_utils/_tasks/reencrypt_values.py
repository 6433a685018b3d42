# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Re-encrypt every value under the keys of one stage."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

from .host_task import HostTask

if TYPE_CHECKING:
    from .._engine.proof.census_result import CensusResult


def reencrypt_values(task: HostTask) -> dict[str, Any]:
    """Census, refusal of what is unreadable, then the work by the chosen method."""
    from .._engine import rotation
    from .._engine.proof.census_result import CensusResult
    from .._engine.rewrite.concurrent_writers import ConcurrentWrites
    from .._engine.rewrite.rewrite_progress import Progress, ProgressFiles
    from .._engine.rewrite.rewrite_result import RewriteResult, reencrypted
    from .._engine.rewrite.rewriter import Share
    from .._options.engine_request import Purpose, request_of

    params = task.params
    destination = params["destination"]
    started = time.monotonic()
    run_id = "" if task.check_mode else params["run"] or secrets.token_hex(8)
    purpose = Purpose(params["rotation_id"], run=run_id, step=params["step"], tried=task.check_mode)
    with rotation.open_application(request_of(params, purpose)) as application:
        application.refuse_unproved()
        fenced = {} if task.check_mode or params["fence"] == "off" else _fence(application, params)
        others = ConcurrentWrites.of(params["others"]) if params["others"] else application.others()
        before = CensusResult.all_of(params["examined"] or ()) or _examined(application, params)
        if task.check_mode:
            targets = reencrypted(before, lambda column: column.not_under(destination))
            changes = any(target["reencrypted"] for target in targets)
            return {"changed": changes, "targets": targets, "others": others.as_result()}
        settlements = [settlement.as_planned() for settlement in application.settlements.values()]
        share = Share(**(params["share"] or {}))
        # After the shares of all hosts nothing should be left.
        left = before if params["share"] or not params["examined"] else []
        totals = {column.name: column.not_under(destination) for column in left}
        files = ProgressFiles(params["progress"], params["metrics_file"])
        key_id = application.keyring.key_id(destination)
        progress = Progress(params["rotation_id"], totals, files, share.of, key_id)
        progress.tell()
        try:
            work, migration = _by_method(params, application, progress, share, others)
        finally:
            progress.end()
    seconds = time.monotonic() - started
    result = RewriteResult(before, work, key_id, seconds, others, progress.unwritten).as_result()
    return {**result, "settlements": settlements, **fenced, **({"migration": migration} if migration else {})}


def _fence(application: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Keep other sessions from writing, before any value is looked at."""
    from .._engine.rewrite import fence

    without = application.close(params["rotation_id"])
    if params["refuse_writers"]:
        for database, _ in application.parts:
            fence.refuse_writers(database, look_out=True)
    return {"fence": {"closed": not without, "without": without}}


def _examined(application: Any, params: dict[str, Any]) -> list[CensusResult]:
    """The census before the first write, and all that would be refused."""
    from .._engine import rotation
    from .._engine.discovery.findings import refuse
    from .._engine.proof import census, row_digests

    destination, reverse = params["destination"], params["reverse"]
    known = destination in application.keyring.stages  # not in a dry run before the version is made
    key_id = application.keyring.key_id(destination if known else "current")
    with row_digests.recording(params["row_digests"], key_id) as rows:
        tallies = application.census(destination if known else "current", each_row=rows)
        if rows:
            rows.end([tally.result for tally in tallies])
    if not reverse and not params["others"]:  # the last look before the first write
        application.refuse_unaccounted()
    if not reverse:
        found = [*census.findings(tallies), *application.inside_fixed()]
        refuse([*found, *census.left_alone(tallies, application.settlements)])
        application.refuse_made_of_keys(destination if known else rotation.TRIAL)
    if known and not reverse:
        application.refuse_keyless_digests(destination)
    if known:
        application.rehearse(destination, stop_at_unreadable=not reverse)
    return [tally.result for tally in tallies]


def _by_method(
    params: dict[str, Any], application: Any, progress: Any, share: Any, others: Any
) -> tuple[Any, str | None]:
    from .._engine import migration
    from .._engine.rewrite.rewriter import RewritePolicy, Work
    from .._engine.rewrite.throttle import Throttle, refuse_unfit
    from .._engine.rewrite.worker_pool import Stop, cores

    work, stop = Work(report=progress.add), Stop()
    asked = {name: value for name, value in (params["throttle"] or {}).items() if value is not None}
    refuse_unfit(asked)
    policy = RewritePolicy(not params["reverse"], Throttle(**asked), share, others)

    def act() -> None:
        workers = params["workers"] or cores()
        with stop.listening():
            application.reencrypt(params["destination"], work, policy, workers=workers, stop=stop)

    if params["reverse"]:
        migration.backwards(params["rotation_id"], act)
        return work, None
    if params["method"] == "direct":
        act()
        return work, None
    return work, migration.forwards(params["migration_app"], params["rotation_id"], application.targets, act)
