# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure the application once."""

from __future__ import annotations

from .host_task import HostTask, ModuleResult


def take_snapshot(task: HostTask) -> ModuleResult:
    """Measure once. Only the control node decides whether something is wrong."""
    from .._monitoring import snapshot

    taken = snapshot.take(task.params, kept=not task.check_mode)
    # No snapshot has a header in it; but one may be a mere word, such as https, that Ansible would strike out of it.
    task.no_log_values.difference_update(str(value) for value in task.params["headers"].values())
    return {"changed": False, "snapshot": taken}
