# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Create and prove the backup of a rotation."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .._errors.backup import BackupIdentity, BackupOwnKey, BackupUnencrypted, ProofOmitted
from .._errors.base import RotationError
from .._errors.options import InvalidOption
from .host_task import HostTask, ModuleResult, TaskParams, surveys_of

if TYPE_CHECKING:
    from .._backup.dump import DumpOrder
    from .._backup.pg_client import Tools
    from .._engine.postgres.connection import Database
    from .._engine.rotation import Application


def back_up(task: HostTask) -> ModuleResult:
    """Dump, publish and prove, or find the backup of this rotation."""
    if task.params["state"] == "cleared":
        return _cleared(task)
    if task.params["engine"] != "pg_dump":
        return _by_another(task)
    return _dumped(task)


def _dumped(task: HostTask) -> ModuleResult:
    """A dump of each database, or its existing dump."""
    from .._backup.dump import DumpOrder, settings_files
    from .._engine.open_application import open_application
    from .._options.engine_request import Purpose, request_of

    params = task.params
    recipients = _recipients(params)
    request = request_of(params, Purpose(f"backup of {params['rotation_id']}", run=params["run"] or ""))
    _refuse_own_key(params["identity"] or "", request.key_sets)
    with open_application(request, surveys_of(task)) as application:
        values = [value for keys in request.key_sets.values() for value in keys.values()]
        order = DumpOrder(
            recipients,
            [application.keyring.key_id(stage) for stage in application.keyring.stages],
            settings_files(params["project_dir"], values),
            params["jobs"],
            application.progress,
        )
        dumps = [_of_database(task, application, order, place) for place in range(len(application.databases))]
    return {"changed": any(dump["changed"] for dump in dumps), "dumps": dumps}


def _of_database(task: HostTask, application: Application, order: DumpOrder, place: int) -> ModuleResult:
    """Return the proved dump of one database, or what to do for it."""
    from .._backup import dump_rights, restore_proof
    from .._backup.dump import Backup
    from .._engine.postgres import server_info

    params, (database, survey) = task.params, application.databases[place]
    backup = Backup(params["backup_dir"], params["rotation_id"], database.alias)
    described = backup.known_since(_oldest(params), [params["engine"]])
    kind = restore_proof.needed(described, params["proof"]) if described else params["proof"]
    if described and restore_proof.proved(described, kind):
        return {"changed": False, **backup.as_result(described)}
    tools = _tools(task, database)
    if kind != "none":
        restore_proof.refuse_impossible(database)
    if described is None:
        dump_rights.refuse_unreadable(database)
        backup.refuse_unusable(server_info.measure_size(database))
    if described is None and task.check_mode:
        return {"changed": True, **backup.as_planned(database, order)}
    if not task.check_mode:
        described = described or backup.dump(tools, database, order)
        source = restore_proof.RestoreSource(
            backup=backup,
            manifest=described,
            database=database,
            tools=tools,
            identity=params["identity"],
            progress=application.progress,
        )
        # From when on rows may be under new keys: a resumed rotation keeps its earlier backup.
        written = "pending" in application.keyring.stages or application.keyring.base != "current"
        with backup.proving(described, written=written):
            described = restore_proof.prove(source, survey.targets, application.keyring, kind, application.accepted)
    return {"changed": True, **backup.as_result(described)}


def _cleared(task: HostTask) -> ModuleResult:
    """Drop leftover copies of each database, if possible. A repair creates its copy with the admin."""
    from .._backup import restore_proof
    from .._engine.application import django_project
    from .._engine.postgres import server_info
    from .._engine.postgres.connection import Database
    from .._options.application_start import start_application

    params = task.params
    start_application(params)
    admin = {name: value for name, value in (params["admin"] or {}).items() if value and name != "dbname"}
    dropped: list[str] = []
    left: dict[str, bool] = {}
    for alias in django_project.aliases():
        direct = params["direct"].get(alias, {})
        for place in [direct, {**direct, **admin}] if admin else [direct]:
            try:
                with contextlib.closing(Database(alias, "proof", place)) as database:
                    if not server_info.is_replica(database):
                        dropped += restore_proof.drop_leftovers(database, dry=task.check_mode)
                        left.update(restore_proof.leftovers(database))
            except RotationError as exc:
                task.warn(
                    f"A killed proof may have left a copy of DATABASES[{alias}], and it could not be checked "
                    f"({exc.code}: {exc.what}). If there is a database whose name begins with {restore_proof.PREFIX}, "
                    f"drop it by hand."
                )
    for name in sorted(left.keys() - set(dropped)):
        task.warn(f"{name} is a copy that a killed run left, and it could not be dropped: drop it by hand.")
    return {"changed": bool(dropped), "dropped": list(dict.fromkeys(dropped))}


