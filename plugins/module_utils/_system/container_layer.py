# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find files that are lost with the container in which a program on the host runs this process.

The program starts a container (``podman run``), which ends with this process, or enters one (``podman exec``), which
the next deployment replaces. What is not mounted into it is lost.
"""

from __future__ import annotations

import functools
import os
import re

from .mounts import Mount, mount_of

PROC = "/proc"
# Who started Python: Ansible, or the program in its place, which does not pass the variable into a container.
STARTED_BY, ANSIBLE, PROGRAM = "KEY_ROTATION_STARTED_BY", "ansible", "program"
# What runs on, so that a task below it leaves its files: the first process of a host, and what a login comes through.
LASTING = frozenset({"systemd", "init", "runit", "s6-svscan", "sshd", "sshd-session"})
# Of podman and docker, a volume without a name: `run --rm` removes it with its container.
ANONYMOUS_VOLUME = re.compile(r"/volumes/[0-9a-f]{64}/_data$")


def is_lost(path: str) -> bool:
    """Return whether ``path``, or the folder where it would be created, will be lost with the container."""
    return is_inside() and _is_unmounted(path)


def is_replaced(path: str) -> bool:
    """Return whether ``path`` is in a container that Ansible's connection has entered, and that has no system of its
    own. A container that is created from its image in its place does not have it."""
    return _entered_by() == ANSIBLE and _is_unmounted(path)


def is_inside() -> bool:
    """Return whether a program on the host runs this process in a container that has no system of its own.

    Either this process, or an ancestor, is the first process of the container. Or the program brought it into a
    container that runs. If Ansible's connection did so, the container is the host. If /proc hides the processes of
    others, the answer is no.
    """
    return _entered_by() == PROGRAM


def _is_unmounted(path: str) -> bool:
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    mount = mount_of(path)
    return mount.point == "/" or mount.is_in_memory or bool(ANONYMOUS_VOLUME.search(mount.root))


@functools.cache
def _entered_by() -> str:
    """Return who brought this process into a container that has no system of its own. Empty if none did."""
    try:
        pid, names = os.getpid(), set()
        while pid > 1:
            pid, name = _parent_and_name(pid)
            names.add(name)
        if LASTING & {*names, _parent_and_name(1)[1]} or not _is_layer(mount_of("/")):
            return ""
    except (OSError, ValueError):
        return ""
    return PROGRAM if pid == 1 else os.environ.get(STARTED_BY, ANSIBLE)


def _is_layer(root: Mount) -> bool:
    return "overlay" in root.kind or root.root != "/"


def _parent_and_name(pid: int) -> tuple[int, str]:
    """Fields 4 and 2 of proc_pid_stat(5). The parent is 0 if the process came into the container from outside."""
    with open(f"{PROC}/{pid}/stat", encoding="utf-8", errors="replace") as handle:
        before, _, after = handle.read().rpartition(")")
    return int(after.split()[1]), before.partition("(")[2]
