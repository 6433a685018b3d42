# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One connection of our own to the application's database, and what the catalogue of PostgreSQL says of a table.

The connection's parameters come from Django, the rest is SQL. Rows' names and values travel as text, so that psycopg2
and psycopg 3, and every type of primary key, are served by the same statements.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import RotationError

LOCK_LABEL = "tetech.key_rotation"
APPLICATION_NAME = "key_rotation "
# Below PostgreSQL's deadlock_timeout of 1 s: we yield, and the application's transaction never dies
# (facts/re-encryption.md 3.1).
LOCK_TIMEOUT_MS = 300
LOCK_SECONDS = 2  # how long the server may take to see that the last step's process is gone
STATEMENT_TIMEOUT_MS = 10_000
# What of Django's OPTIONS libpq takes from the environment as PG + name.
LIBPQ_OPTIONS = (
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "sslcrl",
    "sslpassword",
    "service",
    "passfile",
    "target_session_attrs",
)
CONNECTION_LOST = {"57P01", "57P02", "57P03", "08006", "08003", "08000", "08001"}
# lock_not_available, deadlock_detected, query_canceled (facts/re-encryption.md 3.4)
YIELDED = {"55P03", "40P01", "57014"}


NOWHERE: Mapping[str, Any] = {}


class Yielded(Exception):
    """The statement gave way to another transaction: try again, smaller or later."""


@dataclass(frozen=True)
class Libpq:
    """Connection parameters; the password never shows in a repr."""

    host: str
    port: str
    user: str
    database: str
    password: str = field(repr=False)
    options: dict[str, str] = field(default_factory=dict)


def quote(name: str) -> str:
    """A name as an SQL identifier, safe in a statement with parameters."""
    return '"' + name.replace('"', '""').replace("%", "%%") + '"'


def array(elements: Sequence[str | None]) -> str:
    """The text of an array (PostgreSQL, "Array Input and Output Syntax"): one parameter instead of one per element."""
    return "{" + ",".join(["NULL" if element is None else _element(element) for element in elements]) + "}"


def _element(text: str) -> str:
    if '"' in text or "\\" in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _statement(sql: str, params: Sequence[Any]) -> tuple[Any, ...]:
    """Without parameters the drivers leave ``%%`` as it is."""
    return (sql, tuple(params)) if params else (sql.replace("%%", "%"),)


