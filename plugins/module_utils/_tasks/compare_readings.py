# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare how the application reads its data before and after a rotation."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .._errors.base import RotationError
from .host_task import HostTask, ModuleResult, TaskParams, surveys_of

if TYPE_CHECKING:
    from .._engine.discovery.columns.target import Target
    from .._engine.postgres.connection import Database
    from .._engine.proof.reading_types import RecordedReading
    from .._engine.rotation import Application


def compare_readings(task: HostTask) -> ModuleResult:
    """The reading, and the first thing that is worse than in the baseline as an error."""
    from .._engine.application import django_project
    from .._engine.open_application import open_application
    from .._options.engine_request import Purpose, request_of
    from .._services import commands

    params = task.params
    with open_application(request_of(params, Purpose("reading")), surveys_of(task)) as application:
        from django.core.management import get_commands

        if params["state"] == "recorded" and params["fence"] == "auto":
            application.put_up_fence(params["rotation_id"])
        taken = _read(params, application)
        known = get_commands()
        django_project.let_go()  # before this process is forked
    taken.reading["check"] = commands.check(params["timeout"])
    if "verify_encryption" in known:
        taken.reading["verify_encryption"] = commands.verify_encryption(params["timeout"])
    if params["state"] == "verified":
        return _judge(params, application, taken)
    return {"changed": False, "reading": taken.reading}


@dataclass(frozen=True)
class TakenReading:
    """The application's own reading, and the attributes that it ignored.

    ``concurrent_rows`` counts by table, and by reason, the values that may be read differently than before.
    """

    reading: RecordedReading
    ignored: set[str]
    concurrent_rows: dict[str, dict[str, int]]


def _read(params: TaskParams, application: Application) -> TakenReading:
    """Read everything that the application reads. What differs from the baseline is read twice."""
    from .._engine.proof import damage, model_reading, write_counters
    from .._engine.proof.model_readers import is_ignored
    from .._monitoring import response_times

    def read(wanted: Callable[[str], bool]) -> RecordedReading:
        scope = model_reading.ReadingScope(
            bytes.fromhex(params["digest_key"]), params["rows"], wanted, params["baseline"]
        )
        return model_reading.of_application(
            application.read, application.keyring, scope, application.progress
        ).as_result()

    ignored = {*params["application_ignore"], *application.recreated()}
    parts = [(database, survey.targets) for database, survey in application.databases]
    serving = params["serving"] or "counters" in params["baseline"]
    counters = write_counters.read(parts) if serving and params["state"] == "recorded" else {}
    reading = read(lambda name: not is_ignored(name, ignored))
    if counters:
        reading["counters"] = counters
    concurrent_rows = _explained(params)
    for table, count in _written_meanwhile(params, parts).items() if "counters" in params["baseline"] else ():
        concurrent_rows[table] = {**concurrent_rows.get(table, {}), "served": count}
    if others := model_reading.changed(params["baseline"], reading, concurrent_rows):
        reading["unsteady"] = model_reading.unsteady(reading, read(others.__contains__))
    if params["written"]:
        reading["written"] = [
            list(value) for value in damage.find_damaged(params["written"], application.targets, application.keyring)
        ]
    reading["opening"] = response_times.of_opening(application)
    return TakenReading(reading, ignored, concurrent_rows)


def _judge(params: TaskParams, application: Application, taken: TakenReading) -> ModuleResult:
    """Raise an error for what is worse than in the baseline. Otherwise, the application may write again."""
    from .._engine.proof import model_reading

    reading = taken.reading
    try:
        model_reading.refuse_damaged(reading.get("written", ()))
    except RotationError as exc:  # with all values by name, for the record
        return {"changed": False, "failed": True, "reading": reading, **exc.as_result()}
    model_reading.refuse_worse(params["baseline"], reading, taken.concurrent_rows, taken.ignored)
    if not params["serving"] and (hidden := _open(application)):
        reading["refused_behind_pooler"] = hidden
    return {"changed": False, "reading": reading}


def _explained(params: TaskParams) -> dict[str, dict[str, int]]:
    """Return by table how many values may be read differently: others wrote them, or they were encrypted twice
    before."""
    known = [params["concurrent_rows"], params["unwrapped"]]
    tables = [name for each in known for name in each]
    return {name: {what: count for each in known for what, count in each.get(name, {}).items()} for name in tables}


def _written_meanwhile(params: TaskParams, parts: Collection[tuple[Database, Sequence[Target]]]) -> dict[str, int]:
    """Return by table how many rows may have been written since the baseline, which was read while the application
    served."""
    from .._engine.proof import write_counters
    from .._engine.rewrite.concurrent_writers import ConcurrentWrites

    writes = ConcurrentWrites.of([params["concurrent_writes"]] if params["concurrent_writes"] else [])
    since, changed = params["since_preparation"], {}
    for database, targets in parts:
        known = write_counters.changed_since(database, targets, writes) if since is not None else {}
        for label in {target.table.label for target in targets}:
            before = sum(since.get(label, {}).values()) if since is not None else write_counters.UNKNOWN
            changed[label] = before + known.get(label, 0)
    written = write_counters.count_written(params["baseline"]["counters"], write_counters.read(parts), changed)
    return {table: count for table, count in written.items() if count}


def _open(application: Application) -> list[str]:
    """Let the application write again, after everything is verified. Return the refused sessions of a pooler.

    What cannot be dropped now is dropped when the lease is released. Raise E_STALE_WRITER if a process that was not
    stopped waits to write.
    """
    from .._engine.rewrite import fence

    with contextlib.ExitStack() as stack:
        own = [stack.enter_context(contextlib.closing(database.another())) for database, _ in application.databases]
        hidden = [who for database in own for who in fence.refuse_writers(database)]
        for database in own:
            fence.take_down(database)
    return hidden
