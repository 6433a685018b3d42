# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run known programs in an environment without the settings of the application.

A process that has started the application has its keys in ``os.environ``.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence

# How systemctl finds its bus (sd_bus_default(3)), of the system and of a user.
OF_SYSTEMD = ("XDG_RUNTIME_DIR", "DBUS_SYSTEM_BUS_ADDRESS", "DBUS_SESSION_BUS_ADDRESS")
TIME_ZONE = "TZ"  # for programs that read or print a local time
NO_VARIABLES: Mapping[str, str] = {}


def clean_environment(*names: str) -> dict[str, str]:
    """Return the search path, English messages, and those of our own variables that have one of the ``names``."""
    passed = {name: os.environ[name] for name in names if name in os.environ}
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", **passed}


def run_program(
    argv: Sequence[str],
    *names: str,
    data: str = "",
    seconds: float | None = None,
    variables: Mapping[str, str] = NO_VARIABLES,
) -> subprocess.CompletedProcess[str]:
    """Run a program in ``clean_environment(*names)`` with ``variables``, and ``data`` on its standard input.

    Raise OSError if it cannot be started, and subprocess.TimeoutExpired after ``seconds``.
    """
    return subprocess.run(
        list(argv),
        input=data,
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",  # as Python reads names of files
        timeout=seconds,
        check=False,
        env={**clean_environment(*names), **variables},
    )
