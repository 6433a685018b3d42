# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One connection of our own to the application's database.

The connection's parameters come from Django, the rest is SQL. Names of rows and values travel as text. So the same
statements serve psycopg2 and psycopg 3, and every type of primary key (sql.py).
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Union

from ..._errors.base import RotationError
from ..._errors.database import (
    ConnectionLost,
    DatabaseBehindPooler,
    DatabaseConnectFailed,
    DatabaseNotPostgresql,
    DatabasePasswordRefused,
    StatementFailed,
    TablesLocked,
)
from . import sql

_PASSWORD = re.compile(r"password authentication failed|no password supplied")  # of libpq
APPLICATION_NAME = "key_rotation "
DJANGO_SESSION = f"{APPLICATION_NAME}application"  # the name of those that Django opens for us
# What each of our sessions has set for itself, and no other: the fence lets it pass (fence.py).
OUR_SETTING, OURS = "tetech_key_rotation.session", "engine"
# We yield before the application's transaction looks for a deadlock, and dies of it (docs/design/concurrency.md): with
# PostgreSQL's deadlock_timeout of 1 s after 300 ms for a lock, and before 1 s for all locks of one statement.
LOCK_TIMEOUT_MS = 300
LOCK_SHARE, STATEMENT_SHARE = 0.3, 0.8  # of deadlock_timeout
LEAST_MS = 10
STATEMENT_TIMEOUT_MS = 10_000
LOCKED_SECONDS = 300.0  # so long a table or a row may stay locked, before its holder is asked to end
IDLE_TIMEOUT_MS = 30_000  # of a process that was frozen in the middle of a batch (docs/design/concurrency.md)
UNLIMITED = (
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "transaction_timeout",  # PostgreSQL 17
)
# A session whose host or network is gone releases its locks within a minute (docs/design/concurrency.md).
KEEPALIVE = {
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
# The client side has the same limits (libpq, "Parameter Key Words").
CLIENT_KEEPALIVE = {
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
# Under what a database or a role may have set instead, names, keys and values do not come back from their text as they
# were, or nothing can be written.
EXACT = {
    "extra_float_digits": "1",
    "array_nulls": "on",
    "bytea_output": "hex",
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "quote_all_identifiers": "off",
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "default_transaction_deferrable": "off",
}
# Sessions in a database that can be ended. The server ends autovacuum by itself if it has to, and only a
# superuser may.
ENDABLE = "datname = %s AND backend_type <> 'autovacuum worker'"
# What a program of PostgreSQL needs to connect as this process has, apart from place and role: libpq takes it from
# the environment as PG + name. No service: it would count more than the place that it has led to.
LIBPQ_OPTIONS = (
    "hostaddr",
    "target_session_attrs",
    "sslmode",
    "sslnegotiation",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "sslcrl",
    "sslcrldir",
    "sslsni",
    "sslcertmode",
    "ssl_min_protocol_version",
    "ssl_max_protocol_version",
    "channel_binding",
    "require_auth",
    "requirepeer",
    "gssencmode",
    "gsslib",
    "krbsrvname",
)
CONNECTION_LOST = {"57P01", "57P02", "57P03", "08006", "08003", "08000", "08001"}
# lock_not_available, deadlock_detected, query_canceled (docs/design/concurrency.md)
QUERY_CANCELED = "57014"
# insufficient_privilege, invalid_schema_name: the role lacks CREATE, or has no schema to create a table in.
FORBIDDEN = {"42501", "3F000"}
YIELDED = {"55P03", "40P01", QUERY_CANCELED}
# How SQLSTATEs begin of what the same row meets again: a constraint (class 23), a trigger's RAISE EXCEPTION, and
# object_not_in_prerequisite_state.
LASTING = ("23", "P0001", "55000")
FREE = "it is free now"  # of what somebody had locked
SEE_LOG = "See the server's log, then run the same command again."
SEE_ROW = (
    "The same row would stop it again: see the server's log for the row, and for the constraint or the trigger that "
    "refuses it, and fix one of them. Then run the same command again."
)
Direct = Mapping[str, Union[str, int]]  # parameters of libpq for the server itself, past a pooler
NOWHERE: Direct = {}
# The parameters of libpq that say where a database is, with their variables (libpq, "Environment
# Variables").
PLACE = {
    "service": "PGSERVICE",
    "servicefile": "PGSERVICEFILE",
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "dbname": "PGDATABASE",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
}
_SHOWN = ("host", "hostaddr", "port", "dbname")
# Parameters of the application's own that belong to another place or role than the one that ``Direct`` names.
_REPLACED = {
    "service": ("host", "hostaddr", "port", "user", "password"),
    "host": ("hostaddr",),
    "user": ("password",),
}


class Yielded(Exception):
    """The statement gave way to another transaction: try again, smaller or later.

    ``slow`` is whether it took too long, rather than waited for one lock.
    """

    def __init__(self, *, slow: bool = False) -> None:
        super().__init__()
        self.slow = slow


@dataclass(frozen=True)
class Libpq:
    """Connection parameters; the password never shows in a repr."""

    host: str
    port: str
    user: str
    database: str
    password: str = field(repr=False)
    options: dict[str, str] = field(default_factory=dict)


def array(elements: Sequence[str | None]) -> str:
    """Return the text of an array (PostgreSQL, "Array Input and Output Syntax"): one parameter, not one per element."""
    texts = [element for element in elements if element is not None]
    joined = '","'.join(texts)
    if texts and len(texts) == len(elements) and joined.count('"') == 2 * len(texts) - 2 and "\\" not in joined:
        return f'{{"{joined}"}}'  # the usual case, by one call for all
    return "{" + ",".join(["NULL" if element is None else _element(element) for element in elements]) + "}"


def _element(text: str) -> str:
    if '"' in text or "\\" in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _format_names(error: Any) -> str:
    """Return the names that the server gives with an error; its text and details may hold a value."""
    names = {"constraint": error.diag.constraint_name, "table": error.diag.table_name}
    parts = [f"{what} {name}" for what, name in names.items() if name]
    return f" ({', '.join(parts)})" if parts else ""


def unpooled(wrapper: Any) -> Any:
    """Return Django's connection without its own pool (Django 5.1).

    The pool returns any connection that it has, even if another database or another server is asked for.
    """
    if not wrapper.settings_dict["OPTIONS"].get("pool"):
        return wrapper
    alone = wrapper.copy()
    del alone.settings_dict["OPTIONS"]["pool"]
    return alone


def connection_parameters(wrapper: Any, direct: Direct = NOWHERE) -> dict[str, object]:
    """Return the parameters with which Django connects, or those that lead to the ``direct`` place."""
    without = {name for given, names in _REPLACED.items() if direct.get(given) for name in names}
    own = wrapper.get_connection_params()
    if "database" in own:  # as psycopg2 calls it, and Django before 4.1 with it
        own["dbname"] = own.pop("database")
    kept = {name: value for name, value in own.items() if name not in without}
    return {**kept, **{name: value for name, value in direct.items() if value}}


def format_place(parameters: Mapping[str, object]) -> str:
    """Return the place for a person.

    What a service says is in a file of libpq. Parameters next to the service take precedence.
    """
    given = {name: parameters.get(name) or os.environ.get(variable) for name, variable in PLACE.items()}
    if given["service"]:
        more = [f"{name}={parameters[name]}" for name in _SHOWN if parameters.get(name)]
        return f"the server of service {given['service']}" + (f" ({', '.join(more)})" if more else "")
    host = given["host"] or given["hostaddr"] or "the local socket"
    return f"{host}:{given['port'] or 5432}/{given['dbname'] or ''}"


class Patience:
    """Waits for tables that somebody has locked, until LOCKED_SECONDS after the first of several tries in a row."""

    def __init__(self, database: Database, tables: Sequence[sql.Composable]) -> None:
        self._database = database
        self._tables = tables
        self._since: float | None = None

    def rest(self) -> None:
        """Forget the tries: the table could be read."""
        self._since = None

    def refuse_to_wait(self) -> None:
        """Raise E_DB_LOCKED if the table could not be read for too long."""
        self._since = self._since or time.monotonic()
        if time.monotonic() - self._since > LOCKED_SECONDS:
            raise TablesLocked(holders=self._database.holders(self._tables))


class Database:
    """A connection in autocommit mode. Every error of the driver becomes one of ours, without its text."""

    def __init__(self, alias: str, label: str, direct: Direct = NOWHERE) -> None:
        from django.db import connections

        self.alias = alias
        self._direct = direct
        self._label = label
        self.join: Callable[[Database], None] | None = None  # what one more connection takes part in (locks.py)
        self._yields = False
        self._django = unpooled(connections[alias])
        if self._django.vendor != "postgresql":
            raise DatabaseNotPostgresql(alias=alias, vendor=self._django.vendor)
        self._errors = self._django.Database.Error
        params = {**CLIENT_KEEPALIVE, **connection_parameters(self._django, direct)}
        where = format_place(params)
        try:
            self._raw = self._django.get_new_connection(params)
        except self._errors as exc:  # of a failed connection libpq has no SQLSTATE, only words in the server's language
            if _PASSWORD.search(str(exc)):
                user = params.get("user") or os.environ.get("PGUSER")
                role = f"role {user}" if user else "its role"
                raise DatabasePasswordRefused(alias=alias, place=where, role=role) from None
            raise DatabaseConnectFailed(alias=alias, place=where, error=type(exc).__name__) from None
        self._raw.autocommit = True
        self._refuse_pooler(where)
        ours = "SELECT set_config('application_name', %s, false), set_config(%s, %s, false)"
        self.execute(ours, (APPLICATION_NAME + label, OUR_SETTING, OURS))
        # What a role may have set for its other sessions does not fit long read-only passes.
        known = "SELECT set_config(name, '0', false) FROM pg_settings WHERE name = ANY(%s::text[])"
        self.rows(known, (array(UNLIMITED),))
        for name, value in {**KEEPALIVE, **EXACT}.items():
            self.execute("SELECT set_config(%s, %s, false)", (name, value))
        self.execute("SELECT set_config('client_encoding', 'UTF8', false)")

    def _refuse_pooler(self, where: str) -> None:
        """Raise E_DB_POOLER if another program is in between, since others may get the session's lock and settings.

        A pooler makes up the process ID that it reports to a client at the start (docs/design/concurrency.md).
        """
        if self.rows("SELECT pg_backend_pid()")[0][0] != self._raw.info.backend_pid:
            self.close()
            raise DatabaseBehindPooler(alias=self.alias, place=where)

    def another(self) -> Database:
        """Return one more connection to the same database, for another process of the same run."""
        database = Database(self.alias, self._label, self._direct)
        if self.join:
            self.join(database)
        return database

    def elsewhere(self, **place: str) -> Database:
        """Return a connection with the same parameters to another database, or another server."""
        return Database(self.alias, self._label, {**self._direct, **place})

    @property
    def is_direct(self) -> bool:
        """Return whether the connection bypasses a pooler that the application uses."""
        return bool(self._direct)

    @property
    def driver_errors(self) -> type[Exception]:
        """The errors that a connection of ``by_own_way`` raises."""
        errors: type[Exception] = self._errors
        return errors

    def by_own_way(self) -> Any:
        """Return a connection of the driver as the application makes it, through a pooler if there is one."""
        return self._django.get_new_connection(self._django.get_connection_params())

    def close(self) -> None:
        """End the session, and with it every lock."""
        with contextlib.suppress(self._errors):
            self._raw.close()

    def text(self, statement: str | sql.Composable, *, parameters: bool = True) -> str:
        """Return a statement as text, to run with ``parameters`` or without: one that runs often is composed once."""
        return sql.text(statement, self._raw, parameters=parameters)

    def rows(
        self, query: str | sql.Composable, params: Sequence[Any] | None = None, *, table: str = "the database"
    ) -> list[tuple[Any, ...]]:
        """Return all rows of a query. Without ``params`` a percent sign is one. Raise E_DB or E_DB_LOST."""
        with self._cursor(table) as cursor:
            self._send(cursor, query, params)
            fetched: list[tuple[Any, ...]] = cursor.fetchall()
            return fetched

    def execute(
        self, statement: str | sql.Composable, params: Sequence[Any] | None = None, *, table: str = "the database"
    ) -> int:
        """Run one statement, and return the number of rows that it touched. Raise E_DB, E_DB_LOST or Yielded."""
        with self._cursor(table) as cursor:
            self._send(cursor, statement, params)
            return int(cursor.rowcount)

    def _send(self, cursor: Any, statement: str | sql.Composable, params: Sequence[Any] | None) -> None:
        if params is None:
            cursor.execute(self.text(statement, parameters=False))
        else:
            cursor.execute(self.text(statement), tuple(params))

    @contextlib.contextmanager
    def _cursor(self, table: str) -> Iterator[Any]:
        try:
            with self._raw.cursor() as cursor:
                yield cursor
        except self._errors as exc:
            sqlstate = getattr(exc, "sqlstate", None) or getattr(exc, "pgcode", None)
            if sqlstate in YIELDED and self._yields:
                raise Yielded(slow=sqlstate == QUERY_CANCELED) from None
            if self._raw.closed or sqlstate is None or sqlstate in CONNECTION_LOST:
                raise ConnectionLost(table=table) from None
            advice = SEE_ROW if sqlstate.startswith(LASTING) else SEE_LOG
            raise StatementFailed(
                table=table, alias=self.alias, sqlstate=sqlstate, by=_format_names(exc), advice=advice
            ) from None

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
    def snapshot(self, tables: Sequence[sql.Composable] = ()) -> Iterator[None]:
        """Open one unchanging view of the database, read only, in which all ``tables`` can be read without a wait.

        A session that has read one table and waits for another can deadlock with an ALTER or TRUNCATE of the
        application. The application's statement would then fail. So all tables are locked at the start, or no table is.
        Raise E_DB_LOCKED.
        """
        limits, lockable = self._limits(self.patience), self._lockable(tables)  # asked before the view begins
        with self.transaction("ISOLATION LEVEL REPEATABLE READ READ ONLY"):
            if lockable:
                self._hold(lockable, limits)
            yield

    def _lockable(self, tables: Sequence[sql.Composable]) -> list[sql.Composable]:
        """Return the tables that this role may lock: a role that may read only some columns may not lock the table."""
        named = {table.as_string(self._raw): table for table in tables}
        query = (
            "SELECT name FROM unnest(%s::text[]) AS n(name) WHERE has_table_privilege(to_regclass(name)::oid, 'SELECT')"
        )
        lockable = {name for (name,) in self.rows(query, (array([*named]),))}
        return [table for name, table in named.items() if name in lockable]

    def _hold(self, tables: Sequence[sql.Composable], limits: str) -> None:
        """Lock the tables against ALTER and TRUNCATE, in this transaction."""
        patience = Patience(self, tables)
        lock = sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(sql.SQL(", ").join(tables))
        while True:
            self.execute(f"SAVEPOINT all_or_none; {limits}")
            try:
                with self._giving_way():
                    self.execute(lock)
                    # In here, because the limits also end this statement if the machine stalls.
                    self.execute("SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0")
            except Yielded:
                self.execute("ROLLBACK TO SAVEPOINT all_or_none; RELEASE SAVEPOINT all_or_none")  # or they would nest
                patience.refuse_to_wait()
                continue
            # A snapshot can be exported at the outermost level only.
            self.execute("RELEASE SAVEPOINT all_or_none")
            return

    def holders(self, tables: Sequence[sql.Composable]) -> str:
        """Return for a person who keeps others from reading these tables."""
        locks = self.rows(
            "SELECT l.relation::regclass::text, l.pid FROM pg_locks l"
            " JOIN unnest(%s::text[]) AS n(name) ON l.relation = to_regclass(n.name)"
            " WHERE l.mode = 'AccessExclusiveLock' AND l.pid <> pg_backend_pid() ORDER BY 2",
            (array([table.as_string(self._raw) for table in tables]),),
        )
        return ", ".join(f"{table} by backend {pid}" for table, pid in locks) or FREE

    def writers(self, regclass: str) -> str:
        """Return for a person who may have written to a table in a transaction that is still open."""
        sessions = self.rows(
            "SELECT a.pid, a.usename::text, a.application_name FROM pg_stat_activity a WHERE a.pid IN"
            " (SELECT pid FROM pg_locks WHERE relation = to_regclass(%s) AND granted AND mode NOT IN"
            " ('AccessShareLock', 'RowShareLock')) AND a.pid <> pg_backend_pid() ORDER BY 1",
            (regclass,),
        )
        return ", ".join(f"backend {pid} of {user} {name}".rstrip() for pid, user, name in sessions) or FREE

    @functools.cached_property
    def _deadlock_ms(self) -> int:
        return int(self.rows("SELECT setting::int FROM pg_settings WHERE name = 'deadlock_timeout'")[0][0])

    @property
    def patience(self) -> float:
        """Return how many seconds a statement that locks several rows may take without making a waiting transaction
        fail."""
        return max(LEAST_MS, self._deadlock_ms * STATEMENT_SHARE) / 1000

    @contextlib.contextmanager
    def batch(self, *, several: bool = True) -> Iterator[None]:
        """A short writing transaction that yields to the application. READ COMMITTED: compare-and-set relies on it.

        ``several`` is whether a statement of it may hold the lock of one row while it waits for that of another.
        """
        patience = self.patience if several else STATEMENT_TIMEOUT_MS / 1000
        idle = f"SET LOCAL idle_in_transaction_session_timeout = {IDLE_TIMEOUT_MS}"
        end = time.monotonic() + patience
        with self._giving_way(), self.transaction(f"ISOLATION LEVEL READ COMMITTED; {self._limits(patience)}; {idle}"):
            yield
            # Deferred triggers wait for locks too, and at the COMMIT no statement_timeout ends them.
            self.execute(f"SET LOCAL statement_timeout = {max(LEAST_MS, int((end - time.monotonic()) * 1000))}")
            self.execute("SET CONSTRAINTS ALL IMMEDIATE")

    @contextlib.contextmanager
    def impatient(self) -> Iterator[None]:
        """Make every statement of the block give way if another session has locked its table. Raise Yielded."""
        self.execute(f"SET lock_timeout = {self._lock_ms}")
        try:
            with self._giving_way():
                yield
        finally:
            with contextlib.suppress(RotationError, self._errors):
                self.execute("SET lock_timeout = 0")

    @contextlib.contextmanager
    def _giving_way(self) -> Iterator[None]:
        before, self._yields = self._yields, True
        try:
            yield
        finally:
            self._yields = before

    @property
    def _lock_ms(self) -> int:
        return max(LEAST_MS, min(LOCK_TIMEOUT_MS, int(self._deadlock_ms * LOCK_SHARE)))

    def _limits(self, statement_seconds: float) -> str:
        """Return the settings of a transaction that gives way."""
        statement_ms = int(statement_seconds * 1000)
        return f"SET LOCAL lock_timeout = {self._lock_ms}; SET LOCAL statement_timeout = {statement_ms}"

    def backend(self) -> int:
        """Return the process ID of this session on the server."""
        return int(self._raw.info.backend_pid)

    def about(self, regclass: str) -> int | None:
        """Return the server's estimate of the rows in a table, or None if it has never analyzed the table."""
        query = "SELECT nullif(greatest(reltuples, 0), 0)::bigint FROM pg_class WHERE oid = to_regclass(%s)"
        return next((count for (count,) in self.rows(query, (regclass,))), None)

    def vacuum(self, table: sql.Composable) -> bool:
        """Vacuum a table, unless another session holds it. Return whether this role may: it must own the table."""
        owns = "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass(%s)"
        if self.rows(owns, (table.as_string(self._raw),)) != [(True,)]:
            return False
        # TRUNCATE would lock out the application for a moment.
        with contextlib.suppress(RotationError):  # a courtesy: that somebody cancels it ends no rotation
            self.execute(sql.SQL("VACUUM (SKIP_LOCKED, TRUNCATE false) {}").format(table))
        return True

    def libpq(self) -> Libpq:
        """Return the same connection for PostgreSQL's own programs; its place is where a service or file has led."""
        info = self._raw.info
        used = info.dsn_parameters if hasattr(info, "dsn_parameters") else info.get_parameters()  # psycopg2, psycopg
        options = {name: str(used[name]) for name in LIBPQ_OPTIONS if used.get(name)}
        if "," in options.get("hostaddr", ""):  # several, of which one has answered: it is the host
            del options["hostaddr"]
        return Libpq(info.host or "", str(info.port or ""), info.user, info.dbname, info.password or "", options)
