# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service as an init script keeps it: ``service.py start|stop|status PIDFILE COMMAND...``."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def main(verb: str, pid_file: Path, command: list[str]) -> int:
    pid = int(pid_file.read_text()) if pid_file.exists() else 0
    if verb == "start":
        with open(f"{pid_file}.log", "ab") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        pid_file.write_text(str(process.pid))
    elif verb == "stop" and _alive(pid):
        os.killpg(pid, signal.SIGTERM)
        while _alive(pid):
            time.sleep(0.02)
    elif verb == "status":
        return 0 if _alive(pid) else 3
    return 0


def _alive(pid: int) -> bool:
    with contextlib.suppress(OSError, IndexError):
        return pid > 0 and Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:]))
