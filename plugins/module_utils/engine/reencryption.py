# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Re-encryption: every token of every target from one key set to another, in batches, by compare-and-set.

The algorithm is that of facts/re-encryption.md 3.4. Which key a row is under is read from the row, so the function may
be killed anywhere and run again.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import RotationError
from . import census
from .catalog import RowKey, Table
from .database import Database, Yielded, quote
from .discovery import Target
from .journal import Journal
from .keyring import Keyring

MAX_PASSES = 20
BACK_OFF_SECONDS = 0.2  # after a batch gave way; long against the locks of a web request
RowText = tuple[str, ...]


@dataclass
class Change:
    """One row to rewrite: its key, and for each column the stored value and the one to put in its place."""

    key: RowText
    old: tuple[Any, ...]
    new: tuple[Any, ...]
    tokens: Counter[str] = field(default_factory=Counter)  # re-encrypted ones, by target
    derived: dict[str, str] = field(default_factory=dict)  # values of search columns, by column


@dataclass
class Work:
    """What was done: tokens re-encrypted by target, rows that changed under us, passes."""

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
    journal = Journal(database, keyring, targets)
    try:
        journal.prepare()
        for table, key, members in census.by_table(targets):
            _table(database, table, key, members, translate, journal, work)
    except RotationError as exc:
        raise exc.with_changed(changed(work, keyring.key_id(destination))) from None


def rehearse(
    database: Database,
    targets: Sequence[Target],
    keyring: Keyring,
    destination: str,
    *,
    leave_alone: Collection[str] = (),
    stop_at_unreadable: bool = True,
) -> None:
    """Seal every value anew, and write none. Raises as ``reencrypt``, before anything was changed."""
    translate = _Translator(keyring, destination, leave_alone, stop_at_unreadable)
    journal = Journal(database, keyring, targets)
    for table, key, members in census.by_table(targets):
        for page in census.pages(database, table, key, members):
            known = journal.of(members, page)
            for row_key, values in page:
                translate.row(members, row_key, values, known)


def changed(work: Work, key_id: str) -> str:
    """One sentence on what was written so far."""
    count = sum(work.values.values())
    if not count:
        return "No value was changed."
    return f"{count} values were re-encrypted to the keys {key_id}; every value opens under a version in the store."


def _table(
    database: Database,
    table: Table,
    key: RowKey,
    members: Sequence[Target],
    translate: _Translator,
    journal: Journal,
    work: Work,
) -> None:
    """Passes over one table until one finds nothing left."""

    def enter(done: Sequence[Change]) -> None:
        journal.write(translate.key_id, [entry for change in done for entry in _entries(members, change)])

    for _attempt in range(MAX_PASSES):
        left = yielded = 0
        work.passes += 1
        for page in census.pages(database, table, key, members):
            known = journal.of(members, page)
            changes = [change for row_key, values in page if (change := translate.row(members, row_key, values, known))]
            left += len(changes)
            if changes:
                yielded += _write(database, table, key, members, changes, enter, work)
        if not left:
            return
        if yielded:
            time.sleep(BACK_OFF_SECONDS)
    if yielded:
        raise RotationError("E_DB_BUSY", table=table.label, rows=yielded, passes=MAX_PASSES)
    raise RotationError("E_DB_UNSETTLED", table=table.label, passes=MAX_PASSES)


def _write(
    database: Database,
    table: Table,
    key: RowKey,
    members: Sequence[Target],
    changes: Sequence[Change],
    enter: Callable[[Sequence[Change]], None],
    work: Work,
) -> int:
    """Write the changes; halves of them where the whole had to yield. The number of rows that stayed locked."""
    try:
        with database.batch():
            written = _compare_and_set(database, table, key, members, changes)
            done = [change for change in changes if change.key in written]
            enter(done)
    except Yielded:
        if len(changes) == 1:
            return 1
        middle = len(changes) // 2
        halves = (changes[:middle], changes[middle:])
        return sum(_write(database, table, key, members, half, enter, work) for half in halves)
    for change in done:
        work.values.update(change.tokens)
    work.conflicts += len(changes) - len(done)
    return 0


