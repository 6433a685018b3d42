# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens in the tables of database caches, whose entries are pickled objects in base64.

An object that was cached with its tokens may be saved after the rotation: then tokens under the old keys are back in a
table. The key of an entry may be that of a session, so entries are counted and not named.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from ..crypto.keyring import Keyring
from ..crypto.wrappers import unbase64
from ..postgres import sql
from ..postgres.catalog import Table
from ..postgres.connection import Database
from .nesting import holding
from .target_survey import Survey

LOOKED_AT = 1000  # entries of a cache: its default is to keep 300
LONGEST = 1_000_000  # bytes of one entry
AT_ONCE = 2_000_000  # bytes of entries in memory at a time, of which the search has a few copies
_SIZES = "SELECT cache_key, octet_length(value) FROM {} AS t WHERE octet_length(value) <= {} LIMIT {}"
_VALUES = "SELECT value FROM {} AS t WHERE cache_key = ANY(%s) AND octet_length(value) <= {}"


@dataclass(frozen=True)
class CachedTokens:
    """How many entries of a cache hold tokens under the keys at hand, of those looked at."""

    column: str
    count: int
    looked_at: int


def find(database: Database, survey: Survey, keyring: Keyring) -> Iterator[CachedTokens]:
    """The caches of one database that hold such tokens. Raises E_DB."""
    names = {target.scheme for target in survey.found}
    for table in survey.tables:
        if survey.is_cache(table):
            count = looked_at = 0
            for keys in _batches(database, table):
                held, seen = _count(keyring, names, _entries(database, table, keys))
                count, looked_at = count + held, looked_at + seen
            if count:
                yield CachedTokens(table.label_of("value"), count, looked_at)


def _count(keyring: Keyring, names: Collection[str], texts: Sequence[bytes]) -> tuple[int, int]:
    """How many of the texts hold such tokens, and how many there are."""
    return len(holding(keyring, names, texts)), len(texts)


def _batches(database: Database, table: Table) -> Iterator[list[str]]:
    """The keys of the entries, as many at a time as have AT_ONCE bytes together."""
    query = sql.SQL(_SIZES).format(table.rows, sql.Literal(LONGEST), sql.Literal(LOOKED_AT))
    keys: list[str] = []
    size = 0
    for key, length in database.rows(query, table=table.label):
        if keys and size + length > AT_ONCE:
            yield keys
            keys, size = [], 0
        keys.append(key)
        size += length
    if keys:
        yield keys


def _entries(database: Database, table: Table, keys: list[str]) -> list[bytes]:
    """What the entries of these keys hold: those that are still there."""
    query = sql.SQL(_VALUES).format(table.rows, sql.Literal(LONGEST))
    values = (value.encode() for (value,) in database.rows(query, (keys,), table=table.label))
    return [unbase64(value) or value for value in values]
