# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Re-encryption: every token of every target from one key set to another, in batches, by compare-and-set.

The algorithm is that of facts/re-encryption.md 3.4. Which key a row is under is read from the row, so the function may
be killed anywhere and run again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from ..errors import RotationError
from . import census
from .database import Database, RowKey, Yielded, quote
from .discovery import Target
from .keyring import Keyring

MAX_PASSES = 20
BACK_OFF_SECONDS = 0.2  # after a batch gave way; long against the locks of a web request
RowText = tuple[str, ...]


@dataclass
class Change:
    """One row to rewrite: its key, and for each column the stored value and the one to put in its place."""

    key: RowText
    old: tuple[str | None, ...]
    new: tuple[str | None, ...]
    columns: list[str] = field(default_factory=list)


@dataclass
class Work:
    """What was done: values rewritten per column name of each table, rows that changed under us, passes."""

    values: Counter[str] = field(default_factory=Counter)
    conflicts: int = 0
    passes: int = 0


def reencrypt(
    database: Database,
    targets: Sequence[Target],
    keyring: Keyring,
    destination: str,
    work: Work,
    *,
    leave_alone: Collection[str] = (),
    stop_at_unreadable: bool = True,
) -> None:
    """Bring every value of ``targets`` that opens under any key set of ``keyring`` under that of ``destination``.

    A value that opens under none is never overwritten. It stops the work, unless ``stop_at_unreadable`` is False (a
    rollback brings back all it can); what was committed until then stays, and ``work`` says what that is.
    Raises E_UNREADABLE, E_PLAINTEXT, E_TOKEN_TOO_LONG, E_SELF_CHECK, E_DB_BUSY, E_DB_UNSETTLED, E_DB or E_DB_LOST.
    """
    translate = _Translator(keyring, destination, leave_alone, stop_at_unreadable)
    try:
        for table, key, members in census.by_table(targets):
            _table(database, table, key, members, translate, work)
    except RotationError as exc:
        raise exc.with_changed(changed(work, keyring.key_id(destination))) from None


def changed(work: Work, key_id: str) -> str:
    """One sentence on what was written so far."""
    count = sum(work.values.values())
    if not count:
        return "No value was changed."
    return f"{count} values were re-encrypted to the keys {key_id}; every value opens under a version in the store."


def _table(
    database: Database, table: str, key: RowKey, members: Sequence[Target], translate: _Translator, work: Work
) -> None:
    """Passes over one table until one finds nothing left."""
    for _attempt in range(MAX_PASSES):
        left = yielded = 0
        work.passes += 1
        for page in census.pages(database, table, key, [target.column for target in members]):
            changes = [change for row_key, values in page if (change := translate.row(members, row_key, values))]
            left += len(changes)
            if changes:
                yielded += _write(database, table, key, members, changes, work)
        if not left:
            return
        if yielded:
            time.sleep(BACK_OFF_SECONDS)
    if yielded:
        raise RotationError("E_DB_BUSY", table=table, rows=yielded, passes=MAX_PASSES)
    raise RotationError("E_DB_UNSETTLED", table=table, passes=MAX_PASSES)


def _write(
    database: Database, table: str, key: RowKey, members: Sequence[Target], changes: Sequence[Change], work: Work
) -> int:
    """Write the changes; halves of them where the whole had to yield. The number of rows that stayed locked."""
    try:
        done = _compare_and_set(database, table, key, members, changes)
    except Yielded:
        if len(changes) == 1:
            return 1
        middle = len(changes) // 2
        return sum(_write(database, table, key, members, half, work) for half in (changes[:middle], changes[middle:]))
    for change in changes:
        if change.key in done:
            work.values.update(f"{table}.{column}" for column in change.columns)
    work.conflicts += len(changes) - len(done)
    return 0


def _compare_and_set(
    database: Database, table: str, key: RowKey, members: Sequence[Target], changes: Sequence[Change]
) -> set[RowText]:
    """One UPDATE for the whole batch: a row changes only if all its values are still those that were read."""
    columns = [target.column for target in members]
    keys = [f"k{place}" for place in range(len(key.columns))]
    names = keys + [f"o{place}" for place in range(len(columns))] + [f"n{place}" for place in range(len(columns))]
    assign = ", ".join(f"{quote(column)} = v.n{place}" for place, column in enumerate(columns))
    same_row = [
        f"t.{quote(column)} = v.k{place}::{sql_type}"
        for place, (column, sql_type) in enumerate(zip(key.columns, key.types))
    ]
    same_values = [f"t.{quote(column)} IS NOT DISTINCT FROM v.o{place}" for place, column in enumerate(columns)]
    sql = (
        f"UPDATE {quote(table)} AS t SET {assign}"
        f" FROM unnest({', '.join(['%s::text[]'] * len(names))}) AS v({', '.join(names)})"
        f" WHERE {' AND '.join(same_row + same_values)}"
        f" RETURNING {', '.join(f'v.{name}' for name in keys)}"
    )
    fields = [(*change.key, *change.old, *change.new) for change in changes]
    with database.batch():
        return set(database.rows(sql, [list(values) for values in zip(*fields)], table=table))


class _Translator:
    """From a row as read to the change it needs."""

    def __init__(self, keyring: Keyring, destination: str, leave_alone: Collection[str], stop: bool) -> None:
        self._stop = stop
        self._keyring = keyring
        self._destination = destination
        self._leave_alone = leave_alone

    def row(self, members: Sequence[Target], key: RowText, values: Sequence[str | None]) -> Change | None:
        """The change of one row, or None where all its values are where they should be."""
        new = tuple(self._value(target, key, value) for target, value in zip(members, values))
        columns = [target.column for target, old, fresh in zip(members, values, new) if old != fresh]
        return Change(key, tuple(values), new, columns) if columns else None

    def _value(self, target: Target, key: RowText, value: str | None) -> str | None:
        if not value:
            return value
        opened = self._keyring.stage_of(target.scheme, value)
        if opened is None:
            self._refuse_unless_listed(target, key, value)
            return value
        stage, inside = opened
        if stage == self._destination:
            return value
        cipher = self._keyring.cipher(target.scheme, self._destination)
        fresh = cipher.seal(inside)
        if cipher.open(fresh) != inside:
            raise RotationError("E_SELF_CHECK", table=target.table, column=target.column)
        if target.limit is not None and len(fresh) > target.limit:
            raise RotationError(
                "E_TOKEN_TOO_LONG", table=target.table, column=target.column, limit=target.limit, needed=len(fresh)
            )
        return fresh

    def _refuse_unless_listed(self, target: Target, key: RowText, value: str) -> None:
        """A value under no key set is never overwritten, and stops the work unless its row was listed."""
        row = census.row_name(key)
        if self._stop and f"{target.name}:{row}" not in self._leave_alone:
            code = "E_UNREADABLE" if value.startswith(self._keyring.schemes[target.scheme].marker) else "E_PLAINTEXT"
            raise RotationError(code, table=target.table, column=target.column, count=1, rows=row)
