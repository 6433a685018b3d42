# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records of rotations that tests write: step by step, with one second between two lines, always the same."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

from ansible_collections.tetech.key_rotation.plugins.module_utils._record import chain, sshsig
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.writer import Record

OLD, NEW = "0000000000000001", "0000000000000002"
BEGAN = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
CREATED = "2020-01-02T03:04:05Z"  # when OLD was
VERSION = {"key_id": OLD, "stage": "current", "created": CREATED, "rotation_id": "adopted a", "state": "active"}
VERSIONS = [
    {**VERSION, "stage": "previous", "state": "deactivated"},
    {"key_id": NEW, "stage": "current", "created": "2026-01-02T03:04:20Z", "rotation_id": "r1", "state": "active"},
]
COMMANDS = {
    name: f"ansible-playbook {name}.yml"
    for name in ("rotate", "rollback", "restore", "retire", "verify", "maintenance")
}
APPROVAL = {"principal": "ada@example.org", "time": "2026-01-02T03:00:00Z", "plan_hash": "ab" * 32}
PROOF = {"kind": "full", "time": "2026-01-02T03:04:09Z", "where": "a scratch database", "tables": 2, "rows": 9}
DUMP = {
    "path": "/b/r1.dump",
    "engine": "pg_dump",
    "size": 1234567,
    "sha256": "f" * 64,
    "proof": {**PROOF, "tokens": 7, "seconds": 4.2},
}
GENERATED = [
    {"name": "SECRET_KEY", "rng": "os.urandom", "type": "text", "bits": 256},
    {"name": "FIELD_KEY", "rng": "supplied"},
]
DATABASE_ERROR = {"code": "E_DB", "what": "PostgreSQL stopped", "changed": "Some rows.", "todo": "See its log."}


class TimedRecord(Record):
    """Its lines have a clock and a machine of their own, and no signature until ``sign``."""

    def append(self, event: str, phase: str, **fields: Any) -> None:
        text = self.text()
        number = text.count(b"\n")
        about = {"event": event, "phase": phase, "actor": "bob", "control_node": "control"}
        about["time"] = f"{BEGAN + datetime.timedelta(seconds=number):%Y-%m-%dT%H:%M:%SZ}"
        about["monotonic_ns"] = (number + 1) * 10**9
        path = Path(self.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text + chain.link(text, {"rotation_id": self.rotation_id, **about, **fields}))


def target(stage: str, *, reencrypted: int | None = None, digest: str = "d", **classes: int) -> dict[str, Any]:
    found: dict[str, Any] = {"table": "shop_customer", "column": "name", "model": "shop.Customer"}
    found.update(scheme="profile", rows=9, digest=digest, left_alone=0, classes={stage: 7, "empty": 2, **classes})
    return found if reencrypted is None else {**found, "reencrypted": reencrypted}


class Play:
    """A record that is written as a rotation writes it."""

    def __init__(self, folder: Path, rotation_id: str = "r1") -> None:
        self.record: Record = TimedRecord(str(folder), rotation_id)

    def step(self, event: str, phase: str = "done", **fields: Any) -> Play:
        if event not in ("rotate", "rollback", "notification"):
            asked = {"asked": fields["asked"]} if "asked" in fields else {}
            fields = {"host": "app1", **fields}
            self.record.append(event, "intent", host=fields["host"], **asked)
        self.record.append(event, phase, **fields)
        return self

    def begun(self, **fields: Any) -> Play:
        return self.step("rotate", "intent", **{"hold_days": 30, "cryptoperiod_days": 365, **fields})

    def prepared(self) -> Play:
        self.step("django_census_info", targets=[target("current")], key_ids={"current": OLD})
        self.step("postgresql_backup", dumps=[DUMP])
        self.step("key_version", asked={"state": "adopted"}, stages={"current": OLD}, key_id=OLD)
        stages = {"current": OLD, "pending": NEW}
        return self.step("key_version", asked={"state": "pending"}, stages=stages, generated=GENERATED)

    def stopped(self) -> Play:
        return self.step("application_services", asked={"state": "stopped"}, services=["web", "worker"])

    def started(self) -> Play:
        self.step("application_services", asked={"state": "started"}, services=["web", "worker"])
        return self.step("application_health")

    def switched(self, **fields: Any) -> Play:
        fence = {"closed": True, "without": []}
        self.step("django_reencrypt", targets=[target("current", reencrypted=7)], fence=fence, **fields)
        self.step("env_file", asked={"stage": "pending"}, settings=["SECRET_KEY"], key_id=NEW)
        self.step("django_reencrypt", targets=[target("pending", reencrypted=0)])
        return self.step("key_version", asked={"state": "current"}, stages={"previous": OLD, "current": NEW})

    def proved(self, digest: str = "d", **fields: Any) -> Play:
        fields.update(targets=[target("current", digest=digest)], key_ids={"current": NEW})
        return self.step("django_census_info", asked={"expect_stage": "current"}, **fields)

    def back(self) -> Play:
        """The steps of a rollback."""
        self.step("django_reencrypt", targets=[target("current", reencrypted=7)])
        self.step("env_file", asked={"stage": "previous"}, key_id=OLD)
        asked = {"expect_stage": "previous"}
        self.step("django_census_info", asked=asked, targets=[target("previous")], key_ids={"previous": OLD})
        return self.step("key_version", asked={"state": "rolled_back"}, stages={"current": OLD})

    def rolled_back(self, **fields: Any) -> Play:
        """By itself: every row is as it was before the first write."""
        self.step("rollback", "intent", seen={"since": {"same": True}}, **fields).back()
        return self.step("rollback", "done", failed_task="Verify with an independent process", versions=[VERSION])

    def signed(self) -> Play:
        self.record.sign(sshsig.new_key())
        return self


def completed(play: Play, **fields: Any) -> Play:
    return play.begun(**fields).prepared().switched().proved().step("rotate", "done", versions=VERSIONS)


def failed(play: Play) -> Play:
    play.begun().prepared().step("django_reencrypt", "failed", error=DATABASE_ERROR)
    return play.step("rotate", "failed", failed_task="Re-encrypt every value", error=DATABASE_ERROR)


def rolled_back(play: Play, **fields: Any) -> Play:
    return play.begun(**fields).prepared().switched().rolled_back()


def died(play: Play) -> Play:
    return play.begun().prepared()
