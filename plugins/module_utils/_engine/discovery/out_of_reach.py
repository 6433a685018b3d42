# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rotation cannot look at or rewrite: what the role may not read, ciphertext in foreign tables, and encrypted
fields in databases that are not PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

from ..._errors.base import RotationError
from ..application import django_project, model_fields
from ..postgres import catalog, sql
from ..postgres.catalog import Column, Table
from ..postgres.connection import Database
from . import judged_types, unexplained
from .findings import KINDS, Finding, unsettled
from .settlements import Settlements
from .target_survey import Survey, looks_like_a_token
from .value_look import SHORTEST

SAMPLE = 50  # values of a column of a foreign table
PATIENCE = "10s"  # with the server that has it
SETTLE = (
    'If nothing in it is under a key that is rotated: O(settlements): {{{column}: {{not_ours: "why"}}}}. '
    'If nobody needs what is: {{unreadable: "why"}}'
)
GRANT = "Let it be looked at: {grant}. "
OF_SCHEMA = ", or all of a schema as schema.*"
OTHER_KIND = (
    "a {field} in a database of {vendor}, which is not rotated: what is under a rotated key there would be unreadable"
)
BY_APPLICATION = (
    "Have the application write the values again after the rotation, from a copy in plain text, or rotate that "
    "database by a command of its own. "
)
ELSEWHERE = "Its rows are another server's, and are not rotated: rotate them there, with the application stopped. "


def find(database: Database, survey: Survey, settled: Settlements) -> list[Finding]:
    """Each with what to do, but those that a person has settled, by themselves or by their schema."""
    return [
        each
        for each in [*_not_readable(database), *_foreign(database, survey)]
        if not any(name in settled and settled[name].decision in each.kind.settled_by for name in _names(each.column))
    ]


def in_other_databases(settled: Settlements) -> list[Finding]:
    """Fields that encrypt and have values in a database of another kind, but those that a person has settled."""
    found = [
        Finding(KINDS["out_of_reach"], name, {"why": why, "advice": BY_APPLICATION + SETTLE.format(column=name) + "."})
        for name, why in _of_other_kinds().items()
    ]
    return unsettled(found, settled)


def _of_other_kinds() -> dict[str, str]:
    """By the name of the column, what it is."""
    return {
        Table("", table, visible=True, alias=alias).label_of(column): OTHER_KIND.format(field=field, vendor=vendor)
        for alias, vendor in django_project.other_databases()
        for (table, column), field in _encrypting_in(alias)
        if django_project.may_have_values(alias, table, column)
    }


def _encrypting_in(alias: str) -> Iterator[tuple[tuple[str, str], str]]:
    """The columns of encrypting fields that a database has; if it cannot be asked, those that a router sends there."""
    tables = django_project.tables_of(alias)
    names = None if tables is None else {name for name in model_fields.tables() if name.lower() in tables}
    for (table, column), field in sorted(model_fields.encrypting(model_fields.ModelTables(alias, names)).items()):
        if tables is None or column.lower() in tables[table.lower()]:
            yield (table, column), field


def places_of_other_kinds() -> set[str]:
    """The names by which a settlement may be about one of these."""
    return {*_of_other_kinds()}


def places(database: Database) -> set[str]:
    """The names by which a settlement may be about one of these."""
    labels = [table.label_of(column.name) for table, columns in _of_others(database).items() for column in columns]
    return {
        name for column in [*labels, *(name for name, *_ in catalog.unreadable(database))] for name in _names(column)
    }


def _names(column: str) -> tuple[str, str]:
    return column, f"{column.partition('.')[0]}.*"


def _not_readable(database: Database) -> Iterator[Finding]:
    for name, what, grant in catalog.unreadable(database):
        why = f"{what} that this role may not read: nobody knows whether a key that is rotated is needed for it"
        advice = GRANT.format(grant=grant) + SETTLE.format(column=name) + OF_SCHEMA + "."
        yield Finding(KINDS["out_of_reach"], name, {"why": why, "advice": advice})


def _of_others(database: Database) -> dict[Table, list[Column]]:
    found = catalog.columns(database, catalog.FOREIGN)
    return {table: [each for each in columns if judged_types.is_judged(each)] for table, columns in found.items()}


def _foreign(database: Database, survey: Survey) -> Iterator[Finding]:
    for table, columns in _of_others(database).items():
        for column in columns:
            name = table.label_of(column.name)
            if why := _what_is_in(database, survey, table, column):
                advice = ELSEWHERE + SETTLE.format(column=name) + "."
                yield Finding(KINDS["out_of_reach"], name, {"why": f"in a foreign table, {why}", "advice": advice})


def _what_is_in(database: Database, survey: Survey, table: Table, column: Column) -> str:
    """What keeps a column from being passed over; empty if it looks plain."""
    read, length = (
        sql.SQL(each).format(column=sql.Identifier("t", column.name)) for each in judged_types.expression(column)
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
            found = [value for (value,) in database.rows(query, table=table.label)]
    except RotationError:
        return "and cannot be read now"
    values = judged_types.values(column, found)
    pieces = [value.encode("utf-8") if isinstance(value, str) else value for value in values]
    if any(map(looks_like_a_token, pieces)) or survey.holding(values):
        return "with what looks like tokens"
    judged = unexplained.classify(values, f"{table.name}.{column.name}", documents=column.type in ("json", "jsonb"))
    return judged.what if judged.verdict == unexplained.UNEXPLAINED else ""
