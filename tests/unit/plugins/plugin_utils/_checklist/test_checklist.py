# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every item of the checklist where it says ok, and where it says something else."""

from __future__ import annotations

import copy
import datetime
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._checklist import checklist, compromise
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
    "prepared_bytes": 0,
    "reads": {"broken": [], "refused": [], "unknown": {}, "of_ciphertext": [], "dated": []},
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
    "workers": 0,
    "fence": "auto",
    "backup_proof": "full",
    "backup_engine": "pg_dump",
    "backup_jobs": 0,
    "rehearsal_max_days": 90,
    "store_error": None,
    "database_dir": "/var/lib/postgresql",
    "resumed": False,
}
REHEARSAL = {"rotation_id": "s1", "time": "2026-11-20T10:00:00Z", "plan_content": HASH, "collection": "0.1.0"}


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


def test_processes_that_hide_what_was_exported_to_them_are_counted():
    found = item(
        "processes", result("processes", {"processes": [{"pid": 8, "name": "worker", "hidden": True, "older": False}]})
    )
    assert (found.status, found.seen.count("could not be read")) == ("ok", 1)
    assert found.seen == "1 have no key in their environment that would override the file; 1 could not be read"
    named = item("processes", lambda made: [host.pop("processes") for host in made["hosts"].values()])
    assert "no unit in key_rotation_services" in named.seen


def test_that_nobody_looks_at_processes_is_well_only_if_no_service_is_stopped():
    def nobody(made: dict[str, Any]) -> None:
        for host in made["hosts"].values():
            host.pop("processes")

    commands = [{"name": "web", "stop": ["true"], "start": ["true"]}]
    assert item("processes", both(nobody, option(services=commands))).status == "warn"
    assert item("processes", both(nobody, option(services=[]))).status == "skip"


def test_every_host_is_asked_what_signs_with_the_secret_key():
    def change(made: dict[str, Any]) -> None:
        for host, queued, sessions in (("app1", 0, "db"), ("app2", 3, "")):
            found = {"sessions": sessions, "logins": False, "packages": [], "queued": queued}
            made["hosts"].setdefault(host, {}).setdefault("facts", {"facts": dict(facts(made))})
            made["hosts"][host]["facts"] = {"facts": {**facts(made), "secret_key": found}}

    assert (item("secret_key", change).status, item("secret_key", change).seen[:2]) == ("stop", "3 ")


@pytest.mark.parametrize(
    ("chosen", "ends"),
    [
        (
            "",
            "all users are logged out, and the data in their sessions is lost; links to reset a password end; allauth",
        ),
        (
            "drop",
            "all users are logged out, and the data in their sessions is lost; links to reset a password end; all",
        ),
        ("resign", "links to reset a password end; allauth.account: links that confirm an address end; two_factor"),
        ("fallbacks", "two_factor: remembered devices are asked again, with SECRET_KEY_FALLBACKS too"),
    ],
)
def test_what_ends_with_the_old_key_depends_on_what_is_done_about_the_sessions(chosen, ends):
    packages = ["allauth.account", "two_factor"]
    users = fact(secret_key={"sessions": "db", "logins": True, "packages": packages, "queued": 0})
    found = item("secret_key", both(option(sessions=chosen), users))
    assert (found.status, found.seen[: len(ends)]) == ("warn", ends)
    assert ("key_rotation_sessions can keep" in found.todo) == (not chosen)


ENDS = "ends the sessions in the database;"
VALID = "keeps everything valid that SECRET_KEY signed, including sessions, since it is not in key_rotation_keys"


@pytest.mark.parametrize(
    ("change", "said", "unsaid"),
    [
        ({"sessions": "db"}, ENDS, VALID),
        ({"sessions": "cached_db"}, ENDS, VALID),
        ({"sessions": "signed_cookies"}, "ends no session itself: the users have them", ENDS),
        ({"sessions": "cache"}, "ends no session itself: they are not in the database", ENDS),
        ({"sessions": "ours"}, "ends the sessions of ours that are in the database, if there are any;", ENDS),
        ({"sessions": ""}, "keeps nothing valid that the old SECRET_KEY signed;", "session"),
        ({"fallbacks": 2}, "from SECRET_KEY_FALLBACKS, which has 2 keys: any other one stays valid;", VALID),
        ({"keys": ["SIGNER"]}, "keeps nothing valid", "SECRET_KEY_FALLBACKS"),
    ],
)
def test_what_a_compromise_does_is_said_as_it_will_be(change, said, unsaid):
    found = seen(both(option(sessions="drop"), fact(secret_key={"keys": [], **change})))
    text = "\n".join(compromise.what_happens(found, "r1"))
    assert (said in text, unsaid in text) == (True, False), text


