# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A look without a census; with one, it is tried on the real application (integration/test_monitoring.py)."""

from __future__ import annotations

import os
import resource

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.values import UnreadableValues
from ansible_collections.tetech.key_rotation.plugins.module_utils._monitoring import active_run, snapshot
from ansible_collections.tetech.key_rotation.plugins.module_utils._record import run_lease
from ansible_collections.tetech.key_rotation.tests.expected_errors import expect_error

PREVIOUS = "d" * 16
KNOWN = {
    "key_id": "c" * 16,
    "created": "2026-01-01T00:00:00Z",
    "due": "2999-01-01T00:00:00Z",
    "due_soon": "2998-12-01T00:00:00Z",
    "open": None,
    "retire": "2026-02-01T00:00:00Z",
    "asked": "2026-03-01T00:00:00Z",
    "retirable": [{"key_id": PREVIOUS, "stage": "previous", "held_until": "2026-02-01T00:00:00Z"}],
    "commands": {name: f"ansible-playbook {name}.yml" for name in ("verify", "rotate", "monitor", "retire")},
}


@pytest.fixture
def params(tmp_path):
    return {
        "project_dir": "/srv/app",
        "settings_module": None,
        "environment_from": [],
        "direct": {},
        "env_file": str(tmp_path / ".env"),
        "keys": [{"name": "SECRET_KEY"}],
        "dialect": "dotenv",
        "memory_dir": str(tmp_path / "memory"),
        "metrics_file": None,
        "census": False,
        "urls": [],
        "host": None,
        "headers": {},
        "ca_file": None,
        "answer_timeout": 10,
        "tries": 1,
        "slower": 2.0,
        "success": 1.0,
        "log_errors": 0,
        "baseline": "keep",
        "log_files": [f"{tmp_path}/*.log"],
        "usual_log_files": [f"{tmp_path}/logs/*.log"],
        "log_units": [],
        "log_patterns": ["InvalidToken"],
        "backups": {"backups": []},
        "rotation": KNOWN,
        "looker": "playbook",
    }


def codes(seen):
    return [finding["code"] for finding in seen["findings"]]


def test_each_looker_counts_since_its_own_last_look(params, tmp_path):
    log = tmp_path / "a.log"
    log.write_text("")
    for looker in ("playbook", "timer"):
        snapshot.take({**params, "looker": looker}, kept=True)
    log.write_text("InvalidToken\n" * 3)
    assert codes(snapshot.take({**params, "looker": "timer"}, kept=True)) == ["E_MONITOR_LOG_ERRORS"]
    assert codes(snapshot.take({**params, "looker": "timer"}, kept=True)) == []
    assert snapshot.take(params, kept=True)["logs"]["new"] == {str(log): {"InvalidToken": 3}}


def test_who_looks_for_the_first_time_does_not_learn_what_others_were(params, tmp_path):
    log = tmp_path / "a.log"
    log.write_text("")
    snapshot.take({**params, "looker": "rotation"}, kept=True)
    log.write_text("InvalidToken\n" * 4)
    snapshot.take({**params, "looker": "rotation"}, kept=True)
    told = snapshot.take(params, kept=True)
    assert codes(told) == ["E_MONITOR_LOG_ERRORS"], "what a rotation saw was told to nobody"
    first = snapshot.take({**params, "looker": "timer"}, kept=True)
    assert (codes(first), first["logs"]["since"]) == ([], told["time"])


def test_what_a_look_found_that_was_ended_in_its_census_is_found_by_the_next_one(params, tmp_path, monkeypatch):
    log = tmp_path / "a.log"
    log.write_text("")
    snapshot.take(params, kept=True)
    log.write_text("InvalidToken\n" * 3)

    def killed(params):
        raise KeyboardInterrupt

    monkeypatch.setattr(snapshot, "_census", killed)
    with pytest.raises(KeyboardInterrupt):
        snapshot.take({**params, "census": True}, kept=True)
    assert codes(snapshot.take(params, kept=True)) == ["E_MONITOR_LOG_ERRORS"]
    assert codes(snapshot.take(params, kept=True)) == []


