# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore a database next to the present one, compare, and swap."""

from __future__ import annotations

from .host_task import HostTask, ModuleResult


def restore_database(task: HostTask) -> ModuleResult:
    """Start the application, then restore or drop."""
    from .._backup import restore as backup_restore
    from .._options.application_start import start_application

    params = task.params
    start_application(params)
    work = backup_restore.Restoration(params)
    states = {"prepared": work.prepared, "present": work.present, "dropped": work.dropped}
    return dict(states[params["state"]](dry=task.check_mode))