def test_of_a_secret_key_that_is_not_rotated_a_compromise_says_that_it_stays_valid():
    keys = option(sessions="drop", settings=[{"name": "FIELD_KEY"}])
    text = "\n".join(compromise.what_happens(seen(both(keys, fact(secret_key={"sessions": "db", "keys": []}))), "r1"))
    assert (VALID in text, ENDS in text, "keeps nothing valid" in text) == (True, False, False), text
    unseen = seen(lambda made: made.update(hosts={}))
    assert "no host could be asked" in "\n".join(compromise.what_happens(unseen, "r1"))


@pytest.mark.parametrize("name", checklist.CHECKS)
def test_every_item_says_ok_if_all_is_well(name):
    found = item(name)
    assert (found.status, found.todo) == ("ok", ""), found
    assert found.seen


def of_cluster(identifier: str) -> dict[str, Any]:
    """What pgBackRest could back up."""
    return {"dumps": [{"system_identifier": identifier}]}


@pytest.mark.parametrize("identifier", ["8", None])
def test_pgbackrest_backs_up_the_cluster_of_the_database_as_far_as_its_role_may_see_that(identifier):
    def change(made: dict[str, Any]) -> None:
        database(system_identifier=identifier)(made)
        made.update(backup=of_cluster("8"))

    assert item("backup", change).status == "ok"


