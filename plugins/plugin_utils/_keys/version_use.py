# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks whether something still needs a version: values, processes, backups, databases that a restore kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ...module_utils._engine.proof.census_result import CensusResult
from ...module_utils._errors.base import RotationError
from ...module_utils._errors.counts import counted, join_first
from ...module_utils._errors.keys import (
    CensusIncomplete,
    VersionInProcess,
    VersionKept,
    VersionNeeded,
    VersionUsed,
)

if TYPE_CHECKING:
    from ...module_utils._backup.manifest import KeptBackup
    from ...module_utils._engine.result_types import CensusOutcome
    from .._task_types import TaskResult

SHOWN = 10  # backups and columns in a message


def refuse_needed(key_id: str, *checks: Callable[[], None]) -> None:
    """Raise the error of the only check that fails, or E_VERSION_KEPT with the errors of all that do.

    Raise E_CENSUS_INCOMPLETE if the census does not have what one needs.
    """
    errors = [error for check in checks if (error := _error_of(check))]
    if len(errors) == 1:
        raise errors[0]
    if errors:
        reasons = " ".join(f"({place}) {error.code}: {error.what}." for place, error in enumerate(errors, 1))
        advice = " ".join(dict.fromkeys(f"({place}) {error.todo}" for place, error in enumerate(errors, 1)))
        raise VersionKept(key_id=key_id, count=len(errors), reasons=reasons.rstrip("."), advice=advice)


def _error_of(check: Callable[[], None]) -> RotationError | None:
    try:
        check()
    except CensusIncomplete:
        raise
    except RotationError as exc:
        return exc
    return None


def refuse_used(census: CensusOutcome, key_id: str) -> None:
    """Raise E_VERSION_USED if a value is under the version, E_CENSUS_INCOMPLETE if the census did not try it."""
    stages = {of_stage: stage for stage, of_stage in (census.get("key_ids") or {}).items()}
    if key_id not in stages or "targets" not in census:
        raise CensusIncomplete(missing=f"how many values are under the version {key_id}")
    counts = {
        f"{target['table']}.{target['column']}": CensusResult.of(target).under(stages[key_id])
        for target in census["targets"]
    }
    if used := {column: count for column, count in counts.items() if count}:
        columns = join_first(list(used), SHOWN)
        raise VersionUsed(column=columns, count=sum(used.values()), key_id=key_id)


def refuse_processes(processes: Mapping[str, TaskResult], key_id: str) -> None:
    """Raise E_VERSION_IN_PROCESS if a host has a process without the current keys, or could not be checked."""
    for host, result in processes.items():
        if error := result.get("error"):
            reason = f"{error['code']}: {error['what']}"
            raise VersionInProcess(key_id=key_id, host=host, reason=reason, advice=error["todo"])
        if "processes" not in result and not result.get("skipped"):
            advice = "Correct what the check of the processes says above, then run the same command again."
            raise VersionInProcess(key_id=key_id, host=host, reason="they could not be checked", advice=advice)


def refuse_backups(kept: Sequence[KeptBackup], key_id: str) -> None:
    """Raise E_VERSION_NEEDED if a backup that is kept needs the version."""
    if needing := sorted({each["manifest"] for each in kept if key_id in each["key_ids"]}):
        number = counted(len(needing), "retained backup needs", "retained backups need")
        raise VersionNeeded(key_id=key_id, reason=f"{number} it: {join_first(needing, SHOWN)}")


def refuse_kept_aside(census: CensusOutcome, key_id: str) -> None:
    """Raise E_VERSION_NEEDED if a database that a restore kept aside may need the version, E_CENSUS_INCOMPLETE if
    the census did not check that."""
    if "kept_aside" not in census:
        raise CensusIncomplete(missing="which databases a restore kept")
    for name, key_ids in census["kept_aside"].items():
        if key_id in key_ids:
            alias = "and -e key_rotation_restore_alias=... for a database other than the default one"
            drop = f"restore.yml with -e key_rotation_id=... (see its name) -e key_rotation_restore_drop=true, {alias}"
            reason = f"the database {name}, which a restore kept, may need it; {drop}, drops it"
            raise VersionNeeded(key_id=key_id, reason=reason)
