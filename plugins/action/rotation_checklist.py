# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rotation_checklist on the controller: judge what the hosts have shown, and say all of it at once."""

from __future__ import annotations

import contextlib
import datetime
import glob
import json
import os
from collections.abc import Mapping
from typing import Any

from ansible.release import __version__ as ansible_version
from ansible.utils.display import Display

from ..module_utils._engine.rewrite.throttle import refuse_unfit
from ..module_utils._errors.approval import ApprovalMissing
from ..module_utils._errors.base import RotationError
from ..module_utils._errors.options import InvalidOption
from ..module_utils._errors.record import RecordWrite
from ..module_utils._errors.run import WindowTooShort
from ..module_utils._options.rotation_options import ROTATION_CHECKLIST
from ..module_utils._record import chain, reader
from ..module_utils._record.approval import ApprovalEvidence
from ..module_utils._record.events import ROTATE, ChecklistEvent, RunEvent
from ..module_utils._record.writer import FILE_NAME, Record
from ..module_utils._system import atomic_file
from ..plugin_utils._action import RotationAction
from ..plugin_utils._checklist import checklist, window
from ..plugin_utils._checklist.item import STOP, Observations
from ..plugin_utils._screen import lines
from ..plugin_utils._services.key_store import beside
from ..plugin_utils._services.provenance import provenance

display = Display()
# The names by which the checklist knows the modules that look at a host.
ITEMS = {"key_version": "keys", "process_keys_info": "processes", "checklist_facts": "facts"}


class ActionModule(RotationAction):
    spec = ROTATION_CHECKLIST

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        if result.get("failed"):
            result.pop("items", None)  # the screen and the record have them: Ansible prints what a failed task returns
        return result

    def act(self, options: dict[str, Any]) -> dict[str, Any]:
        refuse_unfit(options["throttle"])
        if options["workers"] < 0:
            found = f"is {options['workers']}"
            raise InvalidOption(name="key_rotation_workers", found=found, advice="Give 0 or more.")
        seen = self._seen(options)
        if options["state"] == "still_open":
            return self._still_open(seen, options["accept"])
        items = checklist.judged(seen, options["accept"])
        lines.show(checklist.table(items, whole=display.verbosity > 0), "Checklist")
        result = {
            "changed": False,
            "items": [item.as_result() for item in items],
            "key_ids": seen.census.get("key_ids", {}),
            "plan_hash": seen.plan.get("plan", {}).get("hash"),
            "collection": seen.collection,
            "environment": options["environment"],
            "msg": checklist.summary(items),
        }
        if not self._task.check_mode:
            self._write(options, result)
        try:
            checklist.refuse(items)
        except RotationError as exc:
            result.update(failed=True, **exc.as_result())
        return result

    def _still_open(self, seen: Observations, accepted: list[str]) -> dict[str, Any]:
        """Raise E_WINDOW where the window does not hold what is left, now that the backup is made."""
        item = window.window(seen)
        lines.show([f"  window: {item.seen}. {item.todo}".rstrip(". ")], "Checklist")
        if item.status == STOP and "window" not in accepted and not self._task.check_mode:
            so_far = "this run has stopped nothing" if self._resumed() else "nothing was stopped or re-encrypted"
            changed = f"The backup is made and the new keys are in the store; {so_far}."
            raise WindowTooShort(changed=changed, seen=item.seen, advice=item.todo)
        return {"changed": False}

    def _seen(self, options: dict[str, Any]) -> Observations:
        shown = self.variables["hostvars"]
        hosts = list(self.variables["ansible_play_hosts_all"])
        host_seen = {host: {**_outcomes(shown[host], "host"), **_alone(shown[host])} for host in hosts}
        first = host_seen[hosts[0]]
        backup = {**first, **_outcomes(shown[hosts[0]], "backup_host")}
        return Observations(
            hosts={
                host: {ITEMS.get(name, name): found for name, found in each.items()} for host, each in host_seen.items()
            },
            census=first.get("django_census", {}),
            plan=first.get("django_plan_info", {}),
            backup=backup.get("postgresql_backup", {}),
            kept=backup.get("postgresql_backup_info", {}).get("backups") or [],
            lease=first.get("database_lease", {}),
            df=shown[hosts[0]].get("__checklist_database_disk", {}).get("stdout_lines") or [],
            options={
                **options,
                "store_unwritable": self._unwritable(options),
                "resumed": self._resumed(),
                "backed_up": options["state"] == "still_open",
                "down_for": self._down_for(options),
                "approved": self._approved(options),
            },
            now=datetime.datetime.now(datetime.timezone.utc),
            collection=provenance()["collection"],
            rehearsals=rehearsals(self._rehearsal_records(options)) if options["environment"] == "production" else [],
            versions={"ansible-core": ansible_version},
        )

    def _down_for(self, options: dict[str, Any]) -> float | None:
        """Seconds that the last completed rotation of this inventory had the application stopped; None without one."""
        folder = self._records(options)
        for name in sorted(reader.names(folder), reverse=True):
            with contextlib.suppress(RotationError):
                if (seconds := window.down_for(Record(folder, name).decoded())) is not None:
                    return seconds
        return None

    def _resumed(self) -> bool:
        opened: dict[str, Any] = self.variables.get("record_opened", {})
        return bool(opened.get("resumed"))

    def _approved(self, options: dict[str, Any]) -> str:
        """The hash of the plan with whose approval this run began; empty where none was asked for.

        Of the lines of a record, the one that this run has begun with alone can say it, and only with its evidence.
        Raises E_APPROVAL_MISSING.
        """
        begun = next(reversed(self.record(options).beginnings(ROTATE)), RunEvent())
        if not begun.approval and not begun.require_approval:
            return ""
        what = "what the record holds of its approval is not what was signed"
        try:
            evidence = ApprovalEvidence.borne_out(begun.approval)
        except FileNotFoundError:
            evidence, what = None, "there is no ssh-keygen here"
        if evidence is None:
            advice = "Find out who wrote to the record (verify.yml --tags record), then roll back, or run again."
            raise ApprovalMissing(missing=what, advice=advice)
        return evidence.approval.plan_hash

    def _unwritable(self, options: dict[str, Any]) -> str | None:
        """Why the store cannot be written. What stands against reading it is told of the keys."""
        try:
            return self.store(options).unwritable()
        except RotationError:
            return None

    def _rehearsal_records(self, options: dict[str, Any]) -> str:
        """The records of staging: by default those beside an inventory of that name, next to this one."""
        if options["rehearsal_records"]:
            return beside(options["rehearsal_records"], self.variables)
        here = self._records(options)
        inventory = str(self.variables.get("inventory_dir"))
        return here.replace(inventory, os.path.join(os.path.dirname(inventory), "staging"), 1)

    def _write(self, options: dict[str, Any], result: dict[str, Any]) -> None:
        path = os.path.join(os.path.dirname(self.record(options).path), "checklist.json")
        try:
            atomic_file.replace(path, json.dumps(result, indent=2).encode("utf-8") + b"\n")
        except OSError as exc:
            raise RecordWrite(path=path, reason=exc.strerror) from None
        result["path"] = path


