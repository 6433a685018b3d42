# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restoring a backup, or single values from one."""

from __future__ import annotations

# code: (what is wrong and where, what to do next)
ERRORS: dict[str, tuple[str, str]] = {
    "E_BACKUP_NONE": (
        "there is no backup {manifest}",
        "Set key_rotation_id to the rotation of a backup, or key_rotation_backup_dir. There are: {known}.",
    ),
    "E_RESTORE_ENGINE": (
        "the backup {manifest} was made by {engine}",
        "Restore it with {engine}'s own command, then run the rollback playbook: it goes by what it finds.",
    ),
    "E_REPAIR_BACKUP": (
        "there is no backup by pg_dump{of}, from which single rows could be repaired",
        "{advice} Else bring back what your backup has for these rows with its own command, delete them, or list them "
        "in key_rotation_leave_alone; then see with the verify playbook that all is well.",
    ),
    "E_RESTORE_RIGHTS": (
        "the role {user} may not {what}",
        "Name a connection that may: key_rotation_admin: {{user: ..., passfile: ...}}, or {{service: ...}} of "
        "pg_service.conf on the host.",
    ),
    "E_RESTORE_CONNECT": (
        "PostgreSQL gives no connection at {where}, from which the databases are made and renamed",
        "Start it, or name a role that it lets into such a database: key_rotation_admin: {{user: ..., passfile: ..., "
        "dbname: ...}}. Then run the same command again.",
    ),
    "E_RESTORE_FACTS": (
        "the database {database} is gone, and the manifest {manifest} does not say what it was like",
        "Make an empty database of that name, with its owner and locale, then run the same command again.",
    ),
    "E_RESTORE_LOSS": (
        "{count} rows written since the backup of {time} would be lost ({tables})",
        "Run the restore playbook with -e key_rotation_id={rotation_id}{options} -e key_rotation_restore_drop=true, "
        "which drops the copy; or, if that loss is to be, with -e key_rotation_id={rotation_id}{options} -e "
        "key_rotation_restore_acknowledge={acknowledge}",
    ),
    "E_RESTORE_AGAIN": (
        "the database {database} has lost {missing} after this backup had been restored already, and {aside} lies "
        "aside from then",
        "To restore the backup once more, first run the restore playbook with -e key_rotation_id={rotation_id}"
        "{options} -e key_rotation_restore_drop=true, which drops what lies aside.",
    ),
    "E_RESTORE_NONE": (
        "nothing in {folder} tells of a rotation {rotation_id}, or of a restore of its backup",
        "Set key_rotation_id to the rotation of the backup that was restored. Of restores there are: {known}. Where "
        "another control node has restored it, drop it there.",
    ),
    "E_RESTORE_KEYS": (
        "the backup of {time} needs versions of the keys that are not in the store any more: {key_ids}",
        "None of their values can be read again. Put an older copy of the store in its place, or name another backup "
        "with -e key_rotation_id=...",
    ),
    "E_RESTORE_SHUT": (
        "{database} lets nobody in: a restore was ended after it had shut it, and before it had put the backup there",
        "Nothing is lost. Run the same command without --check: it lets everybody in again first, and chooses then.",
    ),
    "E_RESTORE_BUSY": (
        "sessions in {database} do not end",
        "Stop the application, see pg_stat_activity, then run the same command again.",
    ),
    "E_RESTORE_SWAP": (
        "{database} could not be swapped for {copy}: SQLSTATE {sqlstate}",
        "See the server's log (prepared transactions and subscriptions hold one), then run the same command again.",
    ),
}
