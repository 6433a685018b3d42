# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fence: between stop and start no session but ours writes to a target column.

The triggers are those of column_triggers.py, and only their function refuses: replacing it opens the fence at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from ..._errors.option_names import spell_options
from ..postgres import locks, sql
from ..postgres.catalog import FENCE
from ..postgres.connection import Database
from . import fence_refusals
from .column_triggers import ColumnTriggers, obstacles

if TYPE_CHECKING:  # a lease is released without them
    from ..discovery.columns.target import Target

SQLSTATE = "55006"  # object_in_use, for Django an OperationalError
_REFUSE = spell_options("""{recording}
  RAISE EXCEPTION USING ERRCODE = {sqlstate}, SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
    MESSAGE = {message},
    DETAIL = TG_OP || ' of an encrypted column of ' || TG_TABLE_NAME || ' (' || array_to_string(TG_ARGV, ', ') || ').',
    HINT = 'Nothing was written. The rotation or its rollback lifts this when it ends. If it was killed, run the same '
      || 'command again, or rollback.yml, or maintenance.yml with -e O(maintenance)=off.';""")
_MESSAGE = (
    "key rotation {rotation_id} is in progress (since {since}): this process may have the wrong keys; "
    "restart it after the rotation"
)


@dataclass(frozen=True)
class FenceState:
    """A fence in a database: its rotation, its start, and whether it still refuses."""

    rotation_id: str
    since: str
    refuses: bool = True


def put_up(
    database: Database, targets: Sequence[Target], rotation_id: str, wait: Callable[[str], None] = lambda table: None
) -> list[str]:
    """Close the targets to all sessions but ours. Return the reasons why they had to stay open, if they had to.

    All targets of a database are closed, or none of them. ``wait`` and errors are those of ``ColumnTriggers.create``.
    """
    if without := obstacles(database, targets):
        return without
    _close(database, rotation_id)
    if forbidden := _triggers(database).create(targets, wait):
        take_down(database)
        return [f"the role may not create a trigger on {forbidden}"]
    return []


def take_down(database: Database, tries: int = 1) -> list[str]:
    """Let everybody write again, at once; then drop the rest of the fence.

    Return the tables that still have a trigger, which readers keep from being dropped. It refuses nothing anymore.
    """
    there = read_fence(database)
    if there is None:
        return []
    schema = _triggers(database).schema
    with locks.gate(database):
        _define(database, FenceState(there.rotation_id, there.since, refuses=False), sql.SQL("RETURN NULL;"))
    left = _triggers(database).drop(tries)
    if not left:
        fence_refusals.forget(database, schema)
    return left


def read_fence(database: Database) -> FenceState | None:
    """Return the fence of this database, even one that refuses nothing anymore."""
    standing = _triggers(database).standing()
    return FenceState(**json.loads(standing)) if standing else None


def refuse_writers(database: Database, *, look_out: bool = False) -> list[str]:
    """Raise E_STALE_WRITER if a session that the fence refused still tries to write.

    Return the sessions for which that cannot be known. With ``look_out``, wait for a first try, since the fence is new.
    """
    if there := refusing(database):
        return fence_refusals.refuse_writers(database, _triggers(database).schema, there.rotation_id, look_out=look_out)
    return []


def refusing(database: Database) -> FenceState | None:
    """Return the fence of this database if it keeps others from writing."""
    there = read_fence(database)
    return there if there and there.refuses else None


def _close(database: Database, rotation_id: str) -> None:
    with locks.gate(database):  # several hosts may be about to
        there = refusing(database)
        if there is None or there.rotation_id != rotation_id:
            since = database.rows("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS UTC')")[0][0]
            refuse = sql.SQL(_REFUSE).format(
                sqlstate=sql.Literal(SQLSTATE),
                message=sql.Literal(_MESSAGE.format(rotation_id=rotation_id, since=since)),
                recording=fence_refusals.recording(database, _triggers(database).schema, rotation_id),
            )
            _define(database, FenceState(rotation_id, since), refuse)


def _define(database: Database, there: FenceState, action: sql.Composable) -> None:
    _triggers(database).define(json.dumps(asdict(there)), action)


def _triggers(database: Database) -> ColumnTriggers:
    return ColumnTriggers(database, FENCE)
