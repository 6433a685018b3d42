# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program of the systemd timer on an application host, without Ansible and without the key store.

It only uses keys of the application's own .env file, which it reads at each check. Its configuration names files,
columns and addresses, and may have headers, among them a token.
"""

from __future__ import annotations

import json
import os
import socket
import sys

from .._errors.base import RotationError
from .._errors.monitoring import MonitorConfiguration, MonitorToken
from .._errors.unexpected import as_catalog_error
from .._options.option_spec import Options

# What the module gets from the control node, and a timer does not.
WITHOUT_STORE: Options = {
    "key_sets": {},
    "key_set_ids": {},
    "progress": None,
    "base": "current",
    "expected": None,
    "rotation": {},
    "backups": {},
    "baseline": "keep",
    "looker": "timer",
}


def main(path: str) -> int:
    """Check as the configuration in ``path`` says, and print the report.

    Return 0 without findings, 1 with findings, 2 if nothing could be checked.
    """
    failure: RotationError | None = None
    try:
        from . import snapshot, snapshot_table

        taken = snapshot.take({**_configuration(path), **WITHOUT_STORE}, kept=True)
    except Exception as exc:  # noqa: BLE001  # its text could hold a value
        failure = as_catalog_error(exc)
    if failure is not None:
        print(failure, file=sys.stderr)
        return 2
    for line in snapshot_table.lines(taken, socket.gethostname()):
        print(line)
    return 1 if taken["findings"] else 0


def _configuration(path: str) -> Options:
    try:
        with open(path, encoding="utf-8") as handle:
            options, about = dict(json.load(handle)), os.fstat(handle.fileno())
    except (OSError, ValueError):
        raise MonitorConfiguration(path=path) from None
    if options.get("headers") and (about.st_mode & 0o077 or about.st_uid != os.geteuid()):
        raise MonitorToken(path=path)
    return options
