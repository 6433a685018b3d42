# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person orders a run that is at work: pause, resume, workers, batch_seconds, postpone, switch, abort.

gh-ost has such commands (docs/design/concurrency.md). An order is in the row of the lease, so it reaches every process
of the run on every host, and ends with the run: what was ordered of a killed run does not bind the next one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypedDict

from ..._errors.options import InvalidOption
from . import lease, locks
from .connection import APPLICATION_NAME, Database
from .lease import Holder, Order

PAUSE, RESUME, POSTPONE, SWITCH, ABORT = WORDS = ("pause", "resume", "postpone", "switch", "abort")
WORKERS, BATCH_SECONDS = NUMBERS = ("workers", "batch_seconds")
STATUS = "status"
NEWEST = 8  # orders that the lease keeps besides those in force: a B-tree entry has at most 2,704 bytes
ADVICE = f"Give one of {STATUS}, {', '.join(WORDS)}, {WORKERS}=2, {BATCH_SECONDS}=0.1."


class Control(TypedDict):
    """All orders that a run has received, and the last one about the switch, or an empty string."""

    orders: list[Order]
    switch: str


class ControlResult(TypedDict, total=False):
    """The member of a step's result that has the orders."""

    control: Control


@dataclass(frozen=True)
class Orders:
    """All orders that a run was given. The last one of each kind is in force.

    ``workers`` is how many may work at once on a database, on all hosts together. ``switch`` is ``switch``,
    ``postpone``, or empty.
    """

    given: Sequence[Order] = ()

    @property
    def aborted(self) -> Order | None:
        """The order to abort."""
        return self._last(ABORT)

    @property
    def paused(self) -> Order | None:
        """The order to pause. An abort ends a pause, since the rollback must not wait for anyone."""
        last = self._last(PAUSE, RESUME, ABORT)
        return last if last and last["order"] == PAUSE else None

    @property
    def switch(self) -> str:
        last = self._last(SWITCH, POSTPONE)
        return last["order"] if last else ""

    @property
    def workers(self) -> int | None:
        number = self._number(WORKERS)
        return None if number is None else int(number)

    @property
    def batch_seconds(self) -> float | None:
        return self._number(BATCH_SECONDS)

    def as_control(self) -> Control:
        """Return them for the result of a step."""
        return {"orders": list(self.given), "switch": self.switch}

    def _last(self, *words: str) -> Order | None:
        return next((each for each in reversed(self.given) if each["order"] in words), None)

    def _number(self, name: str) -> float | None:
        values = (each["order"].partition("=") for each in reversed(self.given))
        return next((float(value) for word, _, value in values if word == name), None)


NO_ORDERS = Orders()


def check(order: str) -> str:
    """Return an order as it is stored. Raise E_OPTION for an unknown one."""
    word, has_value, value = (part.strip() for part in order.partition("="))
    if not has_value and word in WORDS:
        return word
    number = {WORKERS: _count, BATCH_SECONDS: _seconds}.get(word, _nothing)(value)
    if number is None:
        raise InvalidOption(option="control", fault=f"is {order or 'empty'}", advice=ADVICE)
    return f"{word}={number:g}"


def read(database: Database) -> Orders:
    """Return what the run at work was ordered."""
    held = lease.read_holder(database)
    return of_holder(held)


def of_holder(held: Holder | None) -> Orders:
    """Return the orders that the row of a lease has."""
    return Orders(tuple(held.get("orders", ()))) if held else NO_ORDERS


def give(database: Database, order: Order) -> Holder | None:
    """Give an order to the run that holds the lease of this database. Return the run, or None without one."""
    return _change(database, lambda held: {**held, "orders": compact([*held.get("orders", ()), order])})


def compact(orders: Sequence[Order]) -> list[Order]:
    """Return the newest orders, and of each kind the last one, so that the row of the lease stays small."""
    last = {_kind(each): at for at, each in enumerate(orders)}
    return [each for at, each in enumerate(orders) if at >= len(orders) - NEWEST or last[_kind(each)] == at]


def mark_waiting(database: Database, since: str) -> None:
    """Note in the lease since when the run waits for the order to switch. Empty if it no longer waits."""
    _change(database, lambda held: {**held, "waits_since": since})


def describe_control(database: Database) -> ControlResult:
    """Return what the run was ordered, for the result of a step. Empty if it was ordered nothing."""
    orders = read(database)
    return {"control": orders.as_control()} if orders.given else {}


def count_connections(database: Database) -> int:
    """Return how many connections of a run a database has, other than this one."""
    ours = "application_name LIKE %s AND pid <> pg_backend_pid() AND datname = current_database()"
    rows = database.rows(f"SELECT count(*) FROM pg_stat_activity WHERE {ours}", (f"{APPLICATION_NAME}%",))
    return int(rows[0][0])


def _change(database: Database, changed: Callable[[Holder], Holder]) -> Holder | None:
    with locks.gate(database):
        held = lease.read_holder(database)
        if held is None:
            return None
        after = changed(held)
        database.execute(f"UPDATE {lease.TABLE} SET holder = %s", (json.dumps(after),), table=lease.TABLE)
        return after


def _kind(order: Order) -> str:
    word = order["order"].partition("=")[0]
    return {RESUME: PAUSE, POSTPONE: SWITCH}.get(word, word)


def _count(text: str) -> float | None:
    return float(text) if re.fullmatch(r"[1-9][0-9]{0,3}", text) else None


def _seconds(text: str) -> float | None:
    is_plain = re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,3})?", text)
    return float(text) if is_plain and float(text) > 0 else None


def _nothing(_text: str) -> None:
    return None