WRONG: list[tuple[str, Callable[[dict[str, Any]], Any], str, str]] = [
    ("backup", lambda made: made.update(backup=ERROR), "stop", "E_WRONG_KEY: t.c: 5 of 5"),
    (
        "backup",
        lambda made: (database(system_identifier="7")(made), made.update(backup=of_cluster("8"))),
        "stop",
        "belongs to another cluster than default in DATABASES",
    ),
    ("rehearsal", rehearsal(plan_content="other"), "stop", "no completed rotation of this plan"),
    ("rehearsal", lambda made: made.update(rehearsals=[]), "stop", "no completed rotation of this plan"),
    ("rehearsal", rehearsal(time="2030-01-01T10:00:00Z"), "stop", "no completed rotation of this plan"),
    ("rehearsal", rehearsal(collection="0.0.9"), "stop", "only with another collection than 0.1.0"),
    ("rehearsal", rehearsal(time="2026-08-01T10:00:00Z"), "stop", "s1 is 123 days old, and at most 90"),
    ("rehearsal", lambda made: made.update(plan={"path": "p"}), "stop", "there is no plan"),
    (
        "window",
        option(window={"start": "2026-12-03T23:00:00Z", "end": "2026-12-04T01:00:00Z"}),
        "stop",
        "and it is",
    ),
    (
        "window",
        option(window={"start": "2026-12-01T20:00:00Z", "end": "2026-12-01T22:30:50Z"}),
        "stop",
        "50 s are left",
    ),
    ("window", option(window={"start": "2026-12-01 20:00", "end": "2026-12-02 20:00"}), "stop", "no start and end"),
    ("window", option(window=None), "warn", "no window is set; 180,000 values take about 38 s"),
    (
        "window",
        option(window={"start": "2026-12-01T20:00:00Z", "end": "2026-12-01T22:33:00Z"}),
        "stop",
        "a sample; with the steps around them, all of it takes 53 s to 98 s, and the backup about 90 s",
    ),
    ("rollback_plan", option(backup_proof="none"), "warn", "1 earlier backup was restored"),
    ("rollback_plan", option(backup_engine="pgbackrest"), "warn", "this one will not be"),
    (
        "rollback_plan",
        lambda made: (option(backup_engine="snapshot")(made), made.update(kept=[])),
        "stop",
        "no backup was ever restored",
    ),
    (
        "rollback_plan",
        lambda made: (option(backup_proof="none")(made), made.update(kept=[])),
        "stop",
        "no backup was ever restored",
    ),
    ("authorized", option(authorization=None), "stop", "no key_rotation_authorization"),
    ("authorized", option(authorization={"who": " ", "ticket": ""}), "stop", "no key_rotation_authorization"),
    ("authorized", option(reason=" \t"), "stop", "no key_rotation_reason"),
    ("authorized", option(reason="", authorization=None), "stop", "key_rotation_reason and no key_rotation_auth"),
    ("census", lambda made: made.update(census=ERROR), "stop", "E_WRONG_KEY"),
    ("census", census(current=5, pending=3), "warn", "90,005 current, 3 pending"),
    ("census", doubtful("t.a", "t.b", "t.c", "t.d"), "warn", "t.a: a few; t.b: a few; t.c: a few; and 1 more"),
    ("plan", lambda made: made.update(plan=ERROR), "stop", "E_WRONG_KEY"),
    ("plan", lambda made: made.update(plan={"path": "p"}), "warn", "there is no plan"),
    ("plan", option(approved="ff" * 32), "stop", "the plan with the hash ffffffffffffffff was approved"),
    ("plan", lambda made: (option(approved=HASH)(made), made.update(plan={"path": "p"})), "stop", "it is now missing"),
    (
        "store",
        option(store_error={"what": "/keys cannot be written", "todo": "Do it."}),
        "stop",
        "/keys cannot be written",
    ),
    ("store", result("keys", {"store": "/other", "key_id": "8a412057dfd1a7e7"}), "stop", "the hosts have 2 stores"),
    ("keys", result("keys", ERROR), "stop", "E_WRONG_KEY"),
    ("keys", result("keys", {"store": "/keys.vault.yml", "key_id": "00"}), "stop", "2 different sets of keys"),
    ("processes", result("processes", ERROR), "stop", "E_WRONG_KEY"),
    (
        "processes",
        result("processes", {"processes": [{"pid": 7, "name": "celery", "hidden": False, "older": True}]}),
        "warn",
        "1 of 2 were started before the .env file was last changed: celery (pid 7)",
    ),
    ("services", result("stops", ERROR), "stop", "E_WRONG_KEY"),
    (
        "services",
        result("stops", {"services": []}),
        "warn",
        "no service is running on app2, but the application answers there",
    ),
    ("runs", lambda made: made.update(lease=ERROR), "stop", "E_WRONG_KEY"),
    ("sessions", session(process=None, application_name="nightly"), "warn", "127.0.0.1 as nightly, backend 4711"),
    (
        "secret_key",
        lambda made: (
            fact(secret_key={"queued": 9, "keys": ["DJANGO_SECRET_KEY"]})(made),
            option(settings=[{"name": "DJANGO_SECRET_KEY"}])(made),
        ),
        "stop",
        "9 tasks of django-q2 are waiting",
    ),
    (
        "caches",
        fact(caches=[CACHE]),
        "warn",
        "cache `default` (DatabaseCache, table django_cache): outlives the processes",
    ),
    (
        "caches",
        both(fact(caches=[CACHE]), fact(cached_tokens={"django_cache.value": 7})),
        "stop",
        "7 entries of django_cache.value contain tokens under the rotated keys",
    ),
    ("files", fact(files=[FILES]), "warn", "doc.file: its files are read by core.Safe"),
    ("files", fact(files=[{**FILES, "stops": True}]), "stop", "doc.file: its files are read by core.Safe"),
    (
        "caches",
        fact(session_tokens={"django_session.session_data": 7}),
        "stop",
        "7 sessions in django_session.session_data contain such tokens",
    ),
    ("sessions", option(services=[]), "warn", "1 of 1 sessions belong to no unit in key_rotation_services: gunicorn ("),
    ("sessions", session(process=STRAY), "stop", "services: python (process 100 of session-3.scope on app2), b"),
    (
        "sessions",
        lambda made: (session(process=STRAY)(made), option(services=COMMANDS)(made)),
        "warn",
        "sessions belong to no unit",
    ),
    ("notified", option(notify=[]), "stop", "nobody is notified"),
    ("notified", option(notify=[{"on": ["failed"]}]), "stop", "0 channels when it starts, 1 later"),
    ("health", result("health", ERROR), "stop", "E_WRONG_KEY"),
    (
        "health",
        lambda made: [host.pop("health") for host in made["hosts"].values()],
        "warn",
        "key_rotation_health_url is not set",
    ),
    (
        "application",
        fact(
            reads={
                "broken": [],
                "refused": [],
                "unknown": {"people.Person.agee": ["people.Person.age"]},
                "of_ciphertext": [],
                "dated": [],
            }
        ),
        "stop",
        "key_rotation_application_ignore has people.Person.agee, which no model",
    ),
    (
        "application",
        fact(
            reads={
                "broken": [{"name": "people.Person.name", "fault": "does not give back"}],
                "refused": [],
                "unknown": {},
            }
        ),
        "stop",
        "E_ROUND_TRIP: a text through the application's own people.Person.name does not give back",
    ),
    (
        "application",
        fact(reads={"broken": [], "refused": [{"name": "people.Person.name", "count": 40}], "unknown": {}}),
        "stop",
        "E_VALUES_REFUSED: the application cannot read any of the 40 values of people.Person.name, although",
    ),
    ("migrations", fact(migrations=["core.0002_more"]), "warn", "1 is pending: core.0002_more"),
    (
        "migrations",
        lambda made: (fact(migrations=["core.0002_more"])(made), option(method="migration")(made)),
        "stop",
        "core.0002_more",
    ),
    ("connections", database(connections={"used": 95, "limit": 97}), "stop", "2 free of 97, 10 are needed"),
    (
        "connections",
        lambda made: (database(connections={"used": 80, "limit": 97})(made), option(backup_jobs=20)(made)),
        "stop",
        "17 free of 97, 23 are needed",
    ),
    ("connections", database(connections={"used": 85, "limit": 97}), "warn", "12 free of 97, 10 are needed"),
    ("disk", df(100_000), "stop", "102 MB are free for /var/lib/postgresql, at most 160 MB are needed"),
    (
        "disk",
        lambda made: (database(bytes=20_000_000_000)(made), census(current=5)(made)),
        "stop",
        "at most 42,000 MB are needed",
    ),
    ("disk", lambda made: made.update(df=[]), "warn", "not checked for the database"),
    ("wal", database(archive_fails=True), "stop", "archiving of WAL fails"),
    (
        "wal",
        database(slots=[{"name": "old", "active": False, "bytes": 5_000_000, "state": "extended"}]),
        "warn",
        "the slot old has no consumer and keeps 5 MB",
    ),
    ("wal", database(max_slot_wal_bytes=1_000_000), "warn", "the slot replica may fall behind"),
    ("replicas", database(replica_lag=300), "warn", "300 s behind"),
    ("replicas", database(replica_lag=700), "stop", "700 s behind"),
    (
        "replicas",
        lambda made: (database(sees_replicas=False)(made), option(throttle={"replica_lag": 5})(made)),
        "stop",
        "the role of default cannot see how far they are behind: replica_lag would have no effect",
    ),
    ("hosts", option(hosts=["app1", "app2", "app3"]), "stop", "app3 would keep the old keys"),
    ("hosts", result("facts", ERROR), "stop", "E_WRONG_KEY"),
    ("hosts", result("facts", {"msg": "MODULE FAILURE"}), "stop", "MODULE FAILURE"),
    ("clocks", fact(skew=-12.0), "warn", "app1 is -12 s off"),
    ("clocks", database(skew=90.0), "stop", "the database default is +90 s off"),
    ("versions", fact(versions={"Django": "3.2.1"}), "stop", "Django 3.2.1 is too old"),
    ("versions", database(server="13.2"), "stop", "PostgreSQL 13.2 is too old"),
    ("versions", database(server="19.0"), "warn", "PostgreSQL 19.0 is newer than what this was tested with"),
    ("mode", fact(unprepared={"profile": "it has the search columns bidx"}), "warn", "except profile: it has the"),
    ("mode", both(fact(unprepared={}), option(method="command")), "stop", "prepared: the command of"),
    (
        "fence",
        fact(unfenced=["the role does not own profile"]),
        "warn",
        "can write between stop and start: the role does",
    ),
    (
        "fence",
        both(fact(unfenced=["the role does not own profile"]), session(process=None)),
        "stop",
        "values of profile that are read under other keys may be saved damaged, without an error",
    ),
    (
        "keys",
        option(settings=[{"name": "FIELD_KEY", "keep": 1, "destination": {"file": "/srv/app/settings.py"}}]),
        "warn",
        "A key in source code is also in its history and in every copy of it: FIELD_KEY in /srv/app/settings.py",
    ),
    (
        "secret_key",
        fact(secret_key={"sessions": "db", "logins": True, "packages": ["rest_framework_simplejwt"], "queued": 0}),
        "warn",
        "all users are logged out, and the data in their sessions is lost; links to reset a password end; rest_",
    ),
    (
        "logins",
        both(option(sessions="resign"), fact(secret_key={"keys": SIGNS, "not_resigned": "SESSION_ENGINE is file"})),
        "stop",
        "E_SESSIONS_KEPT: the users' sessions cannot be signed again: SESSION_ENGINE is file",
    ),
    (
        "logins",
        option(sessions="resign", settings=[{"name": "JWT_SECRET_KEY"}]),
        "stop",
        "E_SIGNING_KEY: the setting SECRET_KEY is not one of the keys that are rotated",
    ),
    (
        "logins",
        both(
            option(sessions="fallbacks", settings=[{"name": "SIGNER"}]),
            fact(secret_key={"keys": ["SIGNER"], "queued": 0}),
        ),
        "stop",
        "E_SIGNING_KEY: the setting SECRET_KEY is not one of the keys that are rotated",
    ),
    (
        "logins",
        both(option(sessions="resign"), derived),
        "stop",
        "E_SIGNING_KEY: the setting SECRET_KEY is not one of the keys that are rotated",
    ),
    (
        "logins",
        both(option(sessions="drop"), derived),
        "warn",
        "E_SIGNING_KEY: the setting SECRET_KEY is not one of the keys that are rotated",
    ),
    (
        "logins",
        option(sessions="resign", compromised=True),
        "stop",
        "E_SESSIONS_COMPROMISED: the keys being replaced are compromised, and key_rotation_sessions is resign",
    ),
    (
        "logins",
        both(option(sessions="fallbacks"), fact(secret_key={"keys": SIGNS, "not_kept": "no code reads it"})),
        "stop",
        "E_FALLBACKS_NOT_READ: the application cannot keep the old SECRET_KEY valid: no code reads it",
    ),
    (
        "secret_key",
        fact(secret_key={"sessions": "", "logins": False, "packages": ["django_q"], "queued": 12}),
        "stop",
        "12 tasks of django-q2 are waiting",
    ),
]


