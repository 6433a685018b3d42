# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts from the application's models about the tables and columns of one database."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from ..application import model_fields
from ..postgres.catalog import Column, Table

Known = TypeVar("Known")


class SurveyModels:
    """The models with a table in a database. ``keys`` are the values of all available keys."""

    def __init__(self, there: model_fields.ModelTables, keys: Collection[str]) -> None:
        self.tables = there
        self._labels: dict[str, str] = {
            table: field.model._meta.label for table, field in reversed(list(model_fields.of_models(there)))
        }
        self._own = model_fields.own_schemes(there)
        self._unauthenticated = model_fields.unauthenticated(there)
        self._encrypting = model_fields.encrypting(there)
        self._relations = list(model_fields.relations(there))
        self._hashes = model_fields.hash_columns(there, keys)

    def label(self, table: Table) -> str | None:
        """Return the label of a table's model."""
        return _of_place(self._labels, table)

    def own_scheme(self, table: Table, column: Column) -> Any:
        """Return the description of the scheme of a field that has a key of its own."""
        return _of_place(self._own, table, column)

    def unauthenticated_scheme(self, table: Table, column: Column) -> str | None:
        """Return the name of the scheme of a field whose tokens nothing authenticates."""
        return _of_place(self._unauthenticated, table, column)

    def encrypting_field(self, table: Table, column: Column) -> str | None:
        """Return the class of a field that encrypts."""
        return _of_place(self._encrypting, table, column)

    def hash_column(self, table: Table, column: Column) -> str | None:
        """Return the setting with the salt of a field that holds hashes. Empty if one of the keys is in it."""
        return _of_place(self._hashes, table, column)

    def related(self, table: Table, column: str) -> list[tuple[str, str]]:
        """Return the columns that a relation of the models joins with this one, as table and column."""
        own = {(name, column) for name in table.names}
        ends = ((end, other) for pair in self._relations for end, other in (pair, pair[::-1]))
        return sorted({other for end, other in ends if end in own})


def _of_place(known: Mapping[Any, Known], table: Table, column: Column | None = None) -> Known | None:
    """Return what the models say of a table or column, by the name that they use for it, in any schema (a tenant's)."""
    for name in table.names:
        place = name if column is None else (name, column.name)
        if place in known:
            return known[place]
    return None
