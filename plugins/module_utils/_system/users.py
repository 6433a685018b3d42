# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users by their names. In a container, a user may have a number only."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd

LOGIN = "/proc/self/loginuid"  # proc(5): set once at login, and kept by su and sudo
NOBODY = 2**32 - 1


def name_of(uid: int) -> str:
    """Return the name of the user, or the number if the system has no name for it."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def group_name_of(gid: int) -> str:
    """Return the name of the group, or the number if the system has no name for it."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def own_name() -> str:
    """Return the name of the user who runs this process."""
    return name_of(os.geteuid())


def login_uid() -> int | None:
    """Return the user who logged in. None if no one did, as at boot, or if the system does not say."""
    with contextlib.suppress(OSError, ValueError), open(LOGIN, encoding="ascii") as handle:
        uid = int(handle.read())
        return None if uid == NOBODY else uid
    return None


def login() -> str | None:
    """Return the name of the user who logged in, or None."""
    uid = login_uid()
    return None if uid is None else name_of(uid)
