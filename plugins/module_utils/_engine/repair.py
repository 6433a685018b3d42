# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that open under no key, or that a person named, and what a backup has in their place.

A value that opens under no key is repaired if its row is in the backup under the same key, all else of the row is as it
was then, and the backup's value opens. A value that a person named is replaced by the backup's value whatever it is
now: another process may have written it together with others of its row. Both are written by compare-and-set, as they
are in the backup: re-encryption follows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .._errors.database import RowsLocked
from .crypto.keyring import Keyring
from .discovery.target_survey import Target
from .postgres.catalog import RowKey, Table, row_name
from .postgres.connection import Database, Yielded, array, quote
from .proof.backup_difference import inside, rest_of
from .proof.census import by_table, look, pages
from .rewrite.rewriter import Change, RowText, compare_and_set

TRIES = 20


class Left(NamedTuple):
    """A value that was not repaired, as table.column:key, and why."""

    value: str
    reason: str


class Replaced(NamedTuple):
    """A value that is about to be overwritten."""

    value: str  # table.column:key
    token: Any


@dataclass
class Repairs:
    """What was done: values repaired by target, what was left, and which of the values named by a person there are."""

    values: Counter[str] = field(default_factory=Counter)
    left: list[Left] = field(default_factory=list)
    named: set[str] = field(default_factory=set)


class _Row(NamedTuple):
    """One row: a hash of what is no target, the targets' values, those of search columns."""

    rest: str
    values: tuple[Any, ...]
    derived: tuple[Any, ...]


def repair(
    database: Database,
    copied: Callable[[], Database],
    targets: Sequence[Target],
    keyring: Keyring,
    keep: Callable[[Sequence[Replaced]], None],
    leave_alone: Collection[str] = (),
    named: Collection[str] = (),
) -> Repairs:
    """Repair what can be, and the values that are ``named`` as table.column:key. ``copied`` is asked for the copy of
    the backup at the first value that needs it, and at each page with others; ``keep`` makes durable what is
    overwritten, before it is. Raises E_DB, E_DB_BUSY."""
    done = Repairs()
    named = frozenset(named)
    for table, key, members in by_table(targets):
        for page in pages(database, table, key, members):
            odd = {row for _, row in _odd(members, page, keyring, leave_alone, named)}
            if odd:
                _repair(database, copied(), table, key, members, sorted(odd), keyring, keep, leave_alone, named, done)
    return done


def needed(
    database: Database,
    targets: Sequence[Target],
    keyring: Keyring,
    leave_alone: Collection[str] = (),
    named: Collection[str] = (),
) -> bool:
    """Whether a repair would ask for the copy. Raises E_DB."""
    return any(
        any(True for _ in _odd(members, page, keyring, leave_alone, named))
        for table, key, members in by_table(targets)
        for page in pages(database, table, key, members)
    )


def _odd(
    members: Sequence[Target],
    page: Sequence[tuple[RowText, tuple[Any, ...]]],
    keyring: Keyring,
    leave_alone: Collection[str],
    named: Collection[str],
) -> Iterator[tuple[int, RowText]]:
    """The column (by its place) and the key of each value to repair."""
    yield from _unreadable(members, page, keyring, leave_alone)
    for place, target in enumerate(members if named else ()):
        for row_key, _ in page:
            if f"{target.name}:{row_name(row_key)}" in named:
                yield place, row_key


def _unreadable(
    members: Sequence[Target],
    page: Sequence[tuple[RowText, tuple[Any, ...]]],
    keyring: Keyring,
    leave_alone: Collection[str],
) -> Iterator[tuple[int, RowText]]:
    """The column (by its place) and the key of each value that opens under no key, or not to its end."""
    for place, target in enumerate(members):
        scheme = keyring.schemes[target.scheme]
        if not scheme.format.authenticated:
            continue  # such a format cannot tell
        rows = [row_name(key) for key, _ in page]
        values = [values[place] for _, values in page]
        for token in look(target, rows, values, keyring, {}):
            lost = token.opened is None and token.token.startswith(scheme.marker)
            if (lost or token.problem) and not token.is_accepted(target, rows[token.row], leave_alone):
                yield place, page[token.row][0]