@pytest.mark.parametrize(("name", "change", "status", "shown"), WRONG)
def test_an_item_says_what_is_in_the_way_and_what_to_do(name, change, status, shown):
    found = item(name, change)
    assert found.status == status, found
    assert shown in found.seen
    assert found.todo


def test_what_is_made_of_ciphertext_or_of_the_date_is_named_and_stops_nothing():
    counted = {"of_ciphertext": ["people.Person.etag"], "dated": ["people.Person.age"]}
    found = item("application", fact(reads={"broken": [], "refused": [], "unknown": {}, **counted}))
    assert found.status == "ok"
    assert "derived from ciphertext, so only the number of values is compared: people.Person.etag" in found.seen
    assert "derived from the date or time, so only the number of values is compared: people.Person.age" in found.seen


def test_a_large_database_is_dumped_by_several_and_one_that_is_not_restored_here_needs_no_copy():
    large = database(bytes=20_000_000_000, connections={"used": 20, "limit": 97})
    assert "10 are needed" in item("connections", large).seen
    few = both(large, option(workers=1))
    assert "7 are needed" in item("connections", few).seen, "four cores, two of no rows, and the snapshot"
    other = both(few, option(backup_engine="pgbackrest"))
    assert "4 are needed" in item("connections", other).seen
    assert "42,000 MB" in item("disk", large).seen
    assert "42,000 MB" not in item("disk", other).seen


