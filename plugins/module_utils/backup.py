# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Back up one database for one rotation, say in a manifest what the backup is, and open it again.

pg_dump in custom format, never plain, streamed through age into a private file without a shell. Both exit codes count,
and the file gets its name, then its manifest, only when everything is on the disk (facts/postgresql-backup.md, 2.4).
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import shutil
import sys
import tarfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import IO, Any

from . import age, atomic_file, database_facts, postgresql, users
from .engine import contents
from .engine.database import Database
from .errors import RotationError
from .postgresql import Tools
from .progress_file import SILENT, ProgressFile
from .stores.history import now
from .streams import CHUNK

FORMAT = "tetech.key_rotation backup 1"
ENGINES = ("pg_dump", "pgbackrest", "snapshot")
SPACE_FACTOR = 1.2  # of the database's size: the upper bound for a dump of ciphertext (facts/postgresql-backup.md 2.4)


class Backup:
    """The backup of one database for one rotation: ``ID.json``, its manifest, describes what lies beside it. Other
    databases than the default one have their alias after the ID.

    Members of a manifest: format, rotation_id, alias, database, server, server_version, system_identifier, engine,
    client_version, path (beside the manifest), size (bytes), sha256 (of the file as it lies there), encrypted_to (age
    recipients, empty for a dump in clear), key_ids (versions of the keys without which its rows cannot be read),
    snapshot {time, lsn}, tables {"schema.table": {rows, hash}}, settings, facts (of the database itself, see
    database_facts), begun, ended, proof (none, or {kind, ...}).
    """

    def __init__(self, folder: str, rotation_id: str, alias: str = "default") -> None:
        self.folder = os.path.abspath(os.path.expanduser(folder))
        self.rotation_id = rotation_id
        self.alias = alias
        self.name = rotation_id if alias == "default" else f"{rotation_id}.{alias}"
        self.manifest = os.path.join(self.folder, f"{self.name}.json")

    def read(self) -> dict[str, Any] | None:
        """The manifest; None where there is none. Raises E_BACKUP_MANIFEST."""
        return _read(self.manifest)

    def path(self, described: Mapping[str, Any]) -> str:
        """Where the dump is that a manifest describes."""
        return os.path.join(self.folder, str(described["path"]))

    def known(self) -> dict[str, Any] | None:
        """An earlier run's manifest, its dump checked against it; None where there is none. Raises E_BACKUP_*."""
        described = self.read()
        if described is not None and described["engine"] == "pg_dump":
            with self._checked(described):
                pass
        return described

    def known_since(self, moment: str) -> dict[str, Any] | None:
        """``known``, where its snapshot was taken at this time (as ``now`` writes it) or later. Raises E_BACKUP_*."""
        described = self.known()
        return described if described is None or described["snapshot"]["time"] >= moment else None

    def as_result(self, described: Mapping[str, Any] | None) -> dict[str, Any]:
        """What of a manifest goes into a result and the record: all but what fills pages. Without one, the paths."""
        if described is None:
            return {"path": os.path.join(self.folder, f"{self.name}.dump"), "manifest": self.manifest}
        shown = ("alias", "engine", "size", "sha256", "encrypted_to", "key_ids", "snapshot", "proof")
        found = {name: described[name] for name in shown}
        path = self.path(described) if described["engine"] == "pg_dump" else described["path"]
        return {"path": path, "manifest": self.manifest, **found}

    def refuse_unusable(self, database_size: int) -> None:
        """Raise E_BACKUP_DIR or E_BACKUP_SPACE before anything is written."""
        above = self.folder
        while not os.path.lexists(above):
            above = os.path.dirname(above)
        if not os.path.isdir(above):
            raise self.unusable(f"{above} is no folder")
        if not os.access(above, os.W_OK | os.X_OK):
            raise self.unusable("no write permission")
        need, free = int(database_size * SPACE_FACTOR), shutil.disk_usage(above).free
        if free < need:
            raise RotationError("E_BACKUP_SPACE", path=self.folder, free=free, need=need)

    def dump(
        self,
        tools: Tools,
        database: Database,
        recipients: Sequence[str],
        *,
        key_ids: Sequence[str],
        settings: Mapping[str, bytes],
        progress: ProgressFile = SILENT,
    ) -> dict[str, Any]:
        """Dump the database in one snapshot, in which every table is counted and hashed. The manifest, without a proof.

        ``settings`` are files to keep beside it, by name. An older backup of the rotation is there until this one is
        whole. Raises E_PG_DUMP, E_AGE, E_DB or E_BACKUP_*.
        """
        connection, older, begun, most = database.libpq(), self.read(), now(), database.size()
        stem = f"{self.name}.{re.sub('[-:]', '', begun)}" if older else self.name
        name = f"{stem}.dump{'.age' if recipients else ''}"
        with self._usable(), contextlib.ExitStack() as undone:
            atomic_file.private_folder(self.folder)
            undone.callback(self._remove, name)
            with (
                _published(os.path.join(self.folder, name)) as handle,
                contents.exported_snapshot(database) as snapshot,
            ):
                tables = contents.take(database, lambda table: progress.tell(f"counting {table}"))
                with postgresql.dumped(tools, connection, snapshot.name) as plain, _sealed(plain, recipients) as stream:
                    size, sha256 = _copy(stream, handle, lambda done: progress.tell("dumping", done, most))
            described = {
                "format": FORMAT,
                "rotation_id": self.rotation_id,
                "alias": self.alias,
                "database": connection.database,
                "server": connection.host or "local socket",
                "server_version": database.server_version(),
                "system_identifier": database.system_identifier(),
                "engine": "pg_dump",
                "client_version": tools.shown,
                "path": name,
                "size": size,
                "sha256": sha256,
                "encrypted_to": list(recipients),
                "key_ids": sorted(key_ids),
                "snapshot": {"time": snapshot.time, "lsn": snapshot.lsn},
                "tables": tables,
                "settings": self._keep(settings, recipients, stem, undone),
                "facts": database_facts.of(database, [connection.database]).get(connection.database),
                "begun": begun,
                "ended": now(),
                "proof": None,
            }
            self.describe(described)
            undone.pop_all()
            for kept in _files(older) - _files(described):
                self._remove(kept)
        return described

    def _remove(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(self.folder, name))

    def describe(self, described: Mapping[str, Any]) -> None:
        """Write the manifest. Raises OSError."""
        atomic_file.replace(self.manifest, json.dumps(described, indent=2).encode() + b"\n")

    @contextlib.contextmanager
    def opened(self, described: Mapping[str, Any], identity: str | None) -> Iterator[IO[bytes]]:
        """The dump's archive in clear, as pg_restore reads it, from the very file whose SHA-256 was checked first.

        What was read is authentic only once the block ended without an error. Raises E_BACKUP_CHECKSUM, E_AGE_MISSING,
        E_BACKUP_IDENTITY.
        """
        with self._checked(described) as handle:
            if not described["encrypted_to"]:
                yield handle
                return
            if not identity:
                raise RotationError("E_BACKUP_IDENTITY", found="is not given, and the backup is encrypted")
            with age.decrypted(handle, identity) as plain:
                yield plain

    def read_through(self, described: Mapping[str, Any], tools: Tools, identity: str | None) -> None:
        """Read the archive to its end, where it can be opened. Raises what ``opened`` does, and E_PG_RESTORE."""
        if identity or not described["encrypted_to"]:
            with self.opened(described, identity) as archive:
                postgresql.read_through(tools, archive)

    @contextlib.contextmanager
    def _checked(self, described: Mapping[str, Any]) -> Iterator[IO[bytes]]:
        path = self.path(described)
        try:
            handle = open(path, "rb")  # noqa: SIM115  # closed below
        except OSError:
            raise RotationError("E_BACKUP_CHECKSUM", path=path) from None
        with handle:
            digest = hashlib.sha256()
            while chunk := handle.read(CHUNK):
                digest.update(chunk)
            if digest.hexdigest() != described["sha256"]:
                raise RotationError("E_BACKUP_CHECKSUM", path=path)
            handle.seek(0)
            yield handle

    def _keep(
        self, settings: Mapping[str, bytes], recipients: Sequence[str], stem: str, undone: contextlib.ExitStack
    ) -> dict[str, Any] | None:
        """Files beside the dump, in one archive as private as it is: where that lies, and what is in it."""
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
        undone.callback(self._remove, path)
        with _published(os.path.join(self.folder, path)) as handle:
            handle.write(kept)
        return {"path": path, "sha256": hashlib.sha256(kept).hexdigest(), "files": sorted(settings)}

    @contextlib.contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            raise self.unusable(str(exc.strerror)) from None

    def unusable(self, reason: str) -> RotationError:
        """E_BACKUP_DIR, to be raised."""
        return RotationError("E_BACKUP_DIR", path=self.folder, reason=reason, user=users.own_name())


