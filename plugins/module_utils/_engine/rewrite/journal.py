# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal: the keys of values whose format does not show them (``authenticated`` is False).

It is a table next to the data, written in the transaction of the value itself. An entry says: "this row's value, with
this SHA-256, was sealed under that key ID". It is about that very value, so it stays true whoever writes to the row. A
value without an entry is under the keys that were current when the rotation began, if it opens under them. Such formats
require that the writers are stopped from then until the switch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..._errors.database import JournalNotCreated, StatementFailed
from ..crypto.keyring import Keyring
from ..crypto.tokens import as_bytes
from ..discovery.columns.target import Target
from ..postgres.catalog import JOURNAL as TABLE
from ..postgres.catalog import row_name
from ..postgres.connection import FORBIDDEN, Database
from ..proof.table_pages import PageRows


class Journal:
    """The journal of one database. Without targets that need it, it reads and creates nothing."""

    def __init__(self, database: Database, keyring: Keyring, targets: Sequence[Target]) -> None:
        self._database = database
        self._keyring = keyring
        self._names = [target.name for target in targets if not keyring.schemes[target.scheme].format.authenticated]
        self._there = bool(self._names) and self._exists()

    def _exists(self) -> bool:
        return bool(self._database.rows("SELECT to_regclass(%s) IS NOT NULL", (TABLE,))[0][0])

    def prepare(self) -> None:
        """Create the table if a target needs it, and drop entries for the base keys. Raise E_JOURNAL or E_DB."""
        if not self._names:
            return
        if not self._there:
            self._make()
            self._there = True
        base = self._keyring.key_id(self._keyring.base)
        self._database.execute(f"DELETE FROM {TABLE} WHERE key_id = %s", (base,), table=TABLE)

    def _make(self) -> None:
        columns = "target text, row_key text, key_id text NOT NULL, digest bytea NOT NULL"
        try:
            self._database.execute(
                f"CREATE TABLE IF NOT EXISTS {TABLE} ({columns}, PRIMARY KEY (target, row_key))", table=TABLE
            )
        except StatementFailed as exc:
            if exc.sqlstate not in FORBIDDEN:
                raise
            raise JournalNotCreated(table=TABLE, column=self._names[0]) from None

    def of(self, members: Sequence[Target], page: PageRows) -> Mapping[tuple[str, str], str]:
        """Return the key IDs of the values in a page that have an entry, by target and row."""
        names = [target.name for target in members if target.name in self._names]
        if not names or not self._there:
            return {}
        entries = self._database.rows(
            f"SELECT target, row_key, key_id, digest FROM {TABLE} WHERE target = ANY(%s) AND row_key = ANY(%s)",
            (names, [row_name(key) for key, _ in page]),
            table=TABLE,
        )
        values = {
            (target.name, row_name(key)): value for key, row in page for target, value in zip(members, row) if value
        }
        return {
            (target, row): key_id
            for target, row, key_id, digest in entries
            if (target, row) in values and _digest(values[target, row]) == bytes(digest)
        }

    def write(self, key_id: str, entries: Iterable[tuple[str, str, Any]]) -> None:
        """Enter values (target, row, value as stored) in the transaction that is open."""
        wanted = [entry for entry in entries if entry[0] in self._names] if self._names else []
        if wanted:
            targets, rows, values = zip(*wanted)
            self._database.execute(
                f"INSERT INTO {TABLE} SELECT target, row_key, %s, digest"
                " FROM unnest(%s::text[], %s::text[], %s::bytea[]) AS v(target, row_key, digest)"
                " ON CONFLICT (target, row_key) DO UPDATE SET key_id = EXCLUDED.key_id, digest = EXCLUDED.digest",
                (key_id, list(targets), list(rows), [_digest(value) for value in values]),
                table=TABLE,
            )


def _digest(value: Any) -> bytes:
    return hashlib.sha256(as_bytes(value)).digest()
