# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keyed digest of each value, in a small file that is kept from the census before a rotation until its proof.

If the digest over a whole table changed, the file shows in which rows. Rows that another process wrote may differ, no
other row may. The file has names of rows and digests, never a plaintext.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..postgres.catalog import Table, word
from ..rewrite.concurrent_writers import ConcurrentWrites
from .census_result import CensusResult
from .table_pages import PageRows

try:
    import sqlite3

    ERRORS: tuple[type[Exception], ...] = (OSError, sqlite3.Error)
except ImportError:  # a Python that was built without it
    sqlite3 = None  # type: ignore[assignment]
    ERRORS = (OSError,)

DIGEST_BYTES = 16
NAMED = 10_000  # values of one column that others have changed, and that are kept by name
Sums = Mapping[str, Mapping[str, int]]  # by column, then by row: what its value adds to the digest of the column


class EachRow(Protocol):
    """A receiver of every row of a census."""

    def since(self, alias: str) -> str:
        """Return the transaction of a database from which on the receiver needs to know who wrote a row."""

    def take(self, table: Table, sums: Sums, page: PageRows) -> None:
        """Receive the rows of a page: what each of their values adds to the digests of its table."""


class Recording:
    """Writes the file while a census is taken, which a full disk does not stop. It is good once ``end`` was reached.

    If an interrupted rotation is resumed, the file is ``kept``: it still holds the digests from before its first write.
    Rows that differ by now were written by others ``earlier``: the engine had changed no plaintext. A table with other
    encrypted columns than then begins again: the digests of its rows are not of the same values.
    """

    def __init__(self, connection: sqlite3.Connection, key: str, *, kept: bool = False) -> None:
        self._connection, self._key, self._kept = connection, key, kept
        self._good = True
        self._columns = _recorded(connection) if kept else {}
        if not kept:
            connection.execute("CREATE TABLE census (targets TEXT, columns TEXT, key TEXT)")
            connection.execute("CREATE TABLE rows (place TEXT, name TEXT, digest BLOB)")
            connection.execute("CREATE TABLE earlier (place TEXT, name TEXT)")

    @property
    def goes_on(self) -> bool:
        """Return whether the file was created by an earlier step and nothing of it is missing."""
        return self._kept and self._good

    @property
    def is_whole(self) -> bool:
        """Return whether everything could be written."""
        return self._good

    def since(self, alias: str) -> str:
        return ""

    def take(self, table: Table, sums: Sums, page: PageRows) -> None:
        columns = list(map(word, sums))
        if self._kept and self._columns.get(table.label) != columns:
            self.forget_all(table)
            self._columns[table.label] = columns
        rows = [(table.label, name, digests) for name, digests in _by_row(sums).items()]
        if self._kept:
            with contextlib.suppress(*ERRORS):
                known = [(_digest_of(self._connection, *row[:2]), row) for row in rows]
                differ = [row[:2] for before, row in known if before not in (None, row[2])]
                self._write("INSERT INTO earlier VALUES (?, ?)", differ)
                rows = [row for before, row in known if before is None]
        self._write("INSERT INTO rows VALUES (?, ?, ?)", rows)

    def forget(self, table: Table, names: Iterable[str]) -> None:
        """Remove rows that have changed since the file was created. Their new digests are added later."""
        self._write("DELETE FROM rows WHERE place = ? AND name = ?", [(table.label, name) for name in names])

    def forget_all(self, table: Table) -> None:
        """Remove every row of a table."""
        for sql in ("DELETE FROM rows WHERE place = ?", "DELETE FROM earlier WHERE place = ?"):
            self._write(sql, [(table.label,)])

    def end(self, census: Sequence[CensusResult]) -> None:
        """Say of which census it is."""
        self._write("DELETE FROM census WHERE ?", [(True,)])
        self._write("INSERT INTO census VALUES (?, ?, ?)", [(_identity(census), _columns(census), self._key)])
        with contextlib.suppress(*ERRORS):
            self._connection.commit()

    def _write(self, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
        if self._good:
            self._good = False
            with contextlib.suppress(*ERRORS):
                self._connection.executemany(sql, rows)
                self._good = True


@dataclass
class TableComparison:
    """The result of a second look at one table.

    It counts the rows that differ, by what became of them. It has the names of rows with a changed value, by column,
    and the names of new rows. Rows that no other process is known to have written are listed: the first by name, and
    how many more. In a ``strict`` table it is never known who wrote a row.
    """

    changed: int = 0
    inserted: int = 0
    deleted: int = 0
    same: int = 0
    values: dict[str, list[str]] = field(default_factory=dict)
    new: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)
    more: int = 0
    strict: bool = False

    def as_result(self) -> dict[str, int]:
        return {"changed": self.changed, "inserted": self.inserted, "deleted": self.deleted}

    @property
    def is_same(self) -> bool:
        return not (self.changed or self.inserted or self.deleted)

    def unexplained_in(self, column: str) -> list[str]:
        """Return the rows with a changed value in a column that no other process is known to have written."""
        known = set(self.unexplained)
        return [name for name in self.values.get(column, ()) if name in known]

    def theirs(self, column: str) -> list[str]:
        """Return the rows with a changed value in a column, except those that no other process is known to have
        written. In a ``strict`` table all count."""
        unexplained = set() if self.strict else {*self.unexplained}
        return [name for name in self.values.get(column, ()) if name not in unexplained]

    def note(self, name: str, columns: Iterable[str]) -> None:
        """A row, and in which columns its value is another one."""
        for column in columns:
            rows = self.values.setdefault(column, [])
            if len(rows) < NAMED:
                rows.append(name)

    def is_theirs(self, column: str, name: str) -> bool:
        """Return whether another process wrote the value of a column in a row."""
        known = name in self.values.get(column, ()) and name not in self.unexplained
        return not self.more and (known or name in self.new)

    def blame(self, name: str) -> None:
        """Add a row that no other process is known to have written."""
        if len(self.unexplained) < NAMED:
            self.unexplained.append(name)
        else:
            self.more += 1