def _files(described: Mapping[str, Any] | None) -> set[str]:
    """The names of the files that a manifest describes."""
    if described is None or described["engine"] != "pg_dump":
        return set()
    return {one["path"] for one in (described, described["settings"]) if one}


def manifests(folder: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every backup of a folder, none of one that is not there yet: the path of its manifest, and the manifest.

    Raises E_BACKUP_MANIFEST, and E_BACKUP_LIST where nobody knows what is in the folder.
    """
    folder = os.path.expanduser(folder)
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".json"))
    except FileNotFoundError:
        return
    except OSError as exc:
        raise RotationError("E_BACKUP_LIST", path=folder, reason=exc.strerror) from None
    for path in [os.path.join(folder, name) for name in names]:
        described = _read(path)
        if described is not None:
            yield path, described


def _read(path: str) -> dict[str, Any] | None:
    try:
        with open(path, encoding="utf-8") as handle:
            described = json.load(handle)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError):
        raise RotationError("E_BACKUP_MANIFEST", path=path, found="cannot be read") from None
    if not isinstance(described, dict) or described.get("format") != FORMAT:
        raise RotationError("E_BACKUP_MANIFEST", path=path, found=f"is not of the format {FORMAT}")
    return described


def settings_files(project_dir: str, keys: Collection[str]) -> dict[str, bytes]:
    """The settings modules that the application has loaded, by their path in the project; none that holds a key."""
    package = os.environ["DJANGO_SETTINGS_MODULE"].rpartition(".")[0]
    root = os.path.join(os.path.realpath(project_dir), "")
    found = {}
    for name, module in list(sys.modules.items()):
        path = os.path.realpath(getattr(module, "__file__", None) or "")
        of_settings = name == os.environ["DJANGO_SETTINGS_MODULE"] or (
            package and name.startswith(f"{package}.") and "settings" in name
        )
        if of_settings and path.startswith(root) and os.path.isfile(path):
            with open(path, "rb") as handle:
                content = handle.read()
            if not any(key.encode() in content for key in keys if key):
                found[path[len(root) :]] = content
    return found


@contextlib.contextmanager
def _published(path: str) -> Iterator[IO[bytes]]:
    """A private file that gets its name when the block has ended well and all of it is on the disk. Raises OSError."""
    partial = f"{path}.partial"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(partial)  # what a killed run left
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        os.rename(partial, path)
        atomic_file.sync_folder(os.path.dirname(path))
    finally:
        with contextlib.suppress(OSError):
            os.unlink(partial)


def _sealed(plain: IO[bytes], recipients: Sequence[str]) -> contextlib.AbstractContextManager[IO[bytes]]:
    return age.encrypted(plain, recipients) if recipients else contextlib.nullcontext(plain)


def _copy(stream: IO[bytes], handle: IO[bytes], tell: Callable[[int], None]) -> tuple[int, str]:
    """How many bytes went over, and their SHA-256."""
    digest, size = hashlib.sha256(), 0
    while chunk := stream.read(CHUNK):
        handle.write(chunk)
        digest.update(chunk)
        size += len(chunk)
        tell(size)
    return size, digest.hexdigest()
