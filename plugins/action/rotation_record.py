# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rotation_record: open the record of a rotation, close it, and tell a person how it ended."""

from __future__ import annotations

import datetime
import os
import secrets
from typing import Any

from ansible.utils.display import Display

from ..module_utils.errors import RotationError
from ..module_utils.module import RECORD_OPTIONS
from ..module_utils.rotation_id import checked
from ..module_utils.stores.history import COMPLETED, ROLLED_BACK, History
from ..plugin_utils import summary
from ..plugin_utils.action import RotationAction

display = Display()


class ActionModule(RotationAction):
    recorded = False  # it writes the record itself

    def act(self, args: dict[str, Any]) -> dict[str, Any]:
        options = self.options(RECORD_OPTIONS)
        return self._opened(options) if options["state"] == "opened" else self._closed(options)

    def _opened(self, options: dict[str, Any]) -> dict[str, Any]:
        """Which rotation this run is: the open one, or a new one. Writes the first line of its record."""
        history = self.store(options).load()
        direction = options["direction"]
        lease = self.lease(options)
        asked = options["rotation_id"] or (None if history.open_rotation else _unmade(history, lease.left_over()))
        rotation_id, state = _rotation(history, direction, asked if direction == "rotate" else options["rotation_id"])
        done = state == COMPLETED
        if not done:
            about = {name: options[name] for name in ("reason", "authorization") if options[name]}
            if self._task.check_mode:
                lease.refuse_other(os.getppid())
            else:
                self.record({**options, "rotation_id": rotation_id}).refuse_full()
                lease.take(rotation_id, os.getppid())
                self.record({**options, "rotation_id": rotation_id}).append(
                    direction, "intent", resumed=state == "resumed", **about
                )
            display.display(
                f"{summary.TITLES[direction]} {rotation_id} ({'goes on' if state == 'resumed' else 'begins'})"
            )
        else:
            display.display(f"Rotation {rotation_id} is completed already: nothing to do.")
        return {
            "changed": False,
            "rotation_id": rotation_id,
            "resumed": state == "resumed",
            "completed": done,
            "destination": "current" if done else history.destination(direction),
        }

    def _closed(self, options: dict[str, Any]) -> dict[str, Any]:
        """The last line of the record; the store lets go of the rotation; the summary is shown."""
        if self._task.check_mode:
            display.display("Nothing was written: this was a dry run.")
            return {"changed": False}
        record = self.record(options)
        completed = options["state"] == "completed"
        direction = "rotate" if completed else "rollback"
        record.begun(direction)  # before anything is closed
        if completed:
            with self.store(options).change() as history:
                history.close(options["rotation_id"])
        failed_task = options["failed_task"]
        record.append(direction, "done", **({"failed_task": failed_task} if failed_task else {}))
        for line in summary.lines(record, self.variables, completed=completed):
            display.display(line)
        self.lease(options).give_back()
        return {"changed": False, "record": record.path}


def _unmade(history: History, left_over: str | None) -> str | None:
    """The rotation of a run that died before it made a version: its dump is still good."""
    return left_over if left_over and history.outcome(left_over) is None else None


def _rotation(history: History, direction: str, asked: str | None) -> tuple[str, str]:
    """The id of this run's rotation, and whether it is new, resumed or completed."""
    asked = checked(asked) if asked else None
    if direction == "rollback":
        return _to_roll_back(history, asked), "new"
    outcome = history.outcome(asked) if asked else None
    if outcome == ROLLED_BACK:
        raise RotationError("E_ROTATION_ID_USED", rotation_id=asked)
    if outcome == COMPLETED:
        return str(asked), COMPLETED
    open_id = history.open_rotation
    if open_id and asked and asked != open_id:
        raise RotationError("E_ROTATION_OPEN", open_id=open_id, asked=asked)
    if open_id:
        return open_id, "resumed"
    return asked or _new_id(), "new"


def _to_roll_back(history: History, asked: str | None) -> str:
    history.destination("rollback")  # E_NOTHING_TO_ROLL_BACK
    last, newest = history.last.rotation_id, history.versions[-1]
    if newest.outcome == ROLLED_BACK and asked != last:  # never a second one back by typing the command twice
        raise RotationError("E_ROLLED_BACK", rotation_id=newest.rotation_id, earlier=last)
    if asked and asked != last:
        raise RotationError(
            "E_OPTION",
            name="key_rotation_id",
            found=f"is {asked}, and the last rotation is {last}",
            advice="Only the last rotation can be rolled back.",
        )
    return last


def _new_id() -> str:
    now = datetime.datetime.now(datetime.timezone.utc)
    return f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
