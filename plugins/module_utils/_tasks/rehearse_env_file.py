# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find out whether keys can be written to the .env file and the key files."""

from __future__ import annotations

from .env_file_change import change_files
from .host_task import HostTask, ModuleResult


def rehearse_env_file(task: HostTask) -> ModuleResult:
    """Do everything that set_env_file does except the switch. Raise its errors."""
    from .._destinations import destination_interface

    change = change_files(task, "env_file_info", destination_interface.rehearse)
    return {"changed": False, "path": change.place, "key_id": change.after}
