# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which users of hosts keep the files of module_utils, and which have to be sent them with every task."""

from __future__ import annotations

import mmap
import zlib

from ...module_utils._module import code_bundle

DIGEST = code_bundle.digest()  # once, in Ansible's own process
PLACES = 1 << 12
# 1 for a user who keeps nothing, at the checksum of host and user. The processes that Ansible forks share it. Two users
# at one place are both sent the files.
_keeps_nothing = mmap.mmap(-1, PLACES)


def code_for(host: str, user: str) -> str:
    """Return the files for a user who keeps none, as far as is known. Empty for others."""
    return code_bundle.pack() if _keeps_nothing[_place(host, user)] else ""


def note(host: str, user: str, *, kept: bool) -> None:
    """Remember whether this user keeps the files."""
    _keeps_nothing[_place(host, user)] = not kept


def _place(host: str, user: str) -> int:
    return zlib.crc32(f"{host}\n{user}".encode()) % PLACES
