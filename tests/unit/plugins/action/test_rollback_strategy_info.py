# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
import os
from typing import Any

import pytest
from ansible.utils.display import Display
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.run import RotationRolledBack
from ansible_collections.tetech.key_rotation.plugins.module_utils._record import writer as record_module
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.events import decode_all
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.run_lease import Lease
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.writer import Record
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._keys.configured_store import open_store
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._rollback import rollback_strategy
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._rollback.rollback_choice import refuse_vain_repair
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._rollback.rollback_records import (
    changed_nothing,
    closed_after,
    counted_once,
    was_restored,
    with_values,
)
from ansible_collections.tetech.key_rotation.tests.expected_errors import Containing, expect_error


@pytest.fixture
def at(monkeypatch, tmp_path):
    """Write a line of a record as of a minute."""

    def write(minute: int, rotation_id: str, event: str, phase: str) -> str:
        monkeypatch.setattr(record_module, "now", lambda: f"2026-11-26T12:{minute:02d}:00Z")
        Record(str(tmp_path), rotation_id).append(event, phase)
        return str(tmp_path)

    return write


@pytest.fixture
def warned(monkeypatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(Display(), "warning", said.append)
    return said


@pytest.fixture
def leaked(stored, store_path, loader, tmp_path):
    """Rotation r1 is completed, and what it replaced is compromised."""
    with open_store({"path": store_path}, {}, loader).change() as history:
        history.promote()
        history.expose()
        history.close("r1")


@pytest.fixture
def chosen(run_action, warned):
    """What a rollback chooses while every value is as after the rotation."""

    def choose(**asked: Any) -> str:
        census = {"targets": [{"table": "t", "column": "c", "classes": {"current": 9}}]}
        made = run_action("rollback_strategy_info", **{"census": census, "files": {}, "backup": {}, **asked})
        return made.get("strategy") or made["error"]["code"]

    return choose


def test_the_command_that_closed_a_rotation_without_a_key_does_not_take_back_the_one_before(at):
    at(1, "first", "rotate", "intent")
    folder = at(2, "first", "rotate", "done")
    assert closed_after(folder, "first") is None
    at(3, "second", "rotate", "intent")
    assert closed_after(folder, "first") is None, "it is open: there is a way back for it"
    at(4, "second", "rollback", "intent")
    at(5, "second", "rollback", "done")
    assert closed_after(folder, "first") == "second"
    assert closed_after(folder, "second") is None, "it is that one which is asked about"
    at(6, "third", "rotate", "intent")
    at(7, "third", "rotate", "done")
    assert closed_after(folder, "third") is None


def closed(folder: Any, *events: tuple[str, str, dict[str, Any]]) -> RotationError:
    for event, phase, about in events:
        Record(str(folder), "r2").append(event, phase, **about)
    return changed_nothing(RotationRolledBack(rotation_id="r2", earlier="r1"), str(folder))


BEGUN = ("rotate", "intent", {})
BACK = [("rollback", "intent", {}), ("rollback", "done", {})]


def test_of_an_attempt_that_wrote_nothing_there_is_nothing_to_roll_back(tmp_path):
    told = closed(tmp_path, BEGUN, *BACK)
    assert told.code == "E_NOTHING_TO_ROLL_BACK"
    assert told.what == "the last attempt, r2, wrote no value and no key of the application, and is closed"
    assert "There is nothing to roll back. To roll back r1, which was completed before" in told.todo
    assert "-e key_rotation_id=r1" in told.todo


def test_of_a_rotation_that_wrote_values_it_is_said_that_it_was_rolled_back(tmp_path):
    wrote = [("django_reencrypt", phase, {}) for phase in ("intent", "done")]
    assert closed(tmp_path, BEGUN, *wrote, *BACK).code == "E_ROLLED_BACK"


def test_of_a_rotation_without_a_record_it_is_said_that_it_was_rolled_back(tmp_path):
    assert closed(tmp_path).code == "E_ROLLED_BACK"


def test_what_a_rotation_has_counted_is_known_to_have_been_there():
    assert with_values([]) == set()
    counted = [{"table": "full", "classes": {"current": 2}}, {"table": "bare", "classes": {"empty": 3, "previous": 0}}]
    old = [{"table": "old", "classes": {"current": 1}}]
    events = [{"event": "django_census_info", "targets": targets} for targets in (old, counted)]
    assert with_values(decode_all([*events, {}])) == {"full"}


def test_a_table_that_another_database_has_is_not_lost_by_one_that_never_had_it():
    gone = {"default": ["orders"], "second": ["orders", "guests"], "read.only": ["orders"]}
    assert counted_once(gone, {"orders", "second:guests"}) == {"default": ["orders"], "second": ["guests"]}
    assert counted_once(gone, {'"read.only":orders'}) == {"read.only": ["orders"]}
    assert counted_once(gone, set()) == {}


@pytest.mark.parametrize(
    ("told", "restored"),
    [
        ([], False),
        ([("prepared", "intent"), ("prepared", "done")], False),
        ([("present", "intent"), ("present", "failed")], False),
        ([("present", "intent")], True),  # killed, maybe behind the swap
        ([("present", "intent"), ("present", "done"), ("present", "intent"), ("present", "failed")], True),
        ([("present", "intent"), ("present", "done"), ("dropped", "done")], True),
    ],
)
def test_the_record_shows_whether_a_database_was_restored(told, restored):
    events = [{"event": "postgresql_restore", "phase": phase, "asked": {"state": state}} for state, phase in told]
    assert was_restored(decode_all([{"event": "rotate", "phase": "intent"}, *events])) is restored


@pytest.mark.parametrize(
    ("prefer", "values", "backup", "done", "looked", "refused"),
    [
        ("repair", {"unreadable": 1}, "", [], {}, True),  # such as where the backup is pgBackRest's
        ("repair", {"unreadable": 1}, "2026-11-26T12:00:00Z", [], {}, False),
        ("repair", {"current": 1}, "", [], {}, False),
        ("repair", {"unreadable": 1}, "", ["repair"], {}, False),
        ("repair", {"unreadable": 1}, "", [], {"msg": "the look failed"}, False),  # which is told as that
        ("", {"unreadable": 1}, "", [], {}, False),
    ],
)
def test_a_repair_that_no_backup_can_serve_is_refused(prefer, values, backup, done, looked, refused):
    found = rollback_strategy.Situation("r1", None, values=values, backup=backup, prefer=prefer, done=done, files={})
    if refused:
        with expect_error("E_REPAIR_BACKUP", of="", advice=Containing("set key_rotation_backup_dir")):
            refuse_vain_repair(found, looked, None)
        with expect_error("E_REPAIR_BACKUP", of=" of rotation r1", advice=Containing("Leave key_rotation_id out")):
            refuse_vain_repair(found, looked, "r1")
        with expect_error("E_REPAIR_BACKUP", advice=Containing("without key_rotation_prefer")):
            refuse_vain_repair(dataclasses.replace(found, open=True), looked, None)
    else:
        refuse_vain_repair(found, looked, None)


def test_refused_runs_and_retirements_are_no_rotations(at):
    folder = at(1, "first", "rotate", "done")
    at(2, "refused", "attempt", "failed")
    at(3, "retire-0123", "key_version", "done")
    assert closed_after(folder, "first") is None


@pytest.mark.parametrize(("holds", "told"), [("other", True), ("current", False), ("several", False)])
def test_keys_of_no_stage_are_reported_before_what_fails_because_of_them(run_action, stored, warned, holds, told):
    failed = {"failed": True, "msg": "nothing opens", "error": {"code": "E_FIELD_UNPROVED", "what": "nothing opens"}}
    result = run_action("rollback_strategy_info", census=failed, files={"web": holds, "second": "current"}, backup={})
    assert (result["failed"], result["error"]["code"]) == (True, "E_FIELD_UNPROVED")
    sentence = f"The .env file of web has neither the current nor the previous keys of the store {stored}: "
    assert any(each.startswith(sentence) for each in warned) is told


@pytest.mark.parametrize(
    ("code", "findings", "prefer", "advised"),
    [
        ("E_UNPROVED", [], "repair", True),
        ("E_WRONG_KEY", [], "repair", True),
        ("E_FINDINGS", ["E_KEY_WITHOUT_VALUE", "E_UNPROVED"], "repair", True),
        ("E_FINDINGS", ["E_KEY_WITHOUT_VALUE", "E_UNREADABLE"], "repair", False),
        ("E_UNPROVED", [], "", False),
        ("E_DB", [], "repair", False),
    ],
)
def test_a_repair_that_a_lost_column_stops_says_how_to_continue(
    run_action, stored, warned, code, findings, prefer, advised
):
    parts = {"code": code, "what": "t.c: nothing opens it", "changed": "Nothing was changed.", "todo": "Name its key."}
    failed = {"failed": True, "msg": f"{code}: t.c: nothing opens it. Name its key.", "error": parts}
    failed["findings"] = [{"code": each} for each in findings]
    result = run_action("rollback_strategy_info", census=failed, files={}, backup={}, prefer=prefer)
    todo = result["error"]["todo"]
    assert ("list all encrypted columns in key_rotation_targets" in todo) is advised
    assert todo in result["msg"]
    assert todo.endswith("Name its key."), "it is still true"


def test_without_a_version_in_the_store_no_keys_are_strange(run_action, warned):
    run_action("rollback_strategy_info", census={"targets": []}, files={"web": "other"}, backup={})
    assert not any("has neither the current" in each for each in warned)


def begun(folder: Any, event: str, **said: Any) -> None:
    """A run that holds the lease, which is this one."""
    Record(str(folder / "records"), "r1").append(event, "intent", **said)
    Lease(str(folder / "records")).take("r1", os.getppid())


def test_nobody_returns_to_a_compromised_version_but_the_run_that_failed_or_who_says_so(
    leaked, chosen, warned, tmp_path
):
    assert chosen() == "E_VERSION_COMPROMISED"
    assert chosen(compromised="accept") == "backwards"
    begun(tmp_path, "rotate")
    assert chosen() == "backwards"
    assert len([each for each in warned if "which is compromised" in each]) == 2


def test_a_rollback_that_holds_the_lease_after_a_repair_or_a_restore_is_no_run_that_failed(leaked, chosen, tmp_path):
    begun(tmp_path, "rollback")
    assert chosen(done=["repair"], prefer="repair") == "settle"
    assert chosen() == "E_VERSION_COMPROMISED"
    begun(tmp_path, "rollback", rolls_itself_back=True)
    assert chosen() == "backwards"


def test_an_open_rotation_away_from_a_compromised_version_is_not_rolled_back_by_a_restore(
    stored, store_path, loader, chosen, warned
):
    with open_store({"path": store_path}, {}, loader).change() as history:
        history.expose()
    assert chosen(prefer="restore") == "E_VERSION_COMPROMISED"
    assert chosen(prefer="restore", compromised="accept") == "restore"
    assert chosen() == "discard", "no value is under other keys"
    assert any("stays in use, and is compromised" in each for each in warned)
