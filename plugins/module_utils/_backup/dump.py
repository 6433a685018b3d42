# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Back up one database for one rotation, describe the backup in a manifest, and open it again.

pg_dump writes its custom format, never plain SQL. The output is streamed through age into a private file without a
shell, and both exit codes count. The file gets its name, and then its manifest, only when everything is on the disk
(docs/design/backup.md). A large database has several such archives in a folder (dump_shards.py), with their SHA256SUMS.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import io
import os
import re
import shutil
import stat
import sys
import tarfile
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import IO

from .._engine.postgres import server_info, structure, table_contents
from .._engine.postgres.connection import Database
from .._errors.backup import (
    BackupChecksum,
    BackupFolder,
    BackupIdentity,
    BackupName,
    BackupSpace,
)
from .._errors.base import RotationError
from .._result_types.backup_types import DumpSummary
from .._system import atomic_file, container_layer, task_group, users
from .._system.child_processes import working_folder
from .._system.pipelines import CHUNK
from .._system.progress_file import SILENT, ProgressFile
from .._system.task_group import Cancellation
from .._system.timestamps import now
from . import age, database_properties, dump_shards, pg_client
from . import manifest as manifests
from .manifest import ArchiveFiles, DumpedData, DumpedServer, KeptSettings, Manifest
from .pg_client import SnapshotDump, Tools

SUMS = "SHA256SUMS"  # as sha256sum -c reads it
Source = Callable[[Sequence[str], Cancellation], AbstractContextManager[IO[bytes]]]  # pg_dump with these options
_STEM = re.compile(r"(\.\d{8}T\d{6}Z)?")  # of one that was created again, after the name
_FILE = re.compile(r"\.(dump|settings\.tar)(\.age)?(\.partial)?$")  # after that
SPACE_FACTOR = 1.2  # of the database's size: the upper bound for a dump of ciphertext (docs/design/backup.md)