class Comparison:
    """Compares every row of a census with the file. After it, ``looks`` has each table with a difference.

    A row may differ if another process wrote its present value, or the value that the engine found and re-encrypted.
    New and missing rows are always the work of another process, because the engine neither creates nor deletes rows. In
    ``strict`` tables a value does not show its keys. A row that differs may have been opened with wrong keys there, so
    it never counts as written by another process.
    """

    def __init__(
        self, connection: sqlite3.Connection, concurrent_writes: ConcurrentWrites, strict: Collection[str]
    ) -> None:
        self._connection, self._concurrent_writes, self._strict = connection, concurrent_writes, strict
        self._all: dict[str, TableComparison] = {}
        self._columns = _recorded(connection)
        self.earlier = set(connection.execute("SELECT place, name FROM earlier"))
        _index(connection)

    def since(self, alias: str) -> str:
        return self._concurrent_writes.since.get(alias, "")

    def take(self, table: Table, sums: Sums, page: PageRows) -> None:
        look = self._look(table.label)
        known, has_writes = self._concurrent_writes.rows.get(table.label, ()), bool(self.since(table.alias))
        columns = self._columns.get(table.label, ())
        compared = {column: rows for column, rows in sums.items() if word(column) in columns} or sums
        for (name, digests), (_, values) in zip(_by_row(compared).items(), page):
            before = _digest_of(self._connection, table.label, name)
            if before is None:
                look.inserted += 1
                if any(values[: len(sums)]) and len(look.new) < NAMED:  # without a value, no key can be wrong for it
                    look.new.append(name)
            elif not (differ := _differing(columns, before, compared, digests)):
                look.same += 1
            else:
                look.changed += 1
                look.note(name, map(word, differ))
                theirs = name in known or (table.label, name) in self.earlier
                theirs = theirs or (has_writes and self._concurrent_writes.wrote(table.alias, values[-1]))
                if look.strict or not theirs:
                    look.blame(name)

    def looks(self, tables: Collection[str]) -> dict[str, TableComparison]:
        """Return the looks at these tables, and at all that had a row."""
        for table in tables:
            look = self._look(table)
            (count,) = self._connection.execute("SELECT count(*) FROM rows WHERE place = ?", (table,)).fetchone()
            look.deleted = count - look.changed - look.same
        return self._all

    def _look(self, table: str) -> TableComparison:
        return self._all.setdefault(table, TableComparison(strict=table in self._strict))


def discard(path: str | None) -> None:
    """Have the next recording begin a file of its own."""
    if path:
        with contextlib.suppress(OSError):
            os.unlink(path)


def of_preparation(key: str) -> str:
    """The id of a ``key`` for a file that is created while the application serves and users write its rows.

    Only who knows from what is prepared which ones they wrote can continue it.
    """
    return f"{key} prepared"


@contextlib.contextmanager
def recording(path: str | None, key: str = "", continues: str = "") -> Iterator[Recording | None]:
    """Open a new file at ``path``, readable only by its owner, and None if that fails: the work continues without it.

    A file left by an interrupted rotation is resumed if it has digests under this ``key``, given by its ID. With
    ``continues``, the file must have that ID so far.
    """
    recorder = None
    with contextlib.ExitStack() as stack:
        if path:
            with contextlib.suppress(*ERRORS):
                kept = _left_over(path, continues or key)
                if not kept:
                    _make(path)
                recorder = Recording(stack.enter_context(contextlib.closing(_connection(path))), key, kept=kept)
        yield recorder


