# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""checklist_facts on the controller: hand over the keys, and set the host's clock against this one's."""

from __future__ import annotations

import time
from typing import Any

from ..module_utils.module import FACTS_OPTIONS
from ..plugin_utils.action import RotationAction


class ActionModule(RotationAction):
    spec = FACTS_OPTIONS

    def act(self, options: dict[str, Any]) -> dict[str, Any]:
        history = self.store(options).load()
        asked = {name: value for name, value in options.items() if name != "store"}
        result = self.on_host("checklist_facts", {**asked, **history.for_host()})
        if "facts" in result:
            here = time.time()
            result["facts"]["skew"] = result["facts"]["clock"] - here
            for database in result["facts"]["databases"]:
                database["skew"] = database["clock"] - here
        return result
