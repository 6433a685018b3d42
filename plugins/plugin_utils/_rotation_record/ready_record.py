# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells people that a run waits for them."""

from __future__ import annotations

from .._notify.notification import READY
from .._report.playbook_command import command
from .._screen import lines
from .record_task import RecordResult, RecordTask
from .rotation_log import RotationLog
from .run_notice import notify_people

ORDERS = {"to switch": "switch", "to end it": "abort"}


def tell_ready(log: RotationLog, task: RecordTask) -> RecordResult:
    """Notify people that all is ready, and show how they order the switch."""
    rotation_id = str(task.rotation_id)
    if not log.controller.check_mode:
        notify_people(log, log.record(rotation_id), READY, task.notify)
    ways = {way: command("control", ["-e", f"key_rotation_control={order}"]) for way, order in ORDERS.items()}
    shown = [f"  {way:<10} {typed}" for way, typed in ways.items()]
    lines.show(["  all is ready: waiting for the order to switch", *shown], "Switch")
    return {"msg": "all is ready", "rotation_id": rotation_id}
