# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL: connections, locks, rights and tables."""

from __future__ import annotations

# code: (what is wrong and where, what to do next)
ERRORS: dict[str, tuple[str, str]] = {
    "E_DB_CONNECT": (
        "PostgreSQL for DATABASES[{alias}] gives no connection at {where}: {error}",
        "Start it, or mend the application's DATABASES. Where its log says that there are too many connections, lower "
        "key_rotation_workers, or raise its max_connections or the CONNECTION LIMIT of the role or the database. Then "
        "run the same command again.",
    ),
    "E_DB_VENDOR": (
        "DATABASES[{alias}] is {vendor}",
        "This collection rotates PostgreSQL databases. See also that key_rotation_settings_module is the right one.",
    ),
    "E_DB_POOLER": (
        "a pooler such as pgbouncer stands before database {alias} ({where}), and may give our session to others",
        "Set key_rotation_direct to {{{alias}: {{host: ..., port: ...}}}} of PostgreSQL itself.",
    ),
    "E_DB_REPLICA": (
        "every database of the application is a replica that only follows another server",
        "Run against the application host whose DATABASES has the primary.",
    ),
    "E_DB": (
        "PostgreSQL stopped the work on {table} of DATABASES[{alias}]: SQLSTATE {sqlstate}{by}",
        "{advice}",
    ),
    "E_DB_LOST": (
        "the connection to PostgreSQL was lost at {table}",
        "Start PostgreSQL again, then run the same command again.",
    ),
    "E_DB_BUSY": (
        "{table}: {rows} rows are locked by other transactions, and stayed so",
        "See who holds them (SELECT pid, usename, state, xact_start FROM pg_stat_activity ORDER BY xact_start), then "
        "run the same command again.",
    ),
    "E_DB_LOCKED": (
        "other transactions keep tables locked, as ALTER TABLE, TRUNCATE and VACUUM FULL do: {holders}",
        "See what they do (SELECT pid, usename, state, xact_start, query FROM pg_stat_activity), then run the same "
        "command again.",
    ),
    "E_FENCE_LOCKED": (
        "{table} could not be closed to other writers: {holders} has an open transaction that may have written to it",
        "End that transaction or its process, then run the same command again. Without the fence "
        "(-e key_rotation_fence=off) a process that was not stopped can write between stop and start.",
    ),
    "E_STALE_WRITER": (
        "a process that was not stopped keeps trying to write encrypted values (database {alias}): the fence refused "
        "{count} statements, of {sessions}",
        "It has the keys with which it was started, and would damage its rows without the fence. Stop it, or name it "
        "in key_rotation_services: then it is stopped and started with the application. Run the same command again.",
    ),
    "E_FENCED": (
        "rotation {rotation_id} keeps every other session from writing to the encrypted columns since {since} "
        "(database {alias})",
        "If it still runs, wait for it. If it was killed, run the same rotate command again to resume it, or "
        "rollback.yml. If neither is wanted, maintenance.yml with -e key_rotation_maintenance=off lets the application "
        "write again; while values may be under both key sets, it needs -e key_rotation_maintenance_half=accept too.",
    ),
    "E_DB_UNSETTLED": (
        "{table}: rows are still being written under the old keys after {passes} passes",
        "Stop the application's processes (they hold the old keys), then run the same command again.",
    ),
    "E_DB_KEPT": (
        "{table}: {rows} rows are still under the old keys after {passes} passes, and an update fires these triggers: "
        "{triggers}",
        "See whether one returns NULL, puts the old value back or copies it into a row of this table, and disable it "
        "for the rotation (ALTER TABLE {table} DISABLE TRIGGER ...). If none does, stop the application's processes "
        "(they hold the old keys). Then run the same command again.",
    ),
    "E_LOCKED": (
        "rotation {holder} runs on this database as {user} from {host} since {since} (backend {pid})",
        "Wait for it to end. If it is dead: SELECT pg_terminate_backend({pid})",
    ),
    "E_LEASED": (
        "rotation {rotation_id} is being worked on by {user} on {host} since {since} (process {pid}); its lease is in "
        "{table} of database {alias}",
        "Wait for it to end, or let {user} go on with it there. If {host} is gone for good: DELETE FROM {table}",
    ),
    "E_LEASE": (
        "database {alias} does not let this role make the table {table}, by which other operators are kept away",
        "Give the role the right to create a table in its first schema, or make it once as another one: CREATE TABLE "
        "{table} (holder text NOT NULL), and grant SELECT, INSERT and DELETE on it.",
    ),
    "E_JOURNAL": (
        "{column} has no authentication, and the table {table} that keeps account of its values cannot be made",
        "Give the application's database role the right to create a table in its first schema.",
    ),
    "E_ROW_SECURITY": (
        "row-level security hides rows of {column} from this role",
        "Give the role BYPASSRLS, or rotate as the owner of the tables, for the time of the rotation.",
    ),
    "E_TABLE_KEY": (
        "{table} has no primary key and no unique not-null key",
        "Add one: a row cannot be changed safely without a name.",
    ),
    "E_TOKEN_TOO_LONG": (
        "{table}.{column} holds at most {limit} characters, and a new token needs {needed}",
        "Widen the column.",
    ),
}
