# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Digests in search columns whose row has none of the tokens from which the column is computed.

A rotation computes a digest from the token in its row, so it leaves these unchanged, under the old keys.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from ...._errors.discovery import DigestWithoutToken
from ...crypto.keyring import Keyring
from ...postgres import sql
from ...postgres.catalog import Table
from ...postgres.connection import Database, array
from ..columns.search_recipes import MAY_BE, DigestRecipe
from ..columns.target import Target
from ..findings.findings import Finding
from ..target_survey import Survey


@dataclass(frozen=True)
class SearchedColumn:
    """A search column under keys that are rotated, with the targets of its table from which it is computed."""

    table: Table
    name: str
    targets: tuple[Target, ...]

    def recipes(self, keyring: Keyring) -> list[DigestRecipe]:
        return [
            recipe
            for target in self.targets
            for recipe in target.derived
            if recipe.column == self.name and recipe.is_rotated(keyring)
        ]


@dataclass(frozen=True)
class TokenlessDigests:
    """The rows of a search column without a token: whether some hold the digest of an empty value, and how many hold
    another one."""

    of_nothing: bool
    others: int


def find_of_nothing(database: Database, survey: Survey, keyring: Keyring) -> Iterator[str]:
    """Yield the columns with the digest of an empty value in rows without a token. This reads all rows."""
    for column in _columns(survey, keyring):
        if _count(database, column, keyring).of_nothing:
            yield column.table.label_of(column.name)


def find_others(database: Database, survey: Survey, keyring: Keyring) -> Iterator[Finding]:
    """Yield the columns with digests of unknown values in rows without a token. This reads all rows."""
    for column in _columns(survey, keyring):
        if count := _count(database, column, keyring).others:
            name = column.table.label_of(column.name)
            of_columns = " and ".join(target.column for target in column.targets)
            yield Finding.of(name, DigestWithoutToken(column=name, count=count, of_columns=of_columns))


def _columns(survey: Survey, keyring: Keyring) -> Iterator[SearchedColumn]:
    targets: dict[tuple[Table, str], list[Target]] = {}
    for target in survey.targets:
        for name in {recipe.column for recipe in target.derived if recipe.is_rotated(keyring)}:
            targets.setdefault((target.table, name), []).append(target)
    for (table, name), members in targets.items():
        yield SearchedColumn(table, name, tuple(members))


def _count(database: Database, column: SearchedColumn, keyring: Keyring) -> TokenlessDigests:
    recipes = column.recipes(keyring)
    of_nothing: set[str] = set()
    for recipe, stage in product(recipes, keyring.stages):
        with contextlib.suppress(ValueError):  # without a valid key there is no digest under it
            of_nothing.update(recipe.of_nothing(keyring, stage))
    looks = "|".join(dict.fromkeys([MAY_BE, *(recipe.looks for recipe in recipes)]))
    no_token = [sql.SQL("coalesce(octet_length({}), 0) = 0").format(target.value) for target in column.targets]
    query = sql.SQL(
        "SELECT coalesce(bool_or({held} = ANY({of_nothing})), false),"
        " count(*) FILTER (WHERE {held} <> ALL({of_nothing}) AND {held} ~ %s) FROM {rows} AS t WHERE {no_token}"
    ).format(
        held=sql.SQL('{}::text COLLATE "C"').format(sql.Identifier("t", column.name)),
        of_nothing=sql.SQL("%s::text[]"),
        rows=column.table.rows,
        no_token=sql.SQL(" AND ").join(no_token),
    )
    listed = array(sorted(of_nothing))
    ((found, others),) = database.rows(query, (listed, listed, looks), table=column.table.label)
    return TokenlessDigests(found, others)
