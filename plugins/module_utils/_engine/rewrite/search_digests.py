# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The digests in the search columns of rows: what replaces which, and which ones no known recipe explains.

The same SQL finds both: in the statement that writes the rows, and before the first write.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import NamedTuple, Union

from ..crypto.keyring import Keyring
from ..crypto.tokens import Opened
from ..discovery.columns.layer_classes import NESTED
from ..discovery.columns.search_recipes import MAY_BE, WRITTEN_IN, DigestMaker, DigestRecipe, RowValue
from ..discovery.columns.target import Target
from ..postgres import sql
from ..postgres.connection import Database, array
from ..proof.table_pages import RowText, TargetGroup

# By column, what takes the place of which value; of None, of whatever is there. With None stays what is there.
Derivations = dict[str, dict[Union[str, None], Union[str, None]]]
RowColumns = Mapping[str, Union[str, None]]  # of a row, as text


def hashed_columns(members: Iterable[Target]) -> list[str]:
    """Return the columns of a table that recipes hash with the value of a target."""
    return sorted({name for target in members for recipe in target.derived for name in recipe.columns})


def row_columns(database: Database, group: TargetGroup, keys: Sequence[RowText]) -> dict[RowText, RowColumns]:
    """Return by row the columns that recipes hash with the value; nothing if no recipe does."""
    table, key, members = group
    names = hashed_columns(members)
    if not names or not keys:
        return {}
    query = sql.SQL("SELECT {keys}, {chosen} FROM {rows} AS t JOIN {listed} ON {same}").format(
        keys=sql.identifiers(key.names, "v"),
        chosen=sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier("t", name)) for name in names),
        rows=table.rows,
        listed=key.listed,
        same=key.same,
    )
    rows = database.rows(query, [array(values) for values in zip(*keys)], table=table.label)
    width = len(key.names)
    return {row[:width]: dict(zip(names, row[width:])) for row in rows}


@dataclass(frozen=True)
class DigestDerivation:
    """Derives the digests of a row from its plaintexts, under the keys of now and those of the destination."""

    keyring: Keyring
    destination: str

    @cached_property
    def _maker(self) -> Callable[[DigestRecipe, str], DigestMaker | None]:
        return lru_cache(maxsize=None)(self._find_maker)  # asked for with every row

    def _find_maker(self, recipe: DigestRecipe, stage: str) -> DigestMaker | None:
        """Return what makes the digests of one stage, or None if its keys compute nothing."""
        with contextlib.suppress(ValueError):
            return recipe.maker(self.keyring, stage)
        return None

    def derive(
        self, target: Target, opened: tuple[str, Opened], derived: Derivations, row: RowColumns = MappingProxyType({})
    ) -> None:
        """Add to ``derived`` what replaces which digest in the search columns of one token.

        ``row`` has the columns of its row that recipes name.
        """
        stage, inside = opened
        value = RowValue(self.keyring.schemes[target.scheme].text_of(inside), row)
        for recipe in target.derived:
            self._derive(recipe, stage, value, derived.setdefault(recipe.column, {}))

    def _derive(self, recipe: DigestRecipe, stage: str, value: RowValue, values: dict[str | None, str | None]) -> None:
        make_after = self._maker(recipe, self.destination)
        if make_after is None:  # in a rollback: what these keys cannot decrypt stays
            return
        after = make_after(value)
        before: Sequence[str | None]
        if stage == NESTED:  # it is unknown of which layer the digest was computed
            before = [None] * len(after)
        else:
            make_before = self._maker(recipe, stage)
            before = make_before(value) if make_before else after  # without a key there is no digest under it
        for old, new in zip(before, after):
            if values.setdefault(old, new) != new:  # made in two ways, and this row does not show in which
                values[old] = None
        if not after:  # its row lacks what is hashed: no digest in it is explained
            values.setdefault("", None)


