# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Columns under data keys: each row has a key of its own, which a target holds, encrypted under a master key.

The target is in the same row, or in the row that a foreign key refers to. A rotation re-encrypts the data keys alone,
and what is under them stays. It is proved by values that open under the data key of their row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...crypto.data_key_cipher import SHORTEST, DataKeyCipher, is_random_key, possible_keys
from ...crypto.keyring import Keyring
from ...crypto.tokens import as_bytes
from ...postgres import catalog, sql
from ...postgres.catalog import Column, Table
from ...postgres.connection import Database
from . import row_samples
from .column_types import KINDS
from .target import Target

SAMPLE = 25  # rows: the first ones, as many of the last ones, and from all over the table
LARGEST = 200_000  # bytes of a value that is tried for this


@dataclass(frozen=True)
class ReferredTarget(Target):
    """A target in the row that a foreign key refers to, read as a value of the row that refers to it.

    ``column`` is the foreign key, and ``referred`` the column of the target's table that it refers to.
    """

    home: Target | None = None
    referred: str = ""

    @property
    def value(self) -> sql.Composable:
        """Return SQL for its value in a row ``t``."""
        if self.home is None:
            return super().value
        return sql.SQL("(SELECT {value} FROM {rows} AS k WHERE {referred} = {reference})").format(
            value=sql.SQL(self.kind.read).format(sql.Identifier("k", self.home.column)),
            rows=self.home.table.rows,
            referred=sql.Identifier("k", self.referred),
            reference=sql.Identifier("t", self.column),
        )


@dataclass(frozen=True)
class DataKeyColumn:
    """A column, the wrapped data keys of its rows, and the name of the target that they are in."""

    column: Target
    wrapped: Target
    keys: str


@dataclass(frozen=True)
class DataKeySearch:
    """The search for such columns in one database. ``samples`` are tokens of each target by its name."""

    database: Database
    keyring: Keyring
    tables: Mapping[Table, Sequence[Column]]
    samples: Mapping[str, Collection[bytes]]

    def find(
        self, targets: Sequence[Target], passed_over: Collection[str]
    ) -> Iterator[tuple[str, DataKeyColumn | str]]:
        """Yield each column in reach of data keys by its name: with its relation to them if some of its values open,
        otherwise with the target that may have its keys.

        Columns that are ``passed_over`` are explained already.
        """
        known: dict[str, DataKeyColumn | str] = {}
        for target in targets:
            plaintexts = self._plaintexts(target)
            if not plaintexts or 2 * sum(bool(possible_keys(plaintext)) for plaintext in plaintexts) < len(plaintexts):
                continue
            possible = target.name if all(map(is_random_key, plaintexts)) else ""
            for table, wrapped in self._places(target):
                explained = {name for name, relation in known.items() if isinstance(relation, DataKeyColumn)}
                columns = [
                    column
                    for column in self.tables[table]
                    if _is_tried(column) and table.label_of(column.name) not in {*passed_over, *explained}
                ]
                for column, relation in self._relations(table, columns, wrapped, target.name):
                    name = table.label_of(column.name)
                    known[name] = relation or known.get(name, "") or possible
        yield from ((name, relation) for name, relation in known.items() if relation)

    def _plaintexts(self, target: Target) -> list[bytes]:
        """Return sampled plaintexts of a target that may hold keys: one token in each value, which proves its key."""
        scheme = self.keyring.schemes[target.scheme]
        if scheme.functions or not (scheme.format.authenticated and target.kind.whole):
            return []
        opened = self.keyring.stages_of(target.scheme, sorted(self.samples.get(target.name, ())))
        return [opening[1].plaintext for opening in opened if opening is not None and opening[1].plaintext]

    def _places(self, target: Target) -> Iterator[tuple[Table, Target]]:
        """Yield the tables whose rows may have their data key in a target, each with the target as read from it."""
        yield target.table, target
        tables = {(table.schema, table.name): table for table in self.tables}
        for schema, name, reference, referred in catalog.references(self.database, target.table):
            if table := tables.get((schema, name)):
                yield table, _refer(table, target, reference, referred)

    def _relations(
        self, table: Table, columns: Sequence[Column], wrapped: Target, keys: str
    ) -> Iterator[tuple[Column, DataKeyColumn | None]]:
        """Yield columns of a table with their relation to the data keys, if any sampled value opens under that of its
        row."""
        key = catalog.reading_key(self.database, table) if columns else None
        if key is None:
            return
        size = row_samples.size_of(self.database, table)
        for column in columns:
            data = Target(table, column.name, column.type, wrapped.scheme, table.label, key, column.limit)
            rows = self._rows(data, wrapped, size)
            ciphers = ciphers_of(self.keyring, wrapped, [stored for _, stored in rows])
            opened = (cipher and cipher.open(as_bytes(value)) for (value, _), cipher in zip(rows, ciphers))
            is_proved = any(each is not None for each in opened)
            yield column, DataKeyColumn(data, wrapped, keys) if is_proved else None

    def _rows(self, data: Target, wrapped: Target, size: row_samples.Size) -> list[tuple[Any, Any]]:
        """Return values of some rows, each with the wrapped key of its row."""
        fits = sql.SQL(f"octet_length({{}}) BETWEEN {SHORTEST} AND {LARGEST} AND {{}} IS NOT NULL").format(
            data.value, sql.Identifier("t", wrapped.column)
        )
        chosen = sql.SQL("{} AS data, {} AS keys").format(data.value, wrapped.value)
        source = row_samples.RowSource(chosen, data.table.rows, fits)
        parts = row_samples.parts(size, source, SAMPLE, SAMPLE)
        return list(self.database.rows(sql.SQL(" UNION ALL ").join(parts), table=data.table.label))


def ciphers_of(keyring: Keyring, wrapped: Target, values: Sequence[Any]) -> list[DataKeyCipher | None]:
    """Return the cipher of the data key in each value. None if there is no value, or if it does not open."""
    marker = keyring.schemes[wrapped.scheme].marker
    tokens = [next(iter(wrapped.kind.tokens(value, marker)), b"") if value else b"" for value in values]
    distinct = [*dict.fromkeys(token.strip() if token.isascii() else token for token in tokens if token)]
    ciphers: dict[bytes, DataKeyCipher] = {}
    for token, opening in zip(distinct, keyring.stages_of(wrapped.scheme, distinct)):
        if opening is not None and (keys := possible_keys(opening[1].plaintext)):
            ciphers[token] = DataKeyCipher(keys)
    return [ciphers.get(token.strip() if token.isascii() else token) for token in tokens]


def _refer(table: Table, target: Target, reference: str, referred: str) -> ReferredTarget:
    return ReferredTarget(
        table=table,
        column=reference,
        type=target.type,
        scheme=target.scheme,
        model=target.model,
        key=target.key,
        limit=target.limit,
        home=target,
        referred=referred,
    )


def _is_tried(column: Column) -> bool:
    return not column.generated and column.type in KINDS and KINDS[column.type].whole
