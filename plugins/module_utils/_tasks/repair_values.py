# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take values that nothing decrypts from a backup."""

from __future__ import annotations

import base64
import contextlib
import functools
import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from .._errors.restore import BackupNotFound, RestoreEngine
from .host_task import HostTask, ModuleResult, TaskParams

if TYPE_CHECKING:
    from .._backup.dump import Backup
    from .._backup.manifest import Manifest
    from .._engine import repair as work
    from .._engine.postgres.connection import Database
    from .._engine.rotation import Application


def repair_values(task: HostTask) -> ModuleResult:
    """Repair the values that nothing decrypts, from the backup of their database.

    The backup is restored into a copy of the database, which is dropped afterwards.
    """
    from .._engine import repair as work
    from .._engine.open_application import open_application
    from .._options.engine_request import Purpose, request_of

    params = task.params
    repaired: Counter[str] = Counter()
    left: list[work.Left] = []
    named: set[str] = set()
    kept = _Kept(os.path.join(params["backup_dir"], f"{params['rotation_id']}.replaced.jsonl"))
    with open_application(request_of(params, Purpose(params["rotation_id"], run=params["run"]))) as application:
        scope = work.RepairScope(application.keyring, application.accepted, frozenset(params["named"]))
        for database, survey in application.databases:
            if task.check_mode:
                if work.needed(database, survey.targets, scope):
                    backup, described = _backup(params, database.alias)
                    backup.refuse_unopened(described, params["identity"])
                continue
            with contextlib.ExitStack() as stack:
                copied = functools.cache(functools.partial(_copied, stack, params, database))
                done = work.repair(database, copied, survey.targets, scope, kept.keep)
            repaired.update(done.values)
            named |= done.named
            left += done.unrepaired
        if not task.check_mode:
            left += _missing(application, set(params["named"]) - named)
    return {
        "changed": bool(repaired) or task.check_mode,
        "repaired": dict(repaired),
        "left": [value._asdict() for value in left],
        "kept": kept.path if repaired else "",
    }


def _missing(application: Application, values: Iterable[str]) -> list[work.Left]:
    """Return the values that a person named and that were not found, each with the reason."""
    from .._engine import repair as work

    targets = {target.name for target in application.targets}
    columns = {
        table.label_of(column.name)
        for survey in application.surveys
        for table, columns in survey.every_column().items()
        for column in columns
    }
    return [work.missing(value, targets, columns, application.settlements) for value in sorted(values)]


def _backup(params: TaskParams, alias: str) -> tuple[Backup, Manifest]:
    """Return the backup of a database, and its manifest. Raise E_BACKUP_NONE, E_RESTORE_ENGINE."""
    from .._backup import dump

    backup = dump.Backup(params["backup_dir"], params["backup"], alias)
    if (described := backup.read()) is None:
        raise BackupNotFound(manifest=backup.manifest, known_backups="none of this database")
    if not described.is_dump:
        raise RestoreEngine(manifest=backup.manifest, engine=described.engine)
    return backup, described


def _copied(stack: contextlib.ExitStack, params: TaskParams, database: Database) -> Database:
    """Return the restored copy of the backup, which the ``admin`` creates if one is named."""
    from .._backup import pg_client, restore_proof
    from .._engine.postgres import server_info
    from .._engine.postgres.connection import Database

    backup, described = _backup(params, database.alias)
    admin = {name: value for name, value in (params["admin"] or {}).items() if value and name != "dbname"}
    if admin:
        direct = {**params["direct"].get(database.alias, {}), **admin}
        database = stack.enter_context(contextlib.closing(Database(database.alias, "repair", direct)))
    tools = pg_client.find_tools(params["pg_bindir"], server_info.read_server_major(database))
    source = restore_proof.RestoreSource(backup, described, database, tools, params["identity"])
    return stack.enter_context(restore_proof.restored(source))[0]


class _Kept:
    """The file of overwritten values as they were, one line of JSON each. It is durable before the write."""

    def __init__(self, path: str) -> None:
        self.path = path

    def keep(self, replaced: Sequence[Any]) -> None:
        """Keep it. Raise OSError."""
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            for value in replaced:
                raw = value.token.encode("utf-8") if isinstance(value.token, str) else bytes(value.token or b"")
                handle.write(json.dumps({"value": value.value, "base64": base64.b64encode(raw).decode()}) + "\n")
            handle.flush()
            os.fsync(handle.fileno())
