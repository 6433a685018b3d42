# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""monitoring_probe on the control node: combine facts of the store with findings of the host, and keep the snapshot."""

from __future__ import annotations

import os

from ..module_utils._errors.base import RotationError
from ..module_utils._monitoring import snapshot_table
from ..module_utils._options.monitoring_options import MONITORING_PROBE
from ..module_utils._record.run_lease import alive
from ..plugin_utils._action import RotationAction
from ..plugin_utils._control_node import snapshot_file
from ..plugin_utils._control_node.paths import expand, state_folder
from ..plugin_utils._report import monitoring_facts
from ..plugin_utils._report.monitoring_facts import Probe
from ..plugin_utils._screen import lines
from ..plugin_utils._task_types import TaskArguments, TaskResult


class ActionModule(RotationAction):
    spec = MONITORING_PROBE
    kept_here = ("store", "record_dir", "rotation_id", "hold_days", "cryptoperiod_days", "findings")

    def act(self, options: TaskArguments) -> TaskResult:
        history = self.store(options).load()
        facts = monitoring_facts.facts(history, self._probe(options), self.variables)
        result = self._snapshot(
            {
                **self.host_options(options),
                **history.for_host(),
                "rotation": facts,
                "expected": facts.get("key_id"),
                # A rotation and the monitor playbook each remember their own log positions.
                "looker": "rotation" if options["rotation_id"] else "playbook",
            }
        )
        if "snapshot" not in result:
            return result
        snapshot = result["snapshot"]
        if not self._task.check_mode:
            folder = os.path.join(expand(state_folder(self.variables, self._loader)), "monitoring")
            try:
                result["report"] = snapshot_file.write(folder, self.variables["inventory_hostname"], snapshot)
            except RotationError as exc:  # an additional finding, which must not hide the others
                snapshot["findings"].append(snapshot_table.as_finding(exc, facts))
        lines.show(snapshot_table.lines(snapshot, str(self.variables.get("inventory_hostname"))), "Monitoring")
        if snapshot["findings"] and options["findings"] == "refuse":
            result.update(failed=True, **snapshot_table.build_findings_error(snapshot["findings"]).as_result())
        return result

    def _snapshot(self, asked: TaskArguments) -> TaskResult:
        """What the host found. An active run postpones the checks; only this machine can tell whether its own runs
        died."""
        result = self.watched(self.module, asked)
        held = result.get("snapshot", {}).get("at_work")
        return self.watched(self.module, {**asked, "over": held}) if held and not alive(held) else result

    def _probe(self, options: TaskArguments) -> Probe:
        names = ("rotation_id", "hold_days", "cryptoperiod_days", "due_warning_days")
        host = str(self.variables.get("inventory_hostname"))
        return Probe(host=host, records=self._records(options), **{name: options[name] for name in names})
