# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that the database has capacity: connections, disk space, WAL, replication."""

from __future__ import annotations

from collections.abc import Iterator

from ...module_utils._backup import dump_shards
from ...module_utils._engine.fact_types import DatabaseFacts
from .item import OK, SKIP, STOP, WARN, ChecklistItem, Observations, unseen, worst

SPARE = 5  # connections left for the application and for people
LAG = 60  # seconds that a replica may be behind without a warning
FAR_BEHIND = 600  # seconds: it will not catch up while twice as much is written
# Bytes per byte of the database: a copy to prove its backup, and the WAL of that copy (docs/design/backup.md).
COPY_PER_BYTE = 1.1 + 1
WAL_PER_BYTE = 3  # a row's new version, its indexes, and a page image after each checkpoint


def connections(observations: Observations) -> ChecklistItem:
    """Check the free connections. Each re-encrypting process needs one, plus two; so does each process of the
    backup."""
    items, summaries = [], []
    workers = sum(observations.options["workers"] or facts["cores"] for facts in observations.facts.values()) + 2
    need = max(workers, _dumping(observations))
    for facts in observations.facts.values():
        for database in facts["databases"]:
            alias, limit = database["alias"], database["connections"]["limit"]
            free = limit - database["connections"]["used"]
            summaries.append(f"{alias} has {free} free of {limit}, {need} are needed")
            known = {"database": alias, "free": free, "limit": limit, "needed": need}
            if free < need:
                less = "key_rotation_workers" if need == workers else "key_rotation_backup_jobs"
                todo = f"Stop what uses them, set {less} to a lower number, or raise max_connections."
                items.append(ChecklistItem("connections", STOP, summaries[-1], todo, facts=known))
            elif free < need + SPARE:
                todo = "Set key_rotation_workers to a lower number."
                items.append(ChecklistItem("connections", WARN, summaries[-1], todo, facts=known))
    if not summaries:
        return unseen("connections")
    return worst("connections", items, "; ".join(dict.fromkeys(summaries)), {"needed": need})


def _dumping(observations: Observations) -> int:
    """Connections of a backup: one per parallel job, two for everything that is not rows, and one for the snapshot."""
    cores = max((facts["cores"] for facts in observations.facts.values()), default=1)
    largest = max((int(database["bytes"]) for database in databases(observations)), default=0)
    free = min(
        (each["connections"]["limit"] - each["connections"]["used"] for each in databases(observations)), default=0
    )
    jobs = dump_shards.count_workers(observations.options["backup_jobs"], largest, cores, free)
    return jobs + dump_shards.NO_ROWS + 1 if jobs > 1 and observations.options["backup_engine"] == "pg_dump" else 2


def disk(observations: Observations) -> ChecklistItem:
    """Check the free disk space of the database.

    The copy that proves the backup needs space first. Later, the WAL and a second version of each row need it until
    VACUUM.
    """
    folder = str(observations.options["database_dir"])
    if not observations.facts:
        return unseen("disk")
    free = free_bytes(observations)
    writing = observations.prepared_bytes + rewriting_bytes(observations)
    need = max(writing, _copying(observations))
    if free is None:
        summary = "not checked for the database: the inventory has no group database, or its host did not report it"
        todo = "Add the database's host to a group named database, or check it yourself." * observations.production
        return ChecklistItem("disk", WARN if observations.production else SKIP, summary, todo, facts={"free": None})
    summary = f"{free / 1e6:,.0f} MB are free for {folder}, at most {need / 1e6:,.0f} MB are needed"
    status = OK if free > need else STOP
    facts = {"folder": folder, "free": free, "needed": round(need)}
    return ChecklistItem("disk", status, summary, "Free some space there." * (status == STOP), facts=facts)


def free_bytes(observations: Observations) -> int | None:
    """The free space of the database's disk in bytes; None if its host did not report it."""
    return int(observations.df[-1].split()[3]) * 1024 if len(observations.df) >= 2 else None


