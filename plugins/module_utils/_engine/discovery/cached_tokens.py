# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens in the tables of database caches, whose entries are pickled objects in base64.

An object that was cached with its tokens may be saved after the rotation: then tokens under the old keys are back in a
table. The key of an entry may be that of a session, so entries are counted and not named.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..crypto.keyring import Keyring
from ..crypto.wrappers import unbase64
from ..postgres import sql
from ..postgres.catalog import Table
from ..postgres.connection import Database
from .nesting import holding
from .target_survey import Survey

LOOKED_AT = 1000  # entries of a cache: its default is to keep 300
LONGEST = 1_000_000  # characters of one entry
_VALUES = "SELECT value FROM {} AS t WHERE length(value) <= {} LIMIT {}"


@dataclass(frozen=True)
class CachedTokens:
    """How many entries of a cache hold tokens under the keys at hand, of those looked at."""

    column: str
    count: int
    looked_at: int


def find(database: Database, survey: Survey, keyring: Keyring) -> Iterator[CachedTokens]:
    """The caches of one database that hold such tokens. Raises E_DB."""
    for table in survey.tables:
        if survey.is_cache(table):
            texts = [unbase64(value.encode()) or value.encode() for value in _entries(database, table)]
            names = {target.scheme for target in survey.found}
            if count := len(holding(keyring, names, texts)):
                yield CachedTokens(table.label_of("value"), count, len(texts))


def _entries(database: Database, table: Table) -> list[str]:
    query = sql.SQL(_VALUES).format(table.rows, sql.Literal(LONGEST), sql.Literal(LOOKED_AT))
    return [value for (value,) in database.rows(query, table=table.label)]
