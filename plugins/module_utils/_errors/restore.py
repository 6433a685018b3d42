# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restoring a backup, or single values from one."""

from __future__ import annotations

from .base import RotationError


class BackupNotFound(RotationError):
    code = "E_BACKUP_NONE"
    manifest: str
    known_backups: str
    problem = "there is no backup {manifest}"
    remedy = "Set O(id) to a rotation that has a backup, or correct O(backup_dir). Known backups: {known_backups}."


class RestoreEngine(RotationError):
    code = "E_RESTORE_ENGINE"
    manifest: str
    engine: str
    problem = "the backup {manifest} was created by {engine}"
    remedy = "Restore it with {engine}'s own command, then run the rollback playbook: it adapts to the restored data."
    next_command = "rollback"


class RepairBackup(RotationError):
    code = "E_REPAIR_BACKUP"
    of: str
    advice: str
    problem = "there is no pg_dump backup{of}, and only from such a backup can single rows be repaired"
    remedy = (
        "{advice} Otherwise restore these rows from your backup with its own command, delete them, or list them in "
        "O(leave_alone); then run the verify playbook."
    )


class ValuesNotRepaired(RotationError):
    code = "E_NOT_REPAIRED"
    count: int
    rows: str
    advice: str
    problem = "{count:value was|values were} not repaired from the backup: {rows}"
    remedy = (
        "{advice}If the backup of another rotation has these values, select it with -e O(id). Do not save the values "
        "again before: an application that returns the token if it cannot decrypt it would encrypt it a second time. "
        "If nobody needs the values, list them in O(leave_alone), and settle each as unreadable: O(settlements): "
        '{{"table.column:key": {{unreadable: "why"}}}}.'
    )


class RestoreRights(RotationError):
    code = "E_RESTORE_RIGHTS"
    user: str
    action: str
    problem = "the role {user} may not {action}"
    remedy = (
        "Set a connection that may do it: O(admin): {{user: ..., passfile: ...}}, or {{service: ...}} of "
        "pg_service.conf on the host."
    )


class RestoreConnect(RotationError):
    code = "E_RESTORE_CONNECT"
    place: str
    problem = "cannot connect to PostgreSQL at {place}, which is needed to create and rename databases"
    remedy = (
        "Start PostgreSQL, or set a role that can connect to such a database: O(admin): {{user: ..., passfile: ..., "
        "dbname: ...}}. Then run the same command again."
    )


class RestoreFacts(RotationError):
    code = "E_RESTORE_FACTS"
    database: str
    manifest: str
    problem = "the database {database} no longer exists, and the manifest {manifest} does not describe it"
    remedy = "Create an empty database of that name, with its owner and locale, then run the same command again."


class RestoreLoss(RotationError):
    code = "E_RESTORE_LOSS"
    count: int
    time: str
    tables: str
    rotation_id: str
    options: str
    acknowledge: str
    problem = "{count:row|rows} written since the backup at {time} would be lost ({tables})"
    remedy = (
        "Run the restore playbook with -e O(id)={rotation_id}{options} -e O(restore_drop)=true, which drops the copy. "
        "To accept the loss instead, run it with -e O(id)={rotation_id}{options} -e "
        "O(restore_acknowledge)={acknowledge}"
    )
    next_command = "restore -e O(id)={rotation_id}{options} -e O(restore_drop)=true"


class RestoreAgain(RotationError):
    code = "E_RESTORE_AGAIN"
    database: str
    missing: str
    aside: str
    rotation_id: str
    options: str
    problem = (
        "the database {database} lost {missing} after this backup was restored, and {aside} was kept from that restore"
    )
    remedy = (
        "To restore the backup once more, first run the restore playbook with -e "
        "O(id)={rotation_id}{options} -e O(restore_drop)=true, which drops the kept copy."
    )
    next_command = "restore -e O(id)={rotation_id}{options} -e O(restore_drop)=true"


class RestoreNotFound(RotationError):
    code = "E_RESTORE_NONE"
    folder: str
    rotation_id: str
    known_restores: str
    problem = "no record in {folder} mentions rotation {rotation_id} or a restore of its backup"
    remedy = (
        "Set O(id) to the rotation whose backup was restored. Known restores: {known_restores}. If the restore ran on "
        "another control node, drop the copy there."
    )


class RestoreKeys(RotationError):
    code = "E_RESTORE_KEYS"
    time: str
    key_ids: str
    problem = "the backup at {time} needs key versions that are no longer in the store: {key_ids}"
    remedy = (
        "The values under these versions could not be read. Replace the store with an older copy that has them, or "
        "select another backup with -e O(id)=..."
    )


class RestoreShut(RotationError):
    code = "E_RESTORE_SHUT"
    database: str
    problem = (
        "{database} does not accept connections: a restore closed it, and was interrupted before it put the backup in "
        "place"
    )
    remedy = (
        "Nothing is lost. Run the same command without --check: it reopens the database first, and then chooses what "
        "to do."
    )


class RestoreBusy(RotationError):
    code = "E_RESTORE_BUSY"
    database: str
    problem = "database sessions in {database} do not end"
    remedy = "Stop the application, check pg_stat_activity for other sessions, then run the same command again."


class RestoreSwap(RotationError):
    code = "E_RESTORE_SWAP"
    database: str
    copy: str
    sqlstate: str
    problem = "{database} could not be swapped for {copy}: SQLSTATE {sqlstate}"
    remedy = (
        "Check the server's log (prepared transactions and subscriptions can block this), then run the same command "
        "again."
    )
