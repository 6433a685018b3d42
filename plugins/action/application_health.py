# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""application_health on the controller: keep the record of it."""

from __future__ import annotations

from typing import Any

from ..module_utils._options.application_options import APPLICATION_HEALTH
from ..plugin_utils._host_action import HostAction


class ActionModule(HostAction):
    changes = False
    spec = APPLICATION_HEALTH

    def ask(self, options: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in options.items() if name != "record_dir"}

    def judge(self, options: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
        started = (self.variables.get("__maintenance_started") or {}).get("services")
        if started and "rotation_reencrypted" not in self.variables:  # of a rotation there is more to say
            self.retell(result, f"{', '.join(started)} was started before.")
        return result
