# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks whether a census shows that something still needs a version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...module_utils._engine.proof.census_result import CensusResult
from ...module_utils._errors.keys import CensusIncomplete, VersionNeeded, VersionUsed

if TYPE_CHECKING:
    from ...module_utils._engine.result_types import CensusOutcome


def refuse_used(census: CensusOutcome, key_id: str) -> None:
    """Raise E_VERSION_USED if a value is under the version, E_CENSUS_INCOMPLETE if the census did not try it."""
    stages = {of_stage: stage for stage, of_stage in (census.get("key_ids") or {}).items()}
    if key_id not in stages or "targets" not in census:
        raise CensusIncomplete(missing=f"how many values are under the version {key_id}")
    for target in census["targets"]:
        if count := CensusResult.of(target).under(stages[key_id]):
            raise VersionUsed(column=f"{target['table']}.{target['column']}", count=count, key_id=key_id)


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
