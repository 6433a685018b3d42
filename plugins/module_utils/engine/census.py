# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The census: a read-only pass that opens every value of every target and says under which key set it is."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from ..errors import RotationError
from .catalog import RowKey, Table
from .database import Database, quote
from .discovery import Target
from .journal import Journal
from .keyring import Keyring

PAGE_ROWS = 1000  # larger pages are no faster (facts/re-encryption.md 3.6)
EXAMPLES = 5  # per target and class
SHOWN = 12  # in one message
DIGEST_MODULUS = 1 << 256


@dataclass
class Tally:
    """What the census found in one target: tokens and empty values by class, and the keys of the first rows of each."""

    target: Target
    rows: int = 0
    classes: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    left_alone: int = 0
    _digest: int = 0

    def add(self, value_class: str, row: str) -> None:
        self.classes[value_class] += 1
        examples = self.examples.setdefault(value_class, [])
        if len(examples) < EXAMPLES:
            examples.append(row)

    def digest(self, key: bytes, row: str, place: int, plaintext: bytes) -> None:
        """Add one plaintext to an order-independent keyed digest: the sum of HMACs modulo 2**256."""
        text = f"{self.target.name}\0{row}\0{place}\0".encode() + plaintext
        self._digest = (self._digest + int.from_bytes(hmac.digest(key, text, hashlib.sha256), "big")) % DIGEST_MODULUS

    def as_result(self) -> dict[str, Any]:
        """Counts and digest, for a result or a record."""
        return {
            "model": self.target.model,
            "table": self.target.table.label,
            "column": self.target.column,
            "scheme": self.target.scheme,
            "rows": self.rows,
            "classes": dict(self.classes),
            "left_alone": self.left_alone,
            "digest": f"{self._digest:064x}",
        }

    def not_under(self, stage: str) -> int:
        """How many values have to be re-encrypted to come under ``stage``."""
        return sum(count for name, count in self.classes.items() if name not in ("empty", stage))


def by_table(targets: Sequence[Target]) -> list[tuple[Table, RowKey, list[Target]]]:
    """Targets grouped so that each table is read and written once for all its columns."""
    ordered = sorted(targets, key=lambda target: (target.table, target.column))
    groups = [(table, list(members)) for table, members in groupby(ordered, key=lambda target: target.table)]
    return [(table, members[0].key, members) for table, members in groups]


def pages(
    database: Database, table: Table, key: RowKey, members: Sequence[Target], rows: int = PAGE_ROWS
) -> Iterator[list[tuple[tuple[str, ...], tuple[Any, ...]]]]:
    """The table in the order of its key, page by page: (key as text, values of ``members``). Memory holds one page."""
    width = len(key.columns)
    # Qualified: a bare name in ORDER BY would mean the output column, which is text, and sorts 10 before 9.
    names = ", ".join(f"t.{quote(name)}" for name in key.columns)
    chosen = [f"t.{quote(name)}::text" for name in key.columns]
    chosen += [target.kind.read.format(f"t.{quote(target.column)}") for target in members]
    after = f"({names}) > ({', '.join(f'%s::{sql_type}' for sql_type in key.types)})"
    last: tuple[str, ...] = ()
    while True:
        where = f"WHERE {after}" if last else ""
        sql = f"SELECT {', '.join(chosen)} FROM {table.sql} AS t {where} ORDER BY {names} LIMIT %s"
        page = database.rows(sql, (*last, rows), table=table.label)
        if page:
            yield [(row[:width], row[width:]) for row in page]
            last = page[-1][:width]
        if len(page) < rows:
            return


def row_name(key: Sequence[str]) -> str:
    """A row's key as one word."""
    return ",".join(key)


