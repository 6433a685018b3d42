# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens in the tables of database caches and sessions. Cached entries are pickled objects in base64.

An object that was cached with its tokens may be saved after the rotation. Then tokens under the old keys are back in a
table. The key of an entry may be that of a session, so entries are counted and not named. Sessions are compressed JSON.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ...application import lasting_caches
from ...crypto.keyring import Keyring
from ...crypto.wrappers import unbase64
from ...postgres import sql
from ...postgres.catalog import Table
from ...postgres.connection import Database
from ...value_forms.packed_values import unpacked
from ..columns.nesting import holding
from ..findings.finding_facts import CachedEntries, SessionEntries
from ..findings.findings import Findings
from ..target_survey import Survey

LOOKED_AT = 1000  # entries of a cache: its default is to keep 300
LONGEST = 1_000_000  # bytes of one entry
AT_ONCE = 2_000_000  # bytes of entries in memory at a time, of which the search has a few copies
_SIZES = "SELECT {key}, octet_length({value}) FROM {rows} AS t WHERE octet_length({value}) <= {longest} LIMIT {most}"
_VALUES = "SELECT {value} FROM {rows} AS t WHERE {key} = ANY(%s) AND octet_length({value}) <= {longest}"


@dataclass(frozen=True)
class CachedTokens:
    """The number of checked entries of a cache, and of those that hold tokens under the available keys."""

    column: str
    count: int
    looked_at: int
    sessions: bool = False

    def put(self, findings: Findings) -> None:
        """Put it down."""
        if self.sessions:
            findings.put(self.column, SessionEntries(self.count, self.looked_at, lasting_caches.CLEAR_SESSIONS))
        else:
            findings.put(self.column, CachedEntries(self.count, self.looked_at))


class _Store(NamedTuple):
    """A table whose entries expire, with the columns of their keys and values."""

    table: Table
    key: str
    value: str

    def query(self, text: str, **more: int) -> sql.Composable:
        names = {"key": sql.Identifier("t", self.key), "value": sql.Identifier("t", self.value)}
        numbers = {name: sql.Literal(number) for name, number in {"longest": LONGEST, **more}.items()}
        return sql.SQL(text).format(rows=self.table.rows, **names, **numbers)


def find(database: Database, survey: Survey, keyring: Keyring) -> Iterator[CachedTokens]:
    """Yield the caches and sessions of one database that hold such tokens. Raise E_DB if it cannot be read."""
    names = {target.scheme for target in survey.targets}
    for table in survey.tables:
        sessions = survey.is_sessions(table)
        if not (sessions or survey.is_cache(table)):
            continue
        store = _Store(table, *(lasting_caches.SESSION_COLUMNS if sessions else lasting_caches.COLUMNS))
        count = looked_at = 0
        for keys in _batches(database, store):
            held, total = _count(keyring, names, _entries(database, store, keys))
            count, looked_at = count + held, looked_at + total
        if count:
            yield CachedTokens(table.label_of(store.value), count, looked_at, sessions)


def _count(keyring: Keyring, names: Collection[str], entries: Sequence[bytes]) -> tuple[int, int]:
    """Return how many of the entries hold such tokens, and how many there are."""
    texts = [(place, text) for place, entry in enumerate(entries) for text in unpacked(entry)]
    stages_by_place = holding(keyring, names, [text for _, text in texts])
    return len({texts[place][0] for place in stages_by_place}), len(entries)


def _batches(database: Database, store: _Store) -> Iterator[list[str]]:
    """Yield the keys of the entries, as many at a time as have AT_ONCE bytes together."""
    keys: list[str] = []
    size = 0
    for key, length in database.rows(store.query(_SIZES, most=LOOKED_AT), table=store.table.label):
        if keys and size + length > AT_ONCE:
            yield keys
            keys, size = [], 0
        keys.append(key)
        size += length
    if keys:
        yield keys


def _entries(database: Database, store: _Store, keys: list[str]) -> list[bytes]:
    """Return the content of the entries with these keys, if they are still there."""
    values = (value.encode() for (value,) in database.rows(store.query(_VALUES), (keys,), table=store.table.label))
    return [unbase64(value) or value for value in values]