def _repair(
    database: Database,
    copy: Database,
    table: Table,
    key: RowKey,
    members: Sequence[Target],
    keys: Sequence[RowText],
    keyring: Keyring,
    keep: Callable[[Sequence[Replaced]], None],
    leave_alone: Collection[str],
    named: Collection[str],
    done: Repairs,
) -> None:
    """The odd rows of one page."""
    now = _rows(database, table, key, members, keys)
    then = _rows(copy, table, key, members, keys)
    changes: list[Change] = []
    for row_key, row in now.items():
        bad = {place for place, _ in _odd(members, [(row_key, row.values)], keyring, leave_alone, named)}
        ours = {place for place in bad if f"{members[place].name}:{row_name(row_key)}" in named}
        done.named.update(f"{members[place].name}:{row_name(row_key)}" for place in ours)
        bad = ours or bad
        reason = _reason(members, row, then.get(row_key), bad, ours, keyring)
        if bad and not reason:
            changes.append(_change(members, row_key, row, then[row_key], bad))
        done.left += [Left(f"{members[place].name}:{row_name(row_key)}", reason) for place in sorted(bad) if reason]
    if not changes:
        return
    replaced = [
        Replaced(f"{target.name}:{row_name(change.key)}", change.old[place])
        for change in changes
        for place, target in enumerate(members)
        if change.tokens[place]
    ]
    keep(replaced)
    written = _write(database, table, key, members, changes)
    for change in changes:
        for place, target in enumerate(members):
            if change.tokens[place] and change.key in written:
                done.values[target.name] += 1
            elif change.tokens[place]:
                done.left.append(Left(f"{target.name}:{row_name(change.key)}", "was changed meanwhile"))


def _reason(
    members: Sequence[Target],
    row: _Row,
    then: _Row | None,
    bad: Collection[int],
    named: Collection[int],
    keyring: Keyring,
) -> str:
    """Why a row cannot be repaired; empty if it can. With values that a person ``named``, the rest of it may differ."""
    if then is None:
        return "is not in the backup"
    if row.rest != then.rest and not named:
        return "other columns of its row were changed since the backup"
    for place, target in enumerate(members):
        one, other = (inside(target, [side.values[place]], keyring)[0] for side in (row, then))
        if place not in bad:
            if one != other and not named:
                return f"{target.column} of its row was changed since the backup"
            continue
        found = look(target, [""], [then.values[place]], keyring, {})
        if not found or any(token.opened is None or token.problem for token in found):
            return "opens under no key in the backup either"
        if place in named:
            continue
        if _around(target, row.values[place], keyring) != _around(target, then.values[place], keyring):
            return "its document was changed since the backup"
    return ""


def _around(target: Target, value: Any, keyring: Keyring) -> Any:
    """A value with a mark for each token."""
    tokens = target.kind.tokens(value, keyring.schemes[target.scheme].marker)
    return target.kind.put(value, tokens, [b"?"] * len(tokens))


def _change(members: Sequence[Target], key: RowText, row: _Row, then: _Row, bad: Collection[int]) -> Change:
    names = [(place, column) for place, target in enumerate(members) for column in _searched(target)]
    return Change(
        key=key,
        old=row.values,
        new=tuple(then.values[place] if place in bad else value for place, value in enumerate(row.values)),
        tokens=tuple(int(place in bad) for place in range(len(members))),
        derived={
            name: {None: value}
            for (place, name), value in zip(names, then.derived)
            if place in bad and value is not None
        },
    )


def _searched(target: Target) -> list[str]:
    """The search columns of a target, each once."""
    return list(dict.fromkeys(each.column for each in target.derived))


def _write(
    database: Database, table: Table, key: RowKey, members: Sequence[Target], changes: Sequence[Change]
) -> set[RowText]:
    for _attempt in range(TRIES):
        try:
            with database.batch():
                return compare_and_set(database, table, key, members, changes).keys
        except Yielded:
            continue
    raise RowsLocked(table=table.label, rows=len(changes))


def _rows(
    database: Database, table: Table, key: RowKey, members: Sequence[Target], keys: Sequence[RowText]
) -> Mapping[RowText, _Row]:
    """The rows of these keys that are there."""
    names = key.names
    search = [column for target in members for column in _searched(target)]
    chosen = [f"v.{name}" for name in names] + [rest_of(members)]
    chosen += [target.kind.read.format(f"t.{quote(target.column)}") for target in members]
    chosen += [f"t.{quote(name)}::text" for name in search]
    sql = f"SELECT {', '.join(chosen)} FROM {table.rows} AS t JOIN {key.listed} ON {' AND '.join(key.same)}"
    width, last = len(names), len(names) + 1 + len(members)
    database.execute("SET timezone = 'UTC'")
    return {
        row[:width]: _Row(row[width], row[width + 1 : last], row[last:])
        for row in database.rows(sql, [array(column) for column in zip(*keys)], table=table.label)
    }
