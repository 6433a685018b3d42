# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""monitoring_probe on the control node: combine facts of the store with findings of the host, and keep the snapshot."""

from __future__ import annotations

from ..module_utils._monitoring import snapshot_table
from ..module_utils._options.monitoring_options import MONITORING_PROBE
from ..module_utils._record.run_lease import alive
from ..plugin_utils._action import RotationAction
from ..plugin_utils._control_node.paths import state_folder
from ..plugin_utils._control_node.snapshot_file import keep_snapshot
from ..plugin_utils._report.monitoring_facts import Probe, facts
from ..plugin_utils._screen import lines
from ..plugin_utils._task_types import TaskArguments, TaskResult


class ActionModule(RotationAction):
    spec = MONITORING_PROBE
    kept_here = ("store", "record_dir", "rotation_id", "hold_days", "cryptoperiod_days", "findings")

    def act(self, options: TaskArguments) -> TaskResult:
        host = str(self.variables["inventory_hostname"])
        history = self.store(options).load()
        known = facts(history, Probe.of(options, host, self._records(options)))
        # A rotation and the monitor playbook each remember their own log positions.
        looker = "rotation" if options["rotation_id"] else "playbook"
        about = {"rotation": known, "expected": known.get("key_id"), "looker": looker}
        result = self._ask_host({**self.host_options(options), **history.for_host(), **about})
        if "snapshot" not in result:
            return result
        snapshot = result["snapshot"]
        folder = state_folder(self.variables, self._loader)
        if not self._task.check_mode and (path := keep_snapshot(folder, host, snapshot, known)):
            result["report"] = path
        lines.show(snapshot_table.lines(snapshot, host), "Monitoring")
        if snapshot["findings"] and options["findings"] == "refuse":
            result.update(failed=True, **snapshot_table.build_findings_error(snapshot["findings"]).as_result())
        return result

    def _ask_host(self, asked: TaskArguments) -> TaskResult:
        """Return the host's result.

        An active run postpones the checks. Only this machine knows whether its own run died; if it did, the host is
        asked again.
        """
        result = self.watched(self.module, asked)
        held = result.get("snapshot", {}).get("at_work")
        return self.watched(self.module, {**asked, "over": held}) if held and not alive(held) else result