class Backup:
    """The backup of one database for one rotation: its manifest, ``ID.json``, describes the files next to it.

    If the database is not the default one, its alias follows the ID. If the backup was taken again, its time follows in
    the names of all its files.
    """

    def __init__(self, folder: str, rotation_id: str, alias: str = "default") -> None:
        self.folder = os.path.abspath(os.path.expanduser(folder))
        self.rotation_id = rotation_id
        self.alias = alias
        self.name = rotation_id if alias == "default" else f"{rotation_id}.{alias}"
        self.manifest = os.path.join(self.folder, f"{self.name}.json")

    def all(self) -> list[Manifest]:
        """Return the manifests, oldest snapshot first. Raise E_BACKUP_MANIFEST, E_BACKUP_NAME."""
        begin = os.path.join(self.folder, self.name)
        paths = [path for path in glob.glob(f"{glob.escape(begin)}*.json") if _STEM.fullmatch(path[len(begin) : -5])]
        backups = [manifest for path in paths if (manifest := manifests.read(path))]
        for other in backups:  # second of spring, and the default one of spring.second
            if (other.rotation_id, other.alias) != (self.rotation_id, self.alias):
                path, of = self.manifest_of(other), f"{other.rotation_id} for DATABASES[{other.alias}]"
                raise BackupName(rotation_id=self.rotation_id, path=path, other=of)
        return sorted(backups, key=lambda backup: backup.time)

    def read(self) -> Manifest | None:
        """Return the manifest that a restore prefers, or None without a backup. Raise E_BACKUP_MANIFEST."""
        return max(self.all(), key=lambda backup: backup.worth, default=None)

    def new_name(self, begun: str) -> str:
        """Return a name for a manifest that overwrites no other: the first backup is from before the first write."""
        return f"{self.name}.{re.sub('[-:]', '', begun)}" if self.all() else self.name

    def path(self, described: Manifest) -> str:
        """Return the path of the dump that a manifest describes."""
        return os.path.join(self.folder, described.path)

    def manifest_of(self, described: Manifest) -> str:
        """Return the path of a manifest."""
        return os.path.join(self.folder, f"{described.name}.json")

    def find_verified(self) -> Manifest | None:
        """Return the manifest of an earlier run whose dump matches it, or None without one. Raise E_BACKUP_*."""
        return self.known_since("")

    def known_since(self, moment: str, engines: Collection[str] = manifests.ENGINES) -> Manifest | None:
        """Return the newest manifest of these engines with a snapshot of ``moment``, as ``now`` writes it, or later.

        Its dump is checked against it. Raise E_BACKUP_*.
        """
        backups = [backup for backup in self.all() if backup.time >= moment and backup.engine in engines]
        if not backups:
            return None
        if backups[-1].is_dump:
            with self._checked(backups[-1]):
                self.refuse_damaged_settings(backups[-1])
        return backups[-1]

    def as_planned(self, database: Database, order: DumpOrder) -> DumpSummary:
        """The paths that a dump would have, as ``as_result`` has those of an existing one."""
        archives = dump_shards.archives(database, order.jobs)
        path = _path_of(os.path.join(self.folder, self.name), archives, order.recipients)
        return {"path": path, "manifest": self.manifest}

    def as_result(self, described: Manifest | None) -> DumpSummary:
        """Return the short members of a manifest for a result and the record. Without a manifest, return the paths."""
        if described is None:
            return {"path": os.path.join(self.folder, f"{self.name}.dump"), "manifest": self.manifest}
        return {
            "path": self.path(described) if described.is_dump else described.path,
            "manifest": self.manifest_of(described),
            "alias": described.alias,
            "engine": described.engine,
            "size": described.size,
            "sha256": described.sha256,
            "encrypted_to": described.encrypted_to,
            "key_ids": described.key_ids,
            "snapshot": described.snapshot,
            "proof": described.proof,
        }

    def refuse_unusable(self, database_size: int) -> None:
        """Raise E_BACKUP_DIR or E_BACKUP_SPACE before anything is written."""
        above = self.folder
        while not os.path.lexists(above):
            above = os.path.dirname(above)
        if not os.path.isdir(above):
            raise self.unusable(f"{above} is not a folder")
        if not os.access(above, os.W_OK | os.X_OK):
            raise self.unusable("no write permission")
        if container_layer.is_lost(above):
            raise self.unusable("it is inside a container, and would be lost with it: mount it at the same path")
        mode = os.stat(above).st_mode
        if above == self.folder and mode & stat.S_IWOTH:
            raise self.unusable(f"it is world-writable (mode {stat.S_IMODE(mode):o}): chmod o-w {above}")
        need, free = int(database_size * SPACE_FACTOR), shutil.disk_usage(above).free
        if free < need:
            raise BackupSpace(path=self.folder, free=free, need=need)

    def dump(self, tools: Tools, database: Database, order: DumpOrder) -> Manifest:
        """Dump the database in one snapshot, and count and hash every table in it. Return the manifest, without a
        proof.

        An older backup of the rotation stays, see ``proving``. Raise E_PG_DUMP, E_DB_LOCKED, E_AGE, E_DB or
        E_BACKUP_*.
        """
        begun = now()
        stem = self.new_name(begun)
        with self._usable(), contextlib.ExitStack() as undone:
            atomic_file.private_folder(self.folder)
            self._clear()
            undone.callback(self._remove, stem)
            dumped = _Dumping(database, tools, order).into(os.path.join(self.folder, stem))
            described = Manifest(
                name=stem,
                rotation_id=self.rotation_id,
                alias=self.alias,
                engine=manifests.PG_DUMP,
                client_version=tools.version_text,
                encrypted_to=list(order.recipients),
                key_ids=sorted(order.key_ids),
                settings=self._keep(order.settings, order.recipients, stem),
                begun=begun,
                ended=now(),
                **dumped,
                **_about(database),
            )
            self.describe(described)
            undone.pop_all()
        return described

    @contextlib.contextmanager
    def proving(self, described: Manifest, *, written: bool) -> Iterator[None]:
        """Remove the older backups if the block proves this one. If it fails, remove this one, unless it is the only
        one.

        If rows may have been ``written`` under new keys, the first backup stays: no other is from before that. Backups
        of another engine, which are not in the folder, stay too.
        """
        older = [backup for backup in self.all() if backup.name != described.name and backup.is_dump]
        try:
            yield
        except BaseException as exc:
            if older:
                self._drop(described)
                if isinstance(exc, RotationError):
                    raise exc.with_changed(f"The previous backup, {self.path(older[-1])}, is unchanged.") from None
            raise
        for backup in older[1:] if written else older:
            self._drop(backup)

    def _drop(self, described: Manifest) -> None:
        """Remove a backup, its manifest first: files without a manifest are removed later."""
        _removed(self.manifest_of(described))
        self._remove(described.name)

    def _remove(self, stem: str) -> None:
        """Remove files by our own names, never by a name in a manifest."""
        for name in self._ours():
            if _FILE.sub("", name) == stem:
                _removed(os.path.join(self.folder, name))

    def _clear(self) -> None:
        """Remove the files of runs that were killed before they wrote the manifest."""
        for stem in {_FILE.sub("", name) for name in self._ours()} - {backup.name for backup in self.all()}:
            self._remove(stem)

    def _ours(self) -> list[str]:
        """Return the names of all dumps and settings of this backup, unfinished ones too."""
        named = [name for name in os.listdir(self.folder) if name.startswith(self.name) and _FILE.search(name)]
        return [name for name in named if _STEM.fullmatch(_FILE.sub("", name)[len(self.name) :])]

    def describe(self, described: Manifest) -> None:
        """Write the manifest. Raise E_BACKUP_DIR."""
        with self._usable():
            atomic_file.replace(self.manifest_of(described), manifests.written(described))

    @contextlib.contextmanager
    def opened(self, described: Manifest, identity: str | None) -> Iterator[list[IO[bytes]]]:
        """Yield the dump's decrypted archives, as pg_restore reads them, after their SHA-256 was checked.

        What was read is authentic only if the block ends without an error. Raise E_BACKUP_CHECKSUM, E_AGE_MISSING,
        E_BACKUP_IDENTITY.
        """
        with self._checked(described) as handles, contextlib.ExitStack() as stack:
            if described.encrypted_to:
                if not identity:
                    raise BackupIdentity(fault="is not set, but the backup is encrypted")
                for handle in handles:
                    age.refuse_unopened(handle, identity)
                yield [stack.enter_context(age.decrypted(handle, identity)) for handle in handles]
            else:
                yield handles

    def refuse_unopened(self, described: Manifest, identity: str | None) -> None:
        """Raise the errors of ``opened``, for a dry run."""
        with self.opened(described, identity):
            pass

    def read_through(self, described: Manifest, tools: Tools, identity: str | None) -> None:
        """Read the archives to their end, as far as they can be opened. Raise as ``opened``, and E_PG_RESTORE."""
        if identity or not described.encrypted_to:
            with self.opened(described, identity) as archives:
                pg_client.read_through(tools, archives)
        else:
            with self._checked(described):
                pass

    def refuse_damaged_settings(self, described: Manifest) -> None:
        """Raise E_BACKUP_CHECKSUM if the archive of settings has changed. No restore needs it."""
        settings = described.settings
        with contextlib.ExitStack() as stack:
            if settings:
                _checked(stack, os.path.join(self.folder, settings["path"]), settings["sha256"])

    @contextlib.contextmanager
    def _checked(self, described: Manifest) -> Iterator[list[IO[bytes]]]:
        path, expected = self.path(described), described.sha256 or ""
        with contextlib.ExitStack() as stack:
            if not described.parts:
                yield [_checked(stack, path, expected)]
                return
            sums = _checked(stack, os.path.join(path, SUMS), expected).read().decode().splitlines()
            digests = {name: sha256 for sha256, _, name in (line.partition("  ") for line in sums)}
            yield [_checked(stack, os.path.join(path, name), digests.get(name, "")) for name in described.parts]

    def _keep(self, settings: Mapping[str, bytes], recipients: Sequence[str], stem: str) -> KeptSettings | None:
        """Write files next to the dump in one archive, as private as the dump. Return its path and the names in it."""
        if not settings:
            return None
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for name, content in settings.items():
                member = tarfile.TarInfo(name)
                member.size, member.mode = len(content), 0o600
                archive.addfile(member, io.BytesIO(content))
        kept = age.encrypted_bytes(packed.getvalue(), recipients) if recipients else packed.getvalue()
        path = f"{stem}.settings.tar{'.age' if recipients else ''}"
        with _published_file(os.path.join(self.folder, path)) as handle:
            handle.write(kept)
        return {"path": path, "sha256": hashlib.sha256(kept).hexdigest(), "files": sorted(settings)}

    @contextlib.contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            raise self.unusable(str(exc.strerror)) from None

    def unusable(self, reason: str) -> RotationError:
        """Return E_BACKUP_DIR for the caller to raise."""
        return BackupFolder(path=self.folder, reason=reason, user=users.own_name())


