# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL: connections, locks, rights and tables."""

from __future__ import annotations

from .base import RotationError


class DatabaseConnectFailed(RotationError):
    code = "E_DB_CONNECT"
    alias: str
    place: str
    error: str
    problem = "cannot connect to PostgreSQL for DATABASES[{alias}] at {place}: {error}"
    remedy = (
        "Start it, or fix the application's DATABASES. If its log says that there are too many connections, lower "
        "O(workers), or raise its max_connections or the CONNECTION LIMIT of the role or the database. "
        "Then run the same command again."
    )


class DatabasePasswordRefused(RotationError):
    code = "E_DB_PASSWORD"
    alias: str
    place: str
    role: str
    problem = "PostgreSQL for DATABASES[{alias}] at {place} does not accept the password of {role}"
    remedy = "Correct the password with which the application connects. Then run the same command again."


class DatabaseNotPostgresql(RotationError):
    code = "E_DB_VENDOR"
    alias: str
    vendor: str
    problem = "DATABASES[{alias}] is {vendor}"
    remedy = (
        "This collection rotates PostgreSQL databases only. Also check that O(settings_module) is the right one, and "
        "that the rotation gets the same environment as the application's service (O(environment_from), O(dialect))."
    )


class DatabaseBehindPooler(RotationError):
    code = "E_DB_POOLER"
    alias: str
    place: str
    problem = (
        "database {alias} ({place}) is behind a connection pooler such as PgBouncer, which may share our session with "
        "other clients"
    )
    remedy = "Set O(direct) to {{{alias}: {{host: ..., port: ...}}}}, with the address of PostgreSQL itself."


class DatabaseIsReplica(RotationError):
    code = "E_DB_REPLICA"
    problem = "every database of the application is a read-only replica"
    remedy = "Run against the application host whose DATABASES names the primary."


class StatementFailed(RotationError):
    code = "E_DB"
    table: str
    alias: str
    sqlstate: str
    by: str
    advice: str
    problem = "PostgreSQL stopped the work on {table} of DATABASES[{alias}]: SQLSTATE {sqlstate}{by}"
    remedy = "{advice}"


class ConnectionLost(RotationError):
    code = "E_DB_LOST"
    table: str
    problem = "the connection to PostgreSQL was lost while working on {table}"
    remedy = "Start PostgreSQL again, then run the same command again."


class RowsLocked(RotationError):
    code = "E_DB_BUSY"
    table: str
    rows: int
    problem = "{table}: {rows:row remains|rows remain} locked by other transactions"
    remedy = (
        "Check who holds the locks (SELECT pid, usename, state, xact_start FROM pg_stat_activity ORDER BY xact_start), "
        "then run the same command again."
    )


class TablesLocked(RotationError):
    code = "E_DB_LOCKED"
    holders: str
    problem = "other transactions keep tables locked, as ALTER TABLE, TRUNCATE and VACUUM FULL do: {holders}"
    remedy = (
        "Check what they do (SELECT pid, usename, state, xact_start, query FROM pg_stat_activity), then run the same "
        "command again."
    )


class FenceLocked(RotationError):
    code = "E_FENCE_LOCKED"
    table: str
    holders: str
    problem = (
        "{table} could not be fenced off from other writers: {holders} has an open transaction that may have written "
        "to it"
    )
    remedy = (
        "End that transaction or its process, then run the same command again. Without the fence (-e O(fence)=off), a "
        "process that was not stopped can write until the application starts again."
    )


class StaleWriter(RotationError):
    code = "E_STALE_WRITER"
    alias: str
    count: int
    sessions: str
    problem = (
        "a process that was not stopped keeps trying to write encrypted values (database {alias}): the fence blocked "
        "{count:statement|statements} from {sessions}"
    )
    remedy = (
        "It still uses the keys with which it was started, and without the fence it would damage its rows. Stop it, or "
        "list it in O(services) so that it stops and starts with the application. Then run the same command again."
    )


class DatabaseFenced(RotationError):
    code = "E_FENCED"
    rotation_id: str
    since: str
    alias: str
    problem = (
        "rotation {rotation_id} has blocked all other writes to the encrypted columns since {since} (database {alias})"
    )
    remedy = (
        "If it is still running, wait for it. If it was killed, run the same rotate command again to resume it, or run "
        "rollback.yml. To do neither, run maintenance.yml with -e O(maintenance)=off: it lets the application write "
        "again. While values may be under both key sets, that also needs -e O(maintenance_interrupted)=accept."
    )


