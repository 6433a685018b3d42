# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The last snapshot of each host, as a file on the control node."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from ...module_utils._errors.monitoring import MonitorReport
from ...module_utils._system import atomic_file
from .paths import expand

if TYPE_CHECKING:
    from ...module_utils._result_types.monitoring_types import MonitoringSnapshot


def write_snapshot(state_folder: str, host: str, snapshot: MonitoringSnapshot) -> str:
    """Replace the snapshot of the host, and return its path. Raise E_MONITOR_REPORT if it cannot be written."""
    folder = os.path.join(expand(state_folder), "monitoring")
    path = os.path.join(folder, f"{host}.json")
    try:
        atomic_file.private_folder(folder)
        text = json.dumps(snapshot, indent=2, sort_keys=True) + "\n"
        atomic_file.replace(path, text.encode("utf-8"), mode=0o644)
    except OSError as exc:
        raise MonitorReport(path=path, reason=exc.strerror) from None
    return path
