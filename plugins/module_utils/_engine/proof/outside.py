# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Columns that look encrypted, of which nothing opens, and that are no part of a rotation: what a rollback needs to
know of them.

That nothing opens was decided by a sample. Whether a value opens under a version that the application is about to lose
is asked of all of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from ..._errors.base import RotationError
from ..crypto.keyring import Keyring
from ..discovery.listed_rows import EXAMPLES
from ..discovery.target_survey import ClosedColumn, Survey, Target
from ..postgres import catalog
from ..postgres.connection import Database
from .census import Census, Tally

OUTSIDE = "outside"  # in place of a class of the census


def needing(
    database: Database, survey: Survey, keyring: Keyring, columns: Collection[str], stages: Collection[str]
) -> Iterator[dict[str, Any]]:
    """Of these columns, those with values that open under one of the stages, with the first rows; as census.needing."""
    for closed in survey.closed:
        if closed.name in columns:
            tallies = list(_tallies(database, closed, keyring)) if stages else []
            rows = dict.fromkeys(
                row for tally in tallies for stage in stages for row in tally.examples.get(stage, ())[:EXAMPLES]
            )
            count = max((sum(tally.classes[stage] for stage in stages) for tally in tallies), default=0)
            if count:
                named = [f"{closed.name}:{row}" for row in rows]
                yield {"column": closed.name, "class": OUTSIDE, "count": max(count, len(named)), "rows": named}


def _tallies(database: Database, closed: ClosedColumn, keyring: Keyring) -> Iterator[Tally]:
    """The census of one column by each scheme that shows whether it opens a value. None of a table without a key: its
    rows cannot be read page by page."""
    table, column = closed
    try:
        key = catalog.row_key(database, table)
    except RotationError:
        return
    for name, scheme in keyring.schemes.items():
        tells = scheme.format.authenticated and not scheme.functions and not scheme.json_members
        if tells and (scheme.text or column.type == "bytea"):
            target = Target(table, column.name, column.type, name, table.label, key, column.limit)
            yield from Census(database, [target], keyring, b"").take()
