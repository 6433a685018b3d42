# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import html
import json
import os
import pwd
import re
import shutil
import socket
from pathlib import Path

import pytest
from ansible import context
from ansible.utils.context_objects import CLIArgs
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof import damage_words
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.options import InvalidOption
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.record import (
    RecordAnchor,
    RecordBroken,
    RecordElsewhere,
    RecordNotFound,
    RecordPages,
    RecordUnsigned,
    RecordWrite,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.restore import ValuesNotRepaired
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.store import StoreEphemeral
from ansible_collections.tetech.key_rotation.plugins.module_utils._record import chain, sshsig, verifier
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.approval import Approval, ApprovalEvidence
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.events import FORMAT
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.rotation_id import checked
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.run_lease import Lease
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.verifier import VerifiedRecord
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.writer import Record
from ansible_collections.tetech.key_rotation.plugins.module_utils._stores.history import History
from ansible_collections.tetech.key_rotation.plugins.module_utils._system import mounts
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._control_node import clock, container
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._failed_runs import error_parts, exit_code
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._keys.configured_store import open_store
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._plans import plan_approval
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report import report_files
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._rotation_record import (
    record_fields,
    rotation_choice,
    run_notice,
)
from ansible_collections.tetech.key_rotation.tests.record_fixtures import begun, events, lease  # noqa: F401

HEAD = f"r1 74 {'ab' * 32}"  # of the record that another control node has
NEW_ID = r"\d{8}T\d{6}Z-[0-9a-f]{4}"


@pytest.fixture
def at(history, old_keys):
    """The history of rotation r1 in each of its states."""

    def go(state: str) -> History:
        if state == "empty":
            return History("/store")
        if state == "adopted":
            adopted = History("/store")
            adopted.adopt(old_keys)
            return adopted
        if state in ("promoted", "completed"):
            history.promote()
        if state == "completed":
            history.close("r1")
        if state == "rolled back":
            history.roll_back()
        return history

    return go


@pytest.fixture
def two(at, third_keys):
    """Rotation r1 was completed, and r2 after it."""

    def go(*, promoted: bool, rolled_back: bool) -> History:
        history = at("completed")
        history.add_pending(third_keys, "r2")
        if promoted:
            history.promote()
            history.close("r2")
        if rolled_back:
            history.roll_back()
        return history

    return go


@pytest.fixture
def history_now(store_path, loader):
    return lambda: open_store({"path": store_path}, {}, loader).load()


@pytest.fixture
def elsewhere(lease):
    """Another run works on rotation r1."""
    lease.take("r1", os.getppid())
    held = json.loads(Path(lease.path).read_text())
    Path(lease.path).write_text(json.dumps({**held, "pid": 1, "host": "elsewhere.example"}))
    return lease


@pytest.fixture
def store_now(store_path, loader):
    return open_store({"path": store_path}, {}, loader)


@pytest.fixture
def verified(store_now, tmp_path):
    """What the verifier says of the records."""

    def look() -> list[VerifiedRecord]:
        key = sshsig.public(store_now.kept_signing_key())
        return verifier.check([str(tmp_path / "records")], anchor=store_now.anchor(), key=key)

    return look


@pytest.fixture
def broken(verified):
    """The records with problems, and of which kinds these are."""

    def look() -> tuple[str, dict[str, list[str]]]:
        found = [record for record in verified() if record.problems]
        kinds = {record.rotation_id: [problem.kind for problem in record.problems] for record in found}
        return "; ".join(map(str, found)), kinds

    return look


@pytest.fixture
def changed_store(begun, tmp_path):
    """Record r1 is signed by the key of the store before; this is the new one."""
    return {"path": str(tmp_path / "other.vault.yml")}


@pytest.fixture
def refused(run_action, events, monkeypatch):
    """What is written of a run that was refused before it had a record."""
    monkeypatch.setattr(context, "CLIARGS", CLIArgs({"args": ("playbooks/rollback.yml",)}))
    error = {"code": "E_RUNNING", "what": "another run goes on"}

    def go(**given):
        return run_action("rotation_record", state="failed", error=error, failed_task="Open", **given)

    return go


@pytest.mark.parametrize(
    ("state", "direction", "asked", "rotation", "how"),
    [
        ("empty", "rotate", None, NEW_ID, "new"),
        ("empty", "rotate", "r2", "r2", "new"),
        ("adopted", "rotate", None, NEW_ID, "new"),
        ("pending", "rotate", None, "r1", "resumed"),
        ("pending", "rotate", "r1", "r1", "resumed"),
        ("promoted", "rotate", None, "r1", "resumed"),
        ("promoted", "rotate", "r1", "r1", "resumed"),
        ("completed", "rotate", "r1", "r1", "completed"),
        ("completed", "rotate", None, NEW_ID, "new"),
        ("completed", "rotate", "r2", "r2", "new"),
        ("rolled back", "rotate", None, NEW_ID, "new"),
        ("rolled back", "rotate", "r2", "r2", "new"),
        ("pending", "rollback", None, "r1", "new"),
        ("pending", "rollback", "r1", "r1", "new"),
        ("promoted", "rollback", None, "r1", "new"),
        ("completed", "rollback", None, "r1", "new"),
        ("completed", "rollback", "r1", "r1", "new"),
    ],
)
def test_which_rotation_a_run_is(at, state, direction, asked, rotation, how):
    found, said = rotation_choice.choose_rotation(at(state), direction, asked)
    assert re.fullmatch(rotation, found)
    assert said == how


@pytest.mark.parametrize(
    ("state", "direction", "asked", "code"),
    [
        ("pending", "rotate", "r2", "E_ROTATION_OPEN"),
        ("promoted", "rotate", "r2", "E_ROTATION_OPEN"),
        ("rolled back", "rotate", "r1", "E_ROTATION_ID_USED"),
        ("empty", "rollback", None, "E_NOTHING_TO_ROLL_BACK"),
        ("adopted", "rollback", None, "E_NOTHING_TO_ROLL_BACK"),
        ("rolled back", "rollback", None, "E_NOTHING_TO_ROLL_BACK"),
        ("pending", "rollback", "r2", "E_NOT_LAST_ROTATION"),
        ("completed", "rollback", "r2", "E_NOT_LAST_ROTATION"),
        ("empty", "rotate", "../r1", "E_OPTION"),
        ("empty", "rotate", "a/b", "E_OPTION"),
        ("empty", "rotate", ".hidden", "E_OPTION"),
        ("empty", "rotate", "-e", "E_OPTION"),
        ("empty", "rotate", "a b", "E_OPTION"),
        ("empty", "rotate", "r1\n", "E_OPTION"),
        ("empty", "rotate", "r" * 65, "E_OPTION"),
        ("pending", "rollback", "../r1", "E_OPTION"),
    ],
)
def test_which_runs_are_refused(at, state, direction, asked, code):
    with pytest.raises(RotationError) as refused:
        rotation_choice.choose_rotation(at(state), direction, asked)
    assert refused.value.code == code


@pytest.mark.parametrize("asked", [None, "r2"])
def test_a_rollback_that_is_typed_twice_takes_no_second_rotation_back(two, asked):
    history = two(promoted=False, rolled_back=True)
    with pytest.raises(RotationError) as refused:
        rotation_choice.choose_rotation(history, "rollback", asked)
    assert (refused.value.code, refused.value.where) == ("E_ROLLED_BACK", {"rotation_id": "r2", "earlier": "r1"})


def test_one_more_rotation_is_rolled_back_if_it_is_named(two):
    assert rotation_choice.choose_rotation(two(promoted=False, rolled_back=True), "rollback", "r1") == ("r1", "new")


@pytest.mark.parametrize("promoted", [True, False])
def test_the_last_rotation_is_the_one_that_is_rolled_back(two, promoted):
    history = two(promoted=promoted, rolled_back=False)
    assert rotation_choice.choose_rotation(history, "rollback", None) == ("r2", "new")
    with pytest.raises(RotationError) as refused:
        rotation_choice.choose_rotation(history, "rollback", "r1")
    assert (refused.value.code, refused.value.where) == ("E_NOT_LAST_ROTATION", {"requested": "r1", "last": "r2"})


def test_the_first_rollback_s_version_is_kept_and_the_second_has_none_before(two):
    history = two(promoted=True, rolled_back=True)
    with pytest.raises(RotationError) as refused:
        rotation_choice.choose_rotation(history, "rollback", "r1")
    assert refused.value.code == "E_NOTHING_TO_ROLL_BACK"


@pytest.mark.parametrize("done", ["restore", "repair"])
def test_after_a_restore_or_repair_for_a_rotation_without_a_key_the_one_before_is_not_rolled_back(
    run_action, stored, store_path, loader, tmp_path, done
):
    """Its run holds the lease by then, so that it was none that had died: r1 went back, in its own closed record."""
    with open_store({"path": store_path}, {}, loader).change() as history:
        history.promote()
        history.close("r1")
    Lease(str(tmp_path / "records")).take("r2", os.getppid())
    census = {"targets": [{"table": "t", "column": "c", "classes": {"previous": 9}}]}
    chosen = run_action("rollback_strategy_info", census=census, files={"web": "current"}, backup={}, done=[done])
    assert (chosen.get("strategy"), chosen.get("rotation_id")) == ("settle", "r2"), chosen
    Lease(str(tmp_path / "records")).take("r1", os.getppid())
    chosen = run_action("rollback_strategy_info", census=census, files={"web": "current"}, backup={}, done=[done])
    assert (chosen.get("strategy"), chosen.get("rotation_id")) == ("backwards", "r1"), chosen


def test_two_new_rotations_have_two_names():
    assert len({rotation_choice.new_id() for _ in range(20)}) > 1


def opened_as_compromise(run_action, **asked) -> bool:
    return run_action("rotation_record", state="opened", environment="demo", **asked)["compromised"]


def test_a_run_that_resumes_with_another_reason_is_for_the_compromise_too(run_action, stored, events):
    assert opened_as_compromise(run_action, reason="routine") is False
    assert opened_as_compromise(run_action, reason="Key compromise") is True
    assert opened_as_compromise(run_action, reason="try again") is True
    assert opened_as_compromise(run_action) is True
    assert [event.get("compromised", False) for event in events("r1")] == [False, True, True, True]


@pytest.mark.parametrize("step", ["pending", "promoted", "new"])
def test_a_rotation_away_from_a_version_that_is_marked_is_for_a_compromise(
    run_action, stored, store_path, loader, events, step
):
    with open_store({"path": store_path}, {}, loader).change() as history:
        history.expose()
        if step == "promoted":
            history.promote()
        if step == "new":
            history.roll_back()
    assert opened_as_compromise(run_action, check=True) is True
    assert opened_as_compromise(run_action) is True


@pytest.mark.parametrize(("module", "asked"), [("django_sessions", "resigned"), ("secret_key_fallbacks", "present")])
def test_nothing_that_a_compromised_version_signed_is_kept(run_action, stored, store_path, loader, module, asked):
    with open_store({"path": store_path}, {}, loader).change() as history:
        history.expose()
    options = {"state": asked, "project_dir": "/nowhere", "rotation_id": "r1"}
    assert run_action(module, **options)["error"]["code"] == "E_SESSIONS_COMPROMISED"


def test_a_new_rotation_is_named_and_its_record_begun_with_why_and_who(run_action, events, capsys):
    result = run_action(
        "rotation_record", state="opened", environment="demo", reason="leak", authorization={"ticket": "OPS-7"}
    )
    said = {"changed": False, "resumed": False, "completed": False, "destination": "pending"}
    assert {name: result[name] for name in said} == said
    (event,) = events(result["rotation_id"])
    assert (event["event"], event["phase"], event["format"], event["resumed"]) == ("rotate", "intent", FORMAT, False)
    assert (event["reason"], event["authorization"]) == ("leak", {"ticket": "OPS-7"})
    assert f"Key rotation {result['rotation_id']} begins." in capsys.readouterr().out


def test_a_run_whose_store_dies_with_its_container_is_refused(run_action, monkeypatch, tmp_path, store_path):
    (tmp_path / "mountinfo").write_text("608 571 0:57 / / rw - overlay overlay rw\n")
    monkeypatch.setattr(mounts, "MOUNTS", str(tmp_path / "mountinfo"))
    monkeypatch.setenv(container.ARTIFACTS, "/runner/artifacts/1")
    result = run_action("rotation_record", state="opened", environment="demo")
    assert (result["failed"], result["error"]) == (True, StoreEphemeral(name="key store", path=store_path).parts)


def test_an_open_rotation_continues(run_action, stored, events, capsys):
    result = run_action("rotation_record", state="opened", environment="demo")
    assert (result["rotation_id"], result["resumed"], result["destination"]) == ("r1", True, "pending")
    assert [event["resumed"] for event in events("r1")] == [True]
    assert "Key rotation r1 resumes." in capsys.readouterr().out


def test_a_completed_rotation_is_not_begun_again(run_action, stored, events, store_path, loader):
    with open_store({"path": store_path}, {}, loader).change() as history:
        history.promote()
        history.close("r1")
    result = run_action("rotation_record", state="opened", environment="demo", rotation_id="r1")
    assert (result["completed"], result["destination"]) == (True, "current")
    assert events("r1") == []


def test_a_dry_run_writes_no_record(run_action, stored, tmp_path):
    assert run_action("rotation_record", state="opened", environment="demo", check=True)["rotation_id"] == "r1"
    assert run_action("rotation_record", state="completed", rotation_id="r1", check=True)["changed"] is False
    assert not (tmp_path / "records").exists()


def test_without_a_record_there_is_no_rotation(run_action, stored, tmp_path):
    (tmp_path / "records" / "r1" / "record.jsonl").mkdir(parents=True)
    result = run_action("rotation_record", state="opened", environment="demo")
    assert (result["failed"], result["error"]["code"]) == (True, "E_RECORD_WRITE")


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("direction", ["rotate", "rollback"])
def test_while_another_run_continues_none_is_begun(run_action, stored, events, elsewhere, direction, check):
    before = Path(elsewhere.path).read_bytes()
    result = run_action("rotation_record", state="opened", environment="demo", direction=direction, check=check)
    assert (result["failed"], result["error"]["code"]) == (True, "E_RUNNING")
    assert "elsewhere.example" in result["msg"]
    assert events("r1") == []
    assert Path(elsewhere.path).read_bytes() == before


def test_a_run_that_died_before_it_made_a_version_continues_as_the_same_rotation(run_action, lease):
    lease.take("r7", os.getppid())
    held = json.loads(Path(lease.path).read_text())
    Path(lease.path).write_text(json.dumps({**held, "started": "1"}))
    assert run_action("rotation_record", state="opened", environment="demo")["rotation_id"] == "r7"


def test_a_rotation_that_is_asked_for_goes_before_one_that_died(run_action, lease):
    lease.take("r7", os.getppid())
    held = json.loads(Path(lease.path).read_text())
    Path(lease.path).write_text(json.dumps({**held, "started": "1"}))
    assert run_action("rotation_record", state="opened", environment="demo", rotation_id="r8")["rotation_id"] == "r8"


def test_a_rotation_that_was_ended_is_not_resumed(at, history):
    assert rotation_choice.without_outcome(history, "r7") == "r7"
    assert rotation_choice.without_outcome(history, None) is None
    assert rotation_choice.without_outcome(at("completed"), "r1") is None


def test_a_run_holds_the_lease_from_its_opening_to_its_end(run_action, stored, tmp_path, lease, monkeypatch):
    monkeypatch.setattr(context, "CLIARGS", CLIArgs({"args": ("rotate.yml",)}))
    run_action("rotation_record", state="opened", environment="demo")
    assert json.loads(Path(lease.path).read_text())["pid"] == os.getppid()
    proved(Record(str(tmp_path / "records"), "r1"), previous="a" * 16, current="c" * 16)
    run_action("rotation_record", state="completed", rotation_id="r1")
    assert not os.path.exists(lease.path)


@pytest.mark.parametrize("head", [HEAD, None])
def test_a_refused_run_of_a_second_control_node_leaves_the_head_of_the_first(
    run_action, stored, store_now, head, tmp_path
):
    (tmp_path / "records").mkdir()
    if head:
        store_now.set_anchor(head)
    assert run_action("rotation_record", state="opened", environment="demo")["resumed"]
    run_action("rotation_record", state="failed", rotation_id="r1", failed_task="Check before anything is changed")
    assert store_now.anchor() == head


@pytest.mark.parametrize(("asked", "mode"), [("auto", "prepared"), ("window", "window"), ("online", "online")])
def test_a_run_that_resumes_a_rotation_keeps_its_mode_unless_another_is_named(
    run_action, stored, tmp_path, asked, mode
):
    first = run_action("rotation_record", state="opened", environment="demo")
    assert first["mode"] == "auto", "nothing is recorded yet"
    record = Record(str(tmp_path / "records"), "r1")
    record.append("rotation_checklist", "done", mode="prepared", checks=[{"name": "mode"}])
    resumed = run_action("rotation_record", state="opened", environment="demo", mode=asked)
    assert (resumed["resumed"], resumed["mode"]) == (True, mode)


def test_a_run_that_takes_a_rotation_to_its_end_leaves_its_own(run_action, stored, store_path, loader, tmp_path):
    store = open_store({"path": store_path}, {}, loader)
    store.set_anchor(HEAD)
    run_action("rotation_record", state="opened", environment="demo")
    proved(Record(str(tmp_path / "records"), "r1"), previous="a" * 16, current="c" * 16)
    run_action("rotation_record", state="completed", rotation_id="r1")
    assert str(store.anchor()).startswith("r1 ")


def test_a_dry_run_takes_no_lease(run_action, stored, lease):
    run_action("rotation_record", state="opened", environment="demo", check=True)
    assert not os.path.exists(lease.path)


def proved(record: Record, **stages: str) -> None:
    """What the steps of a run leave in its record."""
    record.append("key_version", "done", stages=stages)
    record.append("django_census_info", "done", targets=[{"model": "customer.Profile", "classes": {"current": 3}}])


def test_completing_closes_the_rotation_in_the_store_and_shows_the_summary(
    run_action, stored, events, history_now, tmp_path, monkeypatch, capsys, store_path
):
    monkeypatch.setattr(context, "CLIARGS", CLIArgs({"args": ("rotate.yml",)}))
    run_action("rotation_record", state="opened", environment="demo")
    proved(Record(str(tmp_path / "records"), "r1"), previous="a" * 16, current="c" * 16)
    result = run_action("rotation_record", state="completed", rotation_id="r1")
    assert result["record"] == str(tmp_path / "records" / "r1" / "record.jsonl")
    assert history_now().outcome("r1") == "completed"
    assert (events("r1")[-1]["event"], events("r1")[-1]["phase"]) == ("rotate", "done")
    shown = capsys.readouterr().out
    assert "Key rotation r1: COMPLETED" in shown
    assert f"  store      {store_path}\n" in shown


def written_while_stopped(record: Record) -> None:
    record.append("application_services", "done", asked={"state": "stopped"}, services=["web"], host="web")
    record.append("django_reencrypt", "done", host="web")
    written = {"written_rows": {"t.c": ["1", "2"]}, "concurrent_rows": {"t": {"changed": 2}}}
    asked = {"expect_stage": "current"}
    record.append(
        "django_census_info", "done", targets=[], asked=asked, key_ids={"current": "c" * 16}, host="web", **written
    )


def emptied(record: Record) -> None:
    reading = {"written": [["t.c:2", damage_words.NOTHING], ["t.c:1", "a value"]]}
    record.append("application_reading", "done", host="web", asked={"state": "verified"}, reading=reading)


def named_values(text: str) -> list[str]:
    return re.findall(r"t\.c:\d+", text)


def test_values_that_another_process_emptied_are_named_with_all_that_it_wrote(run_action, stored, tmp_path):
    run_action("rotation_record", state="opened", environment="demo")
    record = Record(str(tmp_path / "records"), "r1")
    written_while_stopped(record)
    emptied(record)
    error = run_action("rotation_record", state="completed", rotation_id="r1")["error"]
    assert error["code"] == "E_VALUES_WRITTEN"
    of_all, of_emptied = error["what"].split("E_VALUES_EMPTIED")
    assert (named_values(of_all), named_values(of_emptied)) == (["t.c:1", "t.c:2"], ["t.c:2"])
    assert '"key_rotation_repair": ["t.c:1", "t.c:2"]' in error["todo"]


def test_values_that_another_process_emptied_while_the_application_served_are_named(run_action, stored, tmp_path):
    run_action("rotation_record", state="opened", environment="demo")
    emptied(Record(str(tmp_path / "records"), "r1"))
    error = run_action("rotation_record", state="completed", rotation_id="r1")["error"]
    assert (error["code"], named_values(error["what"])) == ("E_VALUES_EMPTIED", ["t.c:2"])


@pytest.mark.parametrize(
    ("named", "unopened", "code"), [(True, 0, "E_NOT_REPAIRED"), (False, 1, "E_NOT_REPAIRED"), (False, 0, None)]
)
def test_a_rollback_fails_for_each_value_that_a_repair_left(run_action, stored, tmp_path, named, unopened, code):
    """If a person named it, or some value opens under no key still."""
    run_action("rotation_record", state="opened", environment="demo", direction="rollback", rotation_id="r1")
    record = Record(str(tmp_path / "records"), "r1")
    left = [
        {"value": "t.c:1", "reason": "its row was changed", "named": named, "by_name": True},
        {"value": "t.c:2", "reason": "is not in the backup", "named": named, "by_name": False},
        {"value": "t.c:3", "reason": "is not in the backup", "named": named, "by_name": False},
    ]
    record.append("django_repair", "done", host="web", repaired={}, left=left)
    found = {"unopened": {"count": unopened, "rows": "t.c:1"}} if unopened else {}
    asked, key_ids = {"expect_stage": "current"}, {"current": "c" * 16}
    record.append("django_census_info", "done", targets=[], asked=asked, key_ids=key_ids, host="web", **found)
    error = run_action("rotation_record", state="rolled_back", rotation_id="r1").get("error", {})
    assert error.get("code") == code
    if code:
        each = "t.c:1 (its row was changed); t.c:2, t.c:3 (is not in the backup)"
        assert error["what"] == ValuesNotRepaired(count=3, rows=each, advice="").what
        assert named_values(error["todo"]) == ["t.c:1"] * 2, "what to take, and the option for it"
        assert """-e '{"key_rotation_prefer": "repair", "key_rotation_repair": ["t.c:1"]}'""" in error["todo"]


@pytest.mark.parametrize(
    ("classes", "code", "codes"),
    [({"plaintext": 2}, "E_PLAINTEXT", []), ({"unreadable": 2}, "E_UNREADABLE", [21]), ({}, "E_UNREADABLE", [21])],
    ids=["plain text", "unreadable", "a record without classes"],
)
def test_a_rollback_says_of_each_value_what_it_is(run_action, stored, tmp_path, monkeypatch, classes, code, codes):
    """Plain text that the application wrote needs no backup."""
    asked_codes: list[int] = []
    monkeypatch.setattr(exit_code, "ask", asked_codes.append)
    run_action("rotation_record", state="opened", environment="demo", direction="rollback", rotation_id="r1")
    record = Record(str(tmp_path / "records"), "r1")
    asked, key_ids = {"expect_stage": "current"}, {"current": "c" * 16}
    left = {"count": 2, "rows": "t.c:1, t.c:2"}
    found = {**left, **({"classes": dict.fromkeys(classes, left)} if classes else {})}
    column = {"table": "t", "column": "c", "model": "T", "scheme": "field", "rows": 2, "digest": "d", "left_alone": 0}
    column["classes"] = classes or {"unreadable": 2}
    record.append(
        "django_census_info", "done", targets=[column], asked=asked, key_ids=key_ids, host="web", unopened=found
    )
    error = run_action("rotation_record", state="rolled_back", rotation_id="r1")["error"]
    assert (error["code"], asked_codes) == (code, codes), error
    assert named_values(error["what"]) == ["t.c:1", "t.c:2"]


def test_a_rollback_is_closed_with_the_task_that_failed(
    run_action, stored, events, history_now, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(context, "CLIARGS", CLIArgs({"args": ("rollback.yml",)}))
    opened = run_action("rotation_record", state="opened", environment="demo", direction="rollback")
    assert (opened["rotation_id"], opened["destination"]) == ("r1", "current")
    proved(Record(str(tmp_path / "records"), "r1"), current="a" * 16)
    run_action("rotation_record", state="rolled_back", rotation_id="r1", failed_task="Switch | Write the keys")
    last = events("r1")[-1]
    assert (last["event"], last["phase"], last["failed_task"]) == ("rollback", "done", "Switch | Write the keys")
    assert history_now().outcome("r1") is None  # key_version says how it ended
    assert "Rollback of r1: ROLLED BACK" in capsys.readouterr().out


@pytest.mark.parametrize("state", ["completed", "rolled_back"])
def test_what_was_not_opened_is_not_closed(run_action, stored, history_now, tmp_path, state):
    before = history_now()
    result = run_action("rotation_record", state=state, rotation_id="r1")
    assert result["error"]["code"] == "E_RECORD_NOT_BEGUN"
    assert history_now() == before
    assert not (tmp_path / "records").exists()


def test_a_rotation_of_which_nothing_was_recorded_is_closed_too(run_action, stored, history_now, monkeypatch, capsys):
    monkeypatch.setattr(context, "CLIARGS", CLIArgs({"args": ("rotate.yml",)}))
    run_action("rotation_record", state="opened", environment="demo")
    assert "failed" not in run_action("rotation_record", state="completed", rotation_id="r1")
    assert history_now().outcome("r1") == "completed"
    assert "Key rotation r1: COMPLETED" in capsys.readouterr().out


@pytest.mark.parametrize("state", ["opened", "completed"])
def test_an_id_that_leads_elsewhere_is_refused(run_action, stored, tmp_path, state):
    result = run_action("rotation_record", state=state, rotation_id="../../outside")
    with pytest.raises(InvalidOption) as refused:
        checked("../../outside")
    assert result["error"] == refused.value.parts
    assert not (tmp_path / "records").exists()


def test_the_record_has_the_whole_error_of_a_task_whose_result_leaves_to_the_message_what_that_says(
    run_action, stored, events
):
    result = RecordNotFound(path="records/r1").as_result()
    whole = dict(result["error"])
    error_parts.fold(result)
    run_action("rotation_record", state="failed", failed_task="Open", error=result[error_parts.WHOLE])
    assert events("refused")[-1]["error"] == whole != result["error"]


def test_a_run_says_where_the_records_were_and_keeps_its_head_in_the_store(run_action, begun, events, store_now):
    (first,) = events("r1")
    assert "follows" not in first
    head = str(store_now.anchor())
    assert head.startswith(f"r1 1 {first['hash']} {first['control_node']} ")
    run_action("rotation_record", state="opened", environment="demo", rotation_id="r1")
    assert events("r1")[-1]["follows"] == head


def test_the_code_that_ran_is_named(run_action, stored, events, checkout):
    run_action("rotation_record", state="opened", environment="demo")
    tool = events("r1")[-1]["tool"]
    assert f"version: {tool['collection']}\n" in (checkout / "galaxy.yml").read_text()
    assert re.fullmatch("[0-9a-f]{64}", tool["sha256"])
    assert set(tool) == {"collection", "sha256", "ansible_core", "python"}


def test_before_the_first_version_there_is_no_store_to_write_to(run_action, store_path):
    run_action("rotation_record", state="opened", environment="demo")
    assert not os.path.exists(store_path)


def test_a_run_that_stops_is_closed_where_it_stopped(run_action, begun, events, store_now, capsys):
    run_action("rotation_record", state="failed", rotation_id="r1", failed_task="Back up", error={"code": "E_PG_DUMP"})
    assert f"  store      {store_now.path}\n" in capsys.readouterr().out
    failed = events("r1")[-1]
    assert (failed["event"], failed["phase"], failed["failed_task"]) == ("rotate", "failed", "Back up")
    assert failed["error"] == {"code": "E_PG_DUMP"}
    assert {version["stage"] for version in failed["versions"]} == {"current"}
    assert "CANARY" not in str(failed)
    assert store_now.anchor().split(" ")[:2] == ["r1", "2"]


def test_what_was_closed_already_is_not_closed_as_failed(run_action, stored, events):
    run_action("rotation_record", state="opened", environment="demo", direction="rollback")
    run_action("rotation_record", state="rolled_back", rotation_id="r1")
    before = events("r1")
    run_action("rotation_record", state="failed", rotation_id="r1")
    assert events("r1") == before


def test_records_are_verified_against_the_store(run_action, begun, broken, tmp_path):
    (whole,) = run_action("rotation_record_info")["records"]
    assert (whole["rotation_id"], whole["signed"], whole["problems"]) == ("r1", 1, [])
    (tmp_path / "records/r1/record.jsonl").write_text("")
    result = run_action("rotation_record_info")
    problems, kinds = broken()
    assert (set(kinds), kinds["r1"][0]) == ({"r1"}, "cut")
    expected = RecordBroken(count=1, total=1, problems=problems, folder=str(tmp_path / "records"))
    assert (result["failed"], result["error"]) == (True, expected.parts)


def test_a_page_that_was_changed_is_named_and_is_recreated(run_action, begun, broken, tmp_path):
    run_action("rotation_record", state="failed", rotation_id="r1")
    page, sums = tmp_path / "records/r1/report.html", tmp_path / "records/pages.sha256"
    assert "  r1/rotation.log\n" in sums.read_text()
    before = page.read_bytes()
    page.write_text("all is well")
    result = run_action("rotation_record_info")
    problems, kinds = broken()
    assert (kinds, "r1/report.html" in problems) == ({"r1": ["page"]}, True)
    expected = RecordPages(problems=problems, report="")
    assert (result["error"]["code"], result["error"]["what"]) == (expected.code, expected.what)
    run_action("rotation_report")
    assert page.read_bytes() == before
    assert not any(each["problems"] for each in run_action("rotation_record_info")["records"])


def test_what_nobody_has_signed_has_an_error_of_its_own(run_action, begun, lease, broken, tmp_path):
    """Until the run that goes on then has signed it."""
    Record(str(tmp_path / "records"), "r1").append("django_census_info", "intent")
    assert not run_action("rotation_record_info").get("failed"), "that run goes on"
    lease.give_back()
    result = run_action("rotation_record_info")
    problems, kinds = broken()
    assert kinds == {"r1": ["unsigned"]}
    expected = RecordUnsigned(count=1, total=1, problems=problems, folder=str(tmp_path / "records"))
    assert result["error"] == expected.parts
    run_action("rotation_record", state="opened", environment="demo", rotation_id="r1")
    lease.give_back()
    assert not run_action("rotation_record_info").get("failed")


def test_verifying_makes_no_store_and_no_key(run_action, store_path, stored):
    before = Path(stored).read_bytes()
    assert run_action("rotation_record_info")["records"] == []
    assert Path(stored).read_bytes() == before


def test_if_the_store_has_no_key_verifying_says_so_and_makes_none(run_action, changed_store, tmp_path):
    result = run_action("rotation_record_info", store=changed_store)
    assert result["error"]["code"] == "E_RECORD_NO_KEY"
    assert sshsig.fingerprint(signer_of(tmp_path)) in result["msg"]
    assert not os.path.exists(changed_store["path"])
    named = run_action("rotation_record_info", store=changed_store, former_signers=[signer_of(tmp_path)])
    assert [note["kind"] for note in named["records"][0]["notes"]] == ["former", "unchecked", "open"]
    assert not os.path.exists(changed_store["path"])


def test_if_the_key_was_lost_verifying_makes_no_other(run_action, begun, store_now, store_path):
    with store_now.change() as history:
        del history.record["signing_key"]
    before = Path(store_path).read_bytes()
    assert run_action("rotation_record_info")["error"]["code"] == "E_RECORD_NO_KEY"
    assert Path(store_path).read_bytes() == before


def signer_of(tmp_path: Path) -> str:
    """The public key that lies beside record r1."""
    return " ".join((tmp_path / "records/r1/record_signers").read_text().split()[2:])


def test_a_change_of_the_store_is_reported_and_written_down_and_old_records_stay_known(
    run_action, changed_store, loader, old_keys, events, tmp_path, capfd
):
    with open_store(changed_store, {}, loader).change() as history:
        history.adopt(old_keys)
    given = {"environment": "demo", "store": changed_store}
    run_action("rotation_record", state="opened", rotation_id="r2", **given)
    assert f"Records are signed by {sshsig.fingerprint(signer_of(tmp_path))}" in " ".join(
        capfd.readouterr().err.split()
    )
    (event,) = events("r2")
    assert event["former_signers"] == [signer_of(tmp_path)]
    first, second = run_action("rotation_record_info", store=changed_store)["records"]
    assert (first["problems"], second["problems"]) == ([], [])
    assert first["notes"][0]["kind"] == "former"
    assert "line 1 of r2" in first["notes"][0]["found"]
    run_action("rotation_record", state="opened", rotation_id="r2", **given)
    assert "former_signers" not in events("r2")[-1], "the store has a key now"
    run_action("rotation_record", state="failed", rotation_id="r2", store=changed_store)
    page = (tmp_path / "records/r2/report.html").read_text()
    assert f"it was {sshsig.fingerprint(signer_of(tmp_path))}" in html.unescape(page)


def test_what_is_no_public_key_is_refused(run_action, begun):
    result = run_action("rotation_record_info", former_signers=["SHA256:CANARY"])
    assert (result["error"]["code"], "CANARY" in result["msg"]) == ("E_OPTION", False)


def test_a_record_of_another_control_node_is_called_one_until_its_folder_or_node_is_named(
    run_action, begun, verified, tmp_path, monkeypatch, capfd
):
    other = str(tmp_path / "other")
    with monkeypatch.context() as there:
        there.setattr(socket, "gethostname", lambda: "b.example.org")
        os.mkdir(other)
        run_action("rotation_record", state="opened", environment="demo", rotation_id="r2", record_dir=other)
    result = run_action("rotation_record_info")
    (away,) = (record for record in verified() if record.elsewhere)
    assert (away.rotation_id, [note.kind for note in away.notes]) == ("r2", ["elsewhere"])
    assert result["error"] == RecordElsewhere(problems=str(away), node="b.example.org").parts
    known = run_action("rotation_record_info", control_nodes=["b.example.org"])
    assert [each["elsewhere"] for each in known["records"]] == [None, "b.example.org"]
    assert str(away) in " ".join(capfd.readouterr().err.split())
    both = run_action("rotation_record_info", other_record_dirs=[other])["records"]
    assert [(each["rotation_id"], each["problems"]) for each in both] == [("r1", []), ("r2", [])]
    shutil.rmtree(other)
    shutil.copytree(tmp_path / "records", other)
    still = run_action("rotation_record_info", other_record_dirs=[other])
    assert still["error"]["code"] == "E_RECORD_ELSEWHERE", "nothing of b.example.org is there"


def test_an_older_copy_and_a_head_that_was_set_back_have_names_of_their_own(
    run_action, begun, broken, store_now, tmp_path
):
    shutil.copytree(tmp_path / "records/r1", tmp_path / "copy")
    head = store_now.anchor()
    run_action("rotation_record", state="failed", rotation_id="r1")
    later = store_now.anchor()
    store_now.set_anchor(head)
    result = run_action("rotation_record_info")
    problems, kinds = broken()
    assert (result["error"]["code"], kinds) == ("E_RECORD_ANCHOR", {"r1": ["stale"]})
    assert result["error"]["what"].endswith(f": {problems}")
    store_now.set_anchor(later)
    shutil.rmtree(tmp_path / "records/r1")
    shutil.copytree(tmp_path / "copy", tmp_path / "records/r1")
    assert run_action("rotation_record_info")["error"]["code"] == "E_RECORD_OLDER"


def test_a_record_that_was_damaged_is_found_before_a_run_continues_with_it(run_action, begun, tmp_path, lease):
    lease.give_back()
    path = tmp_path / "records/r1/record.jsonl"
    damaged = b"no json\n" + path.read_bytes()
    path.write_bytes(damaged)
    result = run_action("rotation_record", state="opened", environment="demo", rotation_id="r1")
    with pytest.raises(RecordWrite) as refused:
        Record(str(tmp_path / "records"), "r1").events()
    assert (result["error"]["code"], result["error"]["what"]) == ("E_RECORD_WRITE", refused.value.what)
    assert path.read_bytes() == damaged


def test_a_record_is_kept_for_a_year_from_its_end(run_action, begun, tmp_path, monkeypatch):
    monkeypatch.setattr(record_fields, "retain_until", lambda: "2031-02-03")
    run_action("rotation_record", state="failed", rotation_id="r1")
    assert "until 2031-02-03 at least" in (tmp_path / "records/r1/report.html").read_text()


@pytest.mark.parametrize("given", [{}, {"reason": "leak"}, {"authorization": {"who": "Ada"}}])
def test_in_production_a_rotation_has_a_reason_and_an_authorization(run_action, given, tmp_path):
    result = run_action("rotation_record", state="opened", **given)
    assert (result["failed"], result["error"]["code"]) == (True, "E_AUTHORIZATION")
    assert not (tmp_path / "records").exists()
    assert not run_action("rotation_record", state="opened", check=True, **given).get("failed")


def test_what_is_open_is_resumed_and_rolled_back_without_asking_again(run_action, stored):
    assert run_action("rotation_record", state="opened")["rotation_id"] == "r1"
    assert run_action("rotation_record", state="opened", direction="rollback")["rotation_id"] == "r1"


def test_if_an_approval_is_asked_for_none_begins_without(run_action, tmp_path):
    options = {"environment": "demo", "require_approval": True, "plan": str(tmp_path / "plan.yml")}
    result = run_action("rotation_record", state="opened", **options)
    assert (result["failed"], result["error"]["code"]) == (True, "E_APPROVAL_MISSING")
    assert not (tmp_path / "records").exists()


def signed_approval() -> ApprovalEvidence:
    """Of a text that nobody looks at here, signed anew each time by a key of its own."""
    approved = Approval("ab" * 32, "demo", "ada@example.org", "2026-01-02T03:04:05Z")
    key = sshsig.new_key()
    return ApprovalEvidence(
        approved, "text", sshsig.sign(key, b"text", "any"), f"ada@example.org {sshsig.public(key)}\n"
    )


def test_an_approval_goes_into_the_record(run_action, tmp_path, events, monkeypatch):
    approved = signed_approval()
    monkeypatch.setattr(plan_approval, "verified", lambda path, environment, signers, operator, hours: approved)
    result = run_action("rotation_record", state="opened", environment="demo", require_approval=True)
    (event,) = events(result["rotation_id"])
    assert event["approval"] == approved.as_recorded()
    assert event["approval"]["signature"] == approved.signature
    about = {
        "plan_hash": "ab" * 32,
        "environment": "demo",
        "principal": "ada@example.org",
        "time": "2026-01-02T03:04:05Z",
    }
    assert about.items() <= event["approval"].items()


def test_a_resumed_run_has_the_approval_of_its_record_or_wants_another(
    run_action, stored, events, history_now, monkeypatch
):
    """On a second control node there is no record of it: nothing is taken for approved there."""
    options = {"state": "opened", "environment": "demo", "require_approval": True}
    assert run_action("rotation_record", **options)["error"]["code"] == "E_APPROVAL_MISSING"
    approved = signed_approval()
    monkeypatch.setattr(plan_approval, "verified", lambda path, environment, signers, operator, hours: approved)
    assert run_action("rotation_record", **options)["resumed"]
    monkeypatch.undo()
    assert run_action("rotation_record", **options)["error"]["code"] == "E_APPROVAL_MISSING", "it is not borne out"
    monkeypatch.setattr(ApprovalEvidence, "accepted", lambda self, at=None: True)
    assert run_action("rotation_record", **{**options, "require_approval": False})["resumed"]
    assert [event["approval"] for event in events("r1")] == [approved.as_recorded()] * 2
    assert history_now().approvals == {approved.approval.digest: "r1"}
    assert events("r1")[-1]["require_approval"] is True


def test_an_approval_counts_for_one_rotation(run_action, stored, store_now, lease, monkeypatch, tmp_path):
    """Also on another control node, or with another folder for records: the store knows it."""
    monkeypatch.setattr(
        plan_approval, "verified", lambda path, environment, signers, operator, hours: signed_approval()
    )
    with store_now.change() as history:
        history.promote()
        history.close("r1")
    options = {"state": "opened", "environment": "demo", "require_approval": True}
    first = run_action("rotation_record", **options)["rotation_id"]
    assert not run_action("rotation_record", **options).get("failed"), "that one has made nothing yet"
    run_action("key_version", state="pending", rotation_id=first, keys=[{"name": "SECRET_KEY"}])
    assert not run_action("rotation_record", **options).get("failed"), "it goes on"
    with store_now.change() as history:
        history.promote()
        history.close(first)
    lease.give_back()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/lost").write_text(str(store_now.anchor()))
    for folder in ("records", "elsewhere"):
        result = run_action("rotation_record", **options, record_dir=str(tmp_path / folder))
        assert (result["failed"], result["error"]["code"]) == (True, "E_APPROVAL_USED")
        assert first in result["msg"]
    assert first in result["msg"]


def test_a_channel_that_is_down_is_recorded_and_breaks_nothing(run_action, stored, events):
    notify = [{"type": "slack", "url": "http://127.0.0.1:1/CANARY"}]
    assert not run_action("rotation_record", state="opened", notify=notify).get("failed")
    assert not run_action("rotation_record", state="failed", rotation_id="r1", notify=notify).get("failed")
    told = [event for event in events("r1") if event["event"] == "notification"]
    assert [(event["phase"], event["about"]) for event in told] == [("failed", "started"), ("failed", "failed")]
    assert "CANARY" not in str(told)


def test_what_is_no_channel_stops_a_run_before_it_begins(run_action, stored, events):
    result = run_action("rotation_record", state="opened", notify=[{"type": "slack"}])
    assert (result["failed"], result["error"]["code"]) == (True, "E_NOTIFY")
    assert events("r1") == []


@pytest.mark.parametrize("check", [False, True])
def test_records_that_the_store_has_seen_and_are_gone_stop_a_run(run_action, begun, events, tmp_path, check):
    shutil.rmtree(tmp_path / "records")
    result = run_action("rotation_record", state="opened", environment="demo", rotation_id="r1", check=check)
    assert result["error"]["code"] == "E_RECORD_GONE"
    assert not (tmp_path / "records").exists()


def test_a_second_operator_learns_where_the_first_one_keeps_the_records(run_action, begun, tmp_path):
    """On the same machine, with a folder of their own."""
    (tmp_path / "theirs").mkdir()
    given = {"state": "opened", "environment": "demo", "rotation_id": "r1"}
    result = run_action("rotation_record", **given, record_dir=str(tmp_path / "theirs"))
    user = pwd.getpwuid(os.getuid()).pw_name
    assert result["error"]["code"] == "E_RECORD_GONE"
    assert all(each in result["error"]["what"] for each in (os.uname().nodename, user, f"{tmp_path}/records"))
    assert f"-e key_rotation_record_dir={tmp_path}/records" in result["error"]["todo"]


def test_if_the_records_are_gone_they_begin_again_only_if_that_is_said(
    run_action, begun, store_now, tmp_path, monkeypatch
):
    """An empty folder is no proof that there were none: this control node has written them. Neither retiring nor making
    the pages fills it."""
    given = {"state": "opened", "environment": "demo", "rotation_id": "r1"}
    shutil.rmtree(tmp_path / "records")
    retired = run_action("key_version", state="destroyed", rotation_id="retire-a", key_id="a")
    assert retired["error"]["code"] == "E_RECORD_GONE"
    assert run_action("rotation_report")["report"] is None
    assert not (tmp_path / "records").exists()
    (tmp_path / "records").mkdir()
    result = run_action("rotation_record", **given)
    assert (result["error"]["code"], str(store_now.anchor()) in result["msg"]) == ("E_RECORD_GONE", True)
    assert not list((tmp_path / "records").iterdir())
    with monkeypatch.context() as there:
        there.setattr(socket, "gethostname", lambda: "b.example.org")
        assert not run_action("rotation_record", **given).get("failed"), "that one has never had any"
    shutil.rmtree(tmp_path / "records")
    (tmp_path / "records").mkdir()
    (tmp_path / "records/lost").write_text(f"{store_now.anchor()}\n")
    assert not run_action("rotation_record", **given).get("failed")


@pytest.mark.parametrize("direction", ["rotate", "rollback"])
def test_no_run_signs_what_another_has_made_of_the_record(
    run_action, begun, broken, lease, tmp_path, direction, events
):
    lease.give_back()
    path = tmp_path / "records/r1/record.jsonl"
    before, first = path.read_bytes(), events("r1")[0]
    path.write_bytes(chain.link(b"", {**first, "actor": "nobody"}))
    given = {"state": "opened", "environment": "demo", "direction": direction}
    strategy = {"rotation_id": "r1", "strategy": "backwards", "reason": "asked", "destination": "current"}
    given |= {"strategy": strategy} if direction == "rollback" else {"rotation_id": "r1"}
    changed = path.read_bytes()
    result = run_action("rotation_record", **given)
    assert (result["error"]["code"], broken()[1]) == ("E_RECORD_CHANGED", {"r1": ["rewritten", "signature"]})
    assert path.read_bytes() == changed
    path.write_bytes(before)
    Record(str(tmp_path / "records"), "r1").append("notification", "done")
    assert not run_action("rotation_record", **given).get("failed")
    assert "unsigned_before" not in first
    assert events("r1")[-1]["unsigned_before"] == 1


def test_a_drop_that_a_changed_record_refuses_does_not_sign_it(run_action, begun, lease, tmp_path, capsys):
    run_action("rotation_record", state="failed", rotation_id="r1")
    lease.give_back()
    path, signature = tmp_path / "records/r1/record.jsonl", tmp_path / "records/r1/record.jsonl.sig"
    path.write_bytes(path.read_bytes().replace(b'"environment":"demo"', b'"environment":"test"'))
    before = signature.read_bytes()
    drop = {"state": "dropped", "rotation_id": "r1", "project_dir": str(tmp_path), "backup_dir": str(tmp_path)}
    assert run_action("postgresql_restore", **drop)["error"]["code"] == "E_RECORD_CHANGED"
    page = (tmp_path / "records/r1/report.html").read_bytes()
    run_action("rotation_record", state="signed", rotation_id="r1")
    assert signature.read_bytes() == before
    assert (tmp_path / "records/r1/report.html").read_bytes() == page, "none of what another has made of it"
    assert "was not signed. E_RECORD_CHANGED" in " ".join(capsys.readouterr().err.split())
    assert run_action("rotation_record_info")["error"]["code"] == "E_RECORD_BROKEN"


def test_what_has_no_line_more_is_not_signed_again(run_action, begun, lease, store_now):
    """The head of a later rotation was gone from the store with a drop that another run kept off."""
    run_action("rotation_record", state="failed", rotation_id="r1")
    lease.give_back()
    run_action("rotation_record", state="opened", environment="demo", rotation_id="r2")
    before = store_now.anchor()
    run_action("rotation_record", state="signed", rotation_id="r1")
    assert store_now.anchor() == before


def test_lines_that_nobody_signed_yet_of_a_run_that_is_rolled_back_by_itself_are_its_own(
    run_action, begun, tmp_path, events
):
    """Its page said at the top that somebody else may have written them."""
    Record(str(tmp_path / "records"), "r1").append("notification", "done")
    strategy = {"rotation_id": "r1", "strategy": "backwards", "reason": "asked", "destination": "current"}
    given = {"state": "opened", "environment": "demo", "direction": "rollback", "strategy": strategy}
    assert not run_action("rotation_record", **given).get("failed")
    last = events("r1")[-1]
    assert (last["event"], last["rolls_itself_back"], "unsigned_before" in last) == ("rollback", True, False)
    assert "nobody had signed" not in (tmp_path / "records/r1/report.html").read_text()


def test_what_was_signed_by_a_key_that_nobody_has_named_is_not_signed_over(run_action, begun, lease, tmp_path):
    lease.give_back()
    given = {"state": "opened", "environment": "demo", "rotation_id": "r1"}
    theirs = sshsig.new_key()
    Record(str(tmp_path / "records"), "r1").sign(theirs)
    assert run_action("rotation_record", **given)["error"]["code"] == "E_RECORD_CHANGED"
    assert not run_action("rotation_record", **given, former_signers=[sshsig.public(theirs)]).get("failed")


def test_at_each_end_there_is_a_page_and_it_can_be_made_again(run_action, stored, tmp_path):
    run_action("rotation_record", state="opened")
    page = Path(run_action("rotation_record", state="failed", rotation_id="r1")["report"])
    assert page == tmp_path / "records/r1/report.html"
    page.unlink()
    assert run_action("rotation_report", rotation_id="r1")["report"] == str(page)
    assert page.exists()
    assert run_action("rotation_report")["report"] == str(tmp_path / "records/index.html")
    missing = run_action("rotation_report", rotation_id="r9")
    assert (missing["failed"], missing["error"]["code"]) == (True, "E_NO_RECORD")


def test_a_page_that_cannot_be_made_breaks_nothing(run_action, stored, monkeypatch):
    run_action("rotation_record", state="opened")
    monkeypatch.setattr(report_files, "write", lambda record: 1 / 0)
    monkeypatch.setattr(report_files, "write_index", lambda folder: 1 / 0)
    result = run_action("rotation_record", state="failed", rotation_id="r1")
    assert (result.get("failed"), result["report"]) == (None, None)


def full_for(monkeypatch, event: str, phases: tuple[str, ...]) -> None:
    """A record that has no room for such an event."""
    real = Record.append

    def append(self: Record, named: str, phase: str, **about: object) -> None:
        if named == event and phase in phases:
            raise RecordWrite(path=self.path, reason="No space left on device")
        real(self, named, phase, **about)

    monkeypatch.setattr(Record, "append", append)


def test_a_record_without_room_for_who_was_notified_breaks_nothing(run_action, stored, events, monkeypatch, capsys):
    full_for(monkeypatch, "notification", ("done", "failed"))
    notify = [{"type": "slack", "url": "http://127.0.0.1:1/CANARY"}]
    assert not run_action("rotation_record", state="opened", notify=notify).get("failed")
    assert [event["event"] for event in events("r1")] == ["rotate"]


def test_an_end_that_cannot_be_recorded_says_that_the_rotation_is_done(run_action, stored, history_now, monkeypatch):
    run_action("rotation_record", state="opened", environment="demo")
    full_for(monkeypatch, "rotate", ("done",))
    result = run_action("rotation_record", state="completed", rotation_id="r1")
    assert (result["error"]["code"], result["error"]["changed_nothing"]) == ("E_RECORD_WRITE", False)
    assert history_now().outcome("r1") == "completed"


def test_a_story_that_cannot_be_shown_breaks_nothing(run_action, stored, events, monkeypatch):
    def untold(record: Record) -> dict:
        raise KeyError("CANARY")

    monkeypatch.setattr(run_notice, "read", untold)
    notify = [{"type": "slack", "url": "http://127.0.0.1:1/CANARY"}]
    assert not run_action("rotation_record", state="opened", notify=notify).get("failed")
    assert [event["event"] for event in events("r1")] == ["rotate"]


@pytest.mark.parametrize("state", ["failed", "rolled_back"])
def test_a_record_that_was_changed_while_a_run_went_on_is_found_after_it(
    run_action, begun, broken, store_path, loader, new_keys, tmp_path, state
):
    """Its own end signs what it finds: so the last line holds what the one before it was."""
    direction = "rotate" if state == "failed" else "rollback"
    with open_store({"path": store_path}, {}, loader).change() as history:
        history.add_pending(new_keys, "r1")
    run_action("rotation_record", state="opened", environment="demo", direction=direction)
    path = tmp_path / "records/r1/record.jsonl"
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + chain.link(first, {**json.loads(second), "actor": "nobody"}))
    run_action("rotation_record", state=state, rotation_id="r1")
    result = run_action("rotation_record_info")
    problems, kinds = broken()
    assert (set(kinds), kinds["r1"][0], "line 3 of r1" in problems) == ({"r1"}, "rewritten", True)
    expected = RecordBroken(count=1, total=1, problems=problems, folder=str(tmp_path / "records"))
    assert (result["failed"], result["error"]) == (True, expected.parts)


def test_what_comes_after_the_end_of_a_run_is_signed_too(run_action, stored, tmp_path):
    run_action("rotation_record", state="opened", environment="demo", direction="rollback")
    run_action("rotation_record", state="rolled_back", rotation_id="r1")
    Record(str(tmp_path / "records"), "r1").append("database_lease", "done")
    run_action("rotation_record", state="failed", rotation_id="r1")
    (whole,) = run_action("rotation_record_info")["records"]
    assert (whole["lines"], whole["signed"]) == (3, 3)


@pytest.mark.parametrize(("head", "found"), [("", "is gone"), ("no head of anything at all", "is not a head")])
def test_a_head_that_was_taken_out_of_the_store_is_missed(run_action, begun, store_now, head, found):
    with store_now.change() as history:
        history.record["head"] = head
    result = run_action("rotation_record_info")
    assert (result["failed"], result["error"]) == (True, RecordAnchor(store=store_now.path, fault=found).parts)


def test_a_record_that_is_not_there_is_not_called_whole(run_action, stored):
    run_action("rotation_record", state="opened", environment="demo")
    result = run_action("rotation_record_info", rotation_id="r9")
    assert (result["failed"], result["error"]["code"]) == (True, "E_NO_RECORD")


def test_rules_and_clock_go_into_the_record(run_action, stored, events, monkeypatch):
    monkeypatch.setattr(clock, "read_clock", lambda: {"synced": True, "offset_ms": 0.4})
    run_action("rotation_record", state="opened", environment="demo", policy="SEC-POL-7 v3")
    (event,) = events("r1")
    assert (event["policy_ref"], event["clock"]) == ("SEC-POL-7 v3", {"synced": True, "offset_ms": 0.4})


def test_a_run_that_was_refused_leaves_a_trace_and_blocks_nothing(run_action, stored, refused, events, tmp_path):
    refused(environment="demo", reason="a drill", authorization={"who": "Ada"}, operator="bob")
    (event,) = events("refused")
    said = {"event": "attempt", "phase": "failed", "playbook": "rollback.yml", "operator": "bob", "reason": "a drill"}
    assert {name: event[name] for name in said} == said
    assert event["error"]["code"] == "E_RUNNING"
    assert "E_RUNNING" in (tmp_path / "records/index.html").read_text()
    assert run_action("rotation_record", state="opened", environment="demo")["rotation_id"] == "r1"
    assert events("r1")[-1]["follows_refused"] == f"refused 1 {event['hash']} {event['control_node']}"
    assert not any(each["problems"] for each in run_action("rotation_record_info")["records"])
    assert run_action("rotation_report")["report"] == str(tmp_path / "records/index.html")
    assert not (tmp_path / "records/refused/report.html").exists()


@pytest.mark.parametrize("check", [False, True])
def test_a_run_that_was_refused_makes_no_folder_if_one_is_missing(refused, begun, tmp_path, check, capsys):
    shutil.rmtree(tmp_path / "records")
    assert not refused(check=check).get("failed")
    assert not (tmp_path / "records").exists()
    assert ("could not be recorded" in " ".join(capsys.readouterr().err.split())) is not check


def test_a_dry_run_that_was_refused_writes_nothing(refused, tmp_path):
    refused(check=True)
    assert not (tmp_path / "records").exists()


@pytest.mark.parametrize("name", ["strategy", "course"])
def test_a_rollback_is_recorded_with_what_was_said_of_it(run_action, stored, events, name):
    strategy = {"rotation_id": "r1", name: "backwards", "reason": "it is asked for", "destination": "current"}
    given = {"reason": "it breaks an export", "authorization": {"who": "Eve"}, "operator": "bob", "policy": "P"}
    run_action("rotation_record", state="opened", direction="rollback", environment="demo", strategy=strategy, **given)
    (event,) = events("r1")
    said = {**given, "policy_ref": "P", "strategy": "backwards", "found": "it is asked for", "environment": "demo"}
    del said["policy"]
    assert {name: event[name] for name in said} == said
    assert "cryptoperiod_days" not in event, "which a rollback does not set"


def test_files_of_channels_are_next_to_the_inventory(run_action, stored, events, tmp_path):
    notify = [{"type": "slack", "url_file": "hook_url", "ca_cert": "ca.pem"}]
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory/hook_url").write_text("http://127.0.0.1:1/CANARY")
    known = {"inventory_dir": str(tmp_path / "inventory")}
    run_action("rotation_record", state="opened", environment="demo", notify=notify, known=known)
    (told,) = [event for event in events("r1") if event["event"] == "notification"]
    assert told["channel"] == "slack to 127.0.0.1"


def test_a_template_that_is_wrong_stops_a_run_before_anything_happens(run_action, stored, events, tmp_path):
    (tmp_path / "own.j2").write_text("{{ reson }}")
    notify = [{"type": "slack", "url": "http://127.0.0.1:1/CANARY", "template": str(tmp_path / "own.j2")}]
    result = run_action("rotation_record", state="opened", environment="demo", notify=notify)
    assert result["error"]["code"] == "E_NOTIFY"
    assert events("r1") == []


def test_one_record_that_is_damaged_keeps_no_other_from_its_page(run_action, stored, tmp_path, monkeypatch):
    run_action("rotation_record", state="opened", environment="demo")
    for name, text in (("bad", "[1]\n"), ("worse", '{"event": "rotate", "phase": "intent", "tool": 1}\n' * 2)):
        (tmp_path / "records" / name).mkdir()
        (tmp_path / "records" / name / "record.jsonl").write_text(text)
    page = tmp_path / "records/r1/report.html"
    page.unlink()
    assert not run_action("rotation_report").get("failed")
    assert page.exists()
