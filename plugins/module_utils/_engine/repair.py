# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Repair values from a backup: those that open under no key, and those that a person named.

A value that opens under no key is repaired if its row is in the backup and the backup's value opens. The rest of the
row must be unchanged. A value that a person named is repaired even if it or the rest of its row has changed: another
process may have written both. Values are written by compare-and-set, exactly as the backup has them. Re-encryption
follows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .._errors.database import RowsLocked
from .._errors.option_names import variable_of
from .crypto.keyring import Keyring
from .discovery.columns.target import Target
from .discovery.findings.settlements import Settlements
from .postgres import sql
from .postgres.catalog import row_name
from .postgres.connection import Database, Yielded, array
from .proof.backup_difference import inside, rest_of
from .proof.page_tokens import ColumnPage, look, stays_plain
from .proof.table_pages import PageRequest, PageRows, RowText, TargetGroup, by_table, pages
from .rewrite.update_statement import Change, compare_and_set

TRIES = 20


class Reason(NamedTuple):
    """The reason why a value is not repaired. ``by_name`` says whether it is repaired if a person names it."""

    text: str
    by_name: bool = False


NOT_IN_BACKUP = Reason("is not in the backup")
OPENS_NOWHERE = Reason("opens under no key in the backup either")
CHANGED_DURING_REPAIR = Reason("was changed during the repair")
ROW_CHANGED = Reason("other columns of its row were changed since the backup", by_name=True)
DOCUMENT_CHANGED = Reason("its document was changed since the backup", by_name=True)
# Reasons for a value that a person named and that is in no target.
NO_ROW = "there is no such row"
NO_COLUMN = "there is no such column"
LIST = f"list all encrypted columns in {variable_of('targets')}, each with its scheme from the plan, including this one"
UNLISTED = f"its column is not among the encrypted columns that were found: {LIST}"
SETTLED = f"its column is settled as {{}} in {variable_of('settlements')}: remove it there, and {LIST}"


class Left(NamedTuple):
    """A value that was not repaired, as table.column:key, and the reason.

    ``named`` says whether a person named it, and ``by_name`` whether it is repaired if a person names it.
    """

    value: str
    reason: str
    named: bool = False
    by_name: bool = False


class Replaced(NamedTuple):
    """A value that is about to be overwritten."""

    value: str  # table.column:key
    token: Any


@dataclass
class Repairs:
    """The result of a repair: ``values`` counts the repaired values by target, and ``unrepaired`` lists the others.

    ``named`` has the values that a person named and that exist.
    """

    values: Counter[str] = field(default_factory=Counter)
    unrepaired: list[Left] = field(default_factory=list)
    named: set[str] = field(default_factory=set)


class _Row(NamedTuple):
    """One row: a hash of its other columns, the values of its targets, and the values of its search columns."""

    rest: str
    values: tuple[Any, ...]
    derived: tuple[Any, ...]


@dataclass(frozen=True)
class RepairScope:
    """The values to repair: those that open under no key, and those that a person ``named``.

    Values in ``leave_alone`` that open under no key are not repaired. All names have the form table.column:key.
    """

    keyring: Keyring
    leave_alone: Collection[str] = ()
    named: Collection[str] = frozenset()

    def values(self, members: Sequence[Target], page: PageRows) -> Iterator[tuple[int, RowText]]:
        """Yield the column (by its place in ``members``) and the row key of each value in a page that is to be
        repaired."""
        yield from self._unreadable(members, page)
        for place, target in enumerate(members if self.named else ()):
            for row_key, _ in page:
                if f"{target.name}:{row_name(row_key)}" in self.named:
                    yield place, row_key

    def _unreadable(self, members: Sequence[Target], page: PageRows) -> Iterator[tuple[int, RowText]]:
        """Yield those that open under no key, or that do not open completely."""
        for place, target in enumerate(members):
            scheme = self.keyring.schemes[target.scheme]
            if not scheme.format.authenticated:
                continue  # such a format does not show whether the key is right
            rows = [row_name(key) for key, _ in page]
            values = [values[place] for _, values in page]
            for token in look(ColumnPage(target, rows, values), self.keyring, {}):
                lost = token.opened is None and token.token.startswith(scheme.marker)
                lost = lost and not stays_plain(token.token, target, self.keyring)
                if (lost or token.problem) and not token.is_accepted(target, rows[token.row], self.leave_alone):
                    yield place, page[token.row][0]


def repair(
    database: Database,
    copied: Callable[[], Database],
    targets: Sequence[Target],
    scope: RepairScope,
    keep: Callable[[Sequence[Replaced]], None],
) -> Repairs:
    """Repair the values of ``scope`` that can be repaired, and return the result.

    ``copied`` returns the restored copy of the backup. It is called for each page with values to repair. ``keep`` makes
    the values durable before they are overwritten. Raise E_DB, or E_DB_BUSY if rows stay locked.
    """
    done = Repairs()
    for group in by_table(targets):
        table = _TableRepair(database, group, scope, keep, done)
        for page in pages(database, PageRequest(group)):
            if keys := {key for _, key in scope.values(group.members, page)}:
                table.repair(copied(), sorted(keys))
    return done


def missing(value: str, targets: Collection[str], columns: Collection[str], settled: Settlements) -> Left:
    """Return a value that a person named and that is in no row of the ``targets``, with the reason.

    ``columns`` has all columns of the application, each as table.column.
    """
    column = next((name for name in columns if value.startswith(f"{name}:")), "")
    if not column:
        reason = NO_COLUMN
    elif column in targets:
        reason = NO_ROW
    else:
        reason = SETTLED.format(settled[column].decision) if column in settled else UNLISTED
    return Left(value, reason, named=True)