def _outcomes(shown: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The results of the modules that ran in one process, by module; the failure of the process itself for each."""
    found: dict[str, Any] = shown.get(f"__checklist_{name}", {})
    outcomes: dict[str, Any] = found.get("outcomes", {})
    return outcomes


def _alone(shown: Mapping[str, Any]) -> dict[str, Any]:
    """The results of the tasks that run as another user."""
    found = {name: shown.get(f"__checklist_{name}", {}) for name in ("stops", "services", "health")}
    return {name: each for name, each in found.items() if each and not each.get("skipped")}


def rehearsals(folder: str) -> list[dict[str, Any]]:
    """Each completed rotation in staging of these records, by what its last checklist says.

    A damaged one is none, and neither is one whose lines are no chain. Whose signature it has is not asked: staging's
    key is in staging's store.
    """
    found = []
    for path in sorted(glob.glob(os.path.join(glob.escape(folder), "*", FILE_NAME))):
        try:
            record = reader.look(folder, os.path.basename(os.path.dirname(path)))
            events = record.record.decoded()
        except RotationError:
            continue
        if not chain.chained(record.lines) or any(chain.problems(record.lines)):
            continue
        done = [event for event in events if event.is_done]
        lists = [event for event in done if isinstance(event, ChecklistEvent) and event.environment == "staging"]
        closed = [event for event in done if isinstance(event, RunEvent)]
        if lists and closed and closed[-1].name == ROTATE:
            last = lists[-1]
            found.append(
                {
                    "rotation_id": record.rotation_id,
                    "time": closed[-1].time,
                    "plan_hash": last.plan_hash,
                    "collection": last.collection,
                }
            )
    return found
