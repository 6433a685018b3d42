# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Columns with an ID that an application computes from its keys: next to tokens, or in a table that lists its keys.

The ID stays as it is in a rotation, so the application would look for a key that is gone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from ...._errors.discovery import KeyFingerprintStored
from ...crypto.key_fingerprints import KeyFingerprints
from ...crypto.keyring import Keyring
from ...postgres import catalog, sql
from ...postgres.catalog import Column, Table
from ...postgres.connection import Database
from ..columns import row_samples
from ..findings.findings import Finding, Findings
from ..target_survey import Survey

SAMPLE = 25  # rows: the first ones, as many of the last ones, and from all over the table
LONGEST = 20_000  # characters of a value that are read
SMALL = 8  # pages of a table without tokens that is read, because it may list the application's keys


def find(database: Database, survey: Survey, keyring: Keyring) -> list[Finding]:
    """Return the columns with such an ID, next to tokens or in a table that may list the application's keys."""
    findings = Findings()
    tables = _tables(database, survey)
    if not tables:
        return []
    fingerprints = KeyFingerprints(keyring, {target.scheme for target in survey.targets})
    by_functions = {target.name for target in survey.targets if keyring.schemes[target.scheme].functions}
    for table, filled in tables.items():
        columns = [
            column
            for column in survey.tables[table]
            if not column.generated and table.label_of(column.name) not in by_functions
        ]
        rows = list(_sample(database, table, columns, filled))
        for place, column in enumerate(columns):
            if what := id_in([row[place] for row in rows if row[place]], fingerprints):
                name = table.label_of(column.name)
                findings.put(name, KeyFingerprintStored(column=name, fingerprint=what))
    return findings.with_text(stops=True)


def id_in(texts: Sequence[str], fingerprints: KeyFingerprints) -> str:
    """Return how the ID of a key in a column's values is computed. Empty if there is none.

    A number may be one by chance, as account numbers are. It counts only if it is in half of the values.
    """
    for text in dict.fromkeys(texts):
        for word, what in fingerprints.of_text(text):
            if not word.isdigit() or 2 * sum(word in each for each in texts) >= len(texts):
                return what
    return ""


def _tables(database: Database, survey: Survey) -> Mapping[Table, Collection[str]]:
    """Return the tables to check: those with tokens, those of rows that belong to them, and small ones.

    Each has the columns of which one must have a value in a row that is read.
    """
    tokens: dict[Table, list[str]] = {}
    for table, column in [
        *((target.table, target.column) for target in survey.targets),
        *((each.table, each.column.name) for each in survey.evidence.closed),
    ]:
        tokens.setdefault(table, []).append(column)
    if not tokens:
        return {}
    linked = catalog.linked(database, tokens)
    return {
        table: tokens.get(table, [])
        for table in survey.tables
        if not table.copy
        and (
            table in tokens
            or (table.schema, table.name) in linked
            or row_samples.size_of(database, table).pages <= SMALL
        )
    }


def _sample(
    database: Database, table: Table, columns: Collection[Column], filled: Collection[str]
) -> Iterator[list[str]]:
    """Yield the values of some rows as texts, in the order of the columns."""
    read = sql.SQL(", ").join([row_samples.text_of(column, LONGEST) for column in columns])
    any_filled = sql.SQL(" OR ").join([sql.SQL("{} IS NOT NULL").format(sql.Identifier("t", name)) for name in filled])
    where = any_filled if filled else sql.SQL("TRUE")
    rows = row_samples.RowSource(sql.SQL("ARRAY[{}]::text[] AS texts").format(read), table.rows, where)
    parts = row_samples.parts(row_samples.size_of(database, table), rows, SAMPLE, SAMPLE) if columns else []
    for (texts,) in database.rows(sql.SQL(" UNION ALL ").join(parts), table=table.label) if parts else ():
        yield texts
