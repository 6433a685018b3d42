# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that a backup can be created, and that restoring one was tried."""

from __future__ import annotations

import datetime

from ...module_utils._errors.counts import counted
from ...module_utils._system.timestamps import parse_with_offset
from .database_capacity import databases
from .item import OK, STOP, WARN, ChecklistItem, Observations, of_result

RECENT = datetime.timedelta(days=1)
PROVED = ("full", "sample")


def possible(observations: Observations) -> ChecklistItem:
    """Check that this rotation can create a backup, and show the age of the last one."""
    item = of_result("backup", observations.backup, "dumps")
    if item.status != OK:
        return item
    backed_up = {dump["system_identifier"] for dump in observations.backup["dumps"] if "system_identifier" in dump}
    clusters = {each["alias"]: each.get("system_identifier") for each in databases(observations)}
    others = [alias for alias, cluster in clusters.items() if backed_up and cluster and cluster not in backed_up]
    if others:
        summary = f"the stanza of pgBackRest belongs to another cluster than {', '.join(others)} in DATABASES"
        todo = "Correct key_rotation_stanza, or set key_rotation_backup_engine to pg_dump."
        return ChecklistItem("backup", STOP, summary, todo, facts={"other_clusters": others})
    times = [parse_with_offset(backup["snapshot"]["time"]) for backup in observations.kept]
    if not times:
        return ChecklistItem(
            "backup", OK, "a backup can be created, and will be before anything is changed; there is no earlier one"
        )
    age = observations.now - max(times)
    summary = f"a backup can be created, and will be before anything is changed; the last one is {_age(age)} old"
    return ChecklistItem("backup", OK, summary)


def proved(observations: Observations) -> ChecklistItem:
    """Check that the rollback plan was tested: a backup was restored and compared, or this one will be."""
    kinds = [proof["kind"] for backup in observations.kept if (proof := backup["proof"]) and proof["kind"] in PROVED]
    asked, engine = observations.options["backup_proof"], observations.options["backup_engine"]
    ours = engine == "pg_dump"
    todo = (
        _TODO
        if ours
        else f"Restore one with {engine}'s own command and compare it, or add rollback_plan to key_rotation_accept."
    )
    if ours and asked in PROVED:
        return ChecklistItem(
            "rollback_plan", OK, f"the backup is restored and compared before the first write (proof: {asked})"
        )
    facts = {"engine": engine, "proof": asked, "restored": len(kinds)}
    if kinds:
        return ChecklistItem(
            "rollback_plan",
            WARN,
            f"{counted(len(kinds), 'earlier backup was', 'earlier backups were')} restored and compared, "
            "this one will not be",
            todo,
            facts=facts,
        )
    status = STOP if observations.production else WARN
    return ChecklistItem("rollback_plan", status, "no backup was ever restored and compared", todo, facts=facts)


_TODO = "Set key_rotation_backup_proof to full or sample."


def _age(age: datetime.timedelta) -> str:
    return counted(age.days, "day") if age >= RECENT else counted(round(age.total_seconds() / 3600), "hour")