def test_each_item_is_seen_to_stop_a_rotation():
    assert {name for name, _, status, _ in WRONG if status == "stop"} == set(checklist.CHECKS)


@pytest.mark.parametrize(
    ("name", "change", "status"),
    [
        ("rehearsal", lambda made: (option(environment="staging")(made), made.update(rehearsals=[])), "skip"),
        ("authorized", option(environment="demo", reason=None, authorization=None), "skip"),
        ("notified", option(environment="demo", notify=[]), "skip"),
        ("window", option(environment="staging", window=None), "skip"),
        ("plan", lambda made: (option(environment="demo")(made), made.update(plan={"path": "p"})), "skip"),
        ("disk", lambda made: (option(environment="demo")(made), made.update(df=[])), "skip"),
        ("replicas", database(sees_replicas=False), "skip"),
        (
            "secret_key",
            lambda made: (fact(secret_key={"queued": 9})(made), option(settings=[{"name": "FIELD_KEY"}])(made)),
            "ok",
        ),
        ("logins", option(sessions="resign", settings=[{"name": "FIELD_KEY"}]), "ok"),
        ("logins", option(sessions="fallbacks", settings=[{"name": "FIELD_KEY"}]), "ok"),
        ("logins", option(sessions="drop"), "ok"),
        ("mode", fact(unprepared={}), "ok"),
        ("fence", option(fence="off"), "skip"),
        ("fence", session(process=None), "ok"),
        ("sessions", session(process={"pid": 7, "name": "worker", "units": []}), "ok"),
        ("services", lambda made: (result("stops", {"services": []})(made), result("health", ERROR)(made)), "ok"),
        ("services", lambda made: [host.pop("stops") for host in made["hosts"].values()], "skip"),
        (
            "health",
            lambda made: (option(services=[])(made), [host.pop("health") for host in made["hosts"].values()]),
            "skip",
        ),
    ],
)
def test_an_item_that_is_not_asked_for_is_well_or_skipped(name, change, status):
    assert item(name, change).status == status


def test_before_the_stop_the_window_need_not_hold_the_backup_any_more():
    closing = {"start": "2026-12-01T20:00:00Z", "end": "2026-12-01T22:32:00Z"}
    assert item("window", option(window=closing)).status == "stop"
    found = item("window", option(window=closing, backed_up=True))
    assert (found.status, found.seen.split("; ")[0]) == ("ok", "2 minutes are left")
    assert "the backup" not in found.seen


def test_the_estimate_has_what_the_application_reads_and_the_backup_if_one_shows_how_long():
    assert "about 28 s" in item("window", fact(speed={**FACTS["speed"], "read": {}})).seen
    assert "about 30 s" in item("window", option(application_rows=20_000)).seen
    assert "no earlier one shows how long it takes" in item("window", lambda made: made.update(kept=[])).seen
    assert "the backup about 60 s, like the last one" in item("window", option(backup_proof="sample")).seen


def test_the_estimate_of_a_few_values_is_never_nothing():
    few = fact(speed={"values": {"encryption_manager": 1e-7}, "row": 1e-7, "read": {}})
    told = item("window", few).seen
    assert "180,000 values take less than 1 s, as measured on a sample" in told
    assert "all of it takes 15 s to 60 s" in told