def _by_another(task: HostTask) -> ModuleResult:
    """A backup by pgBackRest or by a command, or that of this rotation."""
    from .._backup import dump as backup_dump
    from .._backup import external

    params = task.params
    backup = backup_dump.Backup(params["backup_dir"], params["rotation_id"])
    described = backup.known_since(_oldest(params), [params["engine"]])
    changed = described is None
    of: ModuleResult = {}
    name = "stanza" if params["engine"] == "pgbackrest" else "snapshot_command"
    if not params[name]:
        raise InvalidOption(option=name, fault="is not set", advice=f"Set O({name}).")
    if changed:
        backup.refuse_unusable(0)  # only its manifest is there
    if changed and params["engine"] == "pgbackrest":
        stanza = external.PgBackRest(params["stanza"])
        if stanza.cipher() == "none":
            _refuse_clear(params)
        of["system_identifier"] = stanza.system_identifier()
        if not task.check_mode:
            stanza.check()
            described = stanza.backup(backup, params["backup_type"], params["key_ids"], _oldest(params))
    elif changed and not task.check_mode:
        described = external.snapshot(backup, params["snapshot_command"], params["key_ids"])
    result = {"changed": changed, **of, **backup.as_result(described)}
    return {"changed": changed, "dumps": [result]}


def _oldest(params: TaskParams) -> str:
    """The time of the oldest snapshot that counts as a backup of this run."""
    from .._system.timestamps import at

    return at(time.time() - 3600 * params["max_age"])


def _refuse_clear(params: TaskParams) -> None:
    """Raise E_BACKUP_UNENCRYPTED if an unencrypted backup was not asked for."""
    allowed = params["environment"] == "demo" or (params["environment"] == "staging" and not params["encrypt"])
    if not allowed:
        raise BackupUnencrypted(path=params["backup_dir"], environment=params["environment"])


def _recipients(params: TaskParams) -> list[str]:
    """Return the recipients that the backup is encrypted to, after a test that the identity decrypts for them.

    The list is empty for a permitted unencrypted backup. Raise E_PROOF_NONE, E_BACKUP_UNENCRYPTED, E_BACKUP_IDENTITY,
    E_AGE, E_AGE_MISSING or E_OPTION.
    """
    from .._backup import age

    recipients, identity = list(params["recipients"]), params["identity"]
    if params["proof"] == "none" and params["environment"] == "production":
        raise ProofOmitted()
    if identity and not recipients:
        recipients = age.recipients_of(identity)
    if not recipients:
        _refuse_clear(params)
        return []
    age.check_recipients(recipients)
    age.program()
    if identity:
        age.try_out(recipients, identity)
    elif params["proof"] != "none":
        raise BackupIdentity(fault="is not set, and the backup must be decrypted to prove it")
    return recipients


def _refuse_own_key(identity: str, key_sets: Mapping[str, Mapping[str, str]]) -> None:
    """Raise E_BACKUP_OWN_KEY if a key of the application opens the backup: who has one would have both."""
    lines = {line.strip() for line in identity.splitlines() if line.strip() and not line.startswith("#")}
    for keys in key_sets.values():
        for name, value in keys.items():
            if value in lines or any(line in value for line in lines):
                raise BackupOwnKey(name=name)


def _tools(task: HostTask, database: Database) -> Tools:
    from .._backup import pg_client
    from .._engine.postgres import server_info

    tools = pg_client.find_tools(task.params["pg_bindir"], server_info.read_server_major(database))
    for warning in tools.warnings():
        task.warn(warning)
    return tools
