# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stored passwords with a key in their hash, as a pepper: under other keys, no user could log in.

The proof is a throwaway password: it is hashed under the present keys, and other keys do not accept it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Iterator, Sequence
from typing import Protocol

from ..._errors.discovery import PasswordPepper
from ..application import password_hashers
from ..discovery.findings.findings import Finding
from ..discovery.target_survey import Survey
from ..postgres import sql
from ..postgres.connection import Database

_TEXTS = ("text", "character varying", "character", "citext")
_NAMED = re.compile(r"passw|hash", re.IGNORECASE)  # columns of applications that hash with Django, too
ROWS = 10_000  # that are read in a column that is only named so: a hash of a transaction is not a password
# Of these algorithms, those by which any value of a column is hashed.
_USED = (
    "SELECT a FROM unnest(%s::text[]) AS a"
    " WHERE EXISTS (SELECT FROM (SELECT {column} AS value FROM {rows} AS t LIMIT %s) AS looked"
    " WHERE starts_with(value::text COLLATE \"C\", a || '$'))"
)


class Hashing(Protocol):
    """A process of the application."""

    def hash_password(self, password: str, algorithms: Collection[str]) -> dict[str, str]: ...

    def accepts_password(self, password: str, hashes: dict[str, str]) -> set[str]: ...


def findings(parts: Sequence[tuple[Database, Survey]], now: Hashing, there: Hashing) -> list[Finding]:
    """One for each column with passwords that ``now`` accepts and ``there`` would not."""
    own = password_hashers.own()
    used = (
        {name: algorithms for database, survey in parts for name, algorithms in _used(database, survey, own)}
        if own
        else {}
    )
    asked = sorted({algorithm for algorithms in used.values() for algorithm in algorithms})
    if not asked:
        return []
    password = secrets.token_urlsafe()
    hashes = now.hash_password(password, asked)
    refused = hashes.keys() - (there.accepts_password(password, hashes) if hashes else ())
    return [
        Finding.of(
            name,
            PasswordPepper(
                column=name, hashers=", ".join(password_hashers.path_of(own[algorithm]) for algorithm in lost)
            ),
        )
        for name, algorithms in sorted(used.items())
        if (lost := [algorithm for algorithm in algorithms if algorithm in refused])
    ]


def _used(database: Database, survey: Survey, algorithms: Collection[str]) -> Iterator[tuple[str, list[str]]]:
    """The columns with hashes of these algorithms, and of which of them."""
    known = password_hashers.columns()
    for table, columns in survey.tables.items():
        for column in [] if table.copy else columns:
            of_users = any((name, column.name) in known for name in table.names)
            if column.type in _TEXTS and (of_users or _NAMED.search(column.name)):
                query = sql.SQL(_USED).format(rows=table.rows, column=sql.Identifier("t", column.name))
                rows = database.rows(query, (sorted(algorithms), None if of_users else ROWS), table=table.label)
                if rows:
                    yield table.label_of(column.name), sorted(name for (name,) in rows)
