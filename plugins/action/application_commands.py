# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""application_commands on the controller: keep the record of it."""

from __future__ import annotations

from typing import Any

from ..module_utils._options.application_options import APPLICATION_COMMANDS
from ..plugin_utils._host_action import HostAction


class ActionModule(HostAction):
    spec = APPLICATION_COMMANDS

    def ask(self, options: dict[str, Any]) -> dict[str, Any]:
        names = ("commands", "project_dir", "timeout", "purpose", "rotation_id")
        return {name: options[name] for name in names}

    def asked(self, args: dict[str, Any]) -> dict[str, Any]:
        return {"purpose": args.get("purpose", "verification")}
