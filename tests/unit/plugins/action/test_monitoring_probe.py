# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os

import pytest
from ansible_collections.tetech.key_rotation.plugins.action.monitoring_probe import ActionModule
from ansible_collections.tetech.key_rotation.plugins.module_utils._record import run_lease
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.writer import Record
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._keys.configured_store import open_store

EMPTY = {
    "time": "2026-11-25T09:00:00Z",
    "kept": True,
    "project": "/srv/app",
    "census_asked": False,
    "census": None,
    "response": [],
    "logs": {"since": None, "new": {}, "totals": {}},
    "rotation": {},
    "retire": [],
    "findings": [],
    "warnings": [],
}
BAD = [
    {
        "code": "E_UNREADABLE",
        "what": "1 value opens under no known key: t.c:7",
        "todo": "Restore.",
        "next": "verify it",
    },
    {"code": "E_MONITOR_OVERDUE", "what": "the keys are old", "todo": "Rotate.", "next": "rotate it"},
]


@pytest.fixture
def look(run_action, monkeypatch):
    """What the host is asked, and how the task ends, for what the host found."""

    def run(found=(), /, **args):
        asked = {}

        def on_host(self, module, given):
            asked.update(given)
            return {"changed": False, "snapshot": {**EMPTY, "findings": list(found)}}

        monkeypatch.setattr(ActionModule, "on_host", on_host)
        return asked, run_action("monitoring_probe", project_dir="/srv/app", **args)

    return run


@pytest.fixture
def rotated(stored, loader, tmp_path):
    """A store whose rotation r1 is completed: its version was made in January, its record closed in March."""
    with open_store({"path": stored}, {}, loader).change() as history:
        history.promote()
        history.close("r1")
        history.stage("current").created = "2026-01-01T00:00:00Z"
    path = tmp_path / "records/r1/record.jsonl"
    path.parent.mkdir(parents=True)
    event = {"seq": 1, "time": "2026-03-01T00:00:00Z", "rotation_id": "r1", "event": "rotate", "phase": "done"}
    path.write_text(json.dumps(event) + "\n")
    assert Record(str(tmp_path / "records"), "r1").events()


@pytest.mark.parametrize(
    ("reason", "due", "told"),
    [("compromise_known", "2026-04-01T00:00:00Z", True), ("cryptoperiod", "2027-01-01T00:00:00Z", False)],
)
def test_keys_that_a_compromise_left_in_use_are_due_at_once(look, rotated, new_keys, tmp_path, reason, due, told):
    """As the page of that rotation says: it was taken back, and the store knows nothing of why it was begun."""
    path = tmp_path / "records/r2/record.jsonl"
    path.parent.mkdir()
    versions = [{"key_id": new_keys.key_id, "stage": "current", "created": "2026-01-01T00:00:00Z"}]
    about = {"rotation_id": "r2", "time": "2026-04-01T00:00:00Z"}
    events = [
        {"event": "rotate", "phase": "intent", "reason": reason, "cryptoperiod_days": 365},
        {"event": "rollback", "phase": "intent"},
        {"event": "rollback", "phase": "done", "versions": versions},
    ]
    path.write_text("".join(json.dumps({**about, **event}) + "\n" for event in events))
    asked, _ = look(cryptoperiod_days=365, due_warning_days=30)
    assert (asked["rotation"]["due"], "why" in asked["rotation"]) == (due, told)
    later = tmp_path / "records/r3/record.jsonl"
    later.parent.mkdir()
    begun = {**events[0], "reason": "cryptoperiod", "time": "2026-05-01T00:00:00Z"}
    later.write_text("".join(json.dumps({**about, **event}) + "\n" for event in (begun, *events[1:])))
    asked, _ = look(cryptoperiod_days=365, due_warning_days=30)
    assert (asked["rotation"]["due"], "why" in asked["rotation"]) == (due, told), "the next try replaced them neither"
    asked, _ = look(cryptoperiod_days=365, due_warning_days=30, rotation_id="r2")
    assert asked["rotation"]["due"] == "2027-01-01T00:00:00Z", "a snapshot of that run itself"


