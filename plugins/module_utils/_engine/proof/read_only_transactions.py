# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Transactions in which the application's own code runs, and can write nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..application.django_errors import MAY_NOT_WRITE, sqlstate_of
from ..application.session_limits import lift_in_transaction
from ..application.suspended_caches import suspended_caches
from ..application.tenant_schemas import use_schema

IN_ERROR = 3  # libpq's PQTRANS_INERROR, as psycopg2 and psycopg report it


@contextlib.contextmanager
def read_only(alias: str, model: Any, schema: str = "") -> Iterator[list[Any]]:
    """Open transactions that cannot write, and return their connections.

    They are in the database of this alias, and in all others of the application that answer: an attribute may log who
    has read it. Django then reads every row of a ``model``, in the table of a tenant's ``schema``, and nothing from
    caches.
    """
    from django.db import DatabaseError, connections, transaction

    with contextlib.ExitStack() as stack:
        stack.enter_context(suspended_caches())
        stack.enter_context(_every_row(model))
        held = []
        for database in [alias, *(name for name in connections if name != alias)]:
            if connections[database].vendor != "postgresql":
                continue
            with contextlib.suppress(*([] if database == alias else [DatabaseError])):
                stack.enter_context(transaction.atomic(using=database))
                with connections[database].cursor() as cursor:
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                    lift_in_transaction(cursor)
                held.append(connections[database])
        try:
            with use_schema(connections[alias], schema):
                yield held
        finally:
            for connection in held:  # a commit would run what an attribute has put off until one, outside of it
                connection.set_rollback(True)


@contextlib.contextmanager
def _every_row(model: Any) -> Iterator[None]:
    """Have the base manager of a model hide no rows, also when Django loads a deferred column. The application's own
    manager may hide rows, as for soft deletion, or raise outside of a request. A rotation rewrites those rows as
    well."""
    from django.db.models import Manager

    options = model._meta
    own, plain = options.base_manager, Manager()
    plain.model, plain.name, plain.auto_created = model, "_base_manager", True
    options.__dict__["base_manager"] = plain
    try:
        yield
    finally:
        options.__dict__["base_manager"] = own


class SavepointsOfReading:
    """Savepoints to return to if an attribute has PostgreSQL end a transaction, even if it hides that: only one value
    then counts as a failure. Returning to a savepoint closes the cursors that were opened after it."""

    def __init__(self, connections: Sequence[Any]) -> None:
        self._connections = connections
        self._set: list[tuple[Any, str]] = []
        self._met: list[str] = []

    @contextlib.contextmanager
    def watch(self) -> Iterator[None]:
        """See the errors that Django meets with, which the application may swallow."""
        with contextlib.ExitStack() as stack:
            for connection in self._connections:
                stack.enter_context(connection.execute_wrapper(self._note))
            yield

    def set(self) -> None:
        """Once rows are being fetched, instead of the earlier ones."""
        for connection, name in self._set:
            connection.savepoint_commit(name)
        self._set = [(connection, connection.savepoint()) for connection in self._connections]

    def are_needed(self) -> bool:
        """Return whether a transaction has ended since the last call."""
        if any(connection.connection.info.transaction_status == IN_ERROR for connection in self._connections):
            return True
        self._met.clear()
        return False

    def met_a_write(self) -> bool:
        """Return whether it ended for a statement that writes, or for one that Django has not seen."""
        return not self._met or MAY_NOT_WRITE in self._met

    def go_back(self) -> None:
        self._met.clear()
        for connection, name in self._set:
            connection.set_rollback(False)  # Django runs nothing in a transaction that is to be rolled back
            connection.savepoint_rollback(name)

    def _note(self, execute: Callable[..., Any], *statement: Any) -> Any:
        from django.db import DatabaseError

        try:
            return execute(*statement)
        except DatabaseError as exc:
            self._met.append(sqlstate_of(exc))
            raise
