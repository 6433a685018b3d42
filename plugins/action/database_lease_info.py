# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""database_lease_info on the controller: ask the host."""

from __future__ import annotations

from ..module_utils._options.data_options import DATABASE_LEASE_INFO
from ..plugin_utils._host_action import HostAction
from ..plugin_utils._task_types import TaskArguments


class ActionModule(HostAction):
    changes = False
    spec = DATABASE_LEASE_INFO

    def ask(self, options: TaskArguments) -> TaskArguments:
        return options
