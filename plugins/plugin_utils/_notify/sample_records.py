# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sample records on which a template is tried before there is a real rotation to report.

Some of them hold as little as possible, others hold something of everything.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from ...module_utils._record.events import LineContent, decode
from ...module_utils._record.writer import Record
from .._report.read_rotation import read
from .._report.rotation_state import RotationState

OLD, NEW = "0" * 16, "1" * 16
ERROR = {"code": "E_COMMAND", "what": "something failed", "where": {}, "changed": "Nothing.", "todo": "Fix it."}
VERSION = {"key_id": NEW, "rotation_id": "rehearsal", "origin": "generated", "state": "active", "stage": "current"}
COUNTED = {"table": "t", "column": "c", "model": "a.B", "scheme": "s", "rows": 2, "left_alone": 0, "digest": "d"}
NOW = {"time": "2026-01-02T03:04:05Z", "created": "2026-01-02T03:04:05Z"}
SAID = {
    "reason": "cryptoperiod",
    "authorization": {"who": "Ada", "ticket": "SEC-1"},
    "operator": "bob",
    "environment": "staging",
    "policy_ref": "P",
    "commands": {
        name: f"ansible-playbook {name}.yml"
        for name in ("rotate", "rollback", "restore", "retire", "verify", "maintenance")
    },
    "tool": {"collection": "0.1.0", "sha256": "ab", "ansible_core": "2.19", "python": "3.11"},
    "clock": {"synced": True, "offset_ms": 1},
    "hold_days": 30,
    "cryptoperiod_days": 365,
}
DUMP = {
    "alias": "default",
    "engine": "pg_dump",
    "path": "/b",
    "manifest": "/m",
    "size": 1,
    "sha256": "ab",
    "encrypted_to": ["age1"],
    "key_ids": [OLD],
    "snapshot": {"lsn": "0/1", "time": NOW["time"]},
    "proof": None,
}
# What else a line may have, by its event; the lines that begin a run are "intent".
MORE: Mapping[str, LineContent] = {
    "intent": {
        "approval": {
            "plan_hash": "ab",
            "environment": "staging",
            "principal": "ada@example.org",
            "time": NOW["time"],
            "signer": "ssh-ed25519 AAAA",
            "fingerprint": "SHA256:ab",
            "text": "t",
            "signature": "s",
            "allowed_signers": "l",
        }
    },
    "postgresql_backup": {
        "dumps": [
            {
                **DUMP,
                "proof": {
                    "kind": "full",
                    "time": NOW["time"],
                    "where": "a copy",
                    "tables": 1,
                    "rows": 2,
                    "tokens": 2,
                    "seconds": 0.1,
                },
            }
        ]
    },
    "key_version": {"generated": [{"name": "A", "type": "fernet", "bits": 256, "rng": "os.urandom"}]},
    "django_reencrypt": {"warnings": ["something that a person should know"]},
}
STARTED = [{"event": "rotate", "phase": "intent", **SAID}]
WORKED: Sequence[LineContent] = [
    *STARTED,
    {"event": "rotation_checklist", "checks": [{"name": "n", "status": "ok", "seen": "s", "todo": ""}]},
    {"event": "postgresql_backup", "dumps": [DUMP]},
    {"event": "key_version", "asked": {"state": "pending"}, "stages": {"current": OLD, "pending": NEW}},
    {"event": "django_reencrypt", "targets": [{**COUNTED, "classes": {"current": 2}, "reencrypted": 2}]},
    {"event": "env_file", "settings": ["SECRET_KEY"]},
    {"event": "key_version", "asked": {"state": "current"}, "stages": {"previous": OLD, "current": NEW}},
    {
        "event": "django_census_info",
        "asked": {"expect_stage": "current"},
        "targets": [{**COUNTED, "classes": {"current": 2}}],
    },
    {"event": "notification", "channel": "email by h", "about": "started", "to": ["a@b.org"]},
]
# What its record holds when people are notified of each moment.
EVENTS: Mapping[str, Sequence[LineContent]] = {
    "started": STARTED,
    "ready": STARTED,
    "completed": [*WORKED, {"event": "rotate", "versions": [{**VERSION, **NOW}]}],
    "failed": [*WORKED, {"event": "rotate", "phase": "failed", "failed_task": "A step", "error": ERROR}],
    "rolled back": [
        *WORKED,
        {"event": "application_commands", "phase": "failed", "error": ERROR},
        {"event": "rollback", "phase": "intent", "strategy": "backwards", "found": "it is asked for", **SAID},
        {"event": "rollback", "failed_task": "A step", "versions": [{**VERSION, **NOW}]},
    ],
}


class SampleRecord(Record):
    """A record that is not stored anywhere."""

    def __init__(self, moment: str, *, whole: bool) -> None:
        super().__init__("/nowhere", "rehearsal")
        about = {"phase": "done", "actor": "bob", "control_node": "c", "host": "h", "time": NOW["time"]}
        events = [{**event, **(_more(event) if whole else {})} for event in EVENTS[moment]]
        lines = [{**about, "monotonic_ns": number, **event} for number, event in enumerate(events, 1)]
        self._text = "".join(f"{json.dumps(line)}\n" for line in lines).encode("utf-8")

    def raw(self) -> bytes:
        return self._text


def _more(event: LineContent) -> LineContent:
    sample = decode(event)
    return MORE.get("intent" if sample.is_intent else sample.name, {})


def build_state(moment: str, *, whole: bool = True) -> RotationState:
    """Return the state after a sample record; with ``whole``, one with an approval, a proved backup and all the
    rest."""
    return read(SampleRecord(moment, whole=whole))
