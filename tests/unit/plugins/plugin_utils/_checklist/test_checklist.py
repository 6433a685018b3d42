# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every item of the checklist where it says ok, and where it says something else."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.application import (
    FallbacksNotRead,
    RoundTripFailed,
    SessionsCompromised,
    SessionsKept,
    SigningKeyUnknown,
    ValuesRefused,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import ErrorParts, RotationError
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._checklist import checklist
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._checklist.item import ChecklistItem
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._checklist.window import Estimate

from .observations import (
    CACHE,
    COMMANDS,
    ERROR,
    FACTS,
    FILES,
    HASH,
    NOW,
    SESSION,
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


def reads(**found: Any) -> Callable[[dict[str, Any]], None]:
    return fact(
        reads={
            "broken": [],
            "refused": [],
            "unknown": {},
            "of_ciphertext": [],
            "dated": [],
            "not_decrypted": [],
            **found,
        }
    )


def window(start: str, end: str) -> dict[str, str]:
    return {"start": start, "end": end}


def moment(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


NIGHT = window("2026-12-03T23:00:00Z", "2026-12-04T01:00:00Z")
NO_OFFSET = window("2026-12-01 20:00", "2026-12-02 20:00")
NOT_OWNED = ["the role does not own profile"]
ESTIMATE = Estimate(count=180_000, values=pytest.approx(38.0), last=0.0, backup=90.0, backed_up=False, throttled=False)
NO_COPY: dict[str, Any] = {"engine": "pg_dump", "proof": "none"}
WRONG_KEY = ERROR["error"]
CANNOT_WRITE: ErrorParts = {"what": "/keys cannot be written", "todo": "Do it."}
# Facts that a text tells in words of its own, counts, or shows in part.
IN_OTHER_WORDS = {"engine", "proof", "restored", "ends", "key_ids", "stores", "invalid", "left", "unlisted"}
# What is in the way with the facts that the item has of it.
WRONG: list[tuple[str, Callable[[dict[str, Any]], Any], str, dict[str, Any]]] = [
    (
        "backup",
        lambda made: (database(system_identifier="7")(made), made.update(backup=of_cluster("8"))),
        "stop",
        {"other_clusters": ["default"]},
    ),
    ("rehearsal", rehearsal(plan_content="other"), "stop", {"of_other_plans": 1}),
    ("rehearsal", lambda made: made.update(rehearsals=[]), "stop", {"of_other_plans": 0}),
    ("rehearsal", rehearsal(time="2030-01-01T10:00:00Z"), "stop", {"of_other_plans": 1}),
    ("rehearsal", rehearsal(collection="0.0.9"), "stop", {"not_with_collection": "0.1.0"}),
    ("rehearsal", rehearsal(time="2026-08-01T10:00:00Z"), "stop", {"rotation_id": "s1", "days": 123, "limit": 90}),
    ("rehearsal", lambda made: made.update(plan={"path": "p"}), "stop", {"plan_content": None}),
    ("rehearsal", rehearsal(mode="prepared"), "warn", {"mode": "window", "rehearsed_mode": "prepared"}),
    (
        "window",
        option(window=NIGHT),
        "stop",
        {"start": moment(NIGHT["start"]), "end": moment(NIGHT["end"]), "now": NOW},
    ),
    (
        "window",
        option(window=window("2026-12-01T20:00:00Z", "2026-12-01T22:30:50Z")),
        "stop",
        {"left": 50.0, "estimate": ESTIMATE},
    ),
    ("window", option(window=NO_OFFSET), "stop", {"invalid": NO_OFFSET}),
    ("window", option(window=None), "warn", {"window": None, "estimate": ESTIMATE}),
    (
        "window",
        option(window=window("2026-12-01T20:00:00Z", "2026-12-01T22:33:00Z")),
        "stop",
        {"left": 180.0, "estimate": ESTIMATE},
    ),
    ("rollback_plan", option(backup_proof="none"), "warn", {**NO_COPY, "restored": 1}),
    (
        "rollback_plan",
        option(backup_engine="pgbackrest"),
        "warn",
        {"engine": "pgbackrest", "proof": "full", "restored": 1},
    ),
    (
        "rollback_plan",
        lambda made: (option(backup_engine="snapshot")(made), made.update(kept=[])),
        "stop",
        {"engine": "snapshot", "proof": "full", "restored": 0},
    ),
    (
        "rollback_plan",
        lambda made: (option(backup_proof="none")(made), made.update(kept=[])),
        "stop",
        {**NO_COPY, "restored": 0},
    ),
    ("authorized", option(authorization=None), "stop", {"missing": ["key_rotation_authorization"]}),
    (
        "authorized",
        option(authorization={"who": " ", "ticket": ""}),
        "stop",
        {"missing": ["key_rotation_authorization"]},
    ),
    ("authorized", option(reason=" \t"), "stop", {"missing": ["key_rotation_reason"]}),
    (
        "authorized",
        option(reason="", authorization=None),
        "stop",
        {"missing": ["key_rotation_reason", "key_rotation_authorization"]},
    ),
    ("census", census(current=5, pending=3), "warn", {"classes": {"current": 90_005, "pending": 3}}),
    (
        "census",
        doubtful("t.a", "t.b", "t.c", "t.d"),
        "warn",
        {"classes": {"current": 180_000}, "doubtful": ["t.a", "t.b", "t.c"], "more": 1},
    ),
    ("plan", lambda made: made.update(plan={"path": "p"}), "warn", {"plan": None}),
    ("plan", option(approved="ff" * 32), "stop", {"approved": "ff" * 32, "plan": HASH}),
    (
        "plan",
        lambda made: (option(approved=HASH)(made), made.update(plan={"path": "p"})),
        "stop",
        {"approved": HASH, "plan": ""},
    ),
    (
        "store",
        result("keys", {"store": "/other", "key_id": "8a412057dfd1a7e7"}),
        "stop",
        {"stores": ["/keys.vault.yml", "/other"]},
    ),
    (
        "keys",
        result("keys", {"store": "/keys.vault.yml", "key_id": "00"}),
        "stop",
        {"key_ids": ["00", "8a412057dfd1a7e7"]},
    ),
    (
        "processes",
        result("processes", {"processes": [{"pid": 7, "name": "celery", "hidden": False, "older": True}]}),
        "warn",
        {"older": [7], "processes": 2},
    ),
    ("services", result("stops", {"services": []}), "warn", {"answers_on": ["app2"]}),
    (
        "sessions",
        session(process=None, application_name="nightly"),
        "warn",
        {
            "sessions": 1,
            "unlisted": [{**SESSION, "process": None, "application_name": "nightly", "host": "app1"}],
            "commanded": [],
            "writes_refused": True,
        },
    ),
    (
        "secret_key",
        lambda made: (
            fact(secret_key={"queued": 9, "keys": ["DJANGO_SECRET_KEY"]})(made),
            option(settings=[{"name": "DJANGO_SECRET_KEY"}])(made),
        ),
        "stop",
        {"queued": 9},
    ),
    ("caches", fact(caches=[CACHE]), "warn", {"caches": ["default"], "cached_tokens": {}, "session_tokens": {}}),
    (
        "caches",
        both(fact(caches=[CACHE]), fact(cached_tokens={"django_cache.value": 7})),
        "stop",
        {"caches": ["default"], "cached_tokens": {"django_cache.value": 7}, "session_tokens": {}},
    ),
    ("files", fact(files=[FILES]), "warn", {"findings": {"doc.file": FILES["finding"]}}),
    ("files", fact(files=[{**FILES, "stops": True}]), "stop", {"findings": {"doc.file": FILES["finding"]}}),
    (
        "caches",
        fact(session_tokens={"django_session.session_data": 7}),
        "stop",
        {"caches": [], "cached_tokens": {}, "session_tokens": {"django_session.session_data": 7}},
    ),
    (
        "readings",
        fact(reads={**FACTS["reads"], "not_decrypted": ["people_person.note"]}),
        "stop",
        {"not_decrypted": ["people_person.note"]},
    ),
    (
        "sessions",
        option(services=[]),
        "warn",
        {
            "sessions": 1,
            "unlisted": [{**SESSION, "host": "app2"}],
            "commanded": [],
            "writes_refused": True,
        },
    ),
    (
        "sessions",
        session(process=STRAY),
        "stop",
        {"sessions": 1, "unlisted": [{**SESSION, "process": STRAY, "host": "app2"}]},
    ),
    (
        "sessions",
        lambda made: (session(process=STRAY)(made), option(services=COMMANDS)(made)),
        "warn",
        {
            "sessions": 1,
            "unlisted": [{**SESSION, "process": STRAY, "host": "app2"}],
            "commanded": ["food"],
            "writes_refused": True,
        },
    ),
    ("notified", option(notify=[]), "stop", {"at_start": 0, "channels": 0}),
    ("notified", option(notify=[{"on": ["failed"]}]), "stop", {"at_start": 0, "channels": 1}),
    ("health", lambda made: [host.pop("health") for host in made["hosts"].values()], "warn", {"url": None}),
    (
        "application",
        reads(unknown={"people.Person.agee": ["people.Person.age"]}),
        "stop",
        {"unknown": {"people.Person.agee": ["people.Person.age"]}},
    ),
    ("migrations", fact(migrations=["core.0002_more"]), "warn", {"pending": ["core.0002_more"]}),
    (
        "migrations",
        lambda made: (fact(migrations=["core.0002_more"])(made), option(method="migration")(made)),
        "stop",
        {"pending": ["core.0002_more"]},
    ),
    (
        "connections",
        database(connections={"used": 95, "limit": 97}),
        "stop",
        {"database": "default", "free": 2, "limit": 97, "needed": 10},
    ),
    (
        "connections",
        lambda made: (database(connections={"used": 80, "limit": 97})(made), option(backup_jobs=20)(made)),
        "stop",
        {"database": "default", "free": 17, "limit": 97, "needed": 23},
    ),
    (
        "connections",
        database(connections={"used": 85, "limit": 97}),
        "warn",
        {"database": "default", "free": 12, "limit": 97, "needed": 10},
    ),
    (
        "disk",
        df(100_000),
        "stop",
        {"folder": "/var/lib/postgresql", "free": 102_400_000, "needed": 160_000_000},
    ),
    (
        "disk",
        lambda made: (database(bytes=20_000_000_000)(made), census(current=5)(made)),
        "stop",
        {"folder": "/var/lib/postgresql", "free": 921_600_000, "needed": 42_000_000_000},
    ),
    ("disk", lambda made: made.update(df=[]), "warn", {"free": None}),
    ("wal", database(archive_fails=True), "stop", {"archive_fails": "default"}),
    (
        "wal",
        database(slots=[{"name": "old", "active": False, "bytes": 5_000_000, "state": "extended"}]),
        "warn",
        {"unused_slot": "old", "bytes": 5_000_000},
    ),
    ("wal", database(max_slot_wal_bytes=1_000_000), "warn", {"slow_slot": "replica"}),
    ("replicas", database(replica_lag=300), "warn", {"database": "default", "lag": 300}),
    ("replicas", database(replica_lag=700), "stop", {"database": "default", "lag": 700}),
    (
        "replicas",
        lambda made: (database(sees_replicas=False)(made), option(throttle={"replica_lag": 5})(made)),
        "stop",
        {"unseen": ["default"]},
    ),
    ("hosts", option(hosts=["app1", "app2", "app3"]), "stop", {"left_out": ["app3"]}),
    ("clocks", fact(skew=-12.0), "warn", {"clock": "app1", "skew": -12.0}),
    ("clocks", database(skew=90.0), "stop", {"clock": "default", "skew": 90.0}),
    ("versions", fact(versions={"Django": "3.2.1"}), "stop", {"Django": "3.2.1"}),
    ("versions", database(server="13.2"), "stop", {"PostgreSQL": "13.2"}),
    ("versions", database(server="19.0"), "warn", {"PostgreSQL": "19.0"}),
    (
        "mode",
        both(option(mode="prepared"), fact(unprepared={"profile": "it has the search columns bidx"})),
        "warn",
        {"unprepared": {"profile": "it has the search columns bidx"}},
    ),
    ("mode", both(fact(unprepared={}), option(mode="prepared", method="command")), "stop", {"method": "command"}),
    ("keys", fact(replaced_file="/app/.env"), "warn", {"replaced": {"app1": "/app/.env"}}),
    ("mode", both(option(mode="online"), option(method="command")), "stop", {"method": "command"}),
    ("mode", both(option(mode="online"), option(services=[])), "stop", {"services": []}),
    ("fence", fact(unfenced=NOT_OWNED), "warn", {"reasons": NOT_OWNED}),
    (
        "fence",
        both(fact(unfenced=NOT_OWNED), session(process=None)),
        "stop",
        {"reasons": NOT_OWNED, "sessions": 1, "silent_schemes": ["profile"]},
    ),
    (
        "keys",
        option(settings=[{"name": "FIELD_KEY", "keep": 1, "destination": {"file": "/srv/app/settings.py"}}]),
        "warn",
        {"files": {"FIELD_KEY": "/srv/app/settings.py"}},
    ),
    (
        "secret_key",
        fact(secret_key={"sessions": "db", "logins": True, "packages": ["rest_framework_simplejwt"], "queued": 0}),
        "warn",
        {"ends": ["db", "password_reset", "rest_framework_simplejwt"], "can_be_kept": True},
    ),
    (
        "secret_key",
        fact(secret_key={"sessions": "", "logins": False, "packages": ["django_q"], "queued": 12}),
        "stop",
        {"queued": 12},
    ),
]
# What is in the way with its error.
REFUSED: list[tuple[str, Callable[[dict[str, Any]], Any], str, ErrorParts]] = [
    ("backup", lambda made: made.update(backup=ERROR), "stop", WRONG_KEY),
    ("census", lambda made: made.update(census=ERROR), "stop", WRONG_KEY),
    ("plan", lambda made: made.update(plan=ERROR), "stop", WRONG_KEY),
    ("store", option(store_error=CANNOT_WRITE), "stop", CANNOT_WRITE),
    ("keys", result("keys", ERROR), "stop", WRONG_KEY),
    ("processes", result("processes", ERROR), "stop", WRONG_KEY),
    ("services", result("stops", ERROR), "stop", WRONG_KEY),
    ("runs", lambda made: made.update(lease=ERROR), "stop", WRONG_KEY),
    ("health", result("health", ERROR), "stop", WRONG_KEY),
    ("hosts", result("facts", ERROR), "stop", WRONG_KEY),
    (
        "application",
        reads(broken=[{"name": "people.Person.name", "fault": "does not give back"}]),
        "stop",
        RoundTripFailed(name="people.Person.name", fault="does not give back").parts,
    ),
    (
        "application",
        reads(refused=[{"name": "people.Person.name", "count": 40}]),
        "stop",
        ValuesRefused(name="people.Person.name", count=40).parts,
    ),
    (
        "logins",
        both(option(sessions="resign"), fact(secret_key={"keys": SIGNS, "not_resigned": "SESSION_ENGINE is file"})),
        "stop",
        SessionsKept(why="SESSION_ENGINE is file").parts,
    ),
    (
        "logins",
        option(sessions="resign", settings=[{"name": "JWT_SECRET_KEY"}]),
        "stop",
        SigningKeyUnknown().parts,
    ),
    (
        "logins",
        both(
            option(sessions="fallbacks", settings=[{"name": "SIGNER"}]),
            fact(secret_key={"keys": ["SIGNER"], "queued": 0}),
        ),
        "stop",
        SigningKeyUnknown().parts,
    ),
    ("logins", both(option(sessions="resign"), derived), "stop", SigningKeyUnknown().parts),
    ("logins", both(option(sessions="drop"), derived), "warn", SigningKeyUnknown().parts),
    (
        "logins",
        option(sessions="resign", compromised=True),
        "stop",
        SessionsCompromised(chosen="resign").parts,
    ),
    (
        "logins",
        both(option(sessions="fallbacks"), fact(secret_key={"keys": SIGNS, "not_kept": "no code reads it"})),
        "stop",
        FallbacksNotRead(why="no code reads it").parts,
    ),
]


@pytest.mark.parametrize(("name", "change", "status", "facts"), WRONG)
def test_an_item_says_what_is_in_the_way_and_what_to_do(name, change, status, facts):
    found = item(name, change)
    assert (found.status, found.facts) == (status, facts), found
    assert found.seen
    assert found.todo


@pytest.mark.parametrize(("name", "change", "status", "error"), REFUSED)
def test_an_item_of_an_error_is_that_error(name, change, status, error):
    assert item(name, change) == ChecklistItem.of_error(name, error, status)


def test_a_failure_without_an_error_is_shown_as_it_is():
    found = item("hosts", result("facts", {"msg": "MODULE FAILURE"}))
    assert (found.status, found.code, found.seen) == ("stop", "", "MODULE FAILURE")


def leaves(value: object) -> Iterator[str | float]:
    """The names and numbers of a fact."""
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list):
        for each in value:
            yield from leaves(each)
    elif isinstance(value, (str, int, float)) and not isinstance(value, bool) and value:
        yield value


def forms(value: str | float) -> tuple[str, ...]:
    """The ways in which a text shows it."""
    if isinstance(value, str):
        return (value[:16],)
    return f"{value}", f"{value:,}", f"{value:+.0f}", f"{value / 1e6:,.0f} MB"


@pytest.mark.parametrize(("name", "change", "status", "facts"), WRONG)
def test_the_text_of_an_item_shows_its_facts(name, change, status, facts):
    found = item(name, change)
    text = f"{found.seen} {found.todo}"
    for fact_name, value in facts.items():
        for each in leaves(value) if fact_name not in IN_OTHER_WORDS else ():
            assert any(form in text for form in forms(each)), (fact_name, each, text)


def test_each_item_is_seen_to_stop_a_rotation():
    assert {name for name, _, status, _ in [*WRONG, *REFUSED] if status == "stop"} == set(checklist.CHECKS)


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
        ("mode", both(option(mode="prepared"), fact(unprepared={})), "ok"),
        ("mode", option(mode="prepared"), "skip"),
        ("mode", option(mode="online"), "ok"),
        ("fence", option(mode="online"), "skip"),
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
    with pytest.raises(RotationError) as refused:
        checklist.refuse(items)
    assert (refused.value.code, refused.value.where) == (
        "E_CHECKLIST",
        {"count": 2, "total": 31, "stops": "rehearsal, wal"},
    )
    assert refused.value.changed_nothing
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
    assert lines[-2:] == ["  skip  not configured or not checked: rehearsal", "  ok    28 checks are fine"]
    assert max(map(len, lines)) <= 120
    assert checklist.summary(items) == "31 checks: 28 fine, 1 with a warning, 1 skipped, 1 blocking"


def test_the_whole_table_has_a_line_for_each_item_problems_first():
    lines = list(checklist.table(checklist.judge_items(seen(problems), []), whole=True))
    starts = [line[2:6].strip() for line in lines if not line.startswith("   ")]
    assert starts == ["STOP", "warn", "skip", *["ok"] * 28]


def test_an_item_has_the_name_by_which_it_is_accepted():
    for change in (lambda _: None, both(option(environment="demo", fence="off", services=[]), fact(unfenced=["x"]))):
        assert [check(seen(change)).name for check in checklist.CHECKS.values()] == list(checklist.CHECKS)
    for name, change, _, _ in [*WRONG, *REFUSED]:
        assert item(name, change).name == name


def test_what_was_not_checked_stops_if_the_item_that_explains_it_does_not():
    items = {"hosts": ChecklistItem("hosts", "ok", "1"), "clocks": ChecklistItem("clocks", "skip", "", because="hosts")}
    assert checklist._folded(items)["clocks"].status == "stop"