def test_the_host_gets_the_dates_that_the_store_and_the_record_give(look, rotated, old_keys, new_keys):
    asked, result = look(cryptoperiod_days=365, due_warning_days=30, hold_days=10)
    assert not result.get("failed"), result
    known = asked["rotation"]
    assert (known["key_id"], known["created"], known["open"]) == (new_keys.key_id, "2026-01-01T00:00:00Z", None)
    assert (known["due"], known["due_soon"]) == ("2027-01-01T00:00:00Z", "2026-12-02T00:00:00Z")
    until = "2026-03-11T00:00:00Z"  # ten days after the rotation was completed
    assert known["retire"] == until
    assert known["retirable"] == [{"key_id": old_keys.key_id, "stage": "previous", "held_until": until}]
    assert asked["expected"] == new_keys.key_id
    assert set(asked["key_sets"]) == {"current", "previous"}


def test_what_was_rolled_back_leaves_the_cryptoperiod_of_the_keys_before(look, stored, loader, old_keys):
    with open_store({"path": stored}, {}, loader).change() as history:
        history.stage("current").created = "2020-01-01T00:00:00Z"
        history.stage("current").origin = "generated"
        history.promote()
        history.roll_back()
    known = look(cryptoperiod_days=366)[0]["rotation"]
    assert (known["key_id"], known["due"]) == (old_keys.key_id, "2021-01-01T00:00:00Z")


def test_keys_that_were_adopted_are_due_at_once_for_nobody_knows_how_old_they_are(look, stored, loader):
    with open_store({"path": stored}, {}, loader).change() as history:
        history.stage("current").created = "2020-01-01T00:00:00Z"
    known = look(cryptoperiod_days=366)[0]["rotation"]
    assert (known["origin"], known["due"]) == ("adopted", "2020-01-01T00:00:00Z")


def test_the_host_gets_no_store_and_no_record_of_it(look, rotated, store_path):
    asked, _ = look()
    assert store_path not in str(asked)
    assert not {"store", "record_dir", "hold_days"} & set(asked)
    values = [value for values in asked["key_sets"].values() for value in values.values()]
    assert not any(value in str(asked["rotation"]) for value in values)


def test_no_cryptoperiod_is_never_due(look, rotated):
    asked, _ = look(cryptoperiod_days=0)
    assert "due" not in asked["rotation"]


def test_a_rotation_that_is_open_is_reported_unless_it_is_the_one_that_asks(look, stored):
    assert look()[0]["rotation"]["open"] == "r1"
    assert look(rotation_id="r1", findings="accept")[0]["rotation"]["open"] is None


def test_an_application_that_was_never_rotated_has_no_dates(look):
    asked, result = look()
    assert (asked["expected"], asked["key_sets"], asked["rotation"]["retirable"]) == (None, {}, [])
    assert not result.get("failed")


@pytest.mark.parametrize("died", [True, False])
def test_a_run_of_this_machine_that_died_is_known_here_alone(run_action, monkeypatch, died):
    held = {**run_lease.describe_holder("r1", os.getpid()), **({"started": "1"} if died else {})}
    asked = []

    def on_host(self, module, given):
        asked.append(given)
        over = {"at_work": held, "put_off": "r1 is at work"} if "over" not in given else {}
        return {"changed": False, "snapshot": {**EMPTY, **over}}

    monkeypatch.setattr(ActionModule, "on_host", on_host)
    result = run_action("monitoring_probe", project_dir="/srv/app")
    assert [given.get("over") for given in asked] == [None, held][: 1 + died]
    assert bool(result["snapshot"].get("put_off")) is not died


def test_a_rotation_that_continues_is_not_said_to_be_left_open(look, stored, tmp_path):
    run_lease.Lease(str(tmp_path / "records")).take("r1", os.getpid())  # another run than that of the task
    assert look()[0]["rotation"]["open"] is None


