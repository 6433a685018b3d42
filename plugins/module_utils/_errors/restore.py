# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restoring a backup, or single values from one."""

from __future__ import annotations

from .base import RotationError


class BackupNotFound(RotationError):
    code = "E_BACKUP_NONE"
    manifest: str
    known: str
    problem = "there is no backup {manifest}"
    remedy = "Set O(id) to the rotation of a backup, or O(backup_dir). There are: {known}."


class RestoreEngine(RotationError):
    code = "E_RESTORE_ENGINE"
    manifest: str
    engine: str
    problem = "the backup {manifest} was made by {engine}"
    remedy = "Restore it with {engine}'s own command, then run the rollback playbook: it goes by what it finds."


class RepairBackup(RotationError):
    code = "E_REPAIR_BACKUP"
    of: str
    advice: str
    problem = "there is no backup by pg_dump{of}, from which single rows could be repaired"
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
        "{advice}If the backup of another rotation has what this one has not, name it with -e O(id). Do not save the "
        "values again before that: an application that gives back what it cannot decrypt encrypts it a second time. If "
        "nobody needs them, list them in O(leave_alone), and accept of each that no key will open it: O(settlements): "
        '{{"table.column:key": {{unreadable: "why"}}}}.'
    )


class RestoreRights(RotationError):
    code = "E_RESTORE_RIGHTS"
    user: str
    action: str
    problem = "the role {user} may not {action}"
    remedy = (
        "Name a connection that may: O(admin): {{user: ..., passfile: ...}}, or {{service: ...}} of "
        "pg_service.conf on the host."
    )


class RestoreConnect(RotationError):
    code = "E_RESTORE_CONNECT"
    place: str
    problem = "PostgreSQL gives no connection at {place}, from which the databases are created and renamed"
    remedy = (
        "Start it, or name a role that it lets into such a database: O(admin): {{user: ..., passfile: ..., "
        "dbname: ...}}. Then run the same command again."
    )


class RestoreFacts(RotationError):
    code = "E_RESTORE_FACTS"
    database: str
    manifest: str
    problem = "the database {database} is gone, and the manifest {manifest} does not say what it was like"
    remedy = "Create an empty database of that name, with its owner and locale, then run the same command again."


class RestoreLoss(RotationError):
    code = "E_RESTORE_LOSS"
    count: int
    time: str
    tables: str
    rotation_id: str
    options: str
    acknowledge: str
    problem = "{count:row|rows} written since the backup of {time} would be lost ({tables})"
    remedy = (
        "Run the restore playbook with -e O(id)={rotation_id}{options} -e O(restore_drop)=true, "
        "which drops the copy; or, if that loss is to be, with -e O(id)={rotation_id}{options} -e "
        "O(restore_acknowledge)={acknowledge}"
    )


class RestoreAgain(RotationError):
    code = "E_RESTORE_AGAIN"
    database: str
    missing: str
    aside: str
    rotation_id: str
    options: str
    problem = (
        "the database {database} has lost {missing} after this backup had been restored already, and {aside} was "
        "kept from then"
    )
    remedy = (
        "To restore the backup once more, first run the restore playbook with -e "
        "O(id)={rotation_id}{options} -e O(restore_drop)=true, which drops the kept copy."
    )


class RestoreNotFound(RotationError):
    code = "E_RESTORE_NONE"
    folder: str
    rotation_id: str
    known: str
    problem = "nothing in {folder} mentions a rotation {rotation_id}, or a restore of its backup"
    remedy = (
        "Set O(id) to the rotation of the backup that was restored. Known restores: {known}. If another "
        "control node has restored it, drop it there."
    )


class RestoreKeys(RotationError):
    code = "E_RESTORE_KEYS"
    time: str
    key_ids: str
    problem = "the backup of {time} needs versions of the keys that are not in the store anymore: {key_ids}"
    remedy = (
        "None of their values can be read again. Put an older copy of the store in its place, or name another backup "
        "with -e O(id)=..."
    )


class RestoreShut(RotationError):
    code = "E_RESTORE_SHUT"
    database: str
    problem = (
        "{database} lets nobody in: a restore was ended after it had shut it, and before it had put the backup there"
    )
    remedy = (
        "Nothing is lost. Run the same command without --check: it lets everybody in again first, and chooses then."
    )


class RestoreBusy(RotationError):
    code = "E_RESTORE_BUSY"
    database: str
    problem = "sessions in {database} do not end"
    remedy = "Stop the application, see pg_stat_activity, then run the same command again."


class RestoreSwap(RotationError):
    code = "E_RESTORE_SWAP"
    database: str
    copy: str
    sqlstate: str
    problem = "{database} could not be swapped for {copy}: SQLSTATE {sqlstate}"
    remedy = "See the server's log (prepared transactions and subscriptions hold one), then run the same command again."
