# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lease in the database: one run at a time from its first write to its end, from any control node.

A session's lock (locks.py) ends with each step; between two of them the lease says who is at work. It is one row
in a table of our own, which is there only as long as somebody holds it.
"""

from __future__ import annotations

import contextlib
import json
import time
from typing import TypedDict

from ..._errors.base import RotationError
from ..._errors.database import DatabaseLeased, LeaseNotCreated, StatementFailed
from . import locks
from .connection import FORBIDDEN, Database, Yielded
from .locks import LOCK_SECONDS

TABLE = "tetech_key_rotation_lease"  # the same in a database


SHOWN = ("rotation_id", "user", "host", "since", "pid")


class Order(TypedDict):
    """What a person ordered the run (run_orders.py), such as ``workers=2``, who gave the order, and when."""

    order: str
    by: str
    at: str


class Holder(TypedDict, total=False):
    """A run that holds a lease, as the table and the file have it: that of an earlier version may lack members.

    Only the table has ``orders``, and ``waits_since`` while the run waits for the order to switch.
    """

    rotation_id: str
    user: str
    host: str
    machine: str
    pid: int
    started: str
    since: str
    orders: list[Order]
    waits_since: str


def run_name(held: Holder) -> str:
    """Return one word for a run, which is the same in all its steps and which no other run has."""
    return " ".join(str(held.get(member, "")) for member in ("host", "machine", "pid", "started"))


def build_leased_error(alias: str, held: Holder) -> RotationError:
    """Return E_LEASED: another run holds the lease of a database."""
    return DatabaseLeased(alias=alias, table=TABLE, **{name: str(held.get(name, "unknown")) for name in SHOWN})


def take(database: Database, mine: Holder, over: Holder | None = None) -> Holder | None:
    """Take the lease of this database. Return who holds it instead, if another run does.

    ``over`` is a run whose lease may be taken over, since the caller knows that it is dead. Raise E_LEASE if this role
    may not create the table, E_LOCKED if a session of another run is active, E_DB or E_DB_LOST.
    """
    asked = time.monotonic()
    while True:
        with locks.gate(database):
            held = look(database, mine, over)
            session = None if held else locks.find_other_run(database, run_name(mine))
            if not held and not session:
                _write(database, mine)
        if not session:
            return held
        if time.monotonic() > asked + LOCK_SECONDS:
            raise session.as_error()
        time.sleep(0.05)


def look(database: Database, mine: Holder, over: Holder | None = None) -> Holder | None:
    """Return who holds the lease and would not let this run take it."""
    held = read_holder(database)
    return held if held and not _same(held, mine) and not (over and _same(held, over)) else None


def is_held_by(database: Database, mine: Holder) -> bool:
    """Return whether this run holds the lease."""
    held = read_holder(database)
    return held is not None and _same(held, mine)


def give_back(database: Database, mine: Holder) -> bool:
    """Release the lease. Return whether this run held it. The table is dropped, if the role owns it."""
    with locks.gate(database):
        if not is_held_by(database, mine):
            return False
        database.execute(f"DELETE FROM {TABLE}", table=TABLE)
        with contextlib.suppress(RotationError, Yielded), database.batch():
            database.execute(f"DROP TABLE {TABLE}", table=TABLE)
    return True


def forget(database: Database) -> None:
    """Remove the lease that came with a backup: the run that made the backup held it."""
    database.execute(f"DROP TABLE IF EXISTS {TABLE}", table=TABLE)


def read_holder(database: Database) -> Holder | None:
    """Return who holds the lease."""
    if not _exists(database):
        return None
    rows = database.rows(f"SELECT holder FROM {TABLE}", table=TABLE)
    held: Holder | None = json.loads(rows[0][0]) if rows else None
    return held


def refuse_other(database: Database, run: str) -> None:
    """Raise E_LEASED if another run than the one of this name holds the lease."""
    held = read_holder(database)
    if held is not None and run_name(held) != run:
        raise build_leased_error(database.alias, held)


def lock_for_run(database: Database, run: str, step: str, *, leased: bool = True) -> None:
    """Lock a database for a step of a run, for the life of the connection. Raise E_LOCKED; unless ``leased`` is False,
    also E_LEASED."""
    locks.lock(database, run, step)
    if leased:
        refuse_other(database, run)


def _same(holder: Holder, other: Holder) -> bool:
    return run_name(holder) == run_name(other)


def _exists(database: Database) -> bool:
    return bool(database.rows("SELECT to_regclass(%s) IS NOT NULL", (TABLE,))[0][0])


def _write(database: Database, mine: Holder) -> None:
    held = read_holder(database)
    if held and _same(held, mine):
        return
    if not _exists(database):
        try:
            # With a key: if a publication is of all tables, PostgreSQL refuses a DELETE from a table without one.
            database.execute(f"CREATE TABLE {TABLE} (holder text PRIMARY KEY)", table=TABLE)
        except StatementFailed as exc:
            if exc.sqlstate not in FORBIDDEN:
                raise
            raise LeaseNotCreated(alias=database.alias, table=TABLE) from None
    with database.transaction("ISOLATION LEVEL READ COMMITTED"):
        database.execute(f"DELETE FROM {TABLE}", table=TABLE)
        database.execute(f"INSERT INTO {TABLE} VALUES (%s)", (json.dumps(mine),), table=TABLE)