def take(
    database: Database,
    targets: Sequence[Target],
    keyring: Keyring,
    *,
    digest_key: bytes,
    leave_alone: Collection[str] = (),
) -> list[Tally]:
    """Class every value of every target in one snapshot.

    Classes are the keyring's stages, ``empty`` (NULL and ''), ``plaintext`` (does not look like a token) and
    ``unreadable`` (does, and opens under no key set). Values listed in ``leave_alone`` as table.column:key are counted
    apart. Raises E_DB or E_DB_LOST.
    """
    tallies = []
    journal = Journal(database, keyring, targets)
    with database.snapshot():
        for table, key, members in by_table(targets):
            group = [Tally(target) for target in members]
            for page in pages(database, table, key, members):
                known = journal.of(members, page)
                for row_key, values in page:
                    row = row_name(row_key)
                    for tally, value in zip(group, values):
                        key_id = known.get((tally.target.name, row))
                        _class(tally, row, value, keyring, key_id, digest_key, leave_alone)
            _refuse_missed(database, table, group[0].rows)
            tallies += group
    return tallies


def _refuse_missed(database: Database, table: Table, seen: int) -> None:
    """The pass has seen each row once, or it proves nothing."""
    count = database.rows(f"SELECT count(*) FROM {table.sql}", table=table.label)[0][0]
    if count != seen:
        raise RotationError("E_SCAN", table=table.label, seen=seen, count=count)


def _class(
    tally: Tally,
    row: str,
    value: Any,
    keyring: Keyring,
    key_id: str | None,
    digest_key: bytes,
    leave_alone: Collection[str],
) -> None:
    target = tally.target
    tally.rows += 1
    marker = keyring.schemes[target.scheme].marker
    tokens = target.kind.tokens(value, marker) if value else []
    if not tokens:
        tally.add("empty", row)
    for place, token in enumerate(tokens):
        opened = keyring.stage_of(target.scheme, token, key_id)
        if opened is not None:
            tally.add(opened[0], row)
            tally.digest(digest_key, row, place, opened[1].plaintext)
        elif f"{target.name}:{row}" in leave_alone:
            tally.left_alone += 1
        else:
            tally.add("unreadable" if token.startswith(marker) else "plaintext", row)


def refuse_unreadable(tallies: Sequence[Tally]) -> None:
    """Raise E_UNREADABLE or E_PLAINTEXT where a value opens under no key set."""
    for value_class, code in (("unreadable", "E_UNREADABLE"), ("plaintext", "E_PLAINTEXT")):
        count, rows = _odd(tallies, value_class.__eq__)
        if count:
            raise RotationError(code, count=count, rows=rows)


def refuse_other_than(stage: str, tallies: Sequence[Tally], keyring: Keyring) -> None:
    """Raise E_NOT_CURRENT where a value is neither empty nor a token of ``stage``."""
    count, rows = _odd(tallies, lambda name: name not in (stage, "empty"))
    if count:
        raise RotationError("E_NOT_CURRENT", count=count, rows=rows, key_id=keyring.key_id(stage))


def _odd(tallies: Sequence[Tally], is_odd: Callable[[str], bool]) -> tuple[int, str]:
    """How many values are of the odd classes, and the first of them as ``key_rotation_leave_alone`` names them."""
    count = sum(number for tally in tallies for name, number in tally.classes.items() if is_odd(name))
    rows = [
        f"{tally.target.name}:{row}"
        for tally in tallies
        for name, examples in tally.examples.items()
        if is_odd(name)
        for row in examples
    ]
    more = count - len(rows[:SHOWN])
    return count, ", ".join(rows[:SHOWN]) + (f" and {more} more" if more else "")


def refuse_difference(before: Sequence[dict[str, Any]], after: Sequence[dict[str, Any]]) -> None:
    """Raise E_COUNT_CHANGED or E_DIGEST_CHANGED where two censuses (as results) do not show the same plaintexts."""
    found = {(tally["table"], tally["column"]): tally for tally in after}
    for tally in before:
        place = {"table": tally["table"], "column": tally["column"]}
        now = found.get((tally["table"], tally["column"]))
        if now is None or now["rows"] != tally["rows"]:
            raise RotationError(
                "E_COUNT_CHANGED", before=tally["rows"], after=0 if now is None else now["rows"], **place
            )
        if now["digest"] != tally["digest"]:
            raise RotationError("E_DIGEST_CHANGED", **place)
