# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples of a column: some of its values that may be tokens, and the type by which the tokens in them are seen."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from ...crypto import text_encoding
from ...crypto.keyring import Keyring
from ...crypto.openpgp_pair import PAIR_BEGIN
from ...crypto.schemes import Scheme
from ...crypto.tokens import as_text_or_bytes
from ...postgres import sql
from ...postgres.catalog import Column, Table
from ...postgres.connection import Database, array
from ...value_forms.json_text import is_document
from ...value_forms.token_look import FERNET_BEGINS, SHORTEST, looks_like_a_token
from .column_types import IN_TEXT, KINDS, ColumnCodec
from .plaintext_rules import PlaintextRule

SAMPLE = 25  # values tried per column; the census tries them all
AT_LARGE = 1000  # values tried of each look of a token, if none of the first ones opens and there are more
AT_LARGE_BYTES = 20_000  # of one such value
# SQL for whether a value may be a token without a marker. With some collations PostgreSQL matches no pattern.
TEXT_BY_HAND = (
    f"octet_length({{value}}) BETWEEN {text_encoding.SHORTEST} AND {AT_LARGE_BYTES}"
    """ AND {value} COLLATE "C" ~ '^\\s*[A-Za-z0-9+/_-]+={{0,2}}\\s*$'"""
)
BYTES_BY_HAND = f"octet_length({{value}}) BETWEEN 28 AND {AT_LARGE_BYTES}"  # a nonce and a tag
# How tokens begin in the text of any type, bytes in hex too.
ANYWHERE = FERNET_BEGINS | {begin.hex().encode() for begin in FERNET_BEGINS}
_AS_TEXT = ColumnCodec("text", read="{}::text")  # of a type that the engine does not write


class ColumnSample(NamedTuple):
    """A sample of a column's values, their possible tokens, and the matching rule, if one matches."""

    column: Column
    values: Sequence[Any]
    pieces: Sequence[bytes]
    rule: PlaintextRule | None

    @property
    def scheme(self) -> str | None:
        return self.rule.scheme if self.rule else None

    @property
    def looks_encrypted(self) -> bool:
        return any(map(looks_like_a_token, self.pieces))


class ClosedColumn(NamedTuple):
    """A column that is not a target, and some of its values."""

    table: Table
    column: Column

    @property
    def name(self) -> str:
        return self.table.label_of(self.column.name)


@dataclass(frozen=True)
class ColumnSampler:
    """Samples the columns of one database for tokens of the schemes of a keyring."""

    database: Database
    keyring: Keyring

    def sample(self, table: Table, column: Column, *, every: bool) -> list[Any]:
        """Return values that begin as tokens do, and some of any kind if a token may begin anyhow."""
        begins = self._begins(column, self._searched)
        samples = list(read_values(self.database, table, column, begins - {b""}))
        if every or b"" in begins:
            samples += read_values(self.database, table, column, set())
        elif b"" in self._begins(column, self.keyring.tried):
            samples += filter(may_be_by_hand, read_values(self.database, table, column, set()))
            if KINDS[column.type].whole:
                samples += filter(may_be_by_hand, self._sample_by_hand(table, column))
        return samples

    def _sample_by_hand(self, table: Table, column: Column) -> Iterator[Any]:
        """Yield values from all over the table that may be tokens without a marker: the first ones may be plain."""
        from . import row_samples

        size = row_samples.size_of(self.database, table)
        read = sql.SQL(KINDS[column.type].read).format(sql.Identifier("t", column.name))
        where = sql.SQL(BYTES_BY_HAND if column.type == "bytea" else TEXT_BY_HAND).format(value=read)
        rows = row_samples.RowSource(sql.SQL("{} AS value").format(read), table.rows, where)
        parts = row_samples.parts(size, rows, SAMPLE, SAMPLE) if size.is_table else []
        if parts and column.type == "bytea":
            parts.append(row_samples.of_each_beginning(size, rows, read, SAMPLE))
        for (value,) in self.database.rows(sql.SQL(" UNION ALL ").join(parts), table=table.label) if parts else ():
            yield value

    def sample_at_large(self, table: Table, column: Column) -> Iterator[Any]:
        """Yield more values that begin as tokens do, from the whole column, and as many of each beginning.

        If a token may begin with anything, any values count.
        """
        for begin in sorted(self._begins(column, self._searched)):
            yield from read_values(self.database, table, column, {begin} - {b""}, at_large=True)

    def as_it_holds(self, column: Column, samples: Sequence[Any]) -> Column:
        """Return the column with the type by which the tokens in its samples are seen."""
        named = any(scheme.json_members for scheme in self.keyring.tried)
        markers = self._begins(column, self.keyring.tried) - FERNET_BEGINS - {b""}
        return as_it_holds(column, samples, named=named, markers=markers)

    @property
    def _searched(self) -> list[Scheme]:
        """The schemes whose tokens are searched for in the whole column."""
        return [scheme for scheme in self.keyring.tried if not scheme.by_hand]

    def _begins(self, column: Column, tried: Iterable[Scheme]) -> set[bytes]:
        """Return how values that may be tokens begin. One is empty if the tokens of a scheme may begin with
        anything."""
        binary = column.type == "bytea"
        schemes = [scheme for scheme in tried if scheme.format.authenticated or scheme.marker]
        markers = {scheme.marker for scheme in schemes if binary or scheme.text}
        return FERNET_BEGINS | markers | ({PAIR_BEGIN} if binary else set())