def test_the_estimate_has_the_rests_of_the_throttle_and_what_stop_and_start_take():
    assert "about 69 s" in item("window", option(throttle={"ratio": 1.1})).seen
    assert "plus the time that the throttle waits" in item("window", option(throttle={"pause_file": "/pause"})).seen
    assert "all of it takes 3 minutes, like the last rotation" in item("window", option(down_for=200.0)).seen
    assert "all of it takes 53 s to 98 s" in item("window", option(services=[])).seen
    half = option(down_for=4000.0)
    assert item("window", half).status == "stop"


@pytest.mark.parametrize(
    ("change", "refused"),
    [(option(fence="auto"), True), (option(fence="off"), False), (fact(unfenced=["the role is no owner of t"]), False)],
)
def test_what_becomes_of_the_writes_of_a_stray_session_goes_by_the_fence(change, refused):
    todo = item("sessions", both(session(process=None), change)).todo
    assert ("ends with E_STALE_WRITER and is rolled back" in todo) is refused
    assert ("What it writes under the old keys is found and rotated" in todo) is not refused


def test_a_session_that_may_be_of_a_service_with_commands_is_not_advised_to_be_listed():
    change = both(session(process=None), option(services=COMMANDS))
    assert f"It may belong to {COMMANDS[0]['name']}, and is then stopped by command" in item("sessions", change).todo
    assert item("sessions", session(process=None)).todo.startswith("Stop it first, or list it there.")


def test_outside_of_the_window_an_application_that_an_earlier_run_has_stopped_is_started_again():
    def change(made: dict[str, Any]) -> None:
        option(window={"start": "2026-12-03T23:00:00Z", "end": "2026-12-04T01:00:00Z"})(made)
        result("services", {"changed": True, "services": ["food.service"]})(made)

    found = item("window", change)
    assert (found.status, found.todo.startswith("An earlier run stopped food.service")) == ("warn", True)


def test_a_service_that_a_killed_run_has_left_stopped_need_not_answer():
    def change(made: dict[str, Any]) -> None:
        result("health", ERROR)(made)
        option(resumed=True)(made)

    assert item("health", change).status == "warn"


def test_a_service_that_a_run_could_not_start_any_more_need_not_answer():
    def change(made: dict[str, Any]) -> None:
        result("health", ERROR)(made)
        result("services", {"changed": True, "services": ["food.service"]})(made)

    found = item("health", change)
    assert found.status == "warn"
    assert "an earlier run stopped food.service, and nothing has started it since" in found.seen
    assert item("health", lambda made: (change(made), result("services", {"services": []})(made))).status == "stop"


@pytest.mark.parametrize(
    "name", ["connections", "disk", "wal", "replicas", "clocks", "versions", "migrations", "sessions", "secret_key"]
)
def test_if_no_host_could_be_looked_at_nothing_is_said_to_be_well(name):
    def change(made: dict[str, Any]) -> None:
        for host in made["hosts"].values():
            host["facts"] = ERROR

    assert (item(name, change).status, item(name, change).seen) == ("skip", "not checked: see hosts")
    items = {each.name: each for each in checklist.judge_items(seen(change), [])}
    assert items["hosts"].status == "stop"
    assert name in items["hosts"].seen.partition("not checked because of this: ")[2]


def test_what_follows_from_wrong_keys_is_said_once():
    wrong = {"error": {"code": "E_ENV_KEY_MISSING", "what": ".env: A is not set", "todo": "Add the line."}}

    def change(made: dict[str, Any]) -> None:
        made.update(census=wrong, backup=wrong)
        result("keys", wrong)(made)

    items = {each.name: each for each in checklist.judge_items(seen(change), [])}
    for name in ("census", "backup"):
        assert (items[name].status, items[name].seen, items[name].todo) == ("skip", "not checked: see keys", "")
    assert items["keys"].seen == "E_ENV_KEY_MISSING: .env: A is not set (not checked because of this: backup, census)"
    with pytest.raises(RotationError, match=r"E_CHECKLIST: 1 of 30 checks stop the rotation: keys\. Nothing"):
        checklist.refuse(list(items.values()))
    lines = " ".join(" ".join(checklist.table(list(items.values()))).split())
    assert "not configured or not checked: " not in lines, "what a failed item names is not said again"


DIFFER = {"error": {"code": "E_KEYS_DIFFER", "what": ".env holds the keys a, and the store says b", "todo": "Correct."}}


@pytest.mark.parametrize("code", ["E_FIELD_UNPROVED", "E_FINDINGS", "E_NO_TARGETS", "E_UNPROVED", "E_WRONG_KEY"])
def test_if_env_file_and_store_differ_that_is_all_that_is_said_of_the_data_and_the_plan(code):
    found = {"error": {"code": code, "what": "nothing opens", "todo": "Settle it as not_ours."}}

    def change(made: dict[str, Any]) -> None:
        made.update(census=found, plan=DIFFER, backup=ERROR)
        result("keys", DIFFER)(made)

    items = {each.name: each for each in checklist.judge_items(seen(change), [])}
    for name in ("census", "plan"):
        assert (items[name].status, items[name].seen) == ("skip", "not checked: see keys")
    assert items["keys"].seen.startswith("E_KEYS_DIFFER: .env holds")