class SearchColumn(NamedTuple):
    """A search column, and the number of ways in which values of some rows were made.

    A statement has these ways in a list ``v``: for each, what is replaced (b) and what replaces it (d).
    """

    column: str
    type: str
    looks: str
    ways: int

    @property
    def held(self) -> sql.Composable:
        """The value in a row ``t``."""
        return sql.SQL('{}::text COLLATE "C"').format(sql.Identifier("t", self.column))  # some others match nothing

    def becomes(self, first: int) -> sql.Composable:
        """Return the new value of a row ``t``; its ways are those from the ``first`` on."""
        case = sql.SQL(  # a row without a hash stays without one
            "WHEN {after} IS NOT NULL AND coalesce({held} = {before}, {held} <> '') THEN {after}"
        )
        pairs = zip(self._side("b", first), self._side("d", first))
        cases = sql.SQL(" ").join(case.format(held=self.held, before=before, after=after) for before, after in pairs)
        return sql.SQL("(CASE {} ELSE {} END)").format(cases, self.held)

    def assigned(self, first: int) -> sql.Composable:
        """Return the assignment of ``becomes`` in an UPDATE."""
        value = self.becomes(first)
        if self.type in WRITTEN_IN:
            value = sql.SQL("{}::{}").format(value, sql.verbatim(self.type))
        return sql.SQL("{} = {}").format(sql.Identifier(self.column), value)

    def may_be_derived(self, held: sql.Composable, first: int) -> sql.Composable:
        """Return the condition that the value ``held`` may be a digest of its row. One parameter: ``looks``."""
        known = sql.SQL(", ").join([*self._side("b", first), *self._side("d", first)])
        return sql.SQL("coalesce(coalesce({known}) IS NOT NULL AND {held} ~ %s, false)").format(known=known, held=held)

    def is_stale(self, held: sql.Composable, first: int) -> sql.Composable:
        """Return the condition that no known recipe explains the digest ``held``. One parameter: ``looks``."""
        fresh = sql.SQL(", ").join(self._side("d", first))
        return sql.SQL("{may_be} AND {held} <> ALL(array_remove(ARRAY[{fresh}], NULL))").format(
            may_be=self.may_be_derived(held, first), held=held, fresh=fresh
        )

    def _side(self, side: str, first: int) -> list[sql.Composable]:
        return [sql.Identifier("v", f"{side}{place}") for place in range(first, first + self.ways)]

    def arrays(self, derived: Iterable[Derivations]) -> Iterator[Sequence[str | None]]:
        """Yield two arrays for each way: what is replaced in every row, and what replaces it."""
        pairs = [list(derivations.get(self.column, {}).items()) for derivations in derived]
        for place in range(self.ways):
            for side in (0, 1):
                yield [ways[place][side] if place < len(ways) else None for ways in pairs]


class SearchColumns(NamedTuple):
    """The search columns for which something was derived from the rows."""

    columns: tuple[SearchColumn, ...]

    @classmethod
    def of(cls, members: Sequence[Target], derived: Sequence[Derivations]) -> SearchColumns:
        """Return those of a table's targets."""
        recipes: dict[str, list[DigestRecipe]] = {}
        for recipe in [recipe for target in members for recipe in target.derived]:
            recipes.setdefault(recipe.column, []).append(recipe)
        ways = {
            column: max((len(derivations.get(column, {})) for derivations in derived), default=0) for column in recipes
        }
        looks = {column: [MAY_BE, *(recipe.looks for recipe in known)] for column, known in recipes.items()}
        return cls(
            tuple(
                SearchColumn(column, known[0].type, "|".join(dict.fromkeys(looks[column])), ways[column])
                for column, known in recipes.items()
                if ways[column]
            )
        )

    @property
    def placed(self) -> list[tuple[SearchColumn, int]]:
        """Each column, with its first way among those of all."""
        return [
            (column, sum(other.ways for other in self.columns[:place])) for place, column in enumerate(self.columns)
        ]

    @property
    def names(self) -> list[str]:
        """The names of the ways in ``v``."""
        return [f"{side}{place}" for place in range(sum(column.ways for column in self.columns)) for side in "bd"]

    def arrays(self, derived: Sequence[Derivations]) -> list[Sequence[str | None]]:
        """Return a list for each of the ``names``."""
        return [values for column in self.columns for values in column.arrays(derived)]


class DigestsFound(NamedTuple):
    """The digests in one search column, by the keys of rows.

    ``held`` are rows with a value that may be a digest of theirs; no known recipe explains those in ``stale``.
    """

    column: str
    held: set[RowText]
    stale: set[RowText]


def find_stale(
    database: Database, group: TargetGroup, rows: Sequence[tuple[RowText, Derivations]]
) -> list[DigestsFound]:
    """Return what will be stale once the rows are written as it was derived for them."""
    table, key, members = group
    derived = [derivations for _, derivations in rows]
    search = SearchColumns.of(members, derived)
    if not search.columns:
        return []
    names = [*key.names, *search.names]
    asked = [
        part
        for column, first in search.placed
        for part in (column.may_be_derived(column.becomes(first), first), column.is_stale(column.becomes(first), first))
    ]
    query = sql.SQL("SELECT {keys}, {asked} FROM {rows} AS t JOIN {lists} AS v({names}) ON {same}").format(
        keys=sql.identifiers(key.names, "v"),
        asked=sql.SQL(", ").join(asked),
        rows=table.rows,
        lists=sql.unnest(["text"] * len(names)),
        names=sql.identifiers(names),
        same=key.same,
    )
    lists = [array(values) for values in [*zip(*(row for row, _ in rows)), *search.arrays(derived)]]
    looks = [column.looks for column in search.columns for _ in range(2)]
    answers = database.rows(query, [*looks, *lists], table=table.label)
    width = len(key.names)
    return [
        DigestsFound(
            column.column,
            {row[:width] for row in answers if row[width + 2 * place]},
            {row[:width] for row in answers if row[width + 2 * place + 1]},
        )
        for place, column in enumerate(search.columns)
    ]
