# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore a database next to the present one, compare, and swap."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .host_task import HostTask, ModuleResult, TaskParams

if TYPE_CHECKING:
    from .._backup.restore import RestoreOptions


def restore_database(task: HostTask) -> ModuleResult:
    """Start the application, then restore or drop."""
    from .._backup import restore as backup_restore
    from .._options.application_start import start_application

    params = task.params
    start_application(params)
    work = backup_restore.Restoration(read_restore_options(params))
    states = {"prepared": work.prepared, "present": work.present, "dropped": work.dropped}
    return dict(states[params["state"]](dry=task.check_mode))


def read_restore_options(params: TaskParams) -> RestoreOptions:
    """Return what to restore. The options of postgresql_restore_info have no ``alias``, and nothing is acknowledged."""
    from .._backup.restore import RestoreOptions
    from .._options.engine_request import request_of

    return RestoreOptions(
        alias=params.get("alias", "default"),
        backup_dir=params["backup_dir"],
        build_request=lambda direct, purpose: request_of({**params, "direct": direct}, purpose),
        rotation_id=params["rotation_id"],
        direct=params["direct"],
        admin=params["admin"] or {},
        acknowledge=params.get("acknowledge") or "",
        identity=params["identity"],
        pg_bindir=params["pg_bindir"],
        key_ids=params["key_set_ids"].values(),
    )
