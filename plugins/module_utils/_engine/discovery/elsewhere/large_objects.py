# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Large objects that no column of type oid refers to. An application may keep their number in any other type.

PostgreSQL has the content of all of them in one table (chapter "Large Objects" of its manual).
"""

from __future__ import annotations

from collections.abc import Sequence

from ...postgres import sql
from ...postgres.catalog import LARGE_OBJECT, Column, Table
from ...postgres.connection import Database
from ..columns.sql_type_readers import LONGEST, READABLE_OBJECT
from ..target_survey import Survey

COLUMN = "pg_largeobject.data"  # by this name a person settles them
SAMPLE = 25  # of the first objects, as many of the last ones, and of those in between
SEARCHED = 20_000  # objects, in which one of each beginning is looked for: all tables share one store
TRIED = 100  # of those beginnings. Files of one kind have the same one, ciphertext has any
MOST = 1 << 16  # bytes that are read of such an object: a token opens only if it is whole


def sample(database: Database, survey: Survey) -> list[bytes]:
    """Return the beginnings of some of them that this role may read."""
    ends = [f"({{objects}} ORDER BY {order} LIMIT {SAMPLE})" for order in ("m.oid", "m.oid DESC", "hashoid(m.oid)")]
    return _read(database, survey, " UNION ".join(ends), LONGEST)


def of_each_beginning(database: Database, survey: Survey) -> list[bytes]:
    """Return one of them of each beginning: a few encrypted ones may be among very many files."""
    searched = f"{{objects}} ORDER BY hashoid(m.oid) LIMIT {SEARCHED}"
    kinds = f"SELECT min(m.oid) AS oid FROM ({searched}) AS m GROUP BY lo_get(m.oid, 0, 4)"
    return _read(database, survey, f"{kinds} ORDER BY hashoid(min(m.oid)) LIMIT {TRIED}", MOST)


def _read(database: Database, survey: Survey, chosen: str, longest: int) -> list[bytes]:
    """Return up to ``longest`` bytes of each object that a query chooses."""
    if not places(database):
        return []
    where = [sql.SQL(READABLE_OBJECT), *(_not_in(table, column) for table, column in _references(survey))]
    objects = sql.SQL("SELECT m.oid FROM pg_largeobject_metadata AS m WHERE {}").format(sql.SQL(" AND ").join(where))
    query = sql.SQL(f"SELECT encode(lo_get(m.oid, 0, {longest}), 'hex') FROM ({chosen}) AS m").format(objects=objects)
    return [bytes.fromhex(value) for (value,) in database.rows(query)]


def places(database: Database) -> set[str]:
    """Return the name that a settlement of them can have, if there are large objects."""
    return {COLUMN} if database.rows("SELECT FROM pg_largeobject_metadata LIMIT 1") else set()


def _references(survey: Survey) -> Sequence[tuple[Table, Column]]:
    """Return the columns whose own finding is about the objects they refer to."""
    return [
        (table, column)
        for table, columns in survey.every_column().items()
        for column in columns
        if column.type == LARGE_OBJECT
    ]


def _not_in(table: Table, column: Column) -> sql.Composable:
    name = sql.Identifier("t", column.name)
    return sql.SQL("NOT EXISTS (SELECT FROM {} AS t WHERE {} = m.oid)").format(table.rows, name)
