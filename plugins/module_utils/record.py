# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a rotation: one line of JSON per event, on the control node, made durable before the act it speaks of.

It holds names, counts, paths and key ids; never a key, a plaintext or a value of a row.
"""

from __future__ import annotations

import getpass
import json
import os
import socket
from typing import Any

from . import atomic_file
from .errors import RotationError
from .rotation_id import checked
from .stores.history import now

FILE_NAME = "record.jsonl"
ROOM = 1 << 20  # bytes; the record of a rotation takes some tens of thousands


class Record:
    """The record file of one rotation. Raises E_OPTION where the id is no plain name."""

    def __init__(self, folder: str, rotation_id: str) -> None:
        self.rotation_id = checked(rotation_id)
        self.path = os.path.join(folder, self.rotation_id, FILE_NAME)

    def append(self, event: str, phase: str, **fields: Any) -> None:
        """Write one event and make it durable. ``phase`` is intent, done or failed. Raises E_RECORD_WRITE."""
        line = {
            "seq": len(self.events()) + 1,
            "time": now(),
            "rotation_id": self.rotation_id,
            "event": event,
            "phase": phase,
            "actor": getpass.getuser(),
            "control_node": socket.gethostname(),
            **fields,
        }
        try:
            atomic_file.private_folder(os.path.dirname(self.path))
            self._append(json.dumps(line, sort_keys=True).encode("utf-8") + b"\n")
            atomic_file.sync_folder(os.path.dirname(self.path))
        except OSError as exc:
            raise RotationError("E_RECORD_WRITE", path=self.path, reason=exc.strerror) from None

    def _append(self, line: bytes) -> None:
        """The whole line, or none of it. What a run that was killed left of a line is cut off first."""
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+b") as handle:
            end = handle.read().rfind(b"\n") + 1
            try:
                handle.truncate(end)
                handle.seek(end)
                handle.write(line)
                handle.flush()
                os.fsync(handle.fileno())
            except OSError:
                os.truncate(self.path, end)
                raise

    def refuse_full(self) -> None:
        """Raise E_RECORD_WRITE where there is no room for a record, before anything relies on it."""
        above = os.path.dirname(self.path)
        while not os.path.isdir(above):
            above = os.path.dirname(above)
        room = os.statvfs(above)
        if room.f_bavail * room.f_frsize < ROOM:
            raise RotationError("E_RECORD_WRITE", path=self.path, reason=f"less than {ROOM} bytes free")

    def begun(self, direction: str) -> dict[str, Any]:
        """The event by which the last rotate or rollback was begun. Raises E_OPTION where none was."""
        for event in reversed(self.events()):
            if (event["event"], event["phase"]) == (direction, "intent"):
                return event
        raise RotationError(
            "E_OPTION",
            name="rotation_id",
            found=f"is {self.rotation_id}, and {self.path} has no beginning of a {direction}",
            advice="Open it first, or correct record_dir.",
        )

    def events(self) -> list[dict[str, Any]]:
        """All events so far, oldest first; none where there is no record yet. Raises E_RECORD_WRITE."""
        try:
            with open(self.path, encoding="utf-8") as handle:
                return [json.loads(line) for line in handle if line.endswith("\n")]
        except FileNotFoundError:
            return []
        except OSError as exc:
            raise RotationError("E_RECORD_WRITE", path=self.path, reason=exc.strerror) from None
        except ValueError:
            raise RotationError("E_RECORD_WRITE", path=self.path, reason="a line is no JSON") from None
