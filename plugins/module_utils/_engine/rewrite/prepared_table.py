# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of prepared rows as a whole, for those who only drop it: a lease is released without the rest of the
engine."""

from __future__ import annotations

import contextlib
import time

from ..._errors.base import RotationError
from ..postgres.catalog import PREPARED as TABLE
from ..postgres.connection import Database, Yielded

PAUSE_SECONDS = 1.0  # between two tries to drop the table


def exists(database: Database) -> bool:
    """Whether a database has such a table."""
    return bool(database.rows("SELECT 1 FROM pg_class WHERE oid = to_regclass(%s) AND relkind = 'r'", (TABLE,)))


def drop(database: Database, tries: int = 1) -> bool:
    """Remove the table; whether it is gone. Somebody who reads it, such as a dump, may keep it for a while."""
    for turn in range(tries):
        if not exists(database):
            return True
        time.sleep(PAUSE_SECONDS if turn else 0)
        with contextlib.suppress(RotationError, Yielded), database.gate(), database.batch():
            database.execute(f"DROP TABLE IF EXISTS {TABLE}", table=TABLE)
    return not exists(database)
