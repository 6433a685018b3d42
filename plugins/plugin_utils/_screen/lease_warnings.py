# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The warnings about a database lease or a write fence that could not be removed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ...module_utils._engine.postgres.lease import TABLE

if TYPE_CHECKING:
    from .._task_types import TaskResult


def describe_unreleased(result: TaskResult) -> str:
    """Return the warning about a lease that could not be released, from the failed result."""
    error = result.get("error", {"code": "", "what": str(result.get("msg"))})
    return (
        f"The database lease was not released: {error['code']}: {error['what']}. The next run on this control node "
        f"takes it over. Before a run on another one, run DELETE FROM {TABLE}. If the application cannot "
        "write (a key rotation is in progress), run the maintenance playbook with -e key_rotation_maintenance=off"
    )


def describe_undropped(tables: Iterable[str]) -> str:
    """Return the warning about triggers of the write fence, or of the watch of key_rotation_drain, that remain."""
    return (
        f"Triggers of this collection remain on {', '.join(tables)}, because a long transaction reads "
        "these tables. They block nothing. The next rotation drops them, and so does the maintenance playbook "
        "with -e key_rotation_maintenance=off."
    )
