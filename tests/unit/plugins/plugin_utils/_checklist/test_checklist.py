# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every item of the checklist where it says ok, and where it says something else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._checklist import checklist
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._checklist.item import ChecklistItem

from .observations import (
    CACHE,
    COMMANDS,
    ERROR,
    FILES,
    HASH,
    SIGNS,
    STRAY,
    both,
    census,
    database,
    derived,
    df,
    doubtful,
    fact,
    item,
    option,
    rehearsal,
    result,
    seen,
    session,
)


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


def test_for_a_plan_what_it_shows_itself_is_left_out_and_what_a_start_is_asked_for_is_skipped():
    asked = both(lambda made: made.update(census={}, plan={}, lease={}), option(authorization=None, reason=None))
    items = {item.name: item for item in checklist.judge_items(seen(asked), [], planned=True)}
    assert not {"census", "plan", "runs"} & {*items}
    assert {items[name].status for name in ("rehearsal", "window", "notified", "authorized")} == {"skip"}
    assert not [item for item in items.values() if item.status == "stop"]
    missing = option(store_error={"code": "E_VAULT_PASSWORD_FILE", "what": "it is missing", "todo": "Make it."})
    items = {item.name: item for item in checklist.judge_items(seen(both(asked, missing)), [], planned=True)}
    assert (items["store"].status, items["store"].code) == ("stop", "E_VAULT_PASSWORD_FILE")


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
