# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a process of a run obeys, between two batches: the orders of a person, and two queries of the operator.

The queries are gh-ost's ``throttle-query`` and ``critical-load`` (docs/design/concurrency.md).
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..._errors.base import RotationError
from ..._errors.database import StatementFailed
from ..._errors.options import InvalidOption
from ..._errors.run import CriticalLoad, RunAborted
from ..postgres import run_orders
from ..postgres.connection import Database
from ..postgres.run_orders import NO_ORDERS, Orders

QUERIES = ("query", "critical_query")
ORDER_SECONDS = 0.2  # for which what was read of the orders is used again
QUERY_SECONDS = 1.0  # the same of a query, which may cost more
QUERY_LIMIT = "5s"
SLOTS = "hashtext('tetech.key_rotation workers')"  # of the advisory locks that limit how many work at once


@dataclass
class WorkControl:
    """What one process knows of the orders.

    ``query`` pauses the work while it returns something true, ``critical_query`` ends it. ``abortable`` is whether
    anything may end it. A rollback obeys no abort and asks neither query: the application may be stopped until its end.
    """

    query: str = ""
    critical_query: str = ""
    abortable: bool = True
    _orders: Orders = NO_ORDERS
    _read_at: float = -math.inf
    _asked_at: float = -math.inf
    _queried: str = ""
    _has_slot: bool = False

    def orders(self, database: Database) -> Orders:
        """The orders, as of at most ORDER_SECONDS ago."""
        if time.monotonic() > self._read_at + ORDER_SECONDS:
            self._orders, self._read_at = run_orders.read(database), time.monotonic()
        return self._orders

    def find_reason(self, database: Database) -> str:
        """Return why this process has to wait; empty if it may work. Raise E_ABORTED or E_CRITICAL_QUERY."""
        orders = self.orders(database)
        if orders.aborted and self.abortable:
            raise RunAborted(by=orders.aborted["by"], at=orders.aborted["at"])
        busy = self._find_true_query(database) if self.abortable else ""
        if orders.paused:
            return f"{orders.paused['by']}, who paused it at {orders.paused['at']}"
        return busy or self._find_slot(database, orders.workers)

    def _find_true_query(self, database: Database) -> str:
        if time.monotonic() <= self._asked_at + QUERY_SECONDS:
            return self._queried
        if self.critical_query and is_true(database, "critical_query", self.critical_query):
            raise CriticalLoad()
        is_busy = bool(self.query) and is_true(database, "query", self.query)
        self._queried, self._asked_at = "the query of its throttle" if is_busy else "", time.monotonic()
        return self._queried

    def _find_slot(self, database: Database, workers: int | None) -> str:
        """Take one of as many slots as workers may work at once. A slot is free again when its worker waits or ends."""
        self._release_slot(database)
        if workers is None:
            return ""
        taken = (database.rows(f"SELECT pg_try_advisory_lock({SLOTS}, %s)", (slot,))[0][0] for slot in range(workers))
        self._has_slot = any(taken)
        return "" if self._has_slot else f"one of the {workers} workers that were ordered"

    def _release_slot(self, database: Database) -> None:
        if self._has_slot:
            self._has_slot = False
            database.rows(
                f"SELECT pg_advisory_unlock({SLOTS}, objid::int) FROM pg_locks WHERE locktype = 'advisory'"
                f" AND pid = pg_backend_pid() AND classid = ({SLOTS}::bigint & 4294967295)::oid"
            )

    @contextlib.contextmanager
    def working(self, database: Database) -> Iterator[None]:
        """Leave no slot behind when this process has done its span."""
        try:
            yield
        finally:
            with contextlib.suppress(RotationError):  # a connection that is lost has none
                self._release_slot(database)


def rehearse(database: Database, throttle: Mapping[str, object]) -> None:
    """Run both queries once, before anything is changed. Raise E_OPTION for one that fails, and E_CRITICAL_QUERY."""
    asked = {name: str(throttle[name]) for name in QUERIES if throttle.get(name)}
    found = {name: is_true(database, name, query) for name, query in asked.items()}
    if found.get("critical_query"):
        raise CriticalLoad()


def is_true(database: Database, name: str, query: str) -> bool:
    """Return whether the first column of the query's first row is true. Raise E_OPTION if PostgreSQL refuses it."""
    try:
        with database.transaction("READ ONLY"):
            database.execute(f"SET LOCAL statement_timeout = '{QUERY_LIMIT}'")
            database.execute(f"SET LOCAL lock_timeout = '{QUERY_LIMIT}'")
            rows = database.rows(query)
    except StatementFailed as exc:
        fault = f"is refused by PostgreSQL: {exc.code}"
        raise InvalidOption(option=f"throttle.{name}", fault=fault, advice="Try it in psql.") from None
    return bool(rows) and rows[0][0] not in (None, False, 0, "", "f", "false", "0")