HELD = {**run_lease.describe_holder("r1", os.getpid()), "since": "2026-03-01T00:00:00Z"}


def during(monkeypatch, moments):
    """What is at work when a look asks, one time after the other."""
    told = iter(moments)
    monkeypatch.setattr(active_run, "_ask_in_fork", lambda params: next(told))


def test_in_the_middle_of_a_run_nothing_is_judged_and_no_log_is_read(params, tmp_path, monkeypatch):
    log = tmp_path / "a.log"
    log.write_text("")
    asked = {**params, "urls": ["http://127.0.0.1:1/"], "metrics_file": str(tmp_path / "k.prom")}
    snapshot.take(asked, kept=True)
    log.write_text("InvalidToken\n")
    during(monkeypatch, [active_run.ActiveRun(at_work=HELD)])
    seen = snapshot.take({**asked, "rotation": {**KNOWN, "open": "r1"}}, kept=True)
    assert (seen["findings"], seen["response"], seen["at_work"]) == ([], [], HELD)
    assert f", by {HELD['user']} on {HELD['host']}: " in seen["put_off"]
    written = (tmp_path / "k.prom").read_text()
    assert 'key_rotation_monitoring_findings{project="/srv/app"} 0' in written
    assert "answers_failed" not in written
    during(monkeypatch, [active_run.ActiveRun()] * 2)
    assert codes(snapshot.take(asked, kept=True)) == ["E_MONITOR_ANSWER", "E_MONITOR_LOG_ERRORS"]


@pytest.mark.parametrize("what", ["a run", "other keys"])
def test_what_begins_while_a_look_continues_puts_it_off_too(params, tmp_path, monkeypatch, what):
    env_file = tmp_path / ".env"
    env_file.touch(mode=0o600)
    env_file.write_text("SECRET_KEY=before\n")

    def moments():
        yield active_run.ActiveRun()
        env_file.write_text("SECRET_KEY=after\n" if what == "other keys" else "SECRET_KEY=before\n")
        yield active_run.ActiveRun(at_work=HELD if what == "a run" else None)

    during(monkeypatch, moments())
    seen = snapshot.take({**params, "urls": ["http://127.0.0.1:1/"]}, kept=True)
    assert seen["put_off"]
    assert seen["findings"] == []


def test_a_run_that_died_is_reported_by_its_lease_if_the_store_is_not_asked(params, monkeypatch):
    during(monkeypatch, [active_run.ActiveRun(died=HELD)] * 2)
    assert codes(snapshot.take({**params, "rotation": {}, "looker": "timer"}, kept=True)) == ["E_MONITOR_OPEN"]
    during(monkeypatch, [active_run.ActiveRun(died=HELD)] * 2)
    assert codes(snapshot.take({**params, "rotation": {**KNOWN, "open": "r1"}}, kept=True)) == ["E_MONITOR_OPEN"]


def test_a_run_is_not_put_off_by_itself(params, monkeypatch):
    during(monkeypatch, [])
    assert snapshot.take({**params, "looker": "rotation"}, kept=True)["put_off"] == ""


def test_a_log_that_was_not_looked_at_is_not_said_to_be_well(params, tmp_path):
    log = tmp_path / "a.log"
    log.write_text("")
    snapshot.take(params, kept=True)
    log.unlink()
    seen = snapshot.take(params, kept=True)
    assert seen["logs"]["new"] == {}
    assert any("no log was checked" in note for note in seen["warnings"])
    assert f"{tmp_path}/*.log has no file" in seen["warnings"]