def rewriting_bytes(observations: Observations) -> int:
    """Bytes that the rewrite needs in every mode: a second version of each row, and its WAL. Prepared rows write no
    WAL."""
    return sum(_wal_bytes(observations, database) + int(database["bytes"]) for database in databases(observations))


def _copying(observations: Observations) -> float:
    """Bytes that the proof of the backups needs. Databases are copied one after the other."""
    if observations.options["backup_proof"] == "none" or observations.options["backup_engine"] != "pg_dump":
        return 0
    return max((int(database["bytes"]) for database in databases(observations)), default=0) * COPY_PER_BYTE


def wal(observations: Observations) -> ChecklistItem:
    """Check that WAL is archived, and that no replication slot keeps it for a consumer that is gone."""
    if not observations.facts:
        return unseen("wal")
    items = []
    for database in databases(observations):
        need = _wal_bytes(observations, database)
        if database["archive_fails"]:
            todo = "Fix the archiving (see pg_stat_archiver). Until then, WAL fills the disk of the database."
            summary, known = f"archiving of WAL fails on {database['alias']}", {"archive_fails": database["alias"]}
            items.append(ChecklistItem("wal", STOP, summary, todo, facts=known))
        for slot in database["slots"]:
            limit = database["max_slot_wal_bytes"]
            if not slot["active"]:
                seen_slot = f"the slot {slot['name']} has no consumer and keeps {slot['bytes'] / 1e6:,.0f} MB of WAL"
                facts = {"unused_slot": slot["name"], "bytes": slot["bytes"]}
                items.append(ChecklistItem("wal", WARN, seen_slot, "Start its consumer, or drop it.", facts=facts))
            elif limit is not None and slot["bytes"] + need > limit:
                problem = f"the slot {slot['name']} may fall behind by more than max_slot_wal_keep_size"
                todo = "Raise it, or set key_rotation_throttle."
                items.append(ChecklistItem("wal", WARN, problem, todo, facts={"slow_slot": slot["name"]}))
    needs = sum(_wal_bytes(observations, database) for database in databases(observations))
    return worst("wal", items, f"about {max(needs / 1e6, 1):,.0f} MB will be written; slots and archive follow")


def replicas(observations: Observations) -> ChecklistItem:
    """Check that the replicas are not far behind."""
    if not observations.facts:
        return unseen("replicas")
    late = [database for database in databases(observations) if database["replica_lag"] > LAG]
    items = [
        ChecklistItem(
            "replicas",
            STOP if each["replica_lag"] > FAR_BEHIND else WARN,
            f"one of {each['alias']} is {each['replica_lag']:.0f} s behind",
            "Wait until it has caught up, and set replica_lag in key_rotation_throttle.",
            facts={"database": each["alias"], "lag": each["replica_lag"]},
        )
        for each in late
    ]
    blind = [database["alias"] for database in databases(observations) if not database["sees_replicas"]]
    if blind and observations.options["throttle"].get("replica_lag"):
        what = f"the role of {', '.join(blind)} cannot see how far they are behind: replica_lag would have no effect"
        todo = "GRANT pg_monitor TO that role, or remove replica_lag."
        items.append(ChecklistItem("replicas", STOP, what, todo, facts={"unseen": blind}))
    if blind and not items:
        return ChecklistItem("replicas", SKIP, "the role cannot see how far they are behind")
    return worst("replicas", items, f"no replica is more than {LAG} s behind")


def databases(observations: Observations) -> Iterator[DatabaseFacts]:
    """Each database once, as the first host sees it."""
    for facts in list(observations.facts.values())[:1]:
        yield from facts["databases"]


def _wal_bytes(observations: Observations, database: DatabaseFacts) -> int:
    """Upper bound of the WAL in bytes: the database, or one page for each row of the census if that is less."""
    tables: dict[str, int] = {target["table"]: target["rows"] for target in observations.census.get("targets", [])}
    return min(int(database["bytes"]) * WAL_PER_BYTE, sum(tables.values()) * 8192 * WAL_PER_BYTE)
