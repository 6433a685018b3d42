# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Columns that the application computes from a plaintext, found by computing them: search hashes and blind indexes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ...crypto.keyring import Keyring
from ...postgres import sql
from ...postgres.catalog import Column, Table
from ...postgres.connection import Database
from ..columns.search_recipes import SearchColumnRecipe
from ..columns.target import Target
from .digest_look import may_be_digests, may_hold_digests
from .recipe_search import RecipeMatches, RecipeSearch, prove
from .search_samples import LARGE_TOKENS, LARGEST, SAMPLE, sample_rows

TYPES = ("text", "character varying", "character", "citext", "bytea", "uuid")
MANY = ("text[]", "character varying[]", "uuid[]", "json", "jsonb")  # of values that may hold digests among others
MOST = 4  # ways by which one column is computed: with more, such as a prefix for each tenant, the rest is unknown


@dataclass(frozen=True)
class SearchColumnScan:
    """Columns next to tokens that are computed or look so.

    ``recipes`` are those under a key of the key set, by the token's column. ``kept`` are those under another setting,
    with its name or NOTHING. ``unknown`` are digests of unknown texts.
    """

    recipes: dict[str, list[SearchColumnRecipe]] = field(default_factory=dict)
    kept: list[tuple[str, str]] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    @property
    def explained(self) -> set[str]:
        """Return the columns with a known recipe."""
        columns = {recipe.column for of_token in self.recipes.values() for recipe in of_token}
        return columns | {column for column, _ in self.kept}


def scan_table(
    database: Database, table: Table, targets: Sequence[Target], columns: Sequence[Column], keyring: Keyring
) -> SearchColumnScan:
    """Return which of a table's columns are computed from the plaintexts of its targets."""
    many = among(database, table, [column for column in columns if column.type in MANY])
    columns = [column for column in columns if column.type in TYPES]
    whole = [target for target in targets if target.kind.whole]
    sample = partial(sample_rows, database, table, whole, columns)
    rows = (sample() or sample(LARGE_TOKENS)) if whole and columns else []
    if not rows:
        return SearchColumnScan(unknown=_alone(database, table, columns) + many)
    stored = {column: [row[place] for row in rows] for place, column in enumerate(columns, start=len(whole))}
    search = RecipeSearch(stored, len(rows), keyring)
    for number, name, stage, plaintext in _plaintexts(whole, rows, keyring):
        search.add(number, name, stage, plaintext)
    scan = SearchColumnScan(unknown=many)
    for column, held in stored.items():
        _conclude(scan, column, held, prove(search.matches[column]), keyring.names)
    return scan


def _conclude(
    scan: SearchColumnScan,
    column: Column,
    texts: Sequence[str | None],
    ways: RecipeMatches,
    names: Collection[str],
) -> None:
    """Put down what is known of one column by the ways in which its values are computed.

    If some are under a key of the key set and others are not, the latter also count as known: they stay.
    """
    mixed = any(recipe.secret in names for _, recipe in ways)
    for name, recipe in ways if len(ways) <= MOST else ():
        if mixed or recipe.secret in names:
            scan.recipes.setdefault(name, []).append(recipe)
        if not (recipe.secret in names or (column.name, recipe.secret) in scan.kept):
            scan.kept.append((column.name, recipe.secret))
    if not ways:
        unknown = may_be_digests(column, list(filter(None, texts)))
    else:
        looks = re.compile("|".join({recipe.looks for _, recipe in ways}))
        alike = [text for text in texts if text and looks.match(text)]
        explained = set().union(*ways.values())
        unknown = len(ways) > MOST or 2 * len(explained) < len(alike)
    if unknown:
        scan.unknown.append(column.name)


def apart(database: Database, table: Table, columns: Sequence[Column]) -> list[str]:
    """Return the columns that may hold digests of values elsewhere. Which values is not computed."""
    columns = [column for column in columns if not column.generated]
    return [
        *_alone(database, table, [column for column in columns if column.type in TYPES]),
        *among(database, table, [column for column in columns if column.type in MANY]),
    ]


def _alone(database: Database, table: Table, columns: Sequence[Column]) -> list[str]:
    rows = sample_rows(database, table, (), columns) if columns else []
    stored = [(column, [row[place] for row in rows if row[place]]) for place, column in enumerate(columns)]
    return [column.name for column, texts in stored if may_be_digests(column, texts)]


def among(database: Database, table: Table, columns: Sequence[Column]) -> list[str]:
    """Return the columns of arrays and documents that hold digests, as indexes of the parts of a value do."""
    part = sql.SQL(f"left({{}}::text, {LARGEST})")
    query = sql.SQL("SELECT {chosen} FROM {rows} AS t LIMIT %s").format(
        chosen=sql.SQL(", ").join(part.format(sql.Identifier("t", column.name)) for column in columns), rows=table.rows
    )
    rows = database.rows(query, (SAMPLE,), table=table.label) if columns else []
    stored = [(column, [row[place] for row in rows if row[place]]) for place, column in enumerate(columns)]
    return [column.name for column, texts in stored if may_hold_digests(column, texts)]


def _plaintexts(
    targets: Sequence[Target], rows: Sequence[Any], keyring: Keyring
) -> Iterator[tuple[int, str, str, bytes]]:
    """Yield the content of the tokens of rows: the row's place, the token's column, its stage, the plaintext."""
    for number, row in enumerate(rows):
        for target, value in zip(targets, row):
            tokens = target.kind.tokens(value, b"") if value else []
            opening = keyring.stage_of(target.scheme, tokens[0]) if tokens else None
            if opening:
                yield number, target.column, opening[0], keyring.schemes[target.scheme].text_of(opening[1])
