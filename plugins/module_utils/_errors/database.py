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
    problem = "PostgreSQL for DATABASES[{alias}] gives no connection at {place}: {error}"
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
        "This collection rotates PostgreSQL databases. Check also that O(settings_module) is the right one, and that "
        "the application gets the environment that its service gives to it (O(environment_from), O(dialect))."
    )


class DatabaseBehindPooler(RotationError):
    code = "E_DB_POOLER"
    alias: str
    place: str
    problem = "a pooler such as pgbouncer stands before database {alias} ({place}), and may give our session to others"
    remedy = "Set O(direct) to {{{alias}: {{host: ..., port: ...}}}} of PostgreSQL itself."


class DatabaseIsReplica(RotationError):
    code = "E_DB_REPLICA"
    problem = "every database of the application is a replica that only follows another server"
    remedy = "Run against the application host whose DATABASES has the primary."


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
    problem = "the connection to PostgreSQL was lost at {table}"
    remedy = "Start PostgreSQL again, then run the same command again."


class RowsLocked(RotationError):
    code = "E_DB_BUSY"
    table: str
    rows: int
    problem = "{table}: {rows:row is|rows are} locked by other transactions, and stayed locked"
    remedy = (
        "See who holds them (SELECT pid, usename, state, xact_start FROM pg_stat_activity ORDER BY xact_start), then "
        "run the same command again."
    )


class TablesLocked(RotationError):
    code = "E_DB_LOCKED"
    holders: str
    problem = "other transactions keep tables locked, as ALTER TABLE, TRUNCATE and VACUUM FULL do: {holders}"
    remedy = (
        "See what they do (SELECT pid, usename, state, xact_start, query FROM pg_stat_activity), then run the same "
        "command again."
    )


class FenceLocked(RotationError):
    code = "E_FENCE_LOCKED"
    table: str
    holders: str
    problem = (
        "{table} could not be closed to other writers: {holders} has an open transaction that may have written to it"
    )
    remedy = (
        "End that transaction or its process, then run the same command again. Without the fence "
        "(-e O(fence)=off) a process that was not stopped can write between stop and start."
    )


class StaleWriter(RotationError):
    code = "E_STALE_WRITER"
    alias: str
    count: int
    sessions: str
    problem = (
        "a process that was not stopped keeps trying to write encrypted values (database {alias}): the fence refused "
        "{count:statement|statements}, of {sessions}"
    )
    remedy = (
        "It has the keys with which it was started, and would damage its rows without the fence. Stop it, or name it "
        "in O(services): then it is stopped and started with the application. Run the same command again."
    )


class DatabaseFenced(RotationError):
    code = "E_FENCED"
    rotation_id: str
    since: str
    alias: str
    problem = (
        "rotation {rotation_id} keeps every other session from writing to the encrypted columns since {since} "
        "(database {alias})"
    )
    remedy = (
        "If it still runs, wait for it. If it was killed, run the same rotate command again to resume it, or "
        "rollback.yml. If neither is wanted, maintenance.yml with -e O(maintenance)=off lets the application "
        "write again; while values may be under both key sets, it needs -e O(maintenance_half)=accept too."
    )


class RowsUnsettled(RotationError):
    code = "E_DB_UNSETTLED"
    table: str
    passes: int
    problem = "{table}: rows are still being written under the old keys after {passes:pass|passes}"
    remedy = "Stop the application's processes (they hold the old keys), then run the same command again."


class RowsKeptByTrigger(RotationError):
    code = "E_DB_KEPT"
    table: str
    rows: int
    passes: int
    triggers: str
    problem = (
        "{table}: {rows:row is|rows are} still under the old keys after {passes:pass|passes}, and an update fires "
        "these triggers: {triggers}"
    )
    remedy = (
        "See whether one returns NULL, puts the old value back or copies it into a row of this table, and disable it "
        "for the rotation (ALTER TABLE {table} DISABLE TRIGGER ...). If none does, stop the application's processes "
        "(they hold the old keys). Then run the same command again."
    )


class DatabaseLocked(RotationError):
    code = "E_LOCKED"
    holder: str
    user: str
    host: str
    since: str
    pid: int
    problem = "rotation {holder} runs on this database as {user} from {host} since {since} (backend {pid})"
    remedy = "Wait for it to end. If it is dead: SELECT pg_terminate_backend({pid})"


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
        "rotation {rotation_id} is being worked on by {user} on {host} since {since} (process {pid}); its lease is in "
        "{table} of database {alias}"
    )
    remedy = "Wait for it to end, or let {user} resume it there. If {host} is gone for good: DELETE FROM {table}"


class LeaseNotCreated(RotationError):
    code = "E_LEASE"
    alias: str
    table: str
    problem = "database {alias} does not let this role create the table {table}, which keeps other operators away"
    remedy = (
        "Give the role the right to create a table in its first schema, or create it once as another role: CREATE "
        "TABLE {table} (holder text NOT NULL), and grant SELECT, INSERT and DELETE on it."
    )


class JournalNotCreated(RotationError):
    code = "E_JOURNAL"
    column: str
    table: str
    problem = "{column} has no authentication, and the table {table} that records its progress cannot be created"
    remedy = "Give the application's database role the right to create a table in its first schema."


class PreparedLeft(RotationError):
    code = "E_PREPARED_LEFT"
    alias: str
    table: str
    problem = (
        "database {alias} has the table {table}: a rotation that prepared values did not end. It has "
        "ciphertext only, and no value needs it"
    )
    remedy = (
        "Run the rotate playbook to resume, or the rollback playbook; both drop it at their end. If no rotation is "
        "open: DROP TABLE {table}"
    )


class PreparedInUse(RotationError):
    code = "E_PREPARING"
    alias: str
    rotation_id: str
    user: str
    host: str
    since: str
    pid: str
    problem = (
        "rotation {rotation_id} is in progress in the mode prepared, by {user} on {host} since {since} (process {pid}):"
        " database {alias} has the values that it prepared"
    )
    remedy = "Wait for it to end, then run the same command again."


class RowSecurity(RotationError):
    code = "E_ROW_SECURITY"
    column: str
    problem = "row-level security hides rows of {column} from this role"
    remedy = "Give the role BYPASSRLS, or rotate as the owner of the tables, for the time of the rotation."


class TableKey(RotationError):
    code = "E_TABLE_KEY"
    table: str
    problem = "{table} has no primary key and no unique not-null key"
    remedy = "Add one: a row cannot be changed safely without a name."


class TokenTooLong(RotationError):
    code = "E_TOKEN_TOO_LONG"
    table: str
    column: str
    limit: int
    needed: int
    problem = "{table}.{column} holds at most {limit} characters, and a new token needs {needed}"
    remedy = "Widen the column."