def _compare_and_set(
    database: Database, table: Table, key: RowKey, members: Sequence[Target], changes: Sequence[Change]
) -> set[RowText]:
    """One UPDATE for the whole batch: a row changes only if all its values are still those that were read."""
    keys = [f"k{place}" for place in range(len(key.columns))]
    old = [f"o{place}" for place in range(len(members))]
    new = [f"n{place}" for place in range(len(members))]
    search = [derived.column for target in members for derived in target.derived]
    fresh = [f"d{place}" for place in range(len(search))]
    types = ["text"] * len(keys) + [target.kind.array for target in members] * 2 + ["text"] * len(search)
    assign = [f"{quote(name)} = coalesce(v.{value}, t.{quote(name)})" for name, value in zip(search, fresh)]
    same = []
    for target, before, after in zip(members, old, new):
        column = quote(target.column)
        assign.append(f"{column} = {target.kind.write.format(f'v.{after}')}")
        same.append(f"{target.kind.read.format(f't.{column}')} IS NOT DISTINCT FROM v.{before}")
    for name, column, sql_type in zip(keys, key.columns, key.types):
        same.append(f"t.{quote(column)} = v.{name}::{sql_type}")
    sql = (
        f"UPDATE {table.sql} AS t SET {', '.join(assign)}"
        f" FROM unnest({', '.join(f'%s::{name}[]' for name in types)}) AS v({', '.join(keys + old + new + fresh)})"
        f" WHERE {' AND '.join(same)} RETURNING {', '.join(f'v.{name}' for name in keys)}"
    )
    fields = [(*change.key, *change.old, *change.new, *map(change.derived.get, search)) for change in changes]
    return set(database.rows(sql, [list(values) for values in zip(*fields)], table=table.label))


def _entries(members: Sequence[Target], change: Change) -> Iterator[tuple[str, str, Any]]:
    """What the journal is told of one change."""
    for target, before, after in zip(members, change.old, change.new):
        if before != after:
            yield target.name, census.row_name(change.key), after


class _Translator:
    """From a row as read to the change it needs."""

    def __init__(self, keyring: Keyring, destination: str, leave_alone: Collection[str], stop: bool) -> None:
        self._stop = stop
        self._keyring = keyring
        self._destination = destination
        self._leave_alone = leave_alone
        self.key_id = keyring.key_id(destination)

    def row(
        self, members: Sequence[Target], key: RowText, values: Sequence[Any], known: Mapping[tuple[str, str], str]
    ) -> Change | None:
        """The change of one row, or None where all its values are where they should be.

        ``known`` is what the journal says of its values.
        """
        change = Change(key, tuple(values), ())
        row = census.row_name(key)
        change.new = tuple(
            self._value(target, key, value, known.get((target.name, row)), change)
            for target, value in zip(members, values)
        )
        return change if change.tokens else None

    def _value(self, target: Target, key: RowText, value: Any, key_id: str | None, change: Change) -> Any:
        if not value:
            return value
        tokens = target.kind.tokens(value, self._keyring.schemes[target.scheme].marker)
        fresh = [self._token(target, key, token, key_id, change) for token in tokens]
        changed = sum(before != after for before, after in zip(tokens, fresh))
        if not changed:
            return value
        change.tokens[target.name] += changed
        new = target.kind.put(value, tokens, fresh)
        if target.limit is not None and len(new) > target.limit:
            raise _error("E_TOKEN_TOO_LONG", target, limit=target.limit, needed=len(new))
        return new

    def _token(self, target: Target, key: RowText, token: bytes, key_id: str | None, change: Change) -> bytes:
        opened = self._keyring.stage_of(target.scheme, token, key_id)
        if opened is None:
            self._refuse_unless_listed(target, key, token)
            return token
        stage, inside = opened
        if stage == self._destination:
            return token
        fresh = self._keyring.resealed(target.scheme, stage, self._destination, inside)
        if fresh is None:
            raise _error("E_SELF_CHECK", target)
        for derived in target.derived:
            salt = self._keyring.setting(self._destination, derived.salt)
            digest = hashlib.sha256(inside.plaintext + salt.encode("utf-8")).hexdigest()
            change.derived[derived.column] = derived.prefix + digest
        return fresh

    def _refuse_unless_listed(self, target: Target, key: RowText, token: bytes) -> None:
        """A value under no key set is never overwritten, and stops the work unless its row was listed."""
        row = census.row_name(key)
        if self._stop and f"{target.name}:{row}" not in self._leave_alone:
            known = token.startswith(self._keyring.schemes[target.scheme].marker)
            raise RotationError("E_UNREADABLE" if known else "E_PLAINTEXT", count=1, rows=f"{target.name}:{row}")


def _error(code: str, target: Target, **where: object) -> RotationError:
    place: dict[str, Any] = {"table": target.table.label, "column": target.column, **where}
    return RotationError(code, **place)
