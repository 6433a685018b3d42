# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""database_lease on the controller: say who this run is, and judge whether the run that holds the lease is dead."""

from __future__ import annotations

import os
from typing import Any

from ..module_utils import lease
from ..plugin_utils.action import RotationAction


class ActionModule(RotationAction):
    def act(self, args: dict[str, Any]) -> dict[str, Any]:
        asked = {name: value for name, value in args.items() if name != "record_dir"}
        asked["holder"] = lease.holder(str(args["rotation_id"]), os.getppid())  # the process of ansible-playbook
        result = self.on_host("database_lease", asked)
        while held := result.pop("held", None):
            if lease.alive(held):
                raise lease.leased(held["alias"], held)
            result = self.on_host("database_lease", {**asked, "over": held})
        return result
