# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find out whether ansible-runner runs this in a container, and which folders are deleted with it.

ansible-runner mounts its private folder at /runner. This is the caller's own folder, except for AWX, which deletes it
after a job.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from ...module_utils._errors.store import StoreEphemeral
from ...module_utils._system.mounts import Mount, is_below, mount_of

ARTIFACTS = "AWX_ISOLATED_DATA_DIR"  # ansible-runner sets it for every job, to a folder below /runner in a container
OF_AWX = "AWX_PRIVATE_DATA_DIR"
PRIVATE = "/runner"


def refuse_ephemeral(places: Mapping[str, str]) -> None:
    """Raise E_STORE_EPHEMERAL for the first of ``places``, each a path by what it is, that dies with the container."""
    if not is_below(os.environ.get(ARTIFACTS, ""), PRIVATE):
        return
    for name, path in places.items():
        if _dies(mount_of(path)):
            raise StoreEphemeral(name=name, path=path)


def _dies(mount: Mount) -> bool:
    return mount.point == "/" or mount.is_in_memory or (OF_AWX in os.environ and is_below(mount.point, PRIVATE))
