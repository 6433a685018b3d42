# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the checklist was given: a host on which all is well, and what a test changes of it."""

from __future__ import annotations

import copy
import datetime
from collections.abc import Callable
from typing import Any

from ansible_collections.tetech.key_rotation.plugins.plugin_utils._checklist import checklist
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._checklist.item import ChecklistItem, Observations

NOW = datetime.datetime(2026, 12, 1, 22, 30, tzinfo=datetime.timezone.utc)
HASH = "3f" * 32
ERROR = {
    "error": {"code": "E_WRONG_KEY", "what": "t.c: 5 of 5 tokens do not open", "todo": "Put the right ones there."}
}
SIGNS = ["SECRET_KEY"]  # the key of which the setting is made
SESSION = {
    "alias": "default",
    "pid": 4711,
    "user": "food",
    "address": "127.0.0.1",
    "port": 50123,
    "application_name": "",
    "since": "2026-12-01 20:00:00 UTC",
    "state": "idle",
    "process": {"pid": 99, "name": "gunicorn", "units": ["system.slice", "food.service"]},
}
STRAY = {"pid": 100, "name": "python", "units": ["user.slice", "session-3.scope"]}
COMMANDS = [{"name": "food", "start": ["up"], "stop": ["down"]}]
FACTS: dict[str, Any] = {
    "clock": NOW.timestamp(),
    "skew": 0.2,
    "key_moves": {},
    "cores": 4,
    "versions": {"python": "3.11.2", "Django": "5.2.19", "cryptography": "45.0.1", "psycopg2": "2.9.10"},
    "databases": [
        {
            "alias": "default",
            "server": "17.5",
            "skew": -0.1,
            "connections": {"used": 20, "limit": 97},
            "bytes": 40_000_000,
            "archive_fails": False,
            "slots": [{"name": "replica", "active": True, "bytes": 1000, "state": "reserved"}],
            "max_slot_wal_bytes": None,
            "replica_lag": 0.1,
            "sees_replicas": True,
        }
    ],
    "sessions": [SESSION],
    "migrations": [],
    "speed": {"values": {"profile": 0.0001}, "row": 0.0001, "read": {"profile": 0.00005}},
    "secret_key": {"sessions": "", "logins": False, "packages": [], "fallbacks": 0, "queued": 0, "keys": SIGNS},
    "unprepared": None,
    "file_readers": [],
    "replaced_file": None,
    "prepared_bytes": 0,
    "reads": {"broken": [], "refused": [], "unknown": {}, "of_ciphertext": [], "dated": [], "not_decrypted": []},
    "unfenced": [],
    "caches": [],
    "cached_tokens": {},
    "session_tokens": {},
    "clear_sessions": "manage.py shell -c ...",
    "files": [],
}
CACHE = {"alias": "default", "kind": "DatabaseCache, table django_cache", "advice": "Clear it after the switch: ..."}
FILES = {"column": "doc.file", "finding": "its files are read by core.Safe", "stops": False}
KEPT = [
    {
        "rotation_id": "r1",
        "alias": "default",
        "snapshot": {"time": "2026-12-01T20:00:00Z"},
        "begun": "2026-12-01T20:00:00Z",
        "ended": "2026-12-01T20:01:00Z",
        "proof": {"kind": "full", "seconds": 30.0},
    }
]
CENSUS = {
    "targets": [
        {
            "table": "profile",
            "column": name,
            "scheme": "profile",
            "rows": 100_000,
            "classes": {"current": 90_000, "empty": 10_000},
            "left_alone": 0,
        }
        for name in ("name", "phone")
    ],
    "key_ids": {"current": "8a412057dfd1a7e7"},
}
OPTIONS = {
    "environment": "production",
    "reason": "cryptoperiod",
    "authorization": {"who": "Ada", "ticket": "SEC-123"},
    "notify": [{"mail": "team@example.org"}],
    "window": {"start": "2026-12-01T23:00:00+01:00", "end": "2026-12-02T01:00:00+01:00"},
    "settings": [{"name": "SECRET_KEY"}, {"name": "ENCRYPTION_SALT"}],
    "services": [{"name": "food"}],
    "hosts": ["app1", "app2"],
    "throttle": {},
    "method": "direct",
    "mode": "window",
    "workers": 0,
    "fence": "auto",
    "backup_proof": "full",
    "backup_engine": "pg_dump",
    "backup_jobs": 0,
    "rehearsal_max_days": 90,
    "has_verification_commands": False,
    "store_error": None,
    "database_dir": "/var/lib/postgresql",
    "resumed": False,
}
REHEARSAL = {
    "rotation_id": "s1",
    "time": "2026-11-20T10:00:00Z",
    "plan_content": HASH,
    "collection": "0.1.0",
    "mode": "",
}


