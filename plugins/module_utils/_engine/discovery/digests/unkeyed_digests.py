# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Columns with digests of another column that need no key, such as the MD5 of an email address.

The other column is in the same row, or in the row that a foreign key refers to. A rotation changes neither of the two.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import NamedTuple

from ...postgres import catalog, sql
from ...postgres.catalog import Column, Table
from ...postgres.connection import Database
from ..columns import row_samples
from ..columns.column_types import IN_TEXT
from ..columns.search_recipes import NORMALIZATIONS, WRITTEN
from ..recipes import search_columns
from ..target_survey import Survey
from .token_digests import DIGESTS

SAMPLE = 50  # rows with a digest: the first ones, as many of the last ones, and from all over the table
LONGEST = 200_000  # characters of a value that are read
_NORMALIZED: tuple[tuple[str, ...], ...] = ((), ("stripped",), ("lower",), ("stripped", "lower"))


class DigestedColumn(NamedTuple):
    """A column of texts in the row of a digest, or in that to which its column ``reference`` refers by another one."""

    table: Table
    column: Column
    reference: str = ""
    referred: str = ""

    @property
    def text(self) -> sql.Composable:
        """Return SQL for its text in a row ``t``."""
        if not self.reference:
            return row_samples.text_of(self.column, LONGEST)
        return sql.SQL("(SELECT {text} FROM {rows} AS k WHERE {referred} = {reference})").format(
            text=row_samples.text_of(self.column, LONGEST, "k"),
            rows=self.table.rows,
            referred=sql.Identifier("k", self.referred),
            reference=sql.Identifier("t", self.reference),
        )


# What is hashed, what is done to its value before, and how the digest is computed and written.
_Way = tuple[DigestedColumn, tuple[str, ...], str, str]


def find(databases: Iterable[tuple[Database, Survey]], columns: Collection[str]) -> set[str]:
    """Return those of the ``columns``, as table.column, in which every sampled value is such a digest."""
    explained: set[str] = set()
    for database, survey in databases:
        for table, members in survey.every_column().items():
            digests = [member for member in members if _is_asked(table, member, columns)]
            sources = [*_sources(database, survey, table)] if digests else []
            explained.update(
                table.label_of(digest.name)
                for digest in digests
                if is_explained(
                    _rows(database, table, digest, [source for source in sources if source.column != digest])
                )
            )
    return explained


def _sources(database: Database, survey: Survey, table: Table) -> Iterator[DigestedColumn]:
    """Yield the columns of texts, which no key encrypts, in a row and in those that its foreign keys refer to."""
    columns, targets = survey.every_column(), {target.name for target in survey.targets}
    tables = {(each.schema, each.name): each for each in columns}
    places = [(table, "", "")] + [
        (tables[schema, name], reference, referred)
        for schema, name, reference, referred in catalog.referred(database, table)
        if (schema, name) in tables
    ]
    for other, reference, referred in places:
        for column in columns[other]:
            if column.type in IN_TEXT and other.label_of(column.name) not in targets:
                yield DigestedColumn(other, column, reference, referred)


def _is_asked(table: Table, column: Column, columns: Collection[str]) -> bool:
    return column.type in search_columns.TYPES and not table.copy and table.label_of(column.name) in columns


def is_explained(rows: Iterable[tuple[str, Mapping[DigestedColumn, str]]]) -> bool:
    """Return whether one way computes the digest of every row from the other texts in it."""
    ways: set[_Way] | None = None
    for digest, texts in rows:
        ways = {way for way in (_ways(texts) if ways is None else ways) if _computes(way, digest, texts)}
        if not ways:
            return False
    return bool(ways)


def _ways(texts: Mapping[DigestedColumn, str]) -> Iterator[_Way]:
    yield from product(texts, _NORMALIZED, DIGESTS, WRITTEN)


def _computes(way: _Way, digest: str, texts: Mapping[DigestedColumn, str]) -> bool:
    source, steps, name, written = way
    text = texts.get(source, "")
    for step in steps:
        text = NORMALIZATIONS[step](text)
    return WRITTEN[written](DIGESTS[name](text.encode("utf-8", "replace")).digest()) == digest


def _rows(
    database: Database, table: Table, digest: Column, sources: Sequence[DigestedColumn]
) -> Iterator[tuple[str, Mapping[DigestedColumn, str]]]:
    """Yield the digests of some rows, each with the other texts of its row."""
    read = sql.SQL(", ").join([row_samples.text_of(digest, LONGEST), *(source.text for source in sources)])
    text = sql.SQL("{}::text").format(sql.Identifier("t", digest.name))
    where = sql.SQL("{} <> ''").format(text)
    rows = row_samples.RowSource(sql.SQL("ARRAY[{}]::text[] AS texts").format(read), table.rows, where)
    for part in row_samples.parts(row_samples.size_of(database, table), rows, SAMPLE, SAMPLE) if sources else ():
        for (texts,) in database.rows(part, table=table.label):
            found, *others = texts
            yield found, {source: text for source, text in zip(sources, others) if text is not None}
