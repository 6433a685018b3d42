# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The UPDATE that writes re-encrypted values: of a whole batch, by compare-and-set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from ..discovery.columns.target import Target
from ..postgres import sql
from ..postgres.connection import Database, array
from ..proof.table_pages import RowText, TargetGroup
from .search_digests import Derivations, SearchColumns


class Change(NamedTuple):
    """One row to rewrite: its key, and for each column the stored value and the new one."""

    key: RowText
    old: tuple[Any, ...]
    new: tuple[Any, ...]
    tokens: tuple[int, ...]  # how many are re-encrypted, by column
    derived: Derivations  # values of search columns, by column


def lock_free(database: Database, group: TargetGroup, changes: Sequence[Change]) -> set[RowText]:
    """Lock the rows to change that no other transaction holds, without a wait. Return their keys."""
    table, key, _ = group
    query = sql.SQL(
        "SELECT {names} FROM {rows} AS t JOIN {listed} ON {same} FOR NO KEY UPDATE OF t SKIP LOCKED"
    ).format(names=sql.identifiers(key.names, "v"), rows=table.rows, listed=key.listed, same=key.same)
    columns = [array(values) for values in zip(*(change.key for change in changes))]
    return set(database.rows(query, columns, table=table.label))


class Written(NamedTuple):
    """The result of one UPDATE."""

    keys: set[RowText]  # of the rows that are now as they should be
    transactions: list[str]  # its ID, if all rows are
    kept: list[str]  # its ID, if a trigger restored an old value
    stale: Counter[str]  # digests that stay, by column


def compare_and_set(database: Database, group: TargetGroup, changes: Sequence[Change]) -> Written:
    """Write the whole batch by one UPDATE: a row changes only if all its values are still those that were read.

    A trigger may put an old value back, and such a row needs another pass. A search column changes in rows whose digest
    a recipe made of this very token. Any other digest there is stale.
    """
    table, key, members = group
    derived = [change.derived for change in changes]
    search = SearchColumns.of(members, derived)
    columns: list[Sequence[str | None]] = [*zip(*(change.key for change in changes))]
    for side in ("old", "new"):
        for target, values in zip(members, zip(*(getattr(change, side) for change in changes))):
            columns.append(target.kind.elements(values))
    columns += search.arrays(derived)
    params = [array(values) for values in columns] + [column.looks for column in search.columns]
    statement = build_update(database, TargetGroup(table, key, tuple(members)), search)
    rows = database.rows(statement, params, table=table.label)
    return interpret_returning(rows, group, search)


@lru_cache(maxsize=64)
def build_update(database: Database, group: TargetGroup, search: SearchColumns) -> str:
    """Return the UPDATE of ``compare_and_set``.

    In its list ``v`` are the row's key (k), its old and new values (o, n), and the ways in which digests were made.
    """
    table, key, members = group
    assign, same, kept = compared(members)
    names = [*key.names, *(f"{side}{place}" for side in "on" for place in range(len(members)))]
    names += search.names
    types = ["text"] * len(key.names) + [target.kind.array for target in members] * 2 + ["text"] * len(search.names)
    return database.text(
        sql.SQL(
            "UPDATE {rows} AS t SET {assign} FROM {lists} AS v({names}) WHERE {same} AND {row}"
            " RETURNING pg_current_xact_id()::xid::text, {outcome}"
        ).format(
            rows=table.rows,
            lists=sql.unnest(types),
            names=sql.identifiers(names),
            assign=sql.SQL(", ").join([*assign, *(column.assigned(first) for column, first in search.placed)]),
            same=sql.SQL(" AND ").join(same),
            row=key.same,
            outcome=sql.SQL(", ").join(
                [
                    sql.SQL(" OR ").join(kept),
                    sql.identifiers(key.names, "v"),
                    *(column.is_stale(column.held, first) for column, first in search.placed),
                ]
            ),
        )
    )


def interpret_returning(rows: Sequence[tuple[Any, ...]], group: TargetGroup, search: SearchColumns) -> Written:
    """Return what the UPDATE of ``build_update`` did, from what it returned of each row."""
    table, key, _ = group
    width = 2 + len(key.names)
    written = {row[2:width] for row in rows if not row[1]}
    transaction = [row[0] for row in rows[:1]]
    whole = len(written) == len(rows)
    flags = [*zip(*rows)][width:]
    left = {table.label_of(column.column): sum(map(bool, stale)) for column, stale in zip(search.columns, flags)}
    return Written(written, transaction if whole else [], [] if whole else transaction, +Counter(left))


def compared(members: Sequence[Target]) -> tuple[list[sql.Composable], list[sql.Composable], list[sql.Composable]]:
    """Return three parts of an UPDATE for each target, whose old and new value (o, n) are in a list ``v``.

    The first assigns the new value to a row ``t``. The second is the condition that the row has the old value. The
    third is the condition that it still has the old value although that was to be replaced.
    """
    values = [
        (target, sql.Identifier("v", f"o{place}"), sql.Identifier("v", f"n{place}"))
        for place, target in enumerate(members)
    ]
    assign = [
        sql.SQL("{} = {}").format(sql.Identifier(target.column), sql.SQL(target.kind.write).format(new))
        for target, _, new in values
    ]
    same = [sql.SQL("{} IS NOT DISTINCT FROM {}").format(target.value, old) for target, old, _ in values]
    kept = [
        sql.SQL("{} IS DISTINCT FROM {} AND {}").format(old, new, alike) for (_, old, new), alike in zip(values, same)
    ]
    return assign, same, kept
