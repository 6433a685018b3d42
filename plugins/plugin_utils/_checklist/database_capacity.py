# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The database has room for it: connections, WAL, replication."""

from __future__ import annotations

from collections.abc import Iterator

from ...module_utils._backup import dump_shards
from ...module_utils._engine.fact_types import DatabaseFacts
from .item import OK, SKIP, STOP, WARN, ChecklistItem, Observations, unseen, worst

SPARE = 5  # connections that are left to the application and to people
LAG = 60  # seconds that a replica may be behind before it is said
FAR_BEHIND = 600  # and with so many it will not catch up while twice as much is written
# A copy of the database to prove its backup, and the WAL of making it (docs/design/backup.md).
COPY_PER_BYTE = 1.1 + 1
WAL_PER_BYTE = 3  # a row's new version, its indexes, and a page image after each checkpoint


def connections(seen: Observations) -> ChecklistItem:
    """Each process that re-encrypts has one of its own, and there are two more; before it each that dumps has one."""
    items, told = [], []
    workers = sum(seen.options["workers"] or facts["cores"] for facts in seen.facts.values()) + 2
    need = max(workers, _dumping(seen))
    for facts in seen.facts.values():
        for database in facts["databases"]:
            free = database["connections"]["limit"] - database["connections"]["used"]
            told.append(f"{database['alias']} has {free} free of {database['connections']['limit']}, {need} are needed")
            if free < need:
                less = "key_rotation_workers" if need == workers else "key_rotation_backup_jobs"
                todo = f"Stop what uses them, set {less} to a lower number, or raise max_connections."
                items.append(ChecklistItem("connections", STOP, told[-1], todo))
            elif free < need + SPARE:
                items.append(
                    ChecklistItem("connections", WARN, told[-1], "Set key_rotation_workers to a lower number.")
                )
    return worst("connections", items, "; ".join(dict.fromkeys(told))) if told else unseen("connections")


def _dumping(seen: Observations) -> int:
    """Connections of a backup: of several at once each has one, two have what is no row, and one holds the snapshot."""
    cores = max((facts["cores"] for facts in seen.facts.values()), default=1)
    largest = max((int(database["bytes"]) for database in databases(seen)), default=0)
    free = min((each["connections"]["limit"] - each["connections"]["used"] for each in databases(seen)), default=0)
    jobs = dump_shards.at_work(seen.options["backup_jobs"], largest, cores, free)
    return jobs + dump_shards.NO_ROWS + 1 if jobs > 1 and seen.options["backup_engine"] == "pg_dump" else 2


def disk(seen: Observations) -> ChecklistItem:
    """The database's own disk has room for the WAL, and for a second version of each row until VACUUM; before that, for
    the copy that proves the backup."""
    folder = str(seen.options["database_dir"])
    if not seen.facts:
        return unseen("disk")
    if len(seen.df) < 2:
        summary = "that of the database is not looked at: the inventory has no group database, or its host did not say"
        todo = "Name the database's host in a group database, or look yourself." * seen.production
        return ChecklistItem("disk", WARN if seen.production else SKIP, summary, todo)
    free = int(seen.df[-1].split()[3]) * 1024
    prepared = max(int(facts["prepared_bytes"]) for facts in seen.facts.values())  # without WAL, and each sees the same
    writing = prepared + sum(_wal_bytes(seen, database) + int(database["bytes"]) for database in databases(seen))
    need = max(writing, _copying(seen))
    summary = f"{free / 1e6:,.0f} MB are free for {folder}, at most {need / 1e6:,.0f} MB are needed"
    status = OK if free > need else STOP
    return ChecklistItem("disk", status, summary, "Make room there." * (status == STOP))


def _copying(seen: Observations) -> float:
    """Bytes that the proof of the backups takes: one database is copied after the other."""
    if seen.options["backup_proof"] == "none" or seen.options["backup_engine"] != "pg_dump":
        return 0
    return max((int(database["bytes"]) for database in databases(seen)), default=0) * COPY_PER_BYTE


def wal(seen: Observations) -> ChecklistItem:
    """WAL is archived, and no slot keeps it for a consumer that is gone."""
    if not seen.facts:
        return unseen("wal")
    items = []
    for database in databases(seen):
        need = _wal_bytes(seen, database)
        if database["archive_fails"]:
            todo = "Fix the archiving (see pg_stat_archiver): until then WAL fills the disk of the database."
            items.append(ChecklistItem("wal", STOP, f"archiving of WAL fails on {database['alias']}", todo))
        for slot in database["slots"]:
            limit = database["max_slot_wal_bytes"]
            if not slot["active"]:
                seen_slot = f"the slot {slot['name']} has no consumer and keeps {slot['bytes'] / 1e6:,.0f} MB of WAL"
                items.append(ChecklistItem("wal", WARN, seen_slot, "Start its consumer, or drop it."))
            elif limit is not None and slot["bytes"] + need > limit:
                told = f"the slot {slot['name']} may fall behind by more than max_slot_wal_keep_size"
                items.append(ChecklistItem("wal", WARN, told, "Raise it, or set key_rotation_throttle."))
    needs = sum(_wal_bytes(seen, database) for database in databases(seen))
    return worst("wal", items, f"about {max(needs / 1e6, 1):,.0f} MB will be written; slots and archive follow")


def replicas(seen: Observations) -> ChecklistItem:
    """They follow closely."""
    if not seen.facts:
        return unseen("replicas")
    late = [database for database in databases(seen) if database["replica_lag"] > LAG]
    items = [
        ChecklistItem(
            "replicas",
            STOP if each["replica_lag"] > FAR_BEHIND else WARN,
            f"one of {each['alias']} is {each['replica_lag']:.0f} s behind",
            "Wait until it has caught up, and set the throttle's replica_lag.",
        )
        for each in late
    ]
    blind = [database["alias"] for database in databases(seen) if not database["sees_replicas"]]
    if blind and seen.options["throttle"].get("replica_lag"):
        what = f"the role of {', '.join(blind)} may not see how far they are behind: replica_lag would wait for none"
        items.append(ChecklistItem("replicas", STOP, what, "GRANT pg_monitor TO that role, or take replica_lag out."))
    if blind and not items:
        return ChecklistItem("replicas", SKIP, "this role may not see how far they are behind")
    return worst("replicas", items, f"none is more than {LAG} s behind")


def databases(seen: Observations) -> Iterator[DatabaseFacts]:
    """Each once, as the first host sees it."""
    for facts in list(seen.facts.values())[:1]:
        yield from facts["databases"]


def _wal_bytes(seen: Observations, database: DatabaseFacts) -> int:
    """At most what all tables have, times what a new version of a row takes; less where the census is small."""
    tables: dict[str, int] = {target["table"]: target["rows"] for target in seen.census.get("targets", [])}
    return min(int(database["bytes"]) * WAL_PER_BYTE, sum(tables.values()) * 8192 * WAL_PER_BYTE)
