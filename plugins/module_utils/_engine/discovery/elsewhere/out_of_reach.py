# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that a rotation cannot read or rewrite: those that the role may not read, and ciphertext in foreign tables."""

from __future__ import annotations

from collections.abc import Iterator

from ...._errors.base import RotationError
from ...._errors.discovery import OutOfReach
from ...crypto.tokens import as_bytes
from ...postgres import catalog, sql
from ...postgres.catalog import Column, Table
from ...postgres.connection import Database
from ...value_forms.token_look import looks_like_a_token
from ...value_forms.value_look import SHORTEST
from ..columns import sql_type_readers, unexplained
from ..findings.findings import Finding
from ..findings.settlements import Settlements
from ..target_survey import Survey

SAMPLE = 50  # values of a column of a foreign table
PATIENCE = "10s"  # with the server that has it
SETTLE = (
    'If nothing in it is under a key that is rotated: O(settlements): {{{column}: {{not_ours: "why"}}}}. '
    'If nobody needs what is: {{unreadable: "why"}}'
)
GRANT = "Make it readable: {grant}. "
OF_SCHEMA = ", or all of a schema as schema.*"
ELSEWHERE = "Its rows are another server's, and are not rotated: rotate them there, with the application stopped. "


def find(database: Database, survey: Survey, settled: Settlements) -> list[Finding]:
    """List unreachable tokens that are not settled, by name or by schema."""
    return [
        each
        for each in [*_not_readable(database), *_foreign(database, survey)]
        if not any(name in settled and settled[name].decision in each.kind.settled_by for name in _names(each.column))
    ]


def places(database: Database) -> set[str]:
    """Return the names that a settlement of one of these can have."""
    labels = [table.label_of(column.name) for table, columns in _of_others(database).items() for column in columns]
    return {
        name for column in [*labels, *(name for name, *_ in catalog.unreadable(database))] for name in _names(column)
    }


def _names(column: str) -> tuple[str, str]:
    return column, f"{column.partition('.')[0]}.*"


def _not_readable(database: Database) -> Iterator[Finding]:
    for name, what, grant in catalog.unreadable(database):
        why = f"{what} that this role may not read: it is unknown whether it needs a rotated key"
        advice = GRANT.format(grant=grant) + SETTLE.format(column=name) + OF_SCHEMA + "."
        yield Finding.of(name, OutOfReach(column=name, why=why, advice=advice), kind="out_of_reach")


def _of_others(database: Database) -> dict[Table, list[Column]]:
    columns_by_table = catalog.columns(database, catalog.FOREIGN)
    return {
        table: [column for column in columns if sql_type_readers.is_judged(column)]
        for table, columns in columns_by_table.items()
    }


def _foreign(database: Database, survey: Survey) -> Iterator[Finding]:
    for table, columns in _of_others(database).items():
        for column in columns:
            name = table.label_of(column.name)
            if why := _what_is_in(database, survey, table, column):
                advice = ELSEWHERE + SETTLE.format(column=name) + "."
                error = OutOfReach(column=name, why=f"in a foreign table, {why}", advice=advice)
                yield Finding.of(name, error, kind="out_of_reach")


def _what_is_in(database: Database, survey: Survey, table: Table, column: Column) -> str:
    """Return why a column cannot be passed over. Empty if it looks plain."""
    read, length = (
        sql.SQL(each).format(column=sql.Identifier("t", column.name)) for each in sql_type_readers.expression(column)
    )
    query = sql.SQL("SELECT {read} FROM {rows} AS t WHERE {length} >= {least} LIMIT {most}").format(
        read=read,
        rows=table.identifier,
        length=length,
        least=sql.Literal(SHORTEST),
        most=sql.Literal(SAMPLE),
    )
    try:
        with database.transaction("READ ONLY"):
            database.execute(f"SET LOCAL statement_timeout = '{PATIENCE}'")
            texts = [value for (value,) in database.rows(query, table=table.label)]
    except RotationError:
        return "and cannot be read now"
    values = sql_type_readers.values(column, texts)
    pieces = [as_bytes(value) for value in values]
    if any(map(looks_like_a_token, pieces)) or survey.holding(values):
        return "with what looks like tokens"
    judged = unexplained.classify(values, f"{table.name}.{column.name}", documents=column.type in ("json", "jsonb"))
    return judged.what if judged.verdict == unexplained.UNEXPLAINED else ""
