# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the filesystem that has a path (proc_pid_mountinfo(5))."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import NamedTuple

MOUNTS = "/proc/self/mountinfo"
_OCTAL = re.compile(r"\\([0-7]{3})")  # how a blank in the name of a folder is written there


class Mount(NamedTuple):
    """A mount point, the folder of the filesystem that is mounted there, and the type of the filesystem."""

    root: str
    point: str
    kind: str

    @property
    def is_in_memory(self) -> bool:
        return self.kind in ("tmpfs", "ramfs")


def mount_of(path: str) -> Mount:
    """The mount that has a path. Of two at one place, the later one is on top."""
    path = os.path.realpath(path)
    mounts = [mount for mount in _mounts() if is_below(path, mount.point)]
    return max(reversed(mounts), key=lambda mount: len(mount.point), default=Mount("/", "/", ""))


def is_below(path: str, folder: str) -> bool:
    """Return whether a path is the folder, or in it."""
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")


def _mounts() -> Iterator[Mount]:
    with open(MOUNTS, encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            before, _, after = line.partition(" - ")
            root, point = before.split(" ")[3:5]
            yield Mount(decode_octal(root), decode_octal(point), after.split(" ")[0])


def decode_octal(name: str) -> str:
    r"""A name as the kernel writes it there: a blank, tab, line break or backslash is \040, \011, \012, \134."""
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), name)
