# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users by their names. In a container one may have a number alone."""

from __future__ import annotations

import os
import pwd


def name_of(uid: int) -> str:
    """The name of the user, or the number where the system knows none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def own_name() -> str:
    """Under whose rights this process acts."""
    return name_of(os.geteuid())
