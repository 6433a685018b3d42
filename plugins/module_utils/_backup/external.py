# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups that other programs make, for databases that outgrow pg_dump: pgBackRest, or the operator's own command.

Both back up the whole cluster and are described by a manifest like that of a dump. This collection does not restore
them to prove them.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from .._errors.backup import PgbackrestFailed, SnapshotFailed
from .._system import atomic_file, pipelines
from .._system.program_environment import run_program
from .._system.timestamps import at, now
from .dump import Backup
from .manifest import Manifest

ANNOTATION = "key-rotation"  # of pgBackRest's backup: by it a later run finds that of its rotation
PgbackrestInfo = Mapping[str, Any]  # of a stanza or one of its backups, from the JSON of `pgbackrest info`


class PgBackRest:
    """One stanza of pgBackRest, whose configuration is the operator's."""

    def __init__(self, stanza: str) -> None:
        self.stanza = stanza

    def check(self) -> None:
        """Check that the repository is there and WAL reaches it. Raise E_PGBACKREST."""
        self._run("check")

    def cipher(self) -> str:
        """Return the cipher of the repository; ``none`` if one of several repositories is unencrypted. Raise
        E_PGBACKREST."""
        return _cipher(self._info())

    def system_identifier(self) -> str:
        """Return the identifier of the cluster that pgBackRest backs up now. Raise E_PGBACKREST."""
        return str(max(self._info()["db"], key=lambda database: database["id"])["system-id"])

    def backup(self, backup: Backup, kind: str, key_ids: Sequence[str], oldest: str = "") -> Manifest:
        """Take a backup of this kind (full, diff, incr), or find that of the rotation since ``oldest``; its manifest,
        written."""
        begun = now()
        if _of(self._info(), backup.rotation_id, oldest) is None:
            self._run("backup", f"--type={kind}", f"--annotation={ANNOTATION}={backup.rotation_id}")
        self._verify()
        info = self._info()
        backup_info, cipher = _of(info, backup.rotation_id, oldest), _cipher(info)
        if backup_info is None or backup_info.get("error"):
            raise PgbackrestFailed(
                command="info", ended=pipelines.format_exit(0), reason="the backup is missing or has errors"
            )
        database = next(entry for entry in info["db"] if entry["id"] == backup_info["database"]["id"])
        return _written(
            backup,
            engine="pgbackrest",
            path=f"{self.stanza}/{backup_info['label']}",
            size=backup_info["info"]["repository"]["delta"],
            server_version=database["version"],
            system_identifier=str(database["system-id"]),
            encrypted_to=[] if cipher == "none" else [cipher],
            key_ids=sorted(key_ids),
            snapshot={"time": at(backup_info["timestamp"]["stop"]), "lsn": backup_info["lsn"]["stop"]},
            begun=begun,
        )

    def _verify(self) -> None:
        """Check that every file of the repository matches its manifest. The exit code is 0 even if a file does not."""
        said = [line.strip() for line in self._run("verify", "--output=text", "--verbose").splitlines()]
        if "status: ok" not in said:
            reason = "; ".join(said[1:])[: pipelines.LINE_CHARACTERS] or "it does not report the status ok"
            raise PgbackrestFailed(command="verify", ended=pipelines.format_exit(0), reason=reason)

    def _info(self) -> PgbackrestInfo:
        for stanza in json.loads(self._run("info", "--output=json") or "[]"):
            if stanza["name"] == self.stanza and stanza["status"]["code"] in (0, 2):  # ok, no valid backups yet
                return dict(stanza)
        raise PgbackrestFailed(
            command="info", ended=pipelines.format_exit(0), reason=f"there is no stanza {self.stanza}"
        )

    def _run(self, command: str, *options: str) -> str:
        program = shutil.which("pgbackrest")
        if program is None:
            raise PgbackrestFailed(command=command, ended=pipelines.format_exit(127), reason="pgbackrest was not found")
        argv = [program, f"--stanza={self.stanza}", *options, command]
        done = run_program(argv, *(name for name in os.environ if name.startswith("PGBACKREST_")))
        if done.returncode:
            lines = [line for line in (done.stderr + done.stdout).splitlines() if "ERROR" in line] or ["no message"]
            reason = lines[0][: pipelines.LINE_CHARACTERS]
            raise PgbackrestFailed(command=command, ended=pipelines.format_exit(done.returncode), reason=reason)
        return done.stdout


def _cipher(info: PgbackrestInfo) -> str:
    ciphers = {str(repository["cipher"]) for repository in info["repo"]}
    return "none" if "none" in ciphers else str(info["cipher"])


def _of(info: PgbackrestInfo, rotation_id: str, oldest: str) -> PgbackrestInfo | None:
    """Return the newest backup of a rotation, unless it is older than ``oldest``."""
    for backup_info in reversed(info["backup"]):
        annotated = (backup_info.get("annotation") or {}).get(ANNOTATION) == rotation_id
        if annotated and at(backup_info["timestamp"]["stop"]) >= oldest:
            return dict(backup_info)
    return None


def snapshot(backup: Backup, command: Sequence[str], key_ids: Sequence[str]) -> Manifest:
    """Run the operator's command, and return the manifest that was written. The last line of its output names the
    backup.

    The command has the rotation's ID in KEY_ROTATION_ID. Raise E_SNAPSHOT.
    """
    begun = now()
    try:
        done = run_program(command, variables={"KEY_ROTATION_ID": backup.rotation_id})
    except OSError as exc:
        raise SnapshotFailed(command=command[0], ended=pipelines.format_exit(127), reason=exc.strerror) from None
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[0][: pipelines.LINE_CHARACTERS]
        raise SnapshotFailed(command=command[0], ended=pipelines.format_exit(done.returncode), reason=reason)
    name = (done.stdout.strip().splitlines() or [""])[-1]
    return _written(backup, engine="snapshot", path=name, key_ids=sorted(key_ids), begun=begun)


def _written(backup: Backup, begun: str, **known: Any) -> Manifest:
    """Write the manifest with what is ``known`` of the backup, and return it."""
    ended = now()
    described = Manifest(
        **{
            "name": backup.new_name(begun),
            "rotation_id": backup.rotation_id,
            "alias": backup.alias,
            "database": "the whole cluster",
            "server": os.uname().nodename,
            "encrypted_to": [],
            "snapshot": {"time": ended, "lsn": None},
            "begun": begun,
            "ended": ended,
            **known,
        }
    )
    try:
        atomic_file.private_folder(backup.folder)
        backup.describe(described)
    except OSError as exc:
        raise backup.unusable(str(exc.strerror)) from None
    return described