def df_says(free: int) -> list[str]:
    """In blocks of 1,024 bytes, as POSIX has it."""
    return [
        "Filesystem     1024-blocks     Used Available Capacity Mounted on",
        f"/dev/vda1         61611820 10000000 {free} 17% /var/lib",
    ]


def seen(change: Callable[[dict[str, Any]], Any] = lambda _: None) -> Observations:
    """A production host on which all is well, but for what ``change`` does to it."""
    host = {
        "keys": {"store": "/keys.vault.yml", "key_id": "8a412057dfd1a7e7"},
        "processes": {"processes": [{"pid": 7, "name": "gunicorn", "hidden": False, "older": False}]},
        "stops": {"services": ["food"]},
        "health": {"answer": {"status": 200, "seconds": 0.1}},
        "facts": {"facts": FACTS},
    }
    made: dict[str, Any] = copy.deepcopy(
        {
            "hosts": {"app1": host, "app2": copy.deepcopy(host)},
            "census": CENSUS,
            "plan": {"path": "plan.yml", "plan": {"hash": HASH, "content_hash": HASH}},
            "backup": {"dumps": []},
            "kept": KEPT,
            "lease": {"changed": True},
            "df": df_says(900_000),
            "options": OPTIONS,
            "rehearsals": [REHEARSAL],
        }
    )
    change(made)
    return Observations(now=NOW, collection="0.1.0", versions={"ansible-core": "2.19.14"}, **made)


def item(name: str, change: Callable[[dict[str, Any]], Any] = lambda _: None) -> ChecklistItem:
    return checklist.CHECKS[name](seen(change))


def facts(made: dict[str, Any]) -> dict[str, Any]:
    return made["hosts"]["app1"]["facts"]["facts"]


def option(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda made: made["options"].update(values)


def both(*changes: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], None]:
    def made_both(made: dict[str, Any]) -> None:
        for change in changes:
            change(made)

    return made_both


def fact(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda made: facts(made).update(values)


def derived(made: dict[str, Any]) -> None:
    """The setting SECRET_KEY is made of the variable, and is not its value."""
    for host in made["hosts"].values():
        host["facts"]["facts"]["secret_key"] = {"keys": [], "in_table": True}


def database(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda made: facts(made)["databases"][0].update(values)


def result(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda made: made["hosts"]["app2"].update({name: value})


def session(**values: Any) -> Callable[[dict[str, Any]], None]:
    def change(made: dict[str, Any]) -> None:
        for host in made["hosts"].values():
            host["facts"]["facts"]["sessions"] = [{**SESSION, **values}]

    return change


def df(free: int) -> Callable[[dict[str, Any]], None]:
    return lambda made: made.update(df=df_says(free))


def rehearsal(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda made: made.update(rehearsals=[{**REHEARSAL, **values}])


def doubtful(*columns: str) -> Callable[[dict[str, Any]], None]:
    found = [{"column": column, "what": "a few", "todo": "Check."} for column in columns]
    return lambda made: made["census"].update(doubtful=found)


def census(**classes: int) -> Callable[[dict[str, Any]], None]:
    return lambda made: made["census"]["targets"][0].update(classes=classes)


DIFFER = {"error": {"code": "E_KEYS_DIFFER", "what": ".env holds the keys a, and the store says b", "todo": "Correct."}}