def needed(database: Database, targets: Sequence[Target], scope: RepairScope) -> bool:
    """Return whether a repair would need the copy of the backup. Raise E_DB."""
    return any(
        any(True for _ in scope.values(group.members, page))
        for group in by_table(targets)
        for page in pages(database, PageRequest(group))
    )


@dataclass(frozen=True)
class _TableRepair:
    """The repair of one table, which adds its results to ``done``."""

    database: Database
    group: TargetGroup
    scope: RepairScope
    keep: Callable[[Sequence[Replaced]], None]
    done: Repairs

    def repair(self, copy: Database, keys: Sequence[RowText]) -> None:
        """Repair the rows with these keys."""
        changes = list(self._changes(copy, keys))
        if not changes:
            return
        values = [(change, *each) for change in changes for each in self._replaced(change)]
        self.keep([Replaced(name, change.old[place]) for change, place, name in values])
        written = _write(self.database, self.group, changes)
        for change, place, name in values:
            if change.key in written:
                self.done.values[self.group.members[place].name] += 1
            else:
                self.done.unrepaired.append(self._describe_left(name, CHANGED_DURING_REPAIR))

    def _replaced(self, change: Change) -> Iterator[tuple[int, str]]:
        """Yield the column (by its place in the group) and the name of each value that a change replaces."""
        for place, count in enumerate(change.tokens):
            if count:
                yield place, self._name(place, change.key)

    def _changes(self, copy: Database, keys: Sequence[RowText]) -> Iterator[Change]:
        """Yield the changes of the rows that can be repaired. Record the reason for each value that cannot be
        repaired."""
        then = _rows(copy, self.group, keys)
        for key, row in _rows(self.database, self.group, keys).items():
            bad = {place for place, _ in self.scope.values(self.group.members, [(key, row.values)])}
            named = {place for place in bad if self._name(place, key) in self.scope.named}
            self.done.named.update(self._name(place, key) for place in named)
            bad = named or bad
            reason = self._reason(row, then.get(key), bad, named)
            if bad and not reason:
                yield _change(self.group.members, key, row, then[key], bad)
            self.done.unrepaired += [
                self._describe_left(self._name(place, key), reason) for place in sorted(bad) if reason
            ]

    def _describe_left(self, name: str, reason: Reason) -> Left:
        return Left(name, reason.text, named=name in self.scope.named, by_name=reason.by_name)

    def _name(self, place: int, key: RowText) -> str:
        """Return the name of a value: table.column:key."""
        return f"{self.group.members[place].name}:{row_name(key)}"

    def _reason(self, row: _Row, then: _Row | None, bad: Collection[int], named: Collection[int]) -> Reason | None:
        """Return the reason why a row cannot be repaired, or None if it can.

        If a person ``named`` values of the row, the rest of it may differ from the backup.
        """
        if then is None:
            return NOT_IN_BACKUP
        if row.rest != then.rest and not named:
            return ROW_CHANGED
        for place in range(len(self.group.members)):
            if place in bad:
                reason = self._value_reason(place, row, then, named=place in named)
            else:
                reason = None if named else self._neighbor_reason(place, row, then)
            if reason:
                return reason
        return None

    def _neighbor_reason(self, place: int, row: _Row, then: _Row) -> Reason | None:
        target = self.group.members[place]
        now, before = (inside(target, [side.values[place]], self.scope.keyring)[0] for side in (row, then))
        changed = Reason(f"{target.column} of its row was changed since the backup", by_name=True)
        return changed if now != before else None

    def _value_reason(self, place: int, row: _Row, then: _Row, *, named: bool) -> Reason | None:
        target, keyring = self.group.members[place], self.scope.keyring
        tokens = look(ColumnPage(target, [""], [then.values[place]]), keyring, {})
        if not tokens or any(token.opened is None or token.problem for token in tokens):
            return OPENS_NOWHERE
        if named or _around(target, row.values[place], keyring) == _around(target, then.values[place], keyring):
            return None
        return DOCUMENT_CHANGED


def _around(target: Target, value: Any, keyring: Keyring) -> Any:
    """Return a value with a placeholder instead of each token."""
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
    """Return the search columns of a target, each once."""
    return list(dict.fromkeys(recipe.column for recipe in target.derived))


def _write(database: Database, group: TargetGroup, changes: Sequence[Change]) -> set[RowText]:
    for _attempt in range(TRIES):
        try:
            with database.batch():
                return compare_and_set(database, group, changes).keys
        except Yielded:
            continue
    raise RowsLocked(table=group.table.label, rows=len(changes))


def _rows(database: Database, group: TargetGroup, keys: Sequence[RowText]) -> Mapping[RowText, _Row]:
    """Return the rows with these keys that exist."""
    table, key, members = group
    names = key.names
    search = [column for target in members for column in _searched(target)]
    chosen = [sql.Identifier("v", name) for name in names] + [rest_of(members)]
    chosen += [target.value for target in members]
    chosen += [sql.SQL("{}::text").format(sql.Identifier("t", name)) for name in search]
    query = sql.SQL("SELECT {chosen} FROM {rows} AS t JOIN {listed} ON {same}").format(
        chosen=sql.SQL(", ").join(chosen), rows=table.rows, listed=key.listed, same=key.same
    )
    width, last = len(names), len(names) + 1 + len(members)
    database.execute("SET timezone = 'UTC'")
    return {
        row[:width]: _Row(row[width], row[width + 1 : last], row[last:])
        for row in database.rows(query, [array(column) for column in zip(*keys)], table=table.label)
    }
