# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The UPDATE that writes re-encrypted values: of a whole batch, by compare-and-set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from ..discovery.target import Target
from ..postgres import sql
from ..postgres.connection import Database, array
from ..proof.table_pages import RowText, TargetGroup
from .search_digests import Derivations, SearchColumns


class Change(NamedTuple):
    """One row to rewrite: its key, and for each column the stored value and the one to put in its place."""

    key: RowText
    old: tuple[Any, ...]
    new: tuple[Any, ...]
    tokens: tuple[int, ...]  # how many are re-encrypted, by column
    derived: Derivations  # values of search columns, by column


def lock_free(database: Database, group: TargetGroup, changes: Sequence[Change]) -> set[RowText]:
    """Lock the rows to change that no other transaction holds, without a wait; their keys."""
    table, key, _ = group
    names = ", ".join(f"v.{name}" for name in key.names)
    query = sql.SQL(
        f"SELECT {names} FROM {{rows}} AS t JOIN {key.listed} ON {{same}} FOR NO KEY UPDATE OF t SKIP LOCKED"
    ).format(rows=table.rows, same=key.same)
    columns = [array(values) for values in zip(*(change.key for change in changes))]
    return set(database.rows(query, columns, table=table.label))


class Written(NamedTuple):
    """What one UPDATE has done."""

    keys: set[RowText]  # of the rows that are now as they should be
    transactions: list[str]  # its ID, if all rows are
    kept: list[str]  # its ID, if a trigger restored an old value
    stale: Counter[str]  # digests that stay, by column


def compare_and_set(database: Database, group: TargetGroup, changes: Sequence[Change]) -> Written:
    """One UPDATE for the whole batch: a row changes only if all its values are still those that were read.

    A trigger may put an old value back, and such a row has to be looked at again. A search column changes in those rows
    in which it holds what a recipe made of this very token; another digest there is stale.
    """
    table, key, members = group
    derived = [change.derived for change in changes]
    search = SearchColumns.of(members, derived)
    columns: list[Sequence[str | None]] = [*zip(*(change.key for change in changes))]
    for side in ("old", "new"):
        for target, values in zip(members, zip(*(getattr(change, side) for change in changes))):
            columns.append(target.kind.elements(values))
    columns += search.arrays(derived)
    params = [array(values) for values in columns] + [each.looks for each in search.columns]
    statement = build_update(database, TargetGroup(table, key, tuple(members)), search)
    rows = database.rows(statement, params, table=table.label)
    return interpret_returning(rows, group, search)


@lru_cache(maxsize=64)
def build_update(database: Database, group: TargetGroup, search: SearchColumns) -> str:
    """The UPDATE of ``compare_and_set``. In ``v`` are the row's key (k), its old and new values (o, n), and the ways in
    which digests were made."""
    table, key, members = group
    assign, same, kept = compared(members)
    names = [*key.names, *(f"{side}{place}" for side in "on" for place in range(len(members)))]
    names += search.names
    types = ["text"] * len(key.names) + [target.kind.array for target in members] * 2 + ["text"] * len(search.names)
    return database.text(
        sql.SQL(
            "UPDATE {rows} AS t SET {assign}"
            f" FROM unnest({', '.join(f'%s::{name}[]' for name in types)}) AS v({', '.join(names)})"
            " WHERE {same} AND {row} RETURNING pg_current_xact_id()::xid::text, {told}"
        ).format(
            rows=table.rows,
            assign=sql.SQL(", ").join([*assign, *(each.assigned(first) for each, first in search.placed)]),
            same=sql.SQL(" AND ").join(same),
            row=key.same,
            told=sql.SQL(", ").join(
                [
                    sql.SQL(" OR ").join(kept),
                    *(sql.Identifier("v", name) for name in key.names),
                    *(each.is_stale(each.held, first) for each, first in search.placed),
                ]
            ),
        )
    )


def interpret_returning(rows: Sequence[Any], group: TargetGroup, search: SearchColumns) -> Written:
    """What the UPDATE of ``build_update`` has done, by what it returned of each row."""
    table, key, _ = group
    width = 2 + len(key.names)
    written = {row[2:width] for row in rows if not row[1]}
    transaction = [row[0] for row in rows[:1]]
    whole = len(written) == len(rows)
    flags = [*zip(*rows)][width:]
    left = {table.label_of(each.column): sum(map(bool, stale)) for each, stale in zip(search.columns, flags)}
    return Written(written, transaction if whole else [], [] if whole else transaction, +Counter(left))


def compared(members: Sequence[Target]) -> tuple[list[Any], list[Any], list[Any]]:
    """For each target with its old and new value (o, n) in a list ``v``: how a row ``t`` is assigned the new one, when
    it has the old one, and when it has it although that was to be replaced."""
    values = [
        (target, sql.Identifier("v", f"o{place}"), sql.Identifier("v", f"n{place}"))
        for place, target in enumerate(members)
    ]
    assign = [
        sql.SQL(f"{{}} = {target.kind.write}").format(sql.Identifier(target.column), new) for target, _, new in values
    ]
    same = [sql.SQL("{} IS NOT DISTINCT FROM {}").format(target.value, old) for target, old, _ in values]
    kept = [
        sql.SQL("{} IS DISTINCT FROM {} AND {}").format(old, new, alike) for (_, old, new), alike in zip(values, same)
    ]
    return assign, same, kept
