# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An action whose module needs to know which run holds the lease of a database."""

from __future__ import annotations

import abc
import os

from ansible.utils.display import Display

from ..module_utils._engine.postgres.lease import build_leased_error
from ..module_utils._record import run_lease
from ._screen.lease_warnings import describe_undropped
from ._single_module_action import HostAction
from ._task_types import TaskArguments, TaskResult

display = Display()


class LeaseAction(HostAction, abc.ABC):
    """The base of actions that identify this run to the host, and check whether the run that holds a lease is dead."""

    kept_here = ("record_dir",)

    def with_holder(self, options: TaskArguments) -> TaskArguments:
        """Return the options for the host, with this run as the ``holder`` of the lease."""
        holder = run_lease.describe_holder(str(options["rotation_id"]), os.getppid())  # ansible-playbook itself
        return {**self.host_options(options), "holder": holder}

    def judge(self, options: TaskArguments, result: TaskResult) -> TaskResult:
        """Return the result. Ask the host again if a dead run holds the lease. Raise E_LEASED if it may be alive."""
        while held := result.pop("held", None):
            if run_lease.alive(held):
                raise build_leased_error(held["alias"], held)
            result = self.on_host(self.module, {**self.with_holder(options), "over": held})
        if undropped := result.get("undropped"):
            display.warning(describe_undropped(undropped))
        return result
