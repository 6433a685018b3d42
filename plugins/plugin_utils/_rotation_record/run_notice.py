# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notifies people of a run, and records who was notified."""

from __future__ import annotations

from typing import Any

from ...module_utils._errors.base import RotationError
from ...module_utils._record.writer import Record
from .._notify import notification
from .._report.read_rotation import read
from .rotation_log import RotationLog


def channels(log: RotationLog, notify: Any) -> notification.Channels:
    """The channels to notify, with absolute paths on this control node. Raise E_NOTIFY."""
    return notification.check(notify, log.controller.path)


def notify_people(log: RotationLog, record: Record, moment: str, notify: Any) -> None:
    """Notify people, and record who was. A failure is only a warning."""
    if not notify:
        return
    try:
        rotation, asked = read(record), channels(log, notify)
    except Exception as exc:  # noqa: BLE001  # a record of another version may hold anything
        log.controller.warn(f"Nobody was notified that it {notification.happened(moment)}: {type(exc).__name__}.")
        return
    for result in notification.tell(asked, moment, rotation):
        problem = result.get("found")
        if problem:
            who = "Not everybody" if result.get("reached") else "Nobody"
            log.controller.warn(
                f"{who} was notified by {result['channel']} that it {notification.happened(moment)}: {problem}."
            )
        try:
            record.append("notification", "failed" if problem else "done", **result)
        except RotationError as exc:
            log.controller.warn(f"The notification by {result['channel']} is not in the record: {exc}")
