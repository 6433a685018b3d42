# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables with which a container of this host was created, as podman or docker shows them.

They are read from the program's standard output, which may have keys and is never shown.
"""

from __future__ import annotations

import json

from .._errors.services import ContainerEnvironment
from .._system import child_processes, users
from .._system.child_processes import NOT_FOUND

PROGRAMS = ("podman", "docker")
SHOW = '{"variables": {{json .Config.Env}}, "is_removed": {{json .HostConfig.AutoRemove}}}'
SECONDS = 30.0
# They describe the container, or files in it, and not the application.
OF_CONTAINER = {
    "PATH",
    "HOME",
    "HOSTNAME",
    "TERM",
    "container",
    "container_uuid",
    "LD_LIBRARY_PATH",
    "PYTHONHOME",
    "PYTHONPATH",
}
NO_PROGRAM = "neither podman nor docker is installed where the application's Python runs"
REMOVED = "it is removed when it is stopped"


def variables(container: str) -> dict[str, str]:
    """Return the variables of a container, whether it runs or is stopped. Raise E_CONTAINER_ENVIRONMENT."""
    installed = []
    for program in PROGRAMS:
        argv = [program, "inspect", "--type=container", f"--format={SHOW}", "--", container]
        shown = child_processes.exchange(argv, b"", SECONDS)
        if shown.rc == 0:
            return _parse(container, shown.output)
        installed += [program] * (shown.rc != NOT_FOUND)
    unknown = f"{' and '.join(installed)} cannot show it to {users.own_name()}"
    raise ContainerEnvironment(container=container, fault=unknown if installed else NO_PROGRAM)


def _parse(container: str, shown: bytes) -> dict[str, str]:
    described = json.loads(shown)
    if described["is_removed"]:
        raise ContainerEnvironment(container=container, fault=REMOVED)
    entries = (entry.partition("=") for entry in described["variables"] or ())
    return {name: value for name, sign, value in entries if sign and name not in OF_CONTAINER}
