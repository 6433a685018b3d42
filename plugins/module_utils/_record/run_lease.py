# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lease of an application's rotation: one run at a time on a control node, and which rotation it is for.

It lasts as long as the process of ansible-playbook that took it. A run that died leaves a lease that the next one takes
over, and with it the name of the rotation. Runs of other control nodes are held apart by the same lease, written into
the database itself (postgres/lease.py).
"""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import socket

from .._engine.postgres.lease import Holder
from .._errors.record import RecordWrite
from .._errors.run import RotationRunning
from .._system import atomic_file, child_processes
from .._system.program_environment import TIME_ZONE, run_program
from .._system.timestamps import now

FILE_NAME = "lease.json"


class Lease:
    """The lease file in the folder of the records."""

    def __init__(self, folder: str) -> None:
        self.path = os.path.join(folder, FILE_NAME)

    def take(self, rotation_id: str, pid: int) -> None:
        """Make this the only run that works on the application. Raise E_RUNNING, E_RECORD_WRITE."""
        try:
            atomic_file.private_folder(os.path.dirname(self.path))
            with atomic_file.folder_lock(os.path.dirname(self.path)):
                self.refuse_other(pid)
                atomic_file.replace(self.path, json.dumps(describe_holder(rotation_id, pid)).encode("utf-8"))
        except OSError as exc:
            raise RecordWrite(path=self.path, reason=exc.strerror) from None

    def left_over(self) -> str | None:
        """The rotation of a run that died."""
        held = self._held()
        return None if held is None or alive(held) else str(held["rotation_id"])

    def of_run(self, pid: int) -> str | None:
        """Return the rotation of the run whose ansible-playbook is the process ``pid``. None if it holds no lease."""
        held = self._held()
        return str(held["rotation_id"]) if held is not None and held["pid"] == pid and alive(held) else None

    def give_back(self) -> None:
        """Release the lease at the end of a run."""
        if os.path.exists(self.path):
            os.unlink(self.path)

    def refuse_other(self, pid: int) -> None:
        """Raise E_RUNNING if a living run other than that of ``pid`` holds the lease."""
        held = self._held()
        if held is not None and held["pid"] != pid and alive(held):
            raise RotationRunning(
                rotation_id=held["rotation_id"],
                user=held["user"],
                host=held["host"],
                since=held["since"],
                pid=held["pid"],
            )

    def _held(self) -> Holder | None:
        try:
            with open(self.path, encoding="utf-8") as handle:
                held: Holder = json.load(handle)
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None
        except OSError as exc:
            raise RecordWrite(path=self.path, reason=exc.strerror) from None
        return (
            held
            if isinstance(held, dict) and {"rotation_id", "pid", "started", "host", "user", "since"} <= set(held)
            else None
        )


def describe_holder(rotation_id: str, pid: int) -> Holder:
    """Return a new holder: the rotation, the run whose ansible-playbook is process ``pid`` here, and the time."""
    return {
        "rotation_id": rotation_id,
        "pid": pid,
        "started": _started(pid),
        "host": socket.gethostname(),
        "machine": _machine(),
        "user": getpass.getuser(),
        "since": now(),
    }


def describe_person() -> str:
    """Return who runs this process, and on which machine."""
    return f"{getpass.getuser()} on {socket.gethostname()}"


def alive(held: Holder) -> bool:
    """Return whether the run continues. A run of another control node cannot be seen, and counts as alive."""
    return not is_here(held) or (_started(held["pid"]) == held["started"] != "")


def is_here(held: Holder) -> bool:
    """Return whether it is a run of this machine."""
    return (held["host"], held.get("machine", _machine())) == (socket.gethostname(), _machine())


def _machine() -> str:
    """Return what distinguishes this machine from another of the same name. Empty if systemd has not set it
    (machine-id(5))."""
    try:
        with open("/etc/machine-id", "rb") as handle:
            # The id itself is not for others to see.
            return hashlib.sha256(b"tetech.key_rotation" + handle.read().strip()).hexdigest()[:16]
    except OSError:
        return ""


def _started(pid: int) -> str:
    """Return when a process started, as its system counts. Empty if there is none. A later process with the pid
    differs."""
    try:
        return child_processes.stat(pid)[19]  # field 22, proc(5)
    except OSError:
        return _started_by_ps(pid)


def _started_by_ps(pid: int) -> str:
    """Return the same if there is no /proc."""
    return run_program(["ps", "-o", "lstart=", "-p", str(pid)], TIME_ZONE).stdout.strip()
