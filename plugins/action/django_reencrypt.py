# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""django_reencrypt on the controller: hand the key sets from the store to the host, and show how far it is."""

from __future__ import annotations

import os
import secrets
import socket
from typing import Any

from ansible.utils.display import Display

from ..plugin_utils import summary
from ..plugin_utils.action import RotationAction
from ..plugin_utils.watch import Watch

display = Display()


class ActionModule(RotationAction):
    def would(self, args: dict[str, Any], result: dict[str, Any]) -> str:
        return f"re-encrypt {sum(target['reencrypted'] for target in result['targets']):,} values"

    def act(self, args: dict[str, Any]) -> dict[str, Any]:
        history = self.store(args).load()
        asked = {name: value for name, value in args.items() if name not in ("store", "record_dir")}
        asked.update(key_sets=history.key_sets(), base=history.base)
        if self._task.check_mode:
            return self.on_host("django_reencrypt", asked)
        history.stage(str(args["destination"]))  # E_STORE_STAGE before anything starts
        asked["run"] = f"{socket.gethostname()} {os.getppid()}"  # the process of ansible-playbook
        asked["progress"] = f"/tmp/key_rotation-{secrets.token_hex(8)}.json"  # noqa: S108  # numbers, by a new name
        with Watch(self._connection, asked["progress"]):
            result = self.on_host("django_reencrypt", asked)
        for line in summary.reencrypted(result):
            display.display(line)
        return result
