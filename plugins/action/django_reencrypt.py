# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""django_reencrypt on the controller: hand the key sets from the store to the host."""

from __future__ import annotations

import os
import socket
from typing import Any

from ..plugin_utils.action import RotationAction


class ActionModule(RotationAction):
    def would(self, args: dict[str, Any], result: dict[str, Any]) -> str:
        return f"re-encrypt {sum(target['reencrypted'] for target in result['targets']):,} values"

    def act(self, args: dict[str, Any]) -> dict[str, Any]:
        history = self.store(args).load()
        if not self._task.check_mode:
            history.stage(str(args["destination"]))  # E_STORE_STAGE before anything starts
        asked = {name: value for name, value in args.items() if name not in ("store", "record_dir")}
        run = f"{socket.gethostname()} {os.getppid()}"  # the process of ansible-playbook
        return self.on_host(
            "django_reencrypt", {**asked, "key_sets": history.key_sets(), "base": history.base, "run": run}
        )