def may_be_by_hand(value: Any) -> bool:
    """Return whether a value may be a token without a marker, of those that applications make by hand."""
    stored = as_text_or_bytes(value)
    return bool(text_encoding.of(stored.strip().encode()) if isinstance(stored, str) else stored)


def as_it_holds(column: Column, samples: Sequence[Any], *, named: bool, markers: Collection[bytes]) -> Column:
    """Return the column with the type for JSON documents, if it is a text that holds tokens in documents.

    Tokens may also begin with one of ``markers``. If members of documents are ``named``, any document counts.
    """
    documents = [value for value in samples if column.type in IN_TEXT and is_document(value)]
    document_column = replace(column, type=IN_TEXT.get(column.type, column.type))
    leaves = [leaf for document in documents for leaf in pieces_of(document_column, document)]
    begins = any(leaf.startswith(tuple(markers)) for leaf in leaves)
    return document_column if (named and documents) or begins or any(map(looks_like_a_token, leaves)) else column


def read_values(
    database: Database, table: Table, column: Column, begins: set[bytes], *, at_large: bool = False
) -> Iterator[Any]:
    """Yield some values of a column that contain one of ``begins``. Without any, yield some that are not empty.

    These are the first ones that the server finds, and ``at_large`` more from anywhere. The latter are the same for any
    order of rows.
    """
    kind = KINDS.get(column.type, _AS_TEXT)
    if begins:
        sql_type = "bytea" if column.type == "bytea" else "text"
        collation = "" if sql_type == "bytea" else 'COLLATE "C" '  # some other types have no LIKE in PostgreSQL
        where = f"{{value}} {collation}LIKE ANY(%s::{sql_type}[])"
        if kind.read == "{}" and sql_type == "text":  # shorter values cannot be tokens
            where = f"octet_length({{value}}) >= {SHORTEST} AND {where}"
        params = [
            array(KINDS[sql_type].elements([_containing(begin, sql_type) for begin in _needed(begins, sql_type)]))
        ]
    else:
        where, params = "octet_length({value}) > 0", []
    if at_large:
        where += f" AND octet_length({{value}}) <= {AT_LARGE_BYTES} ORDER BY md5({{value}})"
    read = sql.SQL(kind.read).format(sql.Identifier("t", column.name))
    query = sql.SQL(f"SELECT {{value}} FROM {{rows}} AS t WHERE {where} LIMIT {AT_LARGE if at_large else SAMPLE}")
    for (value,) in database.rows(query.format(value=read, rows=table.rows), params, table=table.label):
        yield value


def distinct(values: Sequence[Any]) -> list[Any]:
    """Return the values in their order, each once."""
    return list({as_text_or_bytes(value): value for value in values}.values())


def _needed(begins: Collection[bytes], sql_type: str) -> list[bytes]:
    """Return those that do not contain another one: the others find them anyway."""
    found_in = {begin: [o for o in begins if o != begin and o in begin and _anywhere(o, sql_type)] for begin in begins}
    return [begin for begin in sorted(begins) if not found_in[begin]]


def _anywhere(begin: bytes, sql_type: str) -> bool:
    """Return whether ``begin`` counts anywhere in a value, not only at its start as raw bytes do."""
    return sql_type == "text" or (begin.isascii() and begin.isalnum())


def _containing(begin: bytes, sql_type: str) -> Any:
    """Return a pattern for LIKE."""
    pattern = re.sub(rb"([\\%_])", rb"\\\1", begin) + b"%"
    if _anywhere(begin, sql_type):
        pattern = b"%" + pattern
    return pattern if sql_type == "bytea" else pattern.decode("utf-8")


def pieces_of(column: Column, value: Any) -> list[bytes]:
    """Return the parts of a sampled value that may be tokens, without the blanks around them."""
    return [piece.strip() if piece.isascii() else piece for piece in KINDS[column.type].tokens(value, b"")]
