# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether ansible-runner runs this in a container, and which folders are deleted with it.

ansible-runner mounts its private folder at /runner: the caller's own, except for AWX, which deletes it after a job.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping

from ...module_utils._errors.store import StoreEphemeral

ARTIFACTS = "AWX_ISOLATED_DATA_DIR"  # ansible-runner sets it for every job, to a folder below /runner in a container
OF_AWX = "AWX_PRIVATE_DATA_DIR"
PRIVATE = "/runner"
IN_MEMORY = ("tmpfs", "ramfs")
MOUNTS = "/proc/self/mountinfo"
_OCTAL = re.compile(r"\\([0-7]{3})")  # how a blank in the name of a folder is written there


def refuse_ephemeral(places: Mapping[str, str]) -> None:
    """Raise E_STORE_EPHEMERAL for the first of ``places``, each a path by what it is, that dies with the container."""
    if not _is_below(os.environ.get(ARTIFACTS, ""), PRIVATE):
        return
    mounts = dict(_mounts())
    for name, path in places.items():
        if _dies(os.path.realpath(path), mounts):
            raise StoreEphemeral(name=name, path=path)


def _dies(path: str, mounts: Mapping[str, str]) -> bool:
    mount = max((mount for mount in mounts if _is_below(path, mount)), key=len, default="/")
    return mount == "/" or mounts[mount] in IN_MEMORY or (OF_AWX in os.environ and _is_below(mount, PRIVATE))


def _mounts() -> Iterator[tuple[str, str]]:
    """Each mount point and the type of its filesystem, proc_pid_mountinfo(5). Later ones are on top."""
    with open(MOUNTS, encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            before, _, after = line.partition(" - ")
            yield _OCTAL.sub(lambda found: chr(int(found[1], 8)), before.split(" ")[4]), after.split(" ")[0]


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")
