# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""monitoring_probe on the controller: what the store knows goes to the host, what was seen to a person and a file."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from typing import Any

from ..module_utils._errors.base import RotationError
from ..module_utils._errors.monitoring import MonitorReport
from ..module_utils._monitoring import snapshot_table
from ..module_utils._options.monitoring_options import MONITORING_PROBE
from ..module_utils._record import reader
from ..module_utils._record.events import ReadingEvent
from ..module_utils._record.run_lease import alive
from ..module_utils._record.writer import Record
from ..module_utils._stores.history import STAGES, History
from ..module_utils._system import atomic_file
from ..module_utils._system.timestamps import later, now
from ..plugin_utils._action import RotationAction
from ..plugin_utils._report import superseded_runs
from ..plugin_utils._report.read_rotation import read
from ..plugin_utils._report.rotation_state import RotationState
from ..plugin_utils._report.typed_commands import command
from ..plugin_utils._screen import lines
from ..plugin_utils._services.key_store import expand, state_folder

NOT_FOR_THE_HOST = ("store", "record_dir", "rotation_id", "hold_days", "cryptoperiod_days", "findings")
COMMANDS = ("verify", "rotate", "monitor", "retire")
REPAIR = ("-e", "key_rotation_prefer=repair")
LAST = "9999-12-31T23:59:59Z"  # later than any date


class ActionModule(RotationAction):
    spec = MONITORING_PROBE

    def act(self, options: dict[str, Any]) -> dict[str, Any]:
        history = self.store(options).load()
        asked = {name: value for name, value in options.items() if name not in NOT_FOR_THE_HOST}
        known = self._known(history, options)
        asked.update(history.for_host(), rotation=known, expected=known.get("key_id"))
        # The pictures of a rotation tell nobody who runs the monitor playbook: what they have seen is new to that one.
        asked["looker"] = "rotation" if options["rotation_id"] else "playbook"
        result = self.watched("monitoring_probe", asked)
        held = result.get("picture", {}).get("at_work")
        if held and not alive(held):  # a run of this machine, which alone can tell that it died
            result = self.watched("monitoring_probe", {**asked, "over": held})
        if "picture" not in result:
            return result
        picture = result["picture"]
        if not self._task.check_mode:
            try:
                result["report"] = self._written(picture)
            except RotationError as exc:  # it hides nothing that was found
                picture["findings"].append(snapshot_table.as_finding(exc, known))
        lines.show(snapshot_table.lines(picture, str(self.variables.get("inventory_hostname"))), "Monitoring")
        if picture["findings"] and options["findings"] == "refuse":
            result.update(failed=True, **snapshot_table.wrong(picture["findings"]).as_result())
        return result

    def _known(self, history: History, options: Mapping[str, Any]) -> dict[str, Any]:
        """What the store and the record say of versions and dates, and the commands that a person may have to type."""
        known: dict[str, Any] = {
            "commands": {
                **{playbook: command(self.variables, playbook) for playbook in COMMANDS},
                "repair": command(self.variables, "rollback", REPAIR),
            },
            "open": self._open(history, options),
            "asked": now(),
            "retirable": [],
            "retire": None,
        }
        if "current" not in history.stages:
            return known
        current = history.stage("current")
        known.update(key_id=current.key_id, created=current.created, origin=current.origin)
        if options["cryptoperiod_days"]:
            adopted = current.origin == "adopted"  # made by hand, nobody knows when: due since then
            known["due"] = later(current.created, 0 if adopted else options["cryptoperiod_days"])
        if told := self._compromised(current.key_id, options):
            due = told.schedule.next
            known.update(due=min(f"{due.due:%Y-%m-%dT%H:%M:%SZ}", known.get("due", LAST)), why=due.due_why)
        if known.get("due"):
            known["due_soon"] = later(known["due"], -options["due_warning_days"])
        known["opening"] = self._before(current.rotation_id, options)
        names = {key_id: stage for stage, key_id in history.stages.items()}
        known["retirable"] = [
            {
                "key_id": version.key_id,
                "stage": names.get(version.key_id, f"older-{version.key_id}"),
                "held_until": self.held_until(history, version.key_id, dict(options)),
            }
            for version in history.versions
            if not version.destroyed and names.get(version.key_id) not in STAGES[:2]
        ]
        known["retire"] = max((version["held_until"] for version in known["retirable"]), default=None)
        return known

    def _compromised(self, key_id: str, options: Mapping[str, Any]) -> RotationState | None:
        """The newest rotation for a compromise that left these keys in use: the store knows of none."""
        folder, found = self._records(dict(options)), []
        for name in reader.names(folder):
            with contextlib.suppress(Exception):  # whatever somebody wrote into one
                found.append(read(Record(folder, name)))
        return superseded_runs.compromised(key_id, [one for one in found if one.rotation_id != options["rotation_id"]])

    def _open(self, history: History, options: Mapping[str, Any]) -> str | None:
        """The rotation that is open, and that neither asks nor goes on just now."""
        try:
            self.refuse_other_run(dict(options))
        except RotationError:
            return None
        return None if history.open_rotation == options["rotation_id"] else history.open_rotation

    def _before(self, rotation_id: str, options: Mapping[str, Any]) -> list[Any] | None:
        """What decryption took on this host before that rotation changed anything, when, and where that is from."""
        try:
            events = self.record({**options, "rotation_id": rotation_id}).decoded()
        except RotationError:  # an adopted version has no rotation, and a record may be elsewhere
            return None
        for event in events:
            if isinstance(event, ReadingEvent) and event.is_done:
                opening = event.picture.get("opening") or {}
                ours = event.host == self.variables.get("inventory_hostname")
                known = [opening.get("seconds"), event.time, f"before rotation {rotation_id}"]
                return known if ours and known[0] else None
        return None

    def _written(self, picture: dict[str, Any]) -> str:
        folder = os.path.join(expand(state_folder(self.variables, self._loader)), "monitoring")
        path = os.path.join(folder, f"{self.variables['inventory_hostname']}.json")
        try:
            atomic_file.private_folder(os.path.dirname(path))
            text = json.dumps(picture, indent=2, sort_keys=True) + "\n"
            atomic_file.replace(path, text.encode("utf-8"), mode=0o644)
        except OSError as exc:
            raise MonitorReport(path=path, reason=exc.strerror) from None
        return path