def test_a_missing_log_is_a_finding_if_it_was_named_and_not_if_it_is_a_usual_one(params, tmp_path):
    named = {**params, "log_files": [f"{tmp_path}/typo.log", f"{tmp_path}/typo/*.log"]}
    assert codes(snapshot.take(named, kept=True)) == ["E_MONITOR_LOG"] * 2
    assert snapshot.take(named, kept=True)["logs"]["unreadable"] == 2
    assert codes(snapshot.take({**params, "log_files": None}, kept=True)) == []
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/a.log").write_text("InvalidToken\n")
    assert codes(snapshot.take({**params, "log_files": None}, kept=True)) == ["E_MONITOR_LOG_ERRORS"]


def test_a_look_that_is_not_kept_remembers_nothing(params, tmp_path):
    (tmp_path / "a.log").write_text("")
    snapshot.take(params, kept=False)
    assert not (tmp_path / "memory").exists()


def test_what_the_store_said_is_remembered_for_the_timer(params):
    overdue = {**KNOWN, "due": "2026-01-02T00:00:00Z", "open": "r9"}
    assert codes(snapshot.take({**params, "rotation": overdue}, kept=True)) == ["E_MONITOR_OPEN", "E_MONITOR_OVERDUE"]
    in_rotation = {**params, "rotation": overdue, "looker": "rotation"}
    assert codes(snapshot.take(in_rotation, kept=True)) == ["E_MONITOR_OPEN"], "a rotation replaces what is overdue"
    seen = snapshot.take({**params, "rotation": {}, "looker": "timer"}, kept=True)
    adopted = {**overdue, "origin": "adopted", "created": "2025-03-04T00:00:00Z", "open": None}
    (found,) = snapshot.take({**params, "rotation": adopted}, kept=True)["findings"]
    assert "were due for rotation by" in found["what"]
    assert codes(seen) == ["E_MONITOR_OVERDUE"], "what was open then may be closed by now"
    assert seen["findings"][0]["next"] == "ansible-playbook rotate.yml"
    assert seen["retire"] == [], "whether a version may go is asked where the store is"


@pytest.mark.parametrize("why", ["the reason was compromise_known", None])
def test_a_longer_cryptoperiod_is_no_answer_to_a_compromise(params, why):
    overdue = {**KNOWN, "due": "2026-01-02T00:00:00Z", **({"why": why} if why else {})}
    (found,) = snapshot.take({**params, "rotation": overdue}, kept=True)["findings"]
    assert found["todo"].startswith("Rotate")
    assert ("key_rotation_cryptoperiod_days" in found["todo"]) is (why is None)


def test_a_rotation_that_is_due_soon_is_a_note_and_no_finding(params):
    seen = snapshot.take({**params, "rotation": {**KNOWN, "due_soon": "2026-01-02T00:00:00Z"}}, kept=True)
    assert codes(seen) == []
    assert any(
        "the next rotation is due on 2999-01-01: ansible-playbook rotate.yml" in note for note in seen["warnings"]
    )


def census(**classes):
    return {"key_ids": {"current": "c" * 16, "previous": PREVIOUS}, "targets": [{"classes": classes}], "whole": True}


def retire(params, known=KNOWN, found=None, time="2026-03-01T00:00:00Z"):
    found = census(current=5) if found is None else found
    (answer,) = snapshot._retire(params, known, {"census": found, "time": time})
    return answer["safe"], "; ".join(answer["reasons"])


def backups(*key_ids):
    return {"backups": {"backups": [{"rotation_id": "r1", "key_ids": list(key_ids)}]}}


def held(until):
    return {"retirable": [{**KNOWN["retirable"][0], "held_until": until}]}


def inside(found):
    """The same if the nested values have a layer under the previous version."""
    found["targets"][0]["layers"] = {"current": 2, "previous": 2}
    return found


def test_a_version_that_nothing_needs_may_go(params):
    assert retire({**params, **backups("c" * 16)}) == (True, "")


