# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of a container that ends with this process: what is written to them is lost, unless they are mounted."""

from __future__ import annotations

import functools
import os

# Programs that a runtime puts before the command of a container (podman run --init, docker run --init).
INIT_PROGRAMS = frozenset({"catatonit", "docker-init", "dumb-init", "podman-init", "tini"})
PROC = "/proc"


def is_lost(path: str) -> bool:
    """Whether ``path``, or the folder where it would be created, is in such a container and not mounted into it."""
    if not ends_with_us():
        return False
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    return os.stat(path).st_dev == os.stat("/").st_dev


@functools.cache
def ends_with_us() -> bool:
    """Whether this process, or its ancestor that is the first process of the container, is what the container runs."""
    pid = os.getpid()
    while pid > 1:
        pid = _parent(pid)
    return pid == 1 and (_name(1) in INIT_PROGRAMS or _program(1) == _program(os.getpid()) != "")


def _parent(pid: int) -> int:
    """0 for a process that came into the container from outside, as with ``podman exec``."""
    with open(f"{PROC}/{pid}/stat", encoding="utf-8", errors="replace") as handle:
        return int(handle.read().rpartition(")")[2].split()[1])  # proc_pid_stat(5), field 4


def _name(pid: int) -> str:
    with open(f"{PROC}/{pid}/comm", encoding="utf-8", errors="replace") as handle:
        return handle.read().strip()


def _program(pid: int) -> str:
    try:
        return os.readlink(f"{PROC}/{pid}/exe")
    except OSError:  # of another user
        return ""
