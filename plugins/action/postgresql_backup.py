# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""postgresql_backup on the controller: hand the keys and the age identity to the host, and show how far it is."""

from __future__ import annotations

import os
import secrets
import socket
from typing import Any

from ansible.utils.display import Display

from ..plugin_utils import summary
from ..plugin_utils.action import RotationAction
from ..plugin_utils.key_store import read_identity
from ..plugin_utils.watch import Watch

display = Display()
OURS = ("store", "record_dir", "identity_file")  # what stays on the control node


class ActionModule(RotationAction):
    def would(self, args: dict[str, Any], result: dict[str, Any]) -> str:
        paths = ", ".join(dump["path"] for dump in result["dumps"] if dump["changed"])
        return f"dump the database into {paths}"

    def act(self, args: dict[str, Any]) -> dict[str, Any]:
        history = self.store(args).load()
        asked = {name: value for name, value in args.items() if name not in OURS}
        asked.update(key_sets=history.key_sets(), base=history.base)
        asked["identity"] = read_identity(args.get("identity_file"), self._loader)
        if self._task.check_mode:
            return self.on_host("postgresql_backup", asked)
        asked["run"] = f"{socket.gethostname()} {os.getppid()}"  # the process of ansible-playbook
        asked["progress"] = f"/tmp/key_rotation-{secrets.token_hex(8)}.json"  # noqa: S108  # numbers, by a new name
        with Watch(self._connection, asked["progress"]):
            result = self.on_host("postgresql_backup", asked)
        for line in summary.backed_up(result.get("dumps", [])):
            display.display(line)
        return result