@pytest.mark.parametrize(
    ("known", "found", "reason"),
    [
        (held("2026-04-01T00:00:00Z"), census(current=5), "it is held until 2026-04-01"),
        ({"open": "r3"}, census(current=5), "rotation r3 is open"),
        ({}, census(current=5, previous=2), "2 values are under it"),
        ({}, inside(census(current=5, nested=2)), "2 values are under it"),
        ({}, census(current=5, unreadable=1), "1 value opens under no known key"),
        ({}, {**census(current=5), "whole": False}, "not every value could be tried"),
        ({}, {**census(), "key_ids": {"current": "c" * 16}}, "no census has checked"),
        (
            {},
            {**census(current=5), "kept_aside": {"before_r1_food": [PREVIOUS]}},
            "the database before_r1_food, which a restore kept",
        ),
    ],
)
def test_a_version_that_something_needs_may_not_go(params, known, found, reason):
    safe, reasons = retire(params, {**KNOWN, **known}, found)
    assert not safe
    assert reason in reasons


@pytest.mark.parametrize("clock", ["host", "control node"])
def test_a_clock_that_is_ahead_makes_no_version_safe(params, clock):
    now, ahead = "2026-03-01T00:00:00Z", "2027-01-01T00:00:00Z"
    known = {**KNOWN, **held("2026-04-01T00:00:00Z"), "asked": now if clock == "host" else ahead}
    assert retire(params, known, time=ahead if clock == "host" else now) == (False, "it is held until 2026-04-01")


def test_a_backup_that_needs_a_version_holds_it(params):
    assert retire({**params, **backups(PREVIOUS)}) == (False, "the backup r1 needs it")


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({}, "no run has listed the backups yet"),
        ({"msg": "E: no.", "error": {"what": "/b is not there"}}, "/b is not there"),
        ({"unreachable": True, "msg": "no route to host"}, "no route to host"),
    ],
)
def test_if_the_backups_could_not_be_seen_no_version_may_go(params, asked, why):
    expected = f"the backups that need it could not be listed ({why})"
    assert retire({**params, "backups": asked}) == (False, expected)


def test_a_memory_that_somebody_else_wrote_is_refused(params, tmp_path):
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory/seen.json").write_text("[]")
    with pytest.raises(RotationError, match="E_MONITOR_DIR"):
        snapshot.take(params, kept=True)


def test_a_memory_that_cannot_be_made_is_refused(params, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RotationError, match="E_MONITOR_DIR"):
        snapshot.take({**params, "memory_dir": str(tmp_path / "file/memory")}, kept=True)


@pytest.mark.parametrize(
    ("metrics_file", "code"), [("none/k.prom", "E_MONITOR_METRICS"), ("key_rotation.txt", "E_OPTION")]
)
def test_metrics_that_cannot_be_written_are_one_more_finding_and_hide_none(params, tmp_path, metrics_file, code):
    (tmp_path / "a.log").write_text("")
    asked = {**params, "metrics_file": str(tmp_path / metrics_file)}
    assert codes(snapshot.take(asked, kept=True)) == [code]
    (tmp_path / "a.log").write_text("InvalidToken\n")
    seen = snapshot.take(asked, kept=True)
    assert codes(seen) == ["E_MONITOR_LOG_ERRORS", code]
    assert seen["findings"][1]["next"] == "ansible-playbook monitor.yml"