def test_what_is_wrong_fails_the_task_with_all_of_it_and_each_command_once(look, rotated):
    _, result = look([*BAD, BAD[0]])
    assert result["failed"]
    assert result["error"]["code"] == "E_MONITOR"
    assert "3 findings: E_UNREADABLE: 1 value opens under no known key: t.c:7; E_MONITOR_OVERDUE" in result["msg"]
    assert result["msg"].endswith("Restore. Rotate. Then run: verify it and rotate it (docs/errors.md#e_monitor)")


def test_a_snapshot_never_fails_and_goes_into_the_record(look, rotated, tmp_path):
    _, result = look(BAD, rotation_id="r1", findings="accept")
    assert not result.get("failed")
    last = Record(str(tmp_path / "records"), "r1").events()[-1]
    assert (last["event"], last["phase"], last["snapshot"]["findings"]) == ("monitoring_probe", "done", BAD)


def test_the_snapshot_is_kept_on_the_control_node_but_not_by_a_dry_run(look, rotated, home):
    folder = home / ".local/state/key_rotation/default/monitoring"
    look(check=True)
    assert not folder.exists()
    _, result = look(BAD)
    assert json.loads((folder / "web.json").read_text())["findings"] == BAD
    assert result["report"] == str(folder / "web.json")


def test_a_report_that_cannot_be_written_hides_no_finding(look, rotated, home):
    (home / ".local").write_text("")
    _, result = look(BAD)
    assert [finding["code"] for finding in result["snapshot"]["findings"]] == [
        *(finding["code"] for finding in BAD),
        "E_MONITOR_REPORT",
    ]


def test_values_that_no_key_opens_come_back_by_the_command_that_the_error_names(look, rotated):
    commands = look()[0]["rotation"]["commands"]
    assert "rollback.yml" in commands["repair"]
    assert commands["repair"].endswith("-e key_rotation_prefer=repair")


@pytest.mark.parametrize("recorded", [True, False])
def test_a_version_that_was_rolled_back_is_held_from_then_on(look, stored, loader, tmp_path, new_keys, recorded):
    """Not from the rotation before it, which may be long ago: a backup of that day may hold values under it."""
    with open_store({"path": stored}, {}, loader).change() as history:
        history.promote()
        history.roll_back()
        history.stage("current").created = "2025-01-01T00:00:00Z"
        history.version(new_keys.key_id).created = "2026-02-01T00:00:00Z"
    path = tmp_path / "records/r1/record.jsonl"
    path.parent.mkdir(parents=True)
    event = {"seq": 1, "time": "2026-03-01T00:00:00Z", "rotation_id": "r1", "event": "rollback", "phase": "done"}
    path.write_text(json.dumps(event) + "\n" if recorded else "")
    asked, _ = look(hold_days=10)
    (version,) = asked["rotation"]["retirable"]
    until = "2026-03-11T00:00:00Z" if recorded else "2026-02-11T00:00:00Z"
    assert (version["key_id"], version["held_until"]) == (new_keys.key_id, until)


@pytest.mark.parametrize(
    ("host", "known"), [("web", [0.5, "2026-02-28T00:00:00Z", "before rotation r1"]), ("db", None)]
)
def test_what_decryption_took_before_the_rotation_is_known_of_the_same_host(look, rotated, tmp_path, host, known):
    path = tmp_path / "records/r1/record.jsonl"
    first = {"seq": 0, "time": "2026-02-28T00:00:00Z", "rotation_id": "r1", "event": "application_reading",
             "phase": "done", "host": host, "reading": {"opening": {"seconds": 0.5}}}  # fmt: skip
    later = {**first, "time": "2026-02-28T01:00:00Z", "reading": {"opening": {"seconds": 0.7}}}
    path.write_text("".join(json.dumps(event) + "\n" for event in (first, later)) + path.read_text())
    assert look()[0]["rotation"]["opening"] == known


def test_a_snapshot_of_a_rotation_takes_nothing_from_the_next_look_of_a_person(look, stored):
    assert look(store={"path": stored})[0]["looker"] == "playbook"
    assert look(store={"path": stored}, rotation_id="r1")[0]["looker"] == "rotation"