def test_what_else_is_wrong_with_the_data_is_said_where_env_file_and_store_differ():
    def change(made: dict[str, Any]) -> None:
        made.update(census={"error": {"code": "E_DB_CONNECT", "what": "no answer", "todo": "Start it."}})
        result("keys", DIFFER)(made)

    assert item("census", change).seen == "E_DB_CONNECT: no answer"


@pytest.mark.parametrize(
    ("error", "status", "told", "todo"),
    [
        (DIFFER, "ok", "it was read", ""),
        (
            {"error": {"code": "E_ENV_MODE", "what": "open", "todo": "chmod"}},
            "skip",
            "not checked: see keys",
            "",
        ),
        (
            {"error": {"code": "E_STORE_AUTH", "what": "no", "todo": "Log in."}},
            "skip",
            "not checked: see keys",
            "",
        ),
        ({"msg": "Unreachable"}, "skip", "not checked: see keys", ""),
    ],
)
def test_the_store_is_said_to_be_read_if_its_keys_were_compared(error, status, told, todo):
    def change(made: dict[str, Any]) -> None:
        for host in made["hosts"].values():
            host["keys"] = error

    found = item("store", change)
    assert (found.status, found.seen, found.todo) == (status, told, todo)


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        (lambda _: None, {}),
        (lambda made: made.update(census=ERROR), {"census": "E_WRONG_KEY"}),
        (lambda made: made.update(census={"msg": "Unreachable"}), {"census": ""}),
        (result("health", ERROR), {"health": "E_WRONG_KEY"}),
        (
            lambda made: made["options"].update(
                store_error={"code": "E_STORE_MISSING", "what": "it is gone", "todo": "Make it."}
            ),
            {"store": "E_STORE_MISSING"},
        ),
        (lambda made: made["options"].update(store_error={"what": "read only", "todo": "Mount it."}), {"store": ""}),
    ],
)
def test_an_item_has_the_code_of_its_error(change, codes):
    items = {each.name: each.as_result() for each in checklist.judge_items(seen(change), [])}
    assert {name: items[name]["code"] for name, each in items.items() if each["status"] == "stop"} == codes
    assert all(items[name]["seen"].startswith(code) for name, code in codes.items())


def test_what_follows_from_an_error_is_known_by_codes_and_not_by_texts():
    def change(made: dict[str, Any]) -> None:
        made.update(census={"msg": "E_WRONG_KEY: said by another program"})
        result("keys", DIFFER)(made)

    assert item("census", change).seen == "E_WRONG_KEY: said by another program"
    items = {each.name: each for each in checklist.judge_items(seen(change), [])}
    assert items["census"].status == "stop"


def test_while_another_run_is_at_work_nothing_else_is_said_to_be_wrong():
    def change(made: dict[str, Any]) -> None:
        made.update(census=ERROR, lease={"error": {"code": "E_LEASED", "what": "Ada is at work", "todo": "Wait."}})

    items = {each.name: each for each in checklist.judge_items(seen(change), [])}
    assert (items["census"].status, items["census"].seen) == ("skip", "not checked: see runs")
    assert items["runs"].seen == "E_LEASED: Ada is at work (not checked because of this: census)"


def test_all_that_stops_is_said_at_once():
    def change(made: dict[str, Any]) -> None:
        database(archive_fails=True)(made)
        made["rehearsals"] = []

    items = checklist.judge_items(seen(change), [])
    assert len(items) == len(checklist.CHECKS)
    with pytest.raises(RotationError, match=r"E_CHECKLIST: 2 of 30 checks .*: rehearsal, wal\.") as refused:
        checklist.refuse(items)
    assert "Nothing was changed." in str(refused.value)
    assert refused.value.todo.startswith("Do what the checklist says")
    accepted = checklist.judge_items(seen(change), ["rehearsal", "wal"])
    checklist.refuse(accepted)
    assert [each.status for each in accepted].count("warn") == 2
    assert all("(accepted)" in each.seen for each in accepted if each.status == "warn")


@pytest.mark.parametrize("name", [*sorted(set(checklist.CHECKS) - set(checklist.ACCEPTABLE)), "rehersal"])
def test_what_protects_the_data_cannot_be_accepted(name):
    with pytest.raises(RotationError, match="E_OPTION"):
        checklist.judge_items(seen(), [name])


def problems(made: dict[str, Any]) -> None:
    """One item that stops, one that warns, one that is skipped."""
    both(database(archive_fails=True), census(current=5, previous=1), option(environment="staging"))(made)


