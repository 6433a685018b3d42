# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of prepared rows: its columns, its purpose, and when it is dropped.

``prepared`` does the work with its rows. A lease that only drops the table does not load it.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from ..._errors.base import RotationError
from ..postgres import locks, sql
from ..postgres.catalog import PREPARED as TABLE
from ..postgres.connection import Database, Yielded

PAUSE_SECONDS = 1.0  # between two tries to drop the table
OLD, NEW = "old", "new"  # the two sides of a row: the columns with the tokens before, and the prepared ones


@dataclass(frozen=True)
class Contents:
    """The purpose of the table: tokens of ``key_id`` for the tables in ``sources``, each known by its place there.

    ``base`` is the key ID under which everything was before.
    """

    key_id: str
    sources: Sequence[str]
    base: str = ""

    def side(self, key_id: str) -> str:
        """Return the column with the tokens under a version: the new ones, or in a rollback the old ones.

        Empty if the table is for other versions.
        """
        return {self.base: OLD, self.key_id: NEW}.get(key_id, "")

    def place(self, source: str) -> int | None:
        """Return the place of a table by its description; None if its rows, or those of these columns, are not
        prepared."""
        return self.sources.index(source) if source in self.sources else None


def exists(database: Database) -> bool:
    """Return whether a database has the table of prepared rows."""
    return bool(database.rows("SELECT 1 FROM pg_class WHERE oid = to_regclass(%s) AND relkind = 'r'", (TABLE,)))


def read_contents(database: Database) -> Contents | None:
    """Return the purpose of the table, or None without the table."""
    ((comment,),) = database.rows("SELECT obj_description(to_regclass(%s), 'pg_class')", (TABLE,))
    with contextlib.suppress(TypeError, ValueError):
        return Contents(**json.loads(comment))
    return None


def last_number(database: Database) -> int:
    """Return the number of the row that was stored last; 0 without any."""
    if not exists(database):
        return 0
    ((number,),) = database.rows(f"SELECT coalesce(max(number), 0) FROM {TABLE}", table=TABLE)
    return int(number)


def create(database: Database, contents: Contents) -> None:
    """Create the table for these contents, and replace one for others. Raise E_DB."""
    with locks.gate(database):
        if read_contents(database) == contents:
            return
        columns = (
            "source smallint NOT NULL, row_key text[] NOT NULL, number bigint GENERATED ALWAYS AS IDENTITY,"
            f" {OLD} text[] NOT NULL, {NEW} text[] NOT NULL, tokens int[] NOT NULL, PRIMARY KEY (source, row_key)"
        )
        comment = sql.SQL("COMMENT ON TABLE {} IS {}").format(
            sql.Identifier(TABLE), sql.Literal(json.dumps({**asdict(contents), "sources": list(contents.sources)}))
        )
        with database.transaction("ISOLATION LEVEL READ COMMITTED"):
            database.execute(f"DROP TABLE IF EXISTS {TABLE}", table=TABLE)
            # Without WAL: after a crash of the server it is empty, and then what it had is prepared or done again.
            # Autovacuum would hold it longer than we may wait for a lock to drop it.
            options = "autovacuum_enabled = off, toast.autovacuum_enabled = off"
            database.execute(f"CREATE UNLOGGED TABLE {TABLE} ({columns}) WITH ({options})", table=TABLE)
            database.execute(f"CREATE INDEX ON {TABLE} (source, number)", table=TABLE)
            database.execute(comment, table=TABLE)


def drop(database: Database, tries: int = 1) -> bool:
    """Drop the table. Return whether it is gone: a session that reads it, such as a dump, may keep it for a while."""
    for turn in range(tries):
        if not exists(database):
            return True
        time.sleep(PAUSE_SECONDS if turn else 0)
        with contextlib.suppress(RotationError, Yielded), locks.gate(database), database.batch():
            database.execute(f"DROP TABLE IF EXISTS {TABLE}", table=TABLE)
    return not exists(database)
