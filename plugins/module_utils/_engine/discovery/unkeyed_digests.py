# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Columns with digests of another column of the same row that need no key, such as the MD5 of an email address.

A rotation changes neither of the two.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import product

from ..postgres import sql
from ..postgres.catalog import Column, Table
from ..postgres.connection import Database
from . import row_samples, search_columns
from .column_types import IN_TEXT
from .search_recipes import NORMALIZATIONS, WRITTEN
from .target_survey import Survey
from .token_digests import DIGESTS

SAMPLE = 50  # rows with a digest: the first ones, as many of the last ones, and from all over the table
LONGEST = 2_000  # characters of a value that are read
_NORMALIZED: tuple[tuple[str, ...], ...] = ((), ("stripped",), ("lower",), ("stripped", "lower"))
# The column of what is hashed, what is done to its value before, and how the digest is computed and written.
_Way = tuple[Column, tuple[str, ...], str, str]


def find(databases: Iterable[tuple[Database, Survey]], columns: Collection[str]) -> set[str]:
    """Return those of the ``columns``, as table.column, in which every sampled value is such a digest."""
    explained: set[str] = set()
    for database, survey in databases:
        targets = {target.name for target in survey.targets}
        for table, members in survey.every_column().items():
            digests = [each for each in members if _is_asked(table, each, columns)]
            sources = [each for each in members if each.type in IN_TEXT and table.label_of(each.name) not in targets]
            if sources:
                explained.update(
                    table.label_of(digest.name)
                    for digest in digests
                    if is_explained(_rows(database, table, digest, [each for each in sources if each != digest]))
                )
    return explained


def _is_asked(table: Table, column: Column, columns: Collection[str]) -> bool:
    return column.type in search_columns.TYPES and not table.copy and table.label_of(column.name) in columns


def is_explained(rows: Iterable[tuple[str, Mapping[Column, str]]]) -> bool:
    """Return whether one way computes the digest of every row from the other texts in it."""
    ways: set[_Way] | None = None
    for digest, texts in rows:
        ways = {way for way in (_ways(texts) if ways is None else ways) if _computes(way, digest, texts)}
        if not ways:
            return False
    return bool(ways)


def _ways(texts: Mapping[Column, str]) -> Iterator[_Way]:
    yield from product(texts, _NORMALIZED, DIGESTS, WRITTEN)


def _computes(way: _Way, digest: str, texts: Mapping[Column, str]) -> bool:
    column, steps, name, written = way
    text = texts.get(column, "")
    for step in steps:
        text = NORMALIZATIONS[step](text)
    return WRITTEN[written](DIGESTS[name](text.encode("utf-8", "replace")).digest()) == digest


def _rows(
    database: Database, table: Table, digest: Column, sources: Sequence[Column]
) -> Iterator[tuple[str, Mapping[Column, str]]]:
    """Yield the digests of some rows, each with the other texts of its row."""
    read = sql.SQL(", ").join(row_samples.text_of(column, LONGEST) for column in [digest, *sources])
    text = sql.SQL("{}::text").format(sql.Identifier("t", digest.name))
    where = sql.SQL("{} <> ''").format(text)
    rows = row_samples.RowSource(sql.SQL("ARRAY[{}]::text[] AS texts").format(read), table.rows, where)
    parts = row_samples.parts(row_samples.size_of(database, table), rows, SAMPLE, SAMPLE)
    for (texts,) in database.rows(sql.SQL(" UNION ALL ").join(parts), table=table.label):
        found, *others = texts
        yield found, {column: text for column, text in zip(sources, others) if text is not None}
