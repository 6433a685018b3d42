# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the backup that a restore would take."""

from __future__ import annotations

from .host_task import HostTask, ModuleResult
from .restore_database import read_restore_options


def find_backup(task: HostTask) -> ModuleResult:
    """Start the application, then look."""
    from .._backup import restore
    from .._options.application_start import start_application

    params = task.params
    start_application(params)
    return dict(restore.find_backup(read_restore_options(params), dry=task.check_mode))
