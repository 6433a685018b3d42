# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the control playbook shows of the run that is at work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ...module_utils._engine.postgres.run_orders import Orders
from ...module_utils._errors.counts import counted

if TYPE_CHECKING:
    from ...module_utils._system.progress_file import RewriteNumbers


def status(result: Mapping[str, Any]) -> Iterator[str]:
    """Return the lines about a run: who is at work, how far it is, what it waits for, and what it was ordered."""
    if not (run := result.get("run")):
        yield "  no rotation and no rollback is at work"
        return
    who = f"{run['user']} on {run['host']} since {run['since']}, process {run['pid']}"
    yield f"  run         {run['rotation_id']}, by {who}"
    yield f"  connected   {counted(result['connections'], 'connection')} of it to the databases"
    if progress := result.get("progress"):
        yield f"  progress    {_progress(progress)}"
    orders = Orders(tuple(result["control"]["orders"]))
    if result["waits_since"]:
        yield f"  waits       for the order to switch, since {result['waits_since']}"
    if orders.paused:
        yield f"  paused      by {orders.paused['by']} at {orders.paused['at']}"
    for order in orders.given:
        yield f"  order       {order['order']}, by {order['by']} at {order['at']}"


def _progress(numbers: RewriteNumbers) -> str:
    parts = [f"{numbers['done']:,} of {numbers['total']:,} values re-encrypted"]
    if numbers["waits_for"]:
        parts.append(f"waits for {numbers['waits_for']}")
    elif numbers["seconds_left"] is not None:
        parts.append(f"{counted(numbers['seconds_left'], 'second')} left")
    return ", ".join(parts)
