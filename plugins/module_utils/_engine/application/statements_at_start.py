# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The statements of an application in its databases while it starts: it must write nothing there.

An application may replace what it cannot read by something new. Under keys that are not those of the data this destroys
the data, so a process with such keys starts in transactions that cannot write. The database decides what a write is.
Each statement has its own transaction mode, since a pooler would lend a session that cannot write to others.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any

from .django_errors import MAY_NOT_WRITE, sqlstate_of

# The latter is active_sql_transaction: of a statement that takes no part in a transaction.
REFUSED_STATES = (MAY_NOT_WRITE, "25001")
REFUSED_BY_SQLITE = "readonly database"
_LITERALS = re.compile(r"'(?:[^']|'')*'|\b\d+\b|%\(\w+\)s")
_LISTS = re.compile(r"(%s|\?)(?:\s*,\s*(?:%s|\?))+")
_ROWS = re.compile(r"(\([^()]*\))(?:\s*,\s*\1)+")  # of an INSERT: there may be more of them another time
# Rows locked for a write. What was read before the write says more than an error about the lock.
_LOCKING = re.compile(r"\sFOR (?:NO KEY )?UPDATE(?: OF [\w\s\",.]+?)?(?: NOWAIT| SKIP LOCKED)?\s*$", re.IGNORECASE)
_READING = re.compile(r"\s*\(?SELECT\b.*\bFROM\b", re.IGNORECASE | re.DOTALL)
_CATALOG = re.compile(r"\bpg_|\binformation_schema\b|\bdjango_migrations\b", re.IGNORECASE)
_WRITING = re.compile(r"\s*(INSERT\s+INTO|UPDATE|DELETE\s+FROM|TRUNCATE(?:\s+TABLE)?)\s+(?:ONLY\s+)?([\w\".]+)", re.I)


class Access(Enum):
    """The access to the databases that a process has while it starts."""

    WRITE = "write"
    READ = "read"
    EMPTY = "empty"  # it reads nothing in any table, as in a database that is new


class StatementsAtStart:
    """The statements of an application while it starts, and in its own threads after that, which it leaves running."""

    def __init__(self, access: Access = Access.WRITE) -> None:
        self.templates: set[str] = set()
        self.refused: dict[str, str] = {}  # by template, what it is for a person
        self.has_read = False
        self._access = access
        self._starting = False

    def __enter__(self) -> StatementsAtStart:
        from django.db.backends.signals import connection_created

        self._starting = True
        connection_created.connect(self._connected, weak=False)
        return self

    def __exit__(self, *_: object) -> None:
        self._starting = False

    def _connected(self, connection: Any, **_: Any) -> None:
        if self._execute not in connection.execute_wrappers:
            connection.execute_wrappers.insert(0, self._execute)  # whoever adds one takes away the last

    def _execute(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        """A wrapper as Django calls it around each statement."""
        if not self._starting and threading.current_thread() is threading.main_thread():
            return execute(sql, params, many, context)
        template, connection = template_of(sql), context["connection"]
        self.templates.add(template)
        self.has_read = self.has_read or _reads_a_table(template)
        if self._access is Access.WRITE:
            return execute(sql, params, many, context)
        try:
            with _GUARDS.get(connection.vendor, contextlib.nullcontext)(connection):
                return execute(self._as_allowed(sql, connection.vendor), params, many, context)
        except Exception as exc:
            if _is_refusal(exc):
                self.refused[template] = _describe(template)
            raise

    def _as_allowed(self, sql: Any, vendor: str) -> Any:
        """The statement without locks on rows, and, if tables are to be empty, without rows."""
        if vendor != "postgresql" or not isinstance(sql, str):
            return sql
        unlocked = _LOCKING.sub("", sql)
        if self._access is Access.EMPTY and _reads_a_table(unlocked):
            return f"SELECT * FROM ({unlocked.rstrip().rstrip(';')}) AS nothing LIMIT 0"
        return unlocked


def template_of(sql: Any) -> str:
    """A statement without its values, so that it is the same in each process."""
    text = " ".join(str(sql).split())
    return _ROWS.sub(r"\1", _LISTS.sub(r"\1", _LITERALS.sub("?", text)))


def _reads_a_table(sql: str) -> bool:
    return bool(_READING.match(sql)) and not _CATALOG.search(sql)


def _describe(template: str) -> str:
    """The kind of the statement and its table; no more, since it could hold a value."""
    match = _WRITING.match(template)
    if not match:
        return (template.split() or ["a statement"])[0]
    return f"{match[1].upper()} {match[2].replace(chr(34), '')}"


def _is_refusal(exc: Exception) -> bool:
    return sqlstate_of(exc) in REFUSED_STATES or REFUSED_BY_SQLITE in str(exc)


@contextlib.contextmanager
def _read_only_in_postgresql(connection: Any) -> Iterator[None]:
    """Make the present transaction read-only, or open a read-only transaction for this statement alone."""
    alone = connection.get_autocommit()
    if alone:
        connection.set_autocommit(False)
    try:
        with connection.wrap_database_errors, connection.connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
        yield
    except BaseException:
        if alone:
            connection.rollback()
        raise
    else:
        if alone:
            connection.commit()
    finally:
        if alone:
            connection.set_autocommit(True)


@contextlib.contextmanager
def _read_only_in_sqlite(connection: Any) -> Iterator[None]:
    connection.connection.execute("PRAGMA query_only = ON")
    try:
        yield
    finally:
        connection.connection.execute("PRAGMA query_only = OFF")


_GUARDS: dict[str, Callable[[Any], contextlib.AbstractContextManager[None]]] = {
    "postgresql": _read_only_in_postgresql,
    "sqlite": _read_only_in_sqlite,
}
