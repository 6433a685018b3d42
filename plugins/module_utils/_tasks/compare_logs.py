# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Count decryption errors in the logs since a point in time."""

from __future__ import annotations

from .host_task import HostTask, ModuleResult


def compare_logs(task: HostTask) -> ModuleResult:
    """Return the position in each log, or the counts since an earlier one.

    Raise E_OPTION for an invalid pattern, E_LOG_ERRORS and E_LOG_UNSEEN.
    """
    from .._monitoring import log_window

    params = task.params
    asked = log_window.LogWindow(
        *(params[name] for name in ("log_files", "log_units", "log_patterns", "usual_log_files"))
    )
    if params["since"] is None:
        return {"changed": False, "begun": log_window.begun(asked)}
    counts = log_window.counted(params["since"], asked)
    if params["errors"] == "refuse":
        log_window.refuse(counts)
    return {"changed": False, "logs": counts}
