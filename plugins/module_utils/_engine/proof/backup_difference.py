# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Count the rows in which the database in use differs from the restored copy: what was written since the backup.

Values of the targets are compared by what is inside, so that a rotation that came between changes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..._errors.base import RotationError
from ..crypto.keyring import Keyring
from ..discovery.columns.column_types import JsonCodec
from ..discovery.columns.target import Target
from ..postgres import sql
from ..postgres.catalog import Table, row_key, tables
from ..postgres.connection import Database
from .page_tokens import ColumnPage, look

PAGE = 2000
ComparedRow = tuple[Any, ...]  # hash of the key, hash of what no key changes, values of the targets
_Pairs = Sequence[tuple[ComparedRow, ComparedRow]]
# What the text of a value depends on.
SETTINGS = "SET LOCAL timezone = 'UTC'; SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1"


@dataclass
class Difference:
    """Rows of one table: only in the database, different, and only in the copy. None if that cannot be compared."""

    table: str
    added: int | None = 0
    changed: int | None = 0
    deleted: int | None = 0

    @property
    def lost(self) -> int | None:
        """Rows of today that a swap would lose."""
        return None if self.added is None or self.changed is None else self.added + self.changed


def differences(
    used: Database | None, copy: Database, targets: Sequence[Target], keyring: Keyring
) -> Iterator[Difference]:
    """Yield every table of either database that is not the same in both.

    Without a database in use, every table is yielded as not comparable.
    """
    known = {table.label: table for table in tables(copy)}
    in_use = {table.label: table for table in tables(used)} if used else {}
    for label in sorted({*known, *in_use}):
        if used is None or label not in in_use:
            yield Difference(label, None, None, None)
            continue
        members = [target for target in targets if target.table.label == label]
        try:
            with used.snapshot(), copy.snapshot():
                ours = _rows(used, in_use[label], members)
                theirs = _rows(copy, in_use[label], members) if label in known else iter(())
                difference = _compare(label, ours, theirs, partial(_differ, members, keyring))
        except RotationError:
            difference = Difference(label, None, None, None)
        if difference != Difference(label):
            yield difference


def _compare(
    label: str, ours: Iterator[ComparedRow], theirs: Iterator[ComparedRow], differ: Callable[[_Pairs], int]
) -> Difference:
    """Merge the rows of both sides. ``differ`` counts pairs that are the same but for what the targets hold."""
    left: list[tuple[ComparedRow, ComparedRow]] = []
    added = changed = deleted = 0
    our_row, their_row = next(ours, None), next(theirs, None)
    while our_row is not None or their_row is not None:
        if their_row is None or (our_row is not None and our_row[0] < their_row[0]):
            added += 1
            our_row = next(ours, None)
        elif our_row is None or their_row[0] < our_row[0]:
            deleted += 1
            their_row = next(theirs, None)
        else:
            if our_row[1] != their_row[1]:
                changed += 1
            elif our_row[2:] != their_row[2:]:
                left.append((our_row, their_row))
            our_row, their_row = next(ours, None), next(theirs, None)
        if len(left) == PAGE:
            changed += differ(left)
            left = []
    return Difference(label, added, changed + differ(left), deleted)


def _rows(database: Database, table: Table, members: Sequence[Target]) -> Iterator[ComparedRow]:
    """All rows in the order of the hash of their key; of a table without a key, of the hash of all of them."""
    try:
        key = sql.SQL("ROW({})").format(sql.SQL(", ").join(row_key(database, table).parts))
        rest = rest_of(members)
    except RotationError:
        key, rest = sql.SQL("t"), sql.SQL("''")
    database.execute(SETTINGS)
    database.execute(
        sql.SQL(
            "DECLARE tetech_key_rotation_rows NO SCROLL CURSOR FOR"
            ' SELECT md5({key}::text) COLLATE "C" AS k, {chosen} FROM {rows} AS t ORDER BY k'
        ).format(
            key=key,
            chosen=sql.SQL(", ").join([rest, *(target.value for target in members)]),
            rows=table.rows,
        ),
        table=table.label,
    )
    while page := database.rows(f"FETCH {PAGE} FROM tetech_key_rotation_rows", table=table.label):
        yield from page
    database.execute("CLOSE tetech_key_rotation_rows")


def rest_of(members: Sequence[Target]) -> sql.Composable:
    """SQL for a hash of a row ``t`` without its targets and the search columns made of them."""
    names = [name for target in members for name in (target.column, *(column.column for column in target.derived))]
    return sql.SQL("md5((to_jsonb(t) - ARRAY[{}]::text[])::text)").format(sql.SQL(", ").join(map(sql.Literal, names)))


def _differ(members: Sequence[Target], keyring: Keyring, pairs: _Pairs) -> int:
    """Return how many pairs of rows have other plaintexts in a target."""
    unequal: set[int] = set()
    for place, target in enumerate(members, start=2):
        sides = [inside(target, [row[place] for row in side], keyring) for side in zip(*pairs)]
        unequal |= {number for number, (ours, theirs) in enumerate(zip(*sides)) if ours != theirs}
    return len(unequal)


def inside(target: Target, values: Sequence[Any], keyring: Keyring) -> list[Any]:
    """Return each value without what a key changes: the text around its tokens, and their plaintexts. A token that no
    key set opens stays as it is."""
    marker = keyring.schemes[target.scheme].marker
    contents: dict[int, list[bytes]] = {}
    for token in look(ColumnPage(target, [""] * len(values), values), keyring, {}):
        contents.setdefault(token.row, []).append(b"=" + token.opened[1].plaintext if token.opened else token.token)
    return [
        _alike(target, value, contents[row], marker) if row in contents else value or None
        for row, value in enumerate(values)
    ]


def _alike(target: Target, value: Any, plaintexts: Sequence[bytes], marker: bytes) -> tuple[Any, Sequence[bytes]]:
    """Return what is around the tokens, and what is in them; of a document that is sorted by tokens, in a lasting
    order."""
    kind, tokens = target.kind, target.kind.tokens(value, marker)
    if not isinstance(kind, JsonCodec) or not kind.moves(value, marker):
        return kind.put(value, tokens, [b"?"] * len(tokens)), plaintexts
    digests = [hashlib.sha256(plaintext).hexdigest().encode("utf-8") for plaintext in plaintexts]
    document = json.loads(kind.put(value, tokens, digests), parse_float=str, parse_int=str)
    return json.dumps(document, sort_keys=True), sorted(plaintexts)
