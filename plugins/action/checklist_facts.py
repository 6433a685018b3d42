# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""checklist_facts on the controller: hand over the keys, and compare the host's clock with this one's."""

from __future__ import annotations

import time
from typing import Any

from ..module_utils._options.rotation_options import CHECKLIST_FACTS
from ..plugin_utils._action import RotationAction
from ..plugin_utils._services import clock


class ActionModule(RotationAction):
    spec = CHECKLIST_FACTS

    def act(self, options: dict[str, Any]) -> dict[str, Any]:
        history = self.store(options).load()
        asked = {name: value for name, value in options.items() if name != "store"}
        sent = time.time()
        result = self.on_host("checklist_facts", {**asked, **history.for_host()})
        received = time.time()
        if facts := result.get("facts"):
            began, ended = facts["clock"]["began"], facts["clock"]["ended"]
            facts["skew"] = clock.skew(sent, began, ended, received)
            for database in facts["databases"]:
                ahead = database["ahead"]
                database["skew"] = clock.skew(sent, began + ahead, ended + ahead, received)
        return result
