# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a table with update triggers lets its targets be written: what a trigger refuses, only an UPDATE shows.

One row of each such table is written as the rotation writes it, with the same values sealed again under the keys that
they have, in a transaction that is rolled back. What a trigger does outside of its transaction stays.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any

from ..._errors.base import RotationError
from ..._errors.database import StatementFailed
from ..crypto.keyring import Keyring
from ..discovery.findings import KINDS, Finding
from ..discovery.target_survey import Target
from ..postgres import catalog, sql
from ..postgres.connection import Database, Yielded
from ..proof.table_pages import TargetGroup, by_table
from .rewriter import Change, compare_and_set

ROWS = 5  # to try one after the other while others have them locked
REFUSES = (
    "is in a table that refuses an UPDATE, as one that was rolled back has shown: SQLSTATE {sqlstate}{by}. The update "
    "triggers of the table: {triggers}"
)
DISABLE = (
    "See the server's log for what refuses it. If that is a trigger, disable it for the rotation (ALTER TABLE {table} "
    "DISABLE TRIGGER ...), and enable it afterwards."
)


class _UndoneError(Exception):
    """The trial is over."""


def findings(
    database: Database, targets: Sequence[Target], keyring: Keyring, settled: Collection[str] = ()
) -> Iterator[Finding]:
    """The targets of tables that refuse an UPDATE. Those in ``settled`` are known not to be writable."""
    for group in by_table([replace(target, derived=()) for target in targets if target.name not in settled]):
        triggers = catalog.update_triggers(database, group.table)
        refused = _refusal(database, group, keyring) if triggers else None
        if refused is None:
            continue
        found = REFUSES.format(**refused.where, triggers=", ".join(triggers))
        for target in group.members:
            yield Finding(
                KINDS["tied"], target.name, {"found": found, "advice": DISABLE.format(table=group.table.label)}
            )


def _refusal(database: Database, group: TargetGroup, keyring: Keyring) -> StatementFailed | None:
    """The error of the UPDATE; None if it was done, if others had all rows locked, or if a trigger takes too long for
    an application that serves."""
    for change in _changes(database, group, keyring):
        try:
            with contextlib.suppress(_UndoneError), database.batch():
                compare_and_set(database, group, [change])
                database.execute("SET CONSTRAINTS ALL IMMEDIATE", table=group.table.label)
                raise _UndoneError
        except Yielded as yielded:
            if yielded.slow:
                return None
        except StatementFailed as exc:
            return exc
        else:
            return None
    return None


def _changes(database: Database, group: TargetGroup, keyring: Keyring) -> Iterator[Change]:
    """A few rows with a value."""
    table, key, members = group
    query = sql.SQL("SELECT {chosen} FROM {rows} AS t WHERE {filled} LIMIT %s").format(
        chosen=sql.SQL(", ").join(
            [*(sql.SQL("{}::text").format(part) for part in key.parts), *(each.value for each in members)]
        ),
        rows=table.rows,
        filled=sql.SQL(" OR ").join(sql.SQL("octet_length({}) > 0").format(each.value) for each in members),
    )
    width = len(key.columns)
    for row in database.rows(query, (ROWS,), table=table.label):
        new = tuple(_seal_again(target, value, keyring) for target, value in zip(members, row[width:]))
        yield Change(row[:width], row[width:], new, (1,) * len(members), {})


def _seal_again(target: Target, value: Any, keyring: Keyring) -> Any:
    """The value with other tokens for the same plaintexts; unchanged if it cannot be sealed here."""
    if not value or keyring.context_of(target.scheme):
        return value
    tokens = target.kind.tokens(value, keyring.schemes[target.scheme].marker)
    with contextlib.suppress(RotationError):
        opened = [keyring.stage_of(target.scheme, token) for token in tokens]
        fresh = [
            keyring.cipher(target.scheme, found[0]).seal(found[1]) if found else token
            for token, found in zip(tokens, opened)
        ]
        new = target.kind.put(value, tokens, fresh) if tokens else value
        return value if target.limit and len(new) > target.limit else new
    return value