def settings_files(project_dir: str, keys: Collection[str]) -> dict[str, bytes]:
    """Return the loaded settings modules that hold no key, by their path in the project, or on the host."""
    package = os.environ["DJANGO_SETTINGS_MODULE"].rpartition(".")[0]
    root = os.path.join(os.path.realpath(working_folder(project_dir)), "")
    files = {}
    for name, module in list(sys.modules.items()):
        of_settings = name == os.environ["DJANGO_SETTINGS_MODULE"] or (
            package and name.startswith(f"{package}.") and "settings" in name
        )
        path = os.path.realpath(getattr(module, "__file__", None) or "") if of_settings else ""
        if path.startswith(root) and os.path.isfile(path):
            with open(path, "rb") as handle:
                content = handle.read()
            if not any(key.encode() in content for key in keys if key):
                files[path[len(root) :]] = content
    return files


def _removed(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _checked(stack: contextlib.ExitStack, path: str, expected: str) -> IO[bytes]:
    """Open a file at its beginning that has this SHA-256. Raise E_BACKUP_CHECKSUM."""
    try:
        handle = stack.enter_context(open(path, "rb"))  # noqa: SIM115  # the stack closes it
    except OSError as exc:
        raise BackupChecksum(path=path, fault=f"cannot be read: {exc.strerror}") from None
    digest = hashlib.sha256()
    while chunk := handle.read(CHUNK):
        digest.update(chunk)
    if digest.hexdigest() != expected:
        raise BackupChecksum(path=path, fault="does not match the SHA-256 in its manifest")
    handle.seek(0)
    return handle


@dataclass(frozen=True)
class DumpOrder:
    """The options of a dump.

    ``recipients`` are those of age, ``key_ids`` the versions that its rows need, ``settings`` the files to keep, by
    their names. ``jobs`` is as in dump_shards.archives.
    """

    recipients: Sequence[str]
    key_ids: Sequence[str]
    settings: Mapping[str, bytes] = field(repr=False)
    jobs: int = 1
    progress: ProgressFile = SILENT


@dataclass(frozen=True)
class _Dumping:
    """One dump of one database."""

    database: Database
    tools: Tools
    order: DumpOrder

    def into(self, path: str) -> DumpedData:
        """Dump into files that begin with ``path``. Return what the manifest says of the data and of the files."""
        database, progress, most = self.database, self.order.progress, server_info.measure_size(self.database)
        with table_contents.exported_snapshot(database) as snapshot:
            before = structure.places(database)
            source = SnapshotDump(
                self.tools, database.libpq(), snapshot.name, partial(database.holders, snapshot.tables)
            )
            combined = CombinedProgress(lambda done: progress.tell("dumping", done, most))
            # First: who comes to wait for our locks while it is counted would keep pg_dump from its own.
            archives, recipients = dump_shards.archives(database, self.order.jobs), self.order.recipients
            path = _path_of(path, archives, recipients)
            files = _archived(path, archives, source.archive, recipients, combined)
            tables = table_contents.take(database, lambda table: progress.tell(f"counting {table}"))
            return {
                **files,
                "path": os.path.basename(path),
                "snapshot": {"time": snapshot.time, "lsn": snapshot.lsn},
                "tables": tables,
                "structure": structure.take(database, before),
            }


def _path_of(path: str, archives: Mapping[str, Sequence[str]], recipients: Sequence[str]) -> str:
    """The name of an archive, or that of the folder of several, of which each is encrypted."""
    return f"{path}.dump{'.age' if recipients and len(archives) == 1 else ''}"


def _about(database: Database) -> DumpedServer:
    """Return what a manifest says of a database and its server."""
    connection = database.libpq()
    return {
        "database": connection.database,
        "server": connection.host or "local socket",
        "server_version": server_info.read_server_version(database),
        "system_identifier": server_info.read_system_identifier(database),
        "facts": database_properties.of(database, [connection.database]).get(connection.database),
    }


class CombinedProgress:
    """The progress of several threads together."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._done = 0

    def more(self, count: int) -> None:
        """Add ``count`` to the progress."""
        with self._lock:
            self._done += count
            self._tell(self._done)


def _archived(
    path: str,
    archives: Mapping[str, Sequence[str]],
    source: Source,
    recipients: Sequence[str],
    progress: CombinedProgress,
) -> ArchiveFiles:
    """Write one file, or a folder of several that are dumped at once."""
    if dump_shards.WHOLE in archives:
        size, sha256 = _archive(
            path, partial(source, archives[dump_shards.WHOLE]), recipients, progress, Cancellation()
        )
        return {"size": size, "sha256": sha256, "parts": []}
    names = {name: f"{name}.dump{'.age' if recipients else ''}" for name in archives}
    with _published_folder(path) as folder:
        archived = task_group.run_all(
            [
                partial(_archive, os.path.join(folder, names[name]), partial(source, options), recipients, progress)
                for name, options in archives.items()
            ]
        )
        sums = "".join(f"{sha256}  {name}\n" for name, (_, sha256) in zip(names.values(), archived)).encode()
        with _published_file(os.path.join(folder, SUMS)) as handle:
            handle.write(sums)
    return {
        "size": sum(size for size, _ in archived),
        "sha256": hashlib.sha256(sums).hexdigest(),
        "parts": list(names.values()),
    }


def _archive(
    path: str,
    source: Callable[[Cancellation], AbstractContextManager[IO[bytes]]],
    recipients: Sequence[str],
    progress: CombinedProgress,
    over: Cancellation,
) -> tuple[int, str]:
    """Write one archive to its file. Return its bytes and their SHA-256."""
    with _published_file(path) as handle, source(over) as plain, _sealed(plain, recipients) as stream:
        digest, size = hashlib.sha256(), 0
        while chunk := stream.read(CHUNK):
            handle.write(chunk)
            digest.update(chunk)
            size += len(chunk)
            progress.more(len(chunk))
        return size, digest.hexdigest()


@contextlib.contextmanager
def _published(path: str) -> Iterator[str]:
    """Yield a path that is renamed to ``path`` if the block succeeds, and removed otherwise. Raise OSError."""
    partial_path = f"{path}.partial"
    _removed(partial_path)  # a killed run may have left one
    try:
        yield partial_path
        os.rename(partial_path, path)
        atomic_file.sync_folder(os.path.dirname(path))
    finally:
        with contextlib.suppress(OSError):
            _removed(partial_path)


@contextlib.contextmanager
def _published_folder(path: str) -> Iterator[str]:
    """Yield a private folder that is renamed to ``path`` if the block succeeds. Raise OSError."""
    with _published(path) as folder:
        os.mkdir(folder, 0o700)
        yield folder


@contextlib.contextmanager
def _published_file(path: str) -> Iterator[IO[bytes]]:
    """Yield a private file that is synced and renamed to ``path`` if the block succeeds. Raise OSError.

    A stream goes into it. ``atomic_file.replace`` takes all bytes at once.
    """
    with (
        _published(path) as file,
        os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as handle,
    ):
        yield handle
        handle.flush()
        os.fsync(handle.fileno())


def _sealed(plain: IO[bytes], recipients: Sequence[str]) -> AbstractContextManager[IO[bytes]]:
    return age.encrypted(plain, recipients) if recipients else contextlib.nullcontext(plain)