class Database:
    """A connection in autocommit mode. Every error of the driver becomes one of the catalogue, without its text."""

    def __init__(self, alias: str, label: str, direct: Mapping[str, Any] = NOWHERE) -> None:
        from django.db import connections

        self.alias = alias
        self._direct = direct
        self._label = label
        self._run = ""
        self._yields = False
        self._django = connections[alias]
        if self._django.vendor != "postgresql":
            raise RotationError("E_DB_VENDOR", alias=alias, vendor=self._django.vendor)
        self._errors = self._django.Database.Error
        settings = self._django.settings_dict
        host, port = (direct.get(name.lower()) or settings[name] for name in ("HOST", "PORT"))
        name = direct.get("dbname") or settings["NAME"]
        where = f"{host or 'the local socket'}:{port or 5432}/{name}"
        params = {**self._django.get_connection_params(), **{name: value for name, value in direct.items() if value}}
        try:
            self._raw = self._django.get_new_connection(params)
        except self._errors as exc:
            raise RotationError("E_DB_CONNECT", alias=alias, where=where, error=type(exc).__name__) from None
        self._raw.autocommit = True
        self._refuse_pooler(where)
        self.execute("SELECT set_config('application_name', %s, false)", (APPLICATION_NAME + label,))
        # What a role may have set for its other sessions does not fit long read-only passes.
        for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
            self.execute("SELECT set_config(%s, '0', false)", (name,))
        self.execute("SELECT set_config('client_encoding', 'UTF8', false)")

    def _refuse_pooler(self, where: str) -> None:
        """Raise E_DB_POOLER where another program stands between: the session's lock and settings may be anybody's.

        A pooler makes up the process id that it tells a client at the start (facts/re-encryption.md 3.1).
        """
        if self.rows("SELECT pg_backend_pid()")[0][0] != self._raw.info.backend_pid:
            self.close()
            raise RotationError("E_DB_POOLER", alias=self.alias, where=where)

    def another(self) -> Database:
        """One more connection to the same database, for another process of the same run."""
        made = Database(self.alias, self._label, self._direct)
        if self._run:
            made.lock(self._run)
        return made

    def elsewhere(self, **place: str) -> Database:
        """A connection with the same parameters to another database, or another server."""
        return Database(self.alias, self._label, {**self._direct, **place})

    def close(self) -> None:
        """End the session, and with it every lock."""
        with contextlib.suppress(self._errors):
            self._raw.close()

    def rows(self, sql: str, params: Sequence[Any] = (), *, table: str = "the database") -> list[tuple[Any, ...]]:
        """All rows of a query. Raises E_DB or E_DB_LOST."""
        with self._cursor(table) as cursor:
            cursor.execute(*_statement(sql, params))
            return cursor.fetchall()

    def execute(self, sql: str, params: Sequence[Any] = (), *, table: str = "the database") -> int:
        """Run one statement; the number of rows it touched. Raises E_DB, E_DB_LOST or Yielded."""
        with self._cursor(table) as cursor:
            cursor.execute(*_statement(sql, params))
            return cursor.rowcount

    @contextlib.contextmanager
    def _cursor(self, table: str) -> Iterator[Any]:
        try:
            with self._raw.cursor() as cursor:
                yield cursor
        except self._errors as exc:
            sqlstate = getattr(exc, "sqlstate", None) or getattr(exc, "pgcode", None)
            if sqlstate in YIELDED and self._yields:
                raise Yielded from None
            if self._raw.closed or sqlstate is None or sqlstate in CONNECTION_LOST:
                raise RotationError("E_DB_LOST", table=table) from None
            raise RotationError("E_DB", table=table, sqlstate=sqlstate) from None

    @contextlib.contextmanager
    def transaction(self, mode: str) -> Iterator[None]:
        """BEGIN with ``mode``, COMMIT at the end, ROLLBACK on any error."""
        self.execute(f"BEGIN {mode}")
        try:
            yield
        except BaseException:
            with contextlib.suppress(RotationError, self._errors):
                self.execute("ROLLBACK")
            raise
        self.execute("COMMIT")

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """One unchanging view of the database, read only."""
        with self.transaction("ISOLATION LEVEL REPEATABLE READ READ ONLY"):
            yield

    @contextlib.contextmanager
    def batch(self) -> Iterator[None]:
        """A short writing transaction that yields to the application. READ COMMITTED: compare-and-set relies on it."""
        limits = f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}; SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}"
        with self.transaction(f"ISOLATION LEVEL READ COMMITTED; {limits}"):
            self._yields = True
            try:
                yield
            finally:
                self._yields = False

    def lock(self, run: str) -> None:
        """Be of the one run that works on this database, for the life of the connection. Raises E_LOCKED with who is.

        All processes of a run share its lock; the gate lets one process at a time look for the lock of another run.
        """
        self._run = run
        patience = time.monotonic() + LOCK_SECONDS
        while (holder := self._enter(run)) is not None:
            if time.monotonic() > patience:
                pid, user, host, name, since = holder
                rotation = name.replace(APPLICATION_NAME, "")
                raise RotationError("E_LOCKED", holder=rotation, user=user, host=host, since=since, pid=pid)
            time.sleep(0.05)

    def _enter(self, run: str) -> tuple[Any, ...] | None:
        """Take the lock of this run, or say who holds that of another."""
        gate, mine = "pg_advisory_{}lock(hashtext(%s), 0)", "hashtext(%s), hashtext(%s) & 2147483647 | 1"
        self.rows(f"SELECT {gate.format('')}", (LOCK_LABEL,))
        try:
            holders = self.rows(
                "SELECT a.pid, a.usename, coalesce(a.client_addr::text, 'this host'), a.application_name,"
                " to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS UTC')"
                " FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
                " WHERE l.locktype = 'advisory' AND l.granted"
                " AND l.objid NOT IN (0, (hashtext(%s) & 2147483647 | 1)::oid)"
                " AND l.classid = (hashtext(%s)::bigint & 4294967295)::oid"
                " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) LIMIT 1",
                (run, LOCK_LABEL),
            )
            if not holders:
                self.rows(f"SELECT pg_advisory_lock_shared({mine})", (LOCK_LABEL, run))
        finally:
            self.rows(f"SELECT {gate.format('un')}", (LOCK_LABEL,))
        return holders[0] if holders else None

    def replica_lag(self) -> float:
        """How many seconds the slowest replica is behind in replaying; 0 without replicas, or where this role may not
        see them."""
        sql = "SELECT coalesce(extract(epoch FROM max(replay_lag)), 0)::float FROM pg_stat_replication"
        return float(self.rows(sql)[0][0])

    def is_replica(self) -> bool:
        """Whether the server only follows another one: its rows are that one's."""
        return bool(self.rows("SELECT pg_is_in_recovery()")[0][0])

    def server_major(self) -> int:
        """The server's major version, e.g. 17."""
        return int(self.rows("SELECT current_setting('server_version_num')::int / 10000")[0][0])

    def server_version(self) -> str:
        """The server's version, e.g. 17.6."""
        return str(self.rows("SELECT current_setting('server_version')")[0][0]).split()[0]

    def system_identifier(self) -> str | None:
        """The number that a PostgreSQL cluster and its replicas have in common; None where this role may not see it."""
        with contextlib.suppress(RotationError):
            return str(self.rows("SELECT system_identifier FROM pg_control_system()")[0][0])
        return None

    def size(self) -> int:
        """Bytes the database takes on the server's disk."""
        return int(self.rows("SELECT pg_database_size(current_database())")[0][0])

    def libpq(self) -> Libpq:
        """The same connection for PostgreSQL's own programs."""
        settings = self._django.settings_dict
        options = {name: str(value) for name, value in settings["OPTIONS"].items() if name in LIBPQ_OPTIONS and value}
        return Libpq(
            str(self._direct.get("host") or settings["HOST"]),
            str(self._direct.get("port") or settings["PORT"] or ""),
            str(self._direct.get("user") or settings["USER"]),
            str(self._direct.get("dbname") or settings["NAME"]),
            settings["PASSWORD"],
            options,
        )
