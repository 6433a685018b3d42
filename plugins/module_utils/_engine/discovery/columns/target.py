# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A target: a column whose tokens a rotation re-encrypts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from ...postgres import sql
from ...postgres.catalog import RowKey, Table
from .column_types import KINDS, ColumnCodec, JsonCodec
from .search_recipes import DigestRecipe


@dataclass(frozen=True)
class Target:
    """One column that holds tokens of one scheme. ``model`` is how a person calls it."""

    table: Table
    column: str
    type: str
    scheme: str
    model: str
    key: RowKey
    limit: int | None
    derived: tuple[DigestRecipe, ...] = ()
    members: tuple[str, ...] = ()  # of its documents, if tokens are only in members of these names
    one_layer: bool = False  # a settlement says that a token inside another one is there by accident
    kept: bool = False  # under a key that is not rotated: it is read, and never written
    mixed: bool = False  # a settlement says that plain text is normal in it, and stays

    @cached_property
    def name(self) -> str:
        return self.table.label_of(self.column)

    @property
    def has_model(self) -> bool:
        return self.model != self.table.label

    @cached_property
    def kind(self) -> ColumnCodec:
        """Return the codec of this column, which reads and writes its values."""
        kind = KINDS[self.type]
        return replace(kind, names=self.members) if isinstance(kind, JsonCodec) and self.members else kind

    @property
    def value(self) -> sql.Composable:
        """Return SQL for its value in a row ``t``."""
        return sql.SQL(self.kind.read).format(sql.Identifier("t", self.column))
