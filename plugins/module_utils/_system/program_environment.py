# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment of the programs that we start: none of it comes from the settings of the application.

A process that has started the application has its keys in ``os.environ``.
"""

from __future__ import annotations

import os

# How systemctl finds its bus (sd_bus_default(3)), of the system and of a user.
OF_SYSTEMD = ("XDG_RUNTIME_DIR", "DBUS_SYSTEM_BUS_ADDRESS", "DBUS_SESSION_BUS_ADDRESS")
TIME_ZONE = "TZ"  # for programs that read or print a local time


def clean_environment(*names: str) -> dict[str, str]:
    """For a program that we know: where programs are, messages in English, and our own variables of these ``names``."""
    passed = {name: os.environ[name] for name in names if name in os.environ}
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", **passed}
