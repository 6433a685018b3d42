# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""django_census on the controller: hand the key sets from the store to the host."""

from __future__ import annotations

import os
from typing import Any

from ansible.utils.display import Display

from ..plugin_utils import summary
from ..plugin_utils.action import RotationAction

display = Display()


class ActionModule(RotationAction):
    def act(self, args: dict[str, Any]) -> dict[str, Any]:
        if args.get("report_only"):  # for what is done next: beside another run it would say nothing
            self.lease(args).refuse_other(os.getppid())
            args["run"] = self.run_name()
        known, stages = self.store(args).load().for_host(), args.get("stages")
        chosen = {stage: values for stage, values in known["key_sets"].items() if not stages or stage in stages}
        asked = {name: value for name, value in args.items() if name not in ("store", "record_dir", "rotation_id")}
        result = self.watched("django_census", {**asked, **known, "key_sets": chosen})
        for line in summary.census(result.get("targets", [])):
            display.display(line)
        for sentence in (*summary.meanwhile(result.get("meanwhile", {})), *summary.unopened(result)):
            display.warning(sentence)
        return result
