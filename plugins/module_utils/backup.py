# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dump a database with pg_dump in custom format, and say what the file is in a manifest.

Never a plain dump, never a shell, and both the exit code and the file are believed only when they agree
(facts/postgresql-backup.md, 2.1 and 2.2).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pwd
import shutil
import subprocess
import tempfile
from typing import Any

from . import atomic_file, postgresql
from .engine.database import Libpq
from .errors import RotationError
from .postgresql import Tools

CHUNK = 1 << 20
SPACE_FACTOR = 1.2  # of the database's size: the upper bound for a dump of ciphertext (facts/postgresql-backup.md 2.4)


class Dump:
    """The dump of one database for one rotation: ``ID.dump``, and ``ID.json`` that describes it. Other databases than
    the default one have their alias after the ID."""

    def __init__(self, folder: str, rotation_id: str, alias: str = "default") -> None:
        self.folder = os.path.abspath(folder)
        self.rotation_id = rotation_id
        name = rotation_id if alias == "default" else f"{rotation_id}.{alias}"
        self.path = os.path.join(self.folder, f"{name}.dump")
        self.manifest = os.path.join(self.folder, f"{name}.json")

    def known(self) -> dict[str, Any] | None:
        """An earlier run's dump, checked against its manifest; None where there is none. Raises E_BACKUP_CHECKSUM."""
        try:
            with open(self.manifest, encoding="utf-8") as handle:
                described = json.load(handle)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError):
            raise RotationError("E_BACKUP_CHECKSUM", path=self.path) from None
        if not os.path.isfile(self.path) or _sha256(self.path) != described.get("sha256"):
            raise RotationError("E_BACKUP_CHECKSUM", path=self.path)
        return self._result(described)

    def refuse_unusable(self, database_size: int) -> None:
        """Raise E_BACKUP_DIR or E_BACKUP_SPACE before anything is written."""
        above = self.folder
        while not os.path.lexists(above):
            above = os.path.dirname(above)
        if not os.path.isdir(above):
            raise self._dir_error(f"{above} is no folder")
        if not os.access(above, os.W_OK | os.X_OK):
            raise self._dir_error("no write permission")
        need, free = int(database_size * SPACE_FACTOR), shutil.disk_usage(above).free
        if free < need:
            raise RotationError("E_BACKUP_SPACE", path=self.folder, free=free, need=need)

    def make(self, tools: Tools, connection: Libpq) -> dict[str, Any]:
        """Dump into a private file, read it back, give it its name, describe it. Raises E_PG_DUMP or E_BACKUP_*."""
        partial = f"{self.path}.partial"
        try:
            atomic_file.private_folder(self.folder)
            sha256, size = _dump(tools, connection, partial)
            _read_back(tools, partial)
            described = {
                "rotation_id": self.rotation_id,
                "database": connection.database,
                "server": connection.host or "local socket",
                "format": "pg_dump custom",
                "pg_dump": tools.shown,
                "size": size,
                "sha256": sha256,
            }
            os.rename(partial, self.path)
            atomic_file.replace(self.manifest, json.dumps(described, indent=2).encode() + b"\n")
        except OSError as exc:
            raise self._dir_error(str(exc.strerror)) from None
        finally:
            with contextlib.suppress(OSError):
                os.unlink(partial)
        return self._result(described)

    def _result(self, described: dict[str, Any]) -> dict[str, Any]:
        return {"path": self.path, "manifest": self.manifest, "size": described["size"], "sha256": described["sha256"]}

    def _dir_error(self, reason: str) -> RotationError:
        return RotationError("E_BACKUP_DIR", path=self.folder, reason=reason, user=pwd.getpwuid(os.geteuid()).pw_name)


def _dump(tools: Tools, connection: Libpq, partial: str) -> tuple[str, int]:
    """Stream pg_dump into ``partial``; SHA-256 and size of what was written."""
    digest, size = hashlib.sha256(), 0
    with contextlib.suppress(FileNotFoundError):
        os.unlink(partial)
    with (
        postgresql.environment(connection) as (environment, descriptors),
        os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as handle,
        tempfile.TemporaryFile() as complaints,
    ):
        argv = [tools.program("pg_dump"), "--format=custom", "--no-password", "--lock-wait-timeout=10s"]
        with subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=complaints, env=environment, pass_fds=descriptors
        ) as process:
            assert process.stdout is not None
            while chunk := process.stdout.read(CHUNK):
                handle.write(chunk)
                digest.update(chunk)
                size += len(chunk)
        if process.returncode:
            reason = postgresql.first_complaint(complaints)
            raise RotationError("E_PG_DUMP", rc=process.returncode, reason=reason)
        handle.flush()
        os.fsync(handle.fileno())
    return digest.hexdigest(), size


def _read_back(tools: Tools, path: str) -> None:
    """pg_restore reads the whole archive; its list alone would not notice a cut tail."""
    argv = [tools.program("pg_restore"), "--file=/dev/null", path]
    code = subprocess.run(
        argv,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
        env=postgresql.clean_environment(),
    ).returncode
    if code:
        raise RotationError("E_BACKUP_READ", path=path, rc=code)


def _sha256(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as handle:
        while chunk := handle.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