class RowsUnsettled(RotationError):
    code = "E_DB_UNSETTLED"
    table: str
    passes: int
    problem = "{table}: rows are still being written under the old keys after {passes:pass|passes}"
    remedy = "Stop the application's processes (they use the old keys), then run the same command again."


class NotDrained(RotationError):
    code = "E_NOT_DRAINED"
    keys: str
    seconds: float
    rows: str
    sessions: str
    problem = (
        "values are still being written under the {keys} ({rows}), so these must stay: no {seconds:g} s "
        "passed without one. They were last written by {sessions}"
    )
    remedy = (
        "Restart that process with the present keys, or stop it. The port of a client shows its process on its host: "
        "ss -tnp sport = :PORT. Then run the same command again."
    )


class RowsKeptByTrigger(RotationError):
    code = "E_DB_KEPT"
    table: str
    rows: int
    passes: int
    triggers: str
    problem = (
        "{table}: {rows:row is|rows are} still under the old keys after {passes:pass|passes}. An update fires these "
        "triggers: {triggers}"
    )
    remedy = (
        "Check whether one returns NULL, restores the old value or copies it into a row of this table. If so, disable "
        "it for the rotation (ALTER TABLE {table} DISABLE TRIGGER ...). Otherwise stop the application's processes "
        "(they use the old keys). Then run the same command again."
    )


class DatabaseLocked(RotationError):
    code = "E_LOCKED"
    holder: str
    user: str
    host: str
    since: str
    pid: int
    problem = "rotation {holder} has been running on this database since {since}, as {user} from {host} (backend {pid})"
    remedy = "Wait for it to end. If it hangs: SELECT pg_terminate_backend({pid})"


class DatabaseLeased(RotationError):
    code = "E_LEASED"
    rotation_id: str
    user: str
    host: str
    since: str
    pid: str
    table: str
    alias: str
    problem = (
        "rotation {rotation_id} has been in progress since {since}, by {user} on {host} (process {pid}). Its lease is "
        "in {table} of database {alias}"
    )
    remedy = "Wait for it to end, or let {user} resume it there. If {host} no longer exists: DELETE FROM {table}"


class LeaseNotCreated(RotationError):
    code = "E_LEASE"
    alias: str
    table: str
    problem = (
        "this role may not create the table {table} in database {alias}. The table is the lease that locks out other "
        "runs"
    )
    remedy = (
        "Let the role create tables in the first schema of its search_path, or create the table once as another role: "
        "CREATE TABLE {table} (holder text NOT NULL), and grant SELECT, INSERT and DELETE on it."
    )


class JournalNotCreated(RotationError):
    code = "E_JOURNAL"
    column: str
    table: str
    problem = (
        "the format of {column} has no authentication, and the table {table}, which records the progress, cannot be "
        "created"
    )
    remedy = "Let the application's database role create tables in the first schema of its search_path."


class PreparedLeft(RotationError):
    code = "E_PREPARED_LEFT"
    alias: str
    table: str
    problem = (
        "database {alias} has the table {table}: a rotation that prepared values did not finish. The table contains "
        "only ciphertext, and no value needs it"
    )
    remedy = (
        "Run the rotate playbook to resume, or the rollback playbook. Both drop the table at their end. If no rotation "
        "is open: DROP TABLE {table}"
    )
    next_command = "rotate"


class PreparedInUse(RotationError):
    code = "E_PREPARING"
    alias: str
    rotation_id: str
    user: str
    host: str
    since: str
    pid: str
    problem = (
        "rotation {rotation_id} in prepared mode has been in progress since {since}, by {user} on {host} (process "
        "{pid}). Database {alias} has the values that it prepared"
    )
    remedy = "Wait for it to end, then run the same command again."


class RowSecurity(RotationError):
    code = "E_ROW_SECURITY"
    column: str
    problem = "row-level security hides rows of {column} from this role"
    remedy = "Give the role BYPASSRLS, or run the rotation as the owner of the tables."


class TableKey(RotationError):
    code = "E_TABLE_KEY"
    table: str
    problem = "{table} has no primary key and no unique not-null key"
    remedy = "Add one: without a key, a single row cannot be updated safely."


class TokenTooLong(RotationError):
    code = "E_TOKEN_TOO_LONG"
    table: str
    column: str
    limit: int
    needed: int
    prefix = "{table}.{column} "
    problem = "holds at most {limit} characters, and a new token needs {needed}"
    remedy = "Widen the column with a migration of the application, then run the same command again."
