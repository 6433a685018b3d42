# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Collects the results of the checklist's tasks for the checks."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from ansible.release import __version__ as ansible_version

from ...module_utils._engine.rewrite.throttle import refuse_unfit
from ...module_utils._errors.base import ErrorParts, RotationError
from ...module_utils._errors.options import InvalidOption
from ...module_utils._record import reader
from ...module_utils._record.writer import Record
from .._control_node.provenance import provenance
from .._report.downtime import Downtime
from .._rotation_record.rotation_log import RotationLog
from .approved_plan import approved_plan
from .item import ChecklistOptions, Observations
from .rehearsal_records import rehearsals, staging_records

if TYPE_CHECKING:
    from ...module_utils._engine.proof.census_result import ColumnCounts
    from ...module_utils._engine.result_types import CensusOutcome
    from .._task_types import TaskResult, Variables
    from .host_results import ChecklistResults, PlanResult

MAY_WRITE = "Allow the account that runs ansible-playbook to write it."
# The checklist's names for the results of these modules.
OBSERVATION_NAMES = {"key_version": "keys", "process_keys_info": "processes", "checklist_info": "facts"}
SERVICES = ("stops", "services")  # what would be stopped, and what an earlier run has left stopped


def observe(log: RotationLog, rotation_id: str, options: ChecklistOptions) -> Observations:
    """Collect what the hosts, the store and the records show. Raise E_OPTION or E_APPROVAL_MISSING."""
    _refuse_unfit(options)
    variables = log.controller.variables
    hosts = results_by_host(variables)
    name, first = next(iter(hosts.items()))
    return Observations(
        hosts=hosts,
        census=first.get("django_census_info") or _of_plan(first.get("django_plan", {})),
        plan=first.get("django_plan_info", {}),
        backup=first.get("postgresql_backup", {}),
        kept=first.get("postgresql_backup_info", {}).get("backups") or [],
        lease=first.get("database_lease", {}),
        df=variables["hostvars"][name].get("__checklist_database_disk", {}).get("stdout_lines") or [],
        options=_completed(log, rotation_id, options),
        now=datetime.datetime.now(datetime.timezone.utc),
        collection=provenance()["collection"],
        rehearsals=rehearsals(staging_records(log, options)) if options["environment"] == "production" else [],
        versions={"ansible-core": ansible_version},
    )


def results_by_host(variables: Variables) -> dict[str, ChecklistResults]:
    """Return the module results by host, then by the checklist's name for them.

    The first host also has the results of the backup, no matter on which host it ran.
    """
    by_host: dict[str, ChecklistResults] = {}
    for host in variables.get("ansible_play_hosts_all", ()):
        shown = variables.get("hostvars", {}).get(host, {})
        results = {**_outcomes(shown, "host"), **_services(shown), **_health(shown)}
        results |= {} if by_host else _outcomes(shown, "backup_host")
        named = {OBSERVATION_NAMES.get(name, name): result for name, result in results.items()}
        by_host[host] = cast("ChecklistResults", named)
    return by_host


def _of_plan(planned: PlanResult) -> CensusOutcome:
    """Convert the targets of a plan to those of a census."""
    targets = planned.get("plan", {}).get("targets", ())
    counts = [{**target, "table": target["column"].rpartition(".")[0]} for target in targets]
    return {"targets": cast("list[ColumnCounts]", counts)}


def _refuse_unfit(options: ChecklistOptions) -> None:
    """Raise E_OPTION for a limit that no run could keep."""
    refuse_unfit(options["throttle"])
    if options["workers"] < 0:
        fault = f"is {options['workers']}"
        raise InvalidOption(option="workers", fault=fault, advice="Set it to 0 or more.")


def _completed(log: RotationLog, rotation_id: str, options: ChecklistOptions) -> ChecklistOptions:
    """Add what the control node knows to the options."""
    return {
        **options,
        "store_error": _store_error(log),
        "resumed": bool(log.controller.variables.get("record_opened", {}).get("resumed")),
        "down_for": _last_downtime(log.folder),
        "approved": approved_plan(log.record(rotation_id)),
    }


def _outcomes(shown: Variables, name: str) -> Mapping[str, TaskResult]:
    """The results by module of those that ran in one process. If the process failed, each has its failure."""
    outcomes: Mapping[str, TaskResult] = shown.get(f"__checklist_{name}", {}).get("outcomes", {})
    return outcomes


def _services(shown: Variables) -> Mapping[str, TaskResult]:
    """The results of both, which share a process on the host. If Ansible could not start that, each has the reason."""
    ran = _ran(shown, "services")
    return ran and (ran.get("outcomes") or dict.fromkeys(SERVICES, ran))


def _health(shown: Variables) -> Mapping[str, TaskResult]:
    ran = _ran(shown, "health")
    return {"health": ran} if ran else {}


def _ran(shown: Variables, name: str) -> TaskResult:
    """The result of a task of its own. Empty if it was skipped."""
    result: TaskResult = shown.get(f"__checklist_{name}", {})
    return {} if result.get("skipped") else result


def _store_error(log: RotationLog) -> ErrorParts | None:
    """Return why the store cannot be written, as far as can be seen without writing; None if nothing prevents it."""
    try:
        reason = log.store.unwritable()
    except RotationError as exc:
        return {"code": exc.code, "what": exc.what, "todo": exc.todo}
    return {"what": reason, "todo": MAY_WRITE} if reason else None


def _last_downtime(folder: str) -> float | None:
    """Return for how many seconds the last completed rotation of this inventory stopped the application; None without
    one."""
    for name in sorted(reader.names(folder), reverse=True):
        with contextlib.suppress(RotationError):
            downtime = Downtime.of(Record(folder, name).decoded())
            if downtime.of_completed is not None:
                return downtime.of_completed
    return None