def _left_over(path: str, key: str) -> bool:
    """Return whether there is a whole file of the same rotation."""
    with contextlib.suppress(*ERRORS):
        if key and os.path.isfile(path) and not os.path.islink(path):
            with contextlib.closing(_connection(path)) as connection:
                _index(connection)
                return connection.execute("SELECT key FROM census").fetchall() == [(key,)]
    return False


@contextlib.contextmanager
def comparison(
    path: str | None, baseline: Sequence[CensusResult], concurrent_writes: ConcurrentWrites, strict: Collection[str]
) -> Iterator[Comparison | None]:
    """A second look by the file at ``path``; None if that is not of the census ``baseline``."""
    second_look = None
    with contextlib.ExitStack() as stack:
        if path and os.path.isfile(path):
            with contextlib.suppress(*ERRORS):
                connection = stack.enter_context(contextlib.closing(_connection(path)))
                if connection.execute("SELECT targets FROM census").fetchall() == [(_identity(baseline),)]:
                    second_look = Comparison(connection, concurrent_writes, strict)
        yield second_look


@contextlib.contextmanager
def left_over(
    path: str | None, key_ids: Mapping[str, str], strict: Collection[str], columns: Collection[str]
) -> Iterator[tuple[str, Comparison] | None]:
    """Yield a look by the file that an unfinished rotation or rollback left at ``path``, and the stage among
    ``key_ids`` that keys its digests. Yield None unless the file is of exactly these ``columns``, each as
    table.column."""
    earlier_look = None
    with contextlib.ExitStack() as stack:
        if path and os.path.isfile(path) and not os.path.islink(path):
            with contextlib.suppress(*ERRORS):
                connection = stack.enter_context(contextlib.closing(_connection(path)))
                keys = {key for (key,) in connection.execute("SELECT key FROM census")}
                stage = next((stage for stage, key_id in key_ids.items() if {key_id} == keys), None)
                recorded = {f"{table}.{column}" for table, each in _recorded(connection).items() for column in each}
                stage = stage if recorded == {*columns} else None
                earlier_look = (stage, Comparison(connection, ConcurrentWrites(), strict)) if stage else None
        yield earlier_look


def _make(path: str) -> None:
    """An empty file that was not there before: whatever is in its place, even a link, is not written to."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_WRONLY, 0o600))


def _connection(path: str) -> sqlite3.Connection:
    """Open the file without a journal, and without waiting for the disk.

    This is safe because a file that a crash leaves behind is replaced. Raise OSError without sqlite3.
    """
    if sqlite3 is None:
        raise OSError
    connection = sqlite3.connect(path)
    for setting in ("journal_mode", "synchronous"):
        connection.execute(f"PRAGMA {setting} = OFF")
    return connection


def _index(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE UNIQUE INDEX IF NOT EXISTS names ON rows (place, name)")


def _digest_of(connection: sqlite3.Connection, place: str, name: str) -> bytes | None:
    row = connection.execute("SELECT digest FROM rows WHERE place = ? AND name = ?", (place, name)).fetchone()
    return None if row is None else bytes(row[0])


def _identity(census: Sequence[CensusResult]) -> str:
    return json.dumps(sorted([column.table, column.column, column.digest] for column in census))


def _columns(census: Sequence[CensusResult]) -> str:
    """Return as JSON, by table, its columns in the order of the digests of a row."""
    columns: dict[str, list[str]] = {}
    for column in census:
        columns.setdefault(column.table, []).append(column.column)
    return json.dumps(columns)


def _recorded(connection: sqlite3.Connection) -> dict[str, list[str]]:
    """Return, by table, the columns of the census in a file. Empty if that census was not completed."""
    row = connection.execute("SELECT columns FROM census").fetchone()
    return json.loads(row[0]) if row else {}


def _by_row(sums: Sums) -> dict[str, bytes]:
    """The digests of all columns of each row, one after the other."""
    rows = next(iter(sums.values()), {})
    columns = [list(map(_short, column.values())) for column in sums.values()]
    return dict(zip(rows, map(b"".join, zip(*columns))))


def _differing(columns: Iterable[str], before: bytes, compared: Iterable[str], now: bytes) -> list[str]:
    """Return which of the ``compared`` columns has another digest in a row. The file has the digests of ``columns``."""
    if before == now:
        return []
    was = dict(zip(columns, _split_digests(before)))
    return [column for column, digest in zip(compared, _split_digests(now)) if was.get(word(column)) != digest]


def _split_digests(digests: bytes) -> list[bytes]:
    return [digests[place : place + DIGEST_BYTES] for place in range(0, len(digests), DIGEST_BYTES)]


def _short(digest: int) -> bytes:
    return (digest % (1 << 8 * DIGEST_BYTES)).to_bytes(DIGEST_BYTES, "big")