def test_what_is_prepared_needs_room_next_to_the_data():
    assert "160 MB are needed" in item("disk", lambda _: None).seen
    assert "200 MB are needed" in item("disk", fact(unprepared={}, prepared_bytes=40_000_000)).seen


def test_for_a_plan_what_it_shows_itself_is_left_out_and_what_a_start_is_asked_for_is_skipped():
    asked = both(lambda made: made.update(census={}, plan={}, lease={}), option(authorization=None, reason=None))
    items = {item.name: item for item in checklist.judge_items(seen(asked), [], planned=True)}
    assert not {"census", "plan", "runs"} & {*items}
    assert {items[name].status for name in ("rehearsal", "window", "notified", "authorized")} == {"skip"}
    assert not [item for item in items.values() if item.status == "stop"]
    missing = option(store_error={"code": "E_VAULT_PASSWORD_FILE", "what": "it is missing", "todo": "Make it."})
    items = {item.name: item for item in checklist.judge_items(seen(both(asked, missing)), [], planned=True)}
    assert (items["store"].status, items["store"].seen) == ("stop", "E_VAULT_PASSWORD_FILE: it is missing")


def test_the_table_has_problems_first_and_a_line_each_for_what_was_skipped_and_what_is_well():
    items = checklist.judge_items(seen(problems), [])
    lines = list(checklist.table(items))
    starts = [line[2:6].strip() for line in lines if not line.startswith("   ")]
    assert starts == ["STOP", "warn", "skip", "ok"]
    assert lines[0].split()[1:4] == ["wal", "archiving", "of"]
    assert lines[1].strip().startswith("-> Fix the archiving")
    assert lines[-2:] == ["  skip  not configured or not checked: rehearsal", "  ok    27 checks are fine"]
    assert max(map(len, lines)) <= 120
    assert checklist.summary(items) == "30 checks: 27 fine, 1 with a warning, 1 skipped, 1 blocking"


def test_the_whole_table_has_a_line_for_each_item_problems_first():
    lines = list(checklist.table(checklist.judge_items(seen(problems), []), whole=True))
    starts = [line[2:6].strip() for line in lines if not line.startswith("   ")]
    assert starts == ["STOP", "warn", "skip", *["ok"] * 27]


def test_an_item_has_the_name_by_which_it_is_accepted():
    for change in (lambda _: None, both(option(environment="demo", fence="off", services=[]), fact(unfenced=["x"]))):
        assert [check(seen(change)).name for check in checklist.CHECKS.values()] == list(checklist.CHECKS)
    for name, change, _, _ in WRONG:
        assert item(name, change).name == name


def test_what_was_not_checked_stops_if_the_item_that_explains_it_does_not():
    items = {"hosts": ChecklistItem("hosts", "ok", "1"), "clocks": ChecklistItem("clocks", "skip", "", because="hosts")}
    assert checklist._folded(items)["clocks"].status == "stop"


@pytest.mark.parametrize(
    ("resumed", "switched", "code", "findings", "status"),
    [
        (True, True, "E_TWO_LAYERS", [], "warn"),
        (True, True, "E_KEY_WITHOUT_VALUE", ["E_KEY_WITHOUT_VALUE"], "warn"),
        (True, True, "E_FINDINGS", ["E_UNREADABLE", "E_KEY_WITHOUT_VALUE"], "warn"),
        (True, True, "E_FINDINGS", ["E_UNREADABLE", "E_NO_TARGETS"], "stop"),
        (True, False, "E_TWO_LAYERS", [], "stop"),
        (False, True, "E_TWO_LAYERS", [], "stop"),
        (True, True, "E_DB_CONNECT", [], "stop"),
    ],
)
def test_values_stop_no_run_that_resumes_after_the_switch(resumed, switched, code, findings, status):
    """The application could not read what is under the old keys until somebody has mended the others."""

    def refused(made: dict[str, Any]) -> None:
        made["census"] = {"failed": True, "error": {"code": code, "what": "2 values: t.c:1, t.c:2", "todo": "Look."}}
        made["census"] |= {"findings": [{"code": each} for each in findings]} if findings else {}
        made["options"]["resumed"] = resumed
        made["hosts"]["app1"]["env_file"] = {"path": "/app/.env", "changed": not switched}
        made["hosts"]["app2"]["env_file"] = {"path": "/app/.env", "changed": True}

    found = item("census", refused)
    assert (found.status, found.seen) == (status, f"{code}: 2 values: t.c:1, t.c:2")
    assert found.todo.endswith("Look.")


@pytest.mark.parametrize(
    ("in_table", "what"), [(True, "the sessions in the database that"), (False, "the database has no session table")]
)
def test_what_drop_ends_depends_on_where_the_sessions_are(in_table, what):
    change = both(option(sessions="drop"), fact(secret_key={"keys": SIGNS, "in_table": in_table}))
    found = item("logins", change)
    assert found.status == "ok"
    assert found.seen.startswith(what)