def test_a_full_disk_hides_no_finding(params, tmp_path):
    (tmp_path / "a.log").write_text("")
    asked = {**params, "metrics_file": str(tmp_path / "k.prom")}
    snapshot.take(asked, kept=True)
    (tmp_path / "a.log").write_text("InvalidToken\n")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        seen = snapshot.take(asked, kept=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert codes(seen) == ["E_MONITOR_LOG_ERRORS", "E_MONITOR_METRICS", "E_MONITOR_DIR"]
    assert codes(snapshot.take(asked, kept=True)) == ["E_MONITOR_LOG_ERRORS"], "it was not remembered"


def test_the_first_errors_of_a_log_that_was_not_there_before_have_a_time(params, tmp_path):
    snapshot.take(params, kept=True)
    (tmp_path / "new.log").write_text("InvalidToken\n")
    seen = snapshot.take(params, kept=True)
    assert seen["logs"]["told"] == {f"{tmp_path}/new.log": seen["time"]}
    assert snapshot.take(params, kept=True)["logs"]["told"] == {f"{tmp_path}/new.log": seen["time"]}


def test_as_many_lines_as_are_tolerated_are_no_finding(params, tmp_path):
    snapshot.take(params, kept=True)
    (tmp_path / "new.log").write_text("InvalidToken\n" * 2)
    seen = snapshot.take({**params, "log_errors": 2}, kept=True)
    assert (codes(seen), seen["logs"]["told"]) == ([], {})
    with (tmp_path / "new.log").open("a") as handle:
        handle.write("InvalidToken\n" * 3)
    assert codes(snapshot.take({**params, "log_errors": 2}, kept=True)) == ["E_MONITOR_LOG_ERRORS"]


@pytest.mark.parametrize(
    ("name", "value"), [("success", 99.9), ("success", 0), ("slower", 0.5), ("log_errors", -1), ("tries", 0)]
)
def test_a_limit_that_is_invalid_is_refused(params, name, value):
    with expect_error("E_OPTION", option=f"monitoring_{name}"):
        snapshot.take({**params, name: value}, kept=False)


@pytest.mark.parametrize(("success", "found", "noted"), [(1.0, ["E_UNREADABLE"], 0), (0.9, [], 1)])
def test_values_that_do_not_open_are_tolerated_up_to_the_rate_that_was_asked_for(
    params, monkeypatch, success, found, noted
):
    seen = {"time": "2026-03-01T00:00:00Z", "ratio": 0.95, "targets": [], "key_ids": {}, "values": 20, "current": 19}
    opening = {"what": "decryption", "seconds": 0.1, "tries": 20, "errors": 0, "error": ""}
    bad = UnreadableValues(count=1, rows="t.c:7")
    monkeypatch.setattr(snapshot, "_census", lambda params: (seen, [bad], opening))
    taken = snapshot.take({**params, "census": True, "success": success}, kept=False)
    assert codes(taken) == found
    assert sum(note == "tolerated: no known key decrypts 1 value: t.c:7" for note in taken["warnings"]) == noted


@pytest.mark.parametrize(("looker", "repeated"), [("playbook", False), ("timer", False), ("rotation", True)])
def test_a_host_that_tries_the_values_no_more_has_no_numbers_of_them(params, monkeypatch, looker, repeated):
    """Or what it saw once would alert for ever, mended or not."""
    seen = {"time": "2026-03-01T00:00:00Z", "ratio": 0.9, "targets": [], "key_ids": {}, "values": 10, "current": 9}
    opening = {"what": "decryption", "seconds": 0.1, "tries": 20, "errors": 0, "error": ""}
    monkeypatch.setattr(snapshot, "_census", lambda params: (seen, [], opening))
    snapshot.take({**params, "census": True}, kept=True)
    during(monkeypatch, [active_run.ActiveRun(at_work=HELD)])
    amid = snapshot.take({**params, "census": True}, kept=True)
    assert amid["last_census"] == seen, "in the middle of a run they are still what is known"
    during(monkeypatch, [active_run.ActiveRun()])
    assert (snapshot.take({**params, "looker": looker}, kept=True)["last_census"] == seen) is repeated
    assert (snapshot.take({**params, "looker": "rotation"}, kept=True)["last_census"] == seen) is repeated


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        ({}, "2026-02-01T00:00:00Z"),
        ({"decryption": [0.1, "2026-01-01T00:00:00Z", "a look"]}, "2026-02-01T00:00:00Z"),
        ({"decryption": [0.1, "2026-02-02T00:00:00Z", "a look"]}, "2026-02-02T00:00:00Z"),
    ],
)
def test_decryption_is_held_against_what_it_took_before_the_last_rotation_or_against_what_is_newer(kept, expected):
    known = {"opening": [0.2, "2026-02-01T00:00:00Z", "before rotation r1"]}
    assert snapshot._baseline(kept, known)["decryption"][1] == expected
    assert snapshot._baseline(kept, {}) == kept
