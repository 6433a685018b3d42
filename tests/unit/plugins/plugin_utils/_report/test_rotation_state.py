# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime
import os
import re
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._record import sshsig
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.events import decode_all
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.writer import Record
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._notify import notification, sample_records
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report import refused_runs, report_files
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report.accounts import Accounts
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report.ending_sentences import sentence
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report.read_rotation import is_rotation, read
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report.rotation_state import RotationState

from . import stories
from .stories import COMMANDS, NEW, OLD, VERSION, completed, died, failed, rolled_back, target

MADE = datetime.datetime(2020, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)  # when OLD was


class Play(stories.Play):
    """A record that is written as a rotation writes it, with the clock and the accounts of this machine."""

    def __init__(self, folder: Path, rotation_id: str = "r1") -> None:
        super().__init__(folder, rotation_id)
        self.record = Record(str(folder), rotation_id)

    def told(self) -> RotationState:
        return read(self.record)

    def page(self) -> str:
        return Path(report_files.write(self.record)).read_text(encoding="utf-8")


@pytest.fixture
def play(tmp_path: Path) -> Play:
    return Play(tmp_path)


def test_a_syslog_that_was_not_there_is_a_warning(play, monkeypatch):
    play.begun()
    monkeypatch.setattr(f"{Record.__module__}.SYSLOG", "/nowhere/log")
    play.step("env_file").step("rotate", "done")
    said = f"There was no syslog on {os.uname().nodename}: the hashes of 3 of 4 lines of the record are in no log."
    assert [warning.startswith(said) for warning in play.told().warnings] == [True]
    assert said in play.page()


def half_back(play: Play, **fields: Any) -> Play:
    """The health check fails after a proof, and the way back stops in the middle."""
    play.begun(**fields).prepared().switched().proved().step("rollback", "intent")
    return play.step("django_reencrypt", "failed", error={"code": "E_DB"}).step("rollback", "failed")


def back_and_not_proved(play: Play) -> Play:
    play.begun().prepared().switched().proved().step("rollback", "intent")
    play.step("django_reencrypt", targets=[target("current", reencrypted=7)])
    play.step("django_census", "failed", asked={"expect_stage": "previous"}, error={"code": "E_CONTENTS"})
    return play.step("rollback", "failed")


def not_proved(play: Play) -> Play:
    """Later a census is taken that asks for no proof, as the checklist of the next run does."""
    play.begun().prepared().switched()
    play.step("django_census", "failed", asked={"expect_stage": "current"}, error={"code": "E_CONTENTS"})
    play.step("rotate", "failed").step("rotate", "intent", resumed=True)
    return play.step("django_census", targets=[target("current")], key_ids={"current": NEW}).step("rotate", "failed")


@pytest.mark.parametrize("written", [half_back, back_and_not_proved, not_proved])
def test_what_was_written_after_the_last_proof_is_not_called_proved(play, written):
    told = written(play).told()
    assert (told.status, told.proved) == ("failed", False)
    play.page()
    log = (Path(play.record.path).parent / "rotation.log").read_text()
    assert "PASSED" not in log, log


def test_what_an_earlier_run_failed_at_is_no_failure_of_the_one_that_was_completed(play):
    failed(play).step("rotate", "intent", resumed=True).switched().proved().step("rotate", "done")
    told = play.told()
    assert (told.status, told.failure) == ("completed", {})


def test_values_before_and_after_and_under_which_keys(play):
    told = completed(play).told()
    (found,) = told.targets
    assert (found.before.under, found.after.under) == ({OLD: 7}, {NEW: 7})
    assert (told.values, told.reencrypted, told.proved) == (7, 7, True)
    assert (told.keys.old, told.keys.new, told.keys.current) == (OLD, NEW, NEW)
    (model,) = told.models
    assert (model.name, model.before_values, model.after_values) == ("shop.Customer", 7, 7)


def test_what_was_rolled_back_is_under_the_keys_before(play):
    told = rolled_back(play).told()
    (found,) = told.targets
    assert (found.before.under, found.after.under) == ({OLD: 7}, {OLD: 7})
    assert told.keys.current == OLD


def test_what_was_rolled_back_is_due_when_the_keys_before_are(play):
    told = play.begun(cryptoperiod_days=100).prepared().switched().rolled_back().told()
    assert (told.schedule.next.due, told.schedule.retire) == (MADE + datetime.timedelta(days=100), None)
    page = play.page()
    assert "100 days after the keys in use were created, which this rotation did not renew" in page
    assert "by 11 April 2020 at the latest" in page
    reminders = (Path(play.record.path).parent / "reminders.ics").read_text()
    assert "DTSTART;VALUE=DATE:20200411" in reminders
    assert reminders.count("BEGIN:VEVENT") == 1, "and there is nothing to retire"


@pytest.mark.parametrize(
    ("reason", "why"),
    [
        ("cryptoperiod", "365 days after the keys in use were created"),
        ("compromise_known", "it has not ended, though new keys are in use, and the reason was compromise_known"),
    ],
)
def test_new_keys_in_use_are_not_called_old_if_the_way_back_failed(play, reason, why):
    half_back(play, reason=reason).step("rollback", "intent").step("env_file", "failed", error={"code": "E_ENV"})
    told = play.step("rollback", "failed", versions=[{**VERSION, "key_id": NEW}]).told()
    assert (told.status, told.keys.current, told.schedule.next.due_why) == (
        "failed",
        NEW,
        why,
    )


@pytest.mark.parametrize(
    ("fields", "reason", "why"),
    [
        (
            {"origin": "adopted"},
            "cryptoperiod",
            "is unknown, since they were created by hand and adopted on 2020-01-02",
        ),
        ({"origin": "generated"}, "compromise_known", "the reason was compromise_known"),
    ],
)
@pytest.mark.parametrize("back", [True, False])
def test_keys_of_unknown_age_and_compromised_ones_are_due_now(play, fields, reason, why, back):
    play.begun(reason=reason).prepared()
    if back:
        play.switched().rolled_back()
        play.step("rollback", "done", versions=[{**VERSION, **fields}])
    else:
        play.step("rotate", "failed", versions=[{**VERSION, **fields}])
    told = play.told()
    assert (told.schedule.next.due, told.schedule.next.due_now) == (told.ended, True)
    reminders = Path(play.record.path).parent / "reminders.ics"
    for text in (*files(play), reminders.read_bytes().decode().replace("\r\n ", "").replace("\\", "")):
        assert why in text
        assert "365 days" not in text
    assert ("a new rotation now, because " in play.page()) is back
    report_files.write_index(str(Path(play.record.path).parent.parent))
    assert "is due <b>now</b>: " in (Path(play.record.path).parent.parent / "index.html").read_text()
    play.step("rotate", "intent", resumed=True).switched().proved()
    play.step("rotate", "done", versions=[{**VERSION, "origin": "generated"}])
    assert play.told().schedule.next.due_now is False


def test_a_compromise_is_not_over_with_a_later_try_that_replaced_the_keys_neither(tmp_path):
    """Its page, the calendar and the index said that the keys were due in a year."""
    versions = [{**VERSION, "origin": "generated"}]
    first = Play(tmp_path, "r1").begun(reason="compromise_known").prepared().switched().rolled_back()
    first.step("rollback", "done", versions=versions)
    later = Play(tmp_path, "r2").begun(reason="cryptoperiod").prepared().switched().rolled_back()
    later.step("rollback", "done", versions=versions)
    for text in files(later):
        assert "the reason was compromise_known, as r1 says" in text.replace("\\", "")
        assert "365 days" not in text
    assert "a new rotation now, because " in later.page()
    reminders = (Path(later.record.path).parent / "reminders.ics").read_bytes().decode().replace("\r\n ", "")
    assert "SUMMARY:Rotate the encryption keys now (" in reminders
    report_files.write_index(str(tmp_path))
    assert "is due <b>now</b>: " in (tmp_path / "index.html").read_text()

    later.begun(resumed=True).switched().proved()
    later.step("rotate", "done", versions=[{**versions[0], "key_id": NEW}])
    assert "365 days after the keys in use were created" in later.page()
    report_files.write_index(str(tmp_path))
    assert "is due <b>now</b>: " not in (tmp_path / "index.html").read_text()


def test_a_compromise_is_not_over_with_a_later_run_of_the_same_rotation_for_another_reason(play):
    play.begun(reason="compromise_known").prepared().step("rotate", "failed")
    play.begun(reason="try again").switched().rolled_back().step("rollback", "done", versions=[VERSION])
    assert "the reason was compromise_known" in play.told().schedule.next.due_why


def test_the_page_of_the_rotation_that_made_the_keys_knows_of_their_compromise(tmp_path):
    made = Play(tmp_path, "spring").begun().prepared().switched().proved()
    made.step("rotate", "done", versions=[{**VERSION, "key_id": NEW, "origin": "generated"}])
    later = Play(tmp_path, "summer").begun(reason="compromise_known")
    later.step("rotate", "failed", versions=[{**VERSION, "key_id": NEW, "origin": "generated"}])
    report_files.write(later.record)
    assert report_files.write_changed(later.record) == ["spring"]
    assert (
        "the reason was compromise_known, as summer says" in (Path(made.record.path).parent / "report.html").read_text()
    )


def test_what_a_later_rotation_has_superseded_is_not_due_on_the_index(tmp_path):
    rolled_back(Play(tmp_path, "r1"), reason="compromise_known").page()
    completed(Play(tmp_path, "r2"), cryptoperiod_days=0).page()
    report_files.write_index(str(tmp_path))
    assert "is due" not in (tmp_path / "index.html").read_text()


def files(play: Play) -> list[str]:
    play.page()
    return [
        (Path(play.record.path).parent / name).read_text().replace("\\", "") for name in report_files.FILES.values()
    ]


@pytest.mark.parametrize(
    ("strategy", "ended"), [("repair", "repaired"), ("restore", "restored"), ("settle", "settled")]
)
def test_a_run_for_the_rows_alone_takes_no_rotation_back(play, strategy, ended):
    completed(play).step("rollback", "intent", strategy=strategy).step(
        "django_repair", "failed", error={"code": "E_DB"}
    )
    play.step("rollback", "failed", error={"code": "E_DB"})
    assert play.told().status == "failed"
    play.step("rollback", "intent", strategy=strategy).step("django_repair", repaired={"t.c": 1}).proved()
    told = play.step("rollback", "done").told()
    assert (told.status, told.all_runs[-1].ended, told.keys.new) == ("completed", ended, NEW)

    play.step("rollback", "intent", strategy="repair").step(
        "django_repair", "failed", error={"code": "E_BACKUP_CHECKSUM"}
    )
    told = play.step("rollback", "done").told()
    assert (told.status, told.all_runs[-1].ended) == ("completed", "not repaired")

    told = play.rolled_back(strategy=strategy).told()
    assert (told.status, told.all_runs[-1].ended) == ("rolled back", "rolled back"), "after it, it was"
    told = play.step("rollback", "intent", strategy="settle").step("rollback", "done").told()
    assert (told.status, told.all_runs[-1].ended) == ("rolled back", "settled"), "and it stays so"


@pytest.mark.parametrize("rewritten", [True, False])
def test_a_column_that_got_its_first_value_after_the_plan_is_in_the_report(play, rewritten):
    """The page counts what the summary counts, and a value that was written in time is proved by its digest."""
    late = {**target("current", digest="late"), "column": "late", "classes": {"current": 1, "empty": 8}}
    play.begun().prepared().switched()
    if rewritten:
        play.step("django_reencrypt", targets=[target("current", reencrypted=0), {**late, "reencrypted": 1}])
    proof = {"asked": {"expect_stage": "current"}, "key_ids": {"current": NEW}}
    told = play.step("django_census", targets=[target("current"), late], **proof).step("rotate", "done").told()
    counts = [(each.name, each.before.values, each.after.values) for each in told.targets]
    assert counts == [("shop_customer.name", 7, 7), ("shop_customer.late", 0, 1)]
    assert (told.values, told.state.values.total, told.proved) == (8, 8, True)
    if rewritten:
        late["digest"] = "another"
        assert (
            not play.begun().switched().step("django_census", targets=[target("current"), late], **proof).told().proved
        )


@pytest.mark.parametrize(
    ("repaired", "left", "ended"),
    [
        ({"t.c": 2, "t.d": 1}, 0, "repaired"),
        ({"t.c": 2, "t.d": 1}, 4, "repaired 3 of 7 values"),
        ({}, 4, "not repaired"),
        ({}, 0, "settled"),  # there was nothing to repair
    ],
)
def test_how_a_repair_ended_goes_by_what_was_repaired(play, repaired, left, ended):
    found = [{"value": f"t.c:{row}", "reason": "is not in the backup"} for row in range(left)]
    completed(play).step("rollback", "intent", strategy="repair").step("django_repair", repaired=repaired, left=found)
    assert play.proved().step("rollback", "done").told().all_runs[-1].ended == ended


def test_each_act_has_its_own_operator_reason_and_authorization(play):
    play.begun(reason="cryptoperiod", authorization={"who": "Ada", "ticket": "S-1"}, retain_until="2027-01-01")
    error = {"code": "E_DB", "what": "PostgreSQL stopped", "todo": "See the log"}
    play.prepared().step("django_reencrypt", "failed", error=error).step("rotate", "failed", error=error)
    play.step("rotate", "intent", resumed=True, operator="bob").switched().proved()
    play.step("monitoring_probe", "failed", error={"code": "E_MONITOR_DIR", "what": "no reading"}).step(
        "rotate", "done"
    )
    by_hand = {"reason": "it breaks an export", "authorization": {"who": "Eve", "ticket": "S-2"}}
    told = play.rolled_back(**by_hand, strategy="backwards", found="it is asked for", retain_until="2027-02-01").told()
    first, second, third = told.all_runs
    assert [(run.title, run.ended) for run in told.all_runs] == [
        ("Rotation", "failed"),
        ("Rotation resumed", "completed"),
        ("Rollback", "rolled back"),
    ]
    assert [run.reason for run in told.all_runs] == ["cryptoperiod", "cryptoperiod", "it breaks an export"]
    assert [run.authorization["who"] for run in told.all_runs] == ["Ada", "Ada", "Eve"]
    assert second.people == [f"bob (as {first.people[0]})"]
    assert (first.failure, third.failure, third.strategy) == (error, {}, "backwards because it is asked for")
    assert (told.reason, told.authorization["ticket"], told.failure) == ("it breaks an export", "S-2", {})
    assert told.said.retain_until == "2027-02-01"
    for text in files(play):
        for words in ("cryptoperiod", "it breaks an export", "Ada", "Eve", "S-1", "S-2", "backwards because"):
            assert words in text, words


def test_a_rollback_that_is_tried_again_has_no_reason_of_the_one_before(play):
    completed(play).step("rollback", "intent", reason="a drill", authorization={"who": "Eve"})
    play.step("env_file", "failed", error={"code": "E_ENV"}).step("rollback", "failed").rolled_back()
    told = play.told()
    assert (told.reason, told.authorization, told.all_runs[-1].reason) == (None, {}, None)


def test_a_rotation_that_failed_and_was_rolled_back_says_for_what(play):
    error = {"code": "E_COMMAND", "what": "false", "todo": "See"}
    play.begun(reason="cryptoperiod").prepared().switched().step("application_commands", "failed", error=error)
    told = play.rolled_back(reason="cryptoperiod").told()
    assert (told.status, told.failure) == ("rolled back", error)
    assert [run.ended for run in told.all_runs] == ["failed", "rolled back"]


@pytest.mark.parametrize("by_itself", [True, False])
def test_a_rotation_that_was_rolled_back_by_itself_was_approved_by_whom_the_rotation_was(play, by_itself):
    """Its way back has no approval of its own; one that somebody types later has none at all."""
    approval = {"principal": "ada@example.org", "time": "2026-01-02T03:04:05Z", "plan_hash": "ab"}
    play.begun(approval=approval).prepared().switched()
    play.step("application_commands", "failed", error={"code": "E_COMMAND"})
    if not by_itself:
        play.step("rotate", "failed", error={"code": "E_COMMAND"})
    told = play.rolled_back().told()
    assert (told.status, told.granted_by) == ("rolled back", "ada@example.org" if by_itself else "")
    page = play.page()
    assert ("signed by ada@example.org" in page, "of the rollback: " in page) == (by_itself, not by_itself)
    assert [run.granted_by for run in told.all_runs] == ["ada@example.org", ""]


@pytest.mark.parametrize("by_itself", [True, False])
def test_a_way_back_that_failed_in_the_same_run_was_approved_by_whom_the_rotation_was(play, by_itself):
    approval = {"principal": "ada@example.org", "time": "2026-01-02T03:04:05Z", "plan_hash": "ab"}
    play.begun(approval=approval).prepared().switched()
    play.step("application_commands", "failed", error={"code": "E_COMMAND"})
    play.step("rollback", "intent", **({"rolls_itself_back": True} if by_itself else {})).step("env_file", "failed")
    told = play.step("rollback", "failed", failed_task="Switch").told()
    assert (told.status, told.granted_by) == ("failed", "ada@example.org" if by_itself else "")
    assert ("signed by ada@example.org" in play.page()) is by_itself


@pytest.mark.parametrize("written", [completed, rolled_back])
def test_what_is_repaired_later_leaves_the_approval_and_the_reason_of_the_rotation_on_its_page(play, written):
    """Who signed, and the plan, were on no page anymore."""
    approval = {"principal": "ada@example.org", "time": "2026-01-02T03:04:05Z", "plan_hash": "ab"}
    written(play, approval=approval, reason="cryptoperiod")
    play.step("rollback", "intent", strategy="repair", authorization={"who": "Zed"}, reason="rows in ruins")
    told = play.step("django_repair", repaired={"t.c": 1}).proved().step("rollback", "done").told()
    assert told.granted_by == "ada@example.org"
    assert told.reason == ("cryptoperiod" if written is completed else None), "that of the way back"
    assert "signed by ada@example.org" in play.page()
    assert [run.granted_by for run in told.all_runs][-1] == "Zed"
    text = notified(told)
    assert ("Authorized by: Zed" in text, "ada@example.org" in text) == (True, False), "a message is of its own run"


def notified(told: dict[str, Any]) -> str:
    return notification._text({"type": "slack"}, "completed", told)


def test_a_run_that_continues_and_could_notify_nobody_is_not_called_failed(play):
    play.begun().step("notification", "failed", about="started", channel="slack to h", found="URLError")
    (run,) = play.told().runs
    assert (run.outcome, play.told().failure) == ("open", {})


def test_copies_that_could_not_be_dropped_are_a_warning_and_no_failure(play):
    error = {"code": "E_HOST_LOST", "what": "keeper can no longer be reached"}
    completed(play).step("rollback", "intent", strategy="settle")
    play.step("postgresql_backup", "failed", asked={"state": "cleared"}, error=error).step("rollback", "done")
    told = play.told()
    assert (told.failure, told.runs[-1].failure) == ({}, {})
    assert "Backup: left copies: E_HOST_LOST: keeper can no longer be reached" in told.warnings


def test_who_of_several_was_notified_is_said(play):
    play.begun().step("notification", "failed", about="started", channel="email by h", found="refused", reached=1)
    assert play.told().warnings == ["Not everybody was notified by email by h of the started: refused"]


def retire(folder: Path, phase: str, **fields: Any) -> None:
    asked = {"state": "destroyed", "key_id": OLD, "reason": "policy", "authorization": {"who": "Zoe"}}
    record = Record(str(folder), f"retire-{OLD}")
    record.append("key_version", "intent", asked=asked)
    record.append("key_version", phase, asked=asked, **fields)


def test_what_was_retired_is_not_to_be_done_any_more(play, tmp_path):
    completed(play)
    assert "Retire the previous keys" in play.page()
    retire(tmp_path, "failed", error={"code": "E_VERSION_HELD", "what": "it is held", "todo": "Wait"})
    assert "Retire the previous keys" in play.page()
    retire(tmp_path, "done")
    page = play.page()
    assert ("Retire the previous keys" in page, "rollback.yml" in page) == (False, False)
    assert [(run.ended, run.authorization["who"]) for run in play.told().all_runs[1:]] == [
        ("failed", "Zoe"),
        ("retired", "Zoe"),
    ]
    for text in files(play):
        assert ("E_VERSION_HELD" in text, f"{OLD}" in text, "Zoe" in text) == (True, True, True)
    reminders = (Path(play.record.path).parent / "reminders.ics").read_text()
    assert (reminders.count("BEGIN:VEVENT"), reminders.count("STATUS:CANCELLED")) == (2, 1)
    assert f"UID:{OLD}-retire@" in reminders


def test_what_was_to_be_retired_is_cancelled_when_it_is_in_use_again(play):
    completed(play).page()
    reminders = Path(play.record.path).parent / "reminders.ics"
    assert (f"UID:{OLD}-retire@" in reminders.read_text(), "CANCELLED" in reminders.read_text()) == (True, False)
    play.rolled_back().page()
    (cancelled,) = [each for each in reminders.read_text().split("BEGIN:VEVENT") if "STATUS:CANCELLED" in each]
    assert f"UID:{OLD}-retire@" in cancelled


def test_a_record_of_a_retirement_that_is_damaged_takes_no_page(play, tmp_path):
    retire(tmp_path, "done")
    (tmp_path / f"retire-{OLD}/record.jsonl").write_text("[1]\n")
    assert len(completed(play).told().all_runs) == 1


def test_who_was_refused_is_on_the_page_over_all(tmp_path):
    error = {"code": "E_APPROVAL_SELF", "what": "<b>one person</b>"}
    refused_runs.note(str(tmp_path), None, playbook="rotate.yml", operator="bob", error=error, reason="")
    report_files.write_index(str(tmp_path))
    index = (tmp_path / "index.html").read_text()
    for words in ("rotate.yml", "bob (as ", "E_APPROVAL_SELF", "&lt;b&gt;one person", "There are no rotations yet"):
        assert words in index, words
    assert not is_rotation(Record(str(tmp_path), refused_runs.NAME))


def test_a_try_that_cannot_be_written_down_stops_nothing(tmp_path):
    (tmp_path / "refused").write_text("in the way")
    assert refused_runs.note(str(tmp_path), None, playbook="rotate.yml") is None


def test_a_try_makes_no_folder_in_the_place_of_one_that_the_store_has_seen(tmp_path):
    assert refused_runs.note(str(tmp_path / "gone"), "r1 1 ab", playbook="rotate.yml") is None
    assert not (tmp_path / "gone").exists()
    assert refused_runs.note(str(tmp_path), "r1 1 ab", playbook="rotate.yml")


def test_a_rollback_that_was_refused_leaves_a_completed_rotation_completed(play):
    completed(play)
    before = play.told()
    error = {"code": "E_LOCKED", "what": "another run works on it", "todo": "Wait"}
    play.step("rollback", "intent").step("database_lease", "failed", error=error)
    told = play.step("rollback", "failed", failed_task="Lock", error=error).told()
    assert [getattr(told, name) for name in ("status", "schedule", "ended", "failure")] == [
        getattr(before, name) for name in ("status", "schedule", "ended", "failure")
    ]
    (warning,) = told.warnings
    assert warning.endswith("stopped before it changed anything: E_LOCKED.")
    play.step("rollback", "intent").step("postgresql_restore", "failed", asked={"state": "prepared"}, error=error)
    assert play.step("rollback", "failed", failed_task="Restore", error=error).told().status == "completed"
    play.step("rollback", "intent").step("env_file", "failed", error=error)
    assert play.step("rollback", "failed", failed_task="Switch", error=error).told().status == "failed"


def test_a_digest_that_differs_proves_nothing(play):
    told = play.begun().prepared().switched().proved(digest="other").told()
    assert told.proved is False
    assert ">the same<" not in play.page()


def test_if_another_process_wrote_it_is_proved_row_by_row_and_reported(play):
    found = {"shop_customer": {"changed": 2, "inserted": 0, "deleted": 1}}
    told = (
        play.begun().prepared().switched().proved(digest="other", concurrent_rows=found).step("rotate", "done").told()
    )
    assert (told.proved, told.targets[0].concurrent_rows) == (True, 3)
    (warning,) = told.warnings
    assert warning.startswith(
        "3 rows of shop_customer were written by another process in the meantime (2 changed, 1 deleted)."
    )
    assert "but for rows that another process wrote" in play.page()
    for name in ("rotation.log", "report.md"):
        assert "3 rows of" in (Path(play.record.path).parent / name).read_text()


def test_what_another_process_wrote_elsewhere_proves_nothing_here(play):
    found = {"shop_order": {"changed": 2, "inserted": 0, "deleted": 0}}
    assert play.begun().prepared().switched().proved(digest="other", concurrent_rows=found).told().proved is False


def test_a_census_before_the_work_proves_nothing(play):
    assert died(play).told().targets[0].after is None
    assert "not proved" in play.page()


def test_dates_are_those_that_the_run_was_given(play):
    told = play.begun(hold_days=10, cryptoperiod_days=100).prepared().switched().proved().step("rotate", "done").told()
    assert told.schedule.next.due - told.ended == datetime.timedelta(days=100)
    assert told.schedule.retire - told.ended == datetime.timedelta(days=10)


def test_each_run_has_its_steps_and_says_which_failed(play):
    failed(play).step("rollback", "intent").step("rollback", "done")
    rotation, rollback = play.told().runs
    assert (rotation.title, rotation.outcome, rollback.title, rollback.outcome) == (
        "Rotation",
        "failed",
        "Rollback",
        "done",
    )
    assert [(step.name, step.outcome) for step in rotation.steps][-1] == ("Re-encryption", "failed")
    assert all(0 <= step.left + step.width <= 100.01 for step in rotation.steps)


def test_a_step_on_two_hosts_is_one(play):
    play.begun()
    for phase in ("intent", "done"):
        for host in ("app1", "app2"):
            play.record.append("env_file", phase, host=host)
    (run,) = play.told().runs
    assert [(step.name, step.outcome) for step in run.steps] == [("Switch: .env", "done")]


def test_who_was_notified_is_no_bar_of_the_timeline(play):
    """It has no intent: its outcomes would be taken for one long step over the whole run."""
    failed = {"channel": "slack to h", "found": "URLError"}
    play.begun().step("notification", "failed", about="started", **failed).prepared().switched().proved()
    play.step("rotate", "done").step("notification", "failed", about="completed", **failed)
    (run,) = play.told().runs
    assert {step.outcome for step in run.steps} == {"done"}
    assert "Notification" not in [step.name for step in run.steps]
    assert play.page().count("<dt>Not notified</dt>") == 2
    play.step("notification", "done", about="completed", channel="email by h", to=["a@b.org", "c@d.org"])
    assert "<dt>Notified</dt><dd>email by h to a@b.org, c@d.org: completed</dd>" in play.page()


@pytest.mark.parametrize(
    ("events", "operator", "said"),
    [
        ([{"actor": "root", "sudo_user": "bob", "login_user": "bob"}], None, ["bob"]),
        ([{"actor": "root", "sudo_user": "bob", "login_user": "bob"}], "bob", ["bob"]),
        ([{"actor": "bob", "login_user": "bob"}], "alice", ["alice (login bob)"]),
        ([{"actor": "root", "login_user": "bob"}], "alice", ["alice (as root, login bob)"]),
        ([{"actor": "root", "login_user": "bob"}], None, ["root (login bob)"]),
        ([{"actor": "alice", "login_user": "bob"}], "alice", ["alice (login bob)"]),
        ([{"actor": "bob"}], "alice", ["alice (as bob)"]),
        ([{"actor": "bob"}, {"actor": "eve", "login_user": "bob"}], None, ["bob", "eve (login bob)"]),
    ],
)
def test_people_are_notified_with_who_had_logged_in(events, operator, said):
    accounts = Accounts()
    for event in decode_all(events):
        accounts.apply(event)
    assert accounts.people(operator) == said


def marks(page: str) -> list[str]:
    """How each line of the record is marked on a page."""
    return re.findall(r"<td>(?:intent|done|failed)(?: <span class=\"no\">([a-z ]+)</span>)?</td></tr>", page)


def test_lines_that_nobody_signed_are_marked_where_a_person_looks_first(play, tmp_path):
    completed(play).record.sign(sshsig.new_key())
    page = play.page()
    assert "unsigned" not in page.split("</style>")[1]
    signed = len(marks(page))
    play.step("rollback", "intent").step("env_file")
    page, folder = play.page(), Path(play.record.path).parent
    said = f"Lines {signed + 1} to {signed + 3} of the record are not signed: "
    assert said in page.split('class="tiles"')[0]
    assert marks(page) == [""] * signed + ["not signed"] * 3
    assert "<details open>" in page
    assert all(said in (folder / name).read_text() for name in ("report.md", "rotation.log"))
    report_files.write_index(str(tmp_path))
    assert "lines that nobody signed" in (tmp_path / "index.html").read_text()

    play.step("rollback", "intent", unsigned_before=3).record.sign(sshsig.new_key())
    page = play.page()
    found = f"Lines {signed + 1} to {signed + 3} of the record were not signed by "
    assert found in page.split('class="tiles"')[0]
    assert marks(page) == [""] * signed + ["not signed then"] * 3 + [""]


def test_an_ordinary_first_run_that_was_refused_is_reported_as_that(play, tmp_path):
    """Before the store has a version it has no key that signs records: nobody is suspected."""
    refused = {"failed_task": "Checklist", "error": {"code": "E_CHECKLIST"}, "versions": []}
    play.begun().step("rotation_checklist", "failed").step("rotate", "failed", **refused)
    play.step("notification", channel="mail")
    said = (
        "Lines 1 to 5 of the record are not signed: the run was refused before the store had a key that signs records."
    )

    page, folder = play.page(), Path(play.record.path).parent

    assert said in page.split('class="tiles"')[0]
    assert "somebody else" not in page
    assert 'class="unsigned"' not in page
    assert all(said in (folder / name).read_text() for name in ("report.md", "rotation.log"))
    report_files.write_index(str(tmp_path))
    assert "lines that nobody signed" not in (tmp_path / "index.html").read_text()

    play.step("rotate", "intent", unsigned_before=5).record.sign(sshsig.new_key())
    assert "Lines 1 to 5 of the record were not signed by 2" in play.page()


def test_a_step_behind_the_end_of_a_refused_first_run_is_suspicious(play):
    play.begun().step("rotate", "failed", versions=[]).step("env_file")
    assert "of the record are not signed: " in play.page()


def test_lines_of_a_retirement_that_nobody_signed_are_reported_too(play, tmp_path):
    completed(play).record.sign(sshsig.new_key())
    Play(tmp_path, f"retire-{OLD}").step("key_version", asked={"state": "destroyed", "key_id": OLD})
    page = play.page()
    assert f"Lines 1 to 2 of the record retire-{OLD} are not signed: " in page
    assert set(marks(page)) == {""}


def test_a_step_that_never_ended_says_so(play):
    play.begun().record.append("django_reencrypt", "intent", host="app1")
    (run,) = play.told().runs
    assert run.steps[0].outcome == "open"


@pytest.mark.parametrize(
    "events",
    [
        [{"event": "a_later_version", "phase": "seen", "targets": 3, "checks": "none"}],
        [
            {
                "event": "application_commands",
                "phase": "done",
                "commands": [3],
                "tool": 4,
                "versions": "x",
                "reading": {},
            }
        ],
        [{"event": "rotate", "phase": "intent", "authorization": "Ada", "time": "yesterday"}],
        [{"phase": "done"}, {"event": "rotate", "phase": "done"}],
        [{"event": "postgresql_backup", "phase": "done", "dumps": [{"path": "/b", "proof": {"kind": "full"}}]}],
        [{"event": "postgresql_restore", "phase": "done", "restored": {"aside": 3, "under": "unlike"}, "backup": 4}],
    ],
)
def test_events_that_nobody_knows_and_members_that_are_missing_break_nothing(play, events):
    for event in events:
        play.record.append(**{"event": "unknown", "phase": "unknown", **event})
    assert "Key rotation" in play.page()


@pytest.mark.parametrize("moment", sample_records.EVENTS)
def test_a_record_with_something_of_everything_has_pages(play, moment):
    for event in sample_records.EVENTS[moment]:
        play.record.append(**{"phase": "done", "host": "app1", **event})
    assert ">None<" not in play.page()


def test_what_somebody_wrote_into_a_record_is_text_on_the_page(play):
    evil = "<script>alert(1)</script>"
    play.begun(reason=evil, authorization={"who": evil, "ticket": f"|{evil}`"}).prepared()
    page = play.page()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<script" not in (Path(play.record.path).parent / "report.md").read_text()


def test_nothing_that_somebody_wrote_is_struck_out_in_a_ticket(play):
    play.begun(reason="~~cryptoperiod~~ a | b").page()
    assert "\\~\\~cryptoperiod\\~\\~ a \\| b" in (Path(play.record.path).parent / "report.md").read_text()


def test_no_text_is_shown_in_another_order_than_it_has(play):
    controls = "\u061c\u200e\u200f\u202a\u202e\u2066\u2069"
    play.begun(reason=f"a{controls}b\nc", authorization={f"w{controls}ho": f"Ada{controls}"}).prepared()
    play.page()
    for path in Path(play.record.path).parent.glob("r*.[hml]*"):
        assert not set(controls) & set(path.read_text(encoding="utf-8")), path.name
    assert ">ab\nc<" in (Path(play.record.path).parent / "report.html").read_text()


def test_what_monitoring_saw_before_and_after_is_shown_as_it_says_it(play):
    snapshot = {"project": "/srv/shop", "time": "2026-01-02T03:04:05Z", "findings": [], "warnings": [], "response": []}
    snapshot.update(census=None, census_asked=False, logs={"since": None, "new": {}}, rotation={}, retire=[])
    play.begun().step("monitoring_probe", snapshot=snapshot).step(
        "monitoring_probe", snapshot={"of": "another version"}
    )
    assert play.page().count("Monitoring of /srv/shop on app1") == 1


NEWER = "0000000000000003"


def todo(play: Play) -> list[str]:
    page = (Path(play.record.path).parent / "report.html").read_text()
    return re.findall(r"<li>(.*?)</li>", page[page.index('id="todo"') :].split("</section>")[0])


@pytest.mark.parametrize("written", [completed, failed, rolled_back, died])
def test_what_was_superseded_says_so_and_sends_nobody_to_act_on_another_rotation(tmp_path, written):
    play = written(Play(tmp_path, "r1"))
    play.page()
    assert not any("Superseded" in item for item in todo(play))
    later = Play(tmp_path, "r2").begun()
    later.step("key_version", asked={"state": "pending"}, stages={"current": OLD, "pending": NEWER})
    report_files.write_changed(later.record)
    assert not any("Superseded" in item for item in todo(play)), "it is not completed yet"
    later.step("rotate", "done").page()
    report_files.write_changed(later.record)
    first, *others = todo(play)
    assert first == "Superseded by r2: its page says what to do now."
    assert [item.split(" (")[0] for item in others] == (["Retire the previous keys"] if written is completed else [])
    assert not any("Superseded" in item for item in todo(later))
    log, page = (Path(play.record.path).parent / name for name in ("rotation.log", "report.html"))
    assert "Next rotation:   superseded by r2" in log.read_text()
    assert "Superseded by <code>r2</code>" in page.read_text()
    if written is completed:
        assert "-due@" not in (page.parent / "reminders.ics").read_text()
    later.step("rollback", "intent").step("key_version", asked={"state": "rolled_back"}, stages={"current": OLD})
    report_files.write_changed(later.step("rollback", "done").record)
    assert not any("Superseded" in item for item in todo(play)), "what came after was taken back"


def later_failed(folder: Path) -> Play:
    later = Play(folder, "r2").begun()
    later.step("key_version", asked={"state": "pending"}, stages={"current": NEW, "pending": NEWER})
    return later.step("rotate", "failed")


def later_back(folder: Path) -> Play:
    """Before its keys were current: the keys before r1 are where they were."""
    later = later_failed(folder).step("rollback", "intent")
    later.step("key_version", asked={"state": "discarded"}, stages={"previous": OLD, "current": NEW})
    return later.step("rollback", "done")


def later_current_and_back(folder: Path) -> Play:
    later = later_failed(folder).step("rotate", "intent", resumed=True)
    later.step("key_version", asked={"state": "current"}, stages={"previous": NEW, "current": NEWER})
    later.step("rollback", "intent").step("key_version", asked={"state": "rolled_back"}, stages={"current": NEW})
    return later.step("rollback", "done")


def destroyed_elsewhere(folder: Path) -> Play:
    """By another control node, as the store says when a later rotation ends here."""
    later = later_back(folder)
    gone = {"key_id": OLD, "destroyed": "2026-01-02T03:04:05Z"}
    return later.step("rotate", "intent").step("rollback", "intent").step("rollback", "done", versions=[gone])


def retiring(folder: Path) -> None:
    asked = {"state": "destroyed", "key_id": OLD}
    Record(str(folder), f"retire-{OLD}").append("key_version", "intent", asked=asked)


@pytest.mark.parametrize(
    ("then", "said"),
    [
        (lambda folder: None, None),
        (later_back, None),
        (later_failed, "r2 came after it and has not ended"),
        (later_current_and_back, "r2 came after it and was rolled back"),
        (destroyed_elsewhere, "the previous keys are destroyed"),
        (lambda folder: retire(folder, "done"), "the previous keys are destroyed"),
        (retiring, "a retirement of the previous keys was started"),
    ],
)
def test_a_way_back_is_promised_only_if_there_is_one(tmp_path, then, said):
    play = completed(Play(tmp_path, "r1").step("rotate", "intent", commands=COMMANDS))
    then(tmp_path)
    play.page()
    items = todo(play)
    assert any("you can roll it back" in item and "rollback.yml" in item for item in items) is (said is None)
    assert any(f"It cannot be rolled back: {said}" in item for item in items) is (said is not None)
    assert any("Retire the previous keys" in item for item in items) is (said != "the previous keys are destroyed")


@pytest.mark.parametrize(("written", "back"), [(lambda play: play.begun(), False), (died, True)])
def test_what_has_not_ended_goes_back_only_if_new_keys_were_made(play, written, back):
    page = written(play).page()
    assert ("to resume it, or roll it back." in page, "to resume it." in page) == (back, not back)


def test_rotations_of_other_keys_supersede_nothing(tmp_path):
    play = completed(Play(tmp_path, "r1"))
    later = Play(tmp_path, "r2").begun()
    stages = {"current": "a" * 16, "pending": "b" * 16}
    later.step("key_version", asked={"state": "pending"}, stages=stages).step("rotate", "done").page()
    play.page()
    assert not any("Superseded" in item for item in todo(play))


OTHER = " (and your other -e options)"


@pytest.mark.parametrize(
    "rollback",
    [
        pytest.param(COMMANDS["rollback"] + OTHER, id="of an earlier version"),
        {"typed": COMMANDS["rollback"], "others": 2},
    ],
)
def test_commands_to_type_name_what_they_are_of(tmp_path, rollback):
    """Typed later, they would else act on another rotation."""
    other = OTHER
    commands = {**COMMANDS, "rollback": rollback}
    play = Play(tmp_path, "r1").begun(commands=commands).prepared()
    play.page()
    by_id = "<code>ansible-playbook {}.yml -e key_rotation_id=r1{}</code>"
    assert [item[item.index("<code>") :] for item in todo(play)] == [
        by_id.format("rotate", ""),
        by_id.format("rollback", other),
    ]
    play.switched().proved().step("rotate", "done").page()
    assert todo(play)[0].endswith(f"<code>ansible-playbook retire.yml -e key_rotation_retire_key_id={OLD}</code>")
    assert todo(play)[1].endswith(by_id.format("rollback", other))
    play.rolled_back().page()
    assert todo(play)[0].endswith("<code>ansible-playbook rotate.yml</code>"), "a new one has another name"


def test_the_index_has_all_rotations_the_newest_first(tmp_path: Path):
    for name in ("r1", "r2"):
        play = Play(tmp_path, name)
        completed(play) if name == "r1" else died(play)
        play.page()
    report_files.write_index(str(tmp_path))
    index = (tmp_path / "index.html").read_text()
    assert index.index("r1/report.html") != index.index("r2/report.html")
    assert index.count('class="chip"') == 2
    assert ">completed<" in index
    assert ">open<" in index


def test_what_was_retired_is_no_rotation_that_is_open(tmp_path: Path):
    good = Play(tmp_path, "good").begun().prepared().switched().proved().step("rotate", "done")
    retired = Play(tmp_path, f"retire-{OLD}").step("key_version", asked={"state": "destroyed", "key_id": OLD})
    report_files.write(good.record)
    report_files.write_index(str(tmp_path))
    assert f"retire-{OLD}" not in (tmp_path / "index.html").read_text()
    assert (is_rotation(good.record), is_rotation(retired.record)) == (True, False)


def test_a_record_that_somebody_damaged_takes_nobody_else_s_page(tmp_path: Path):
    good = Play(tmp_path, "good").begun().prepared().switched().proved().step("rotate", "done")
    Play(tmp_path, "bad").begun()
    (tmp_path / "bad/record.jsonl").write_text("[1]\n")
    page = Path(report_files.write(good.record))
    assert "COMPLETED" in (page.parent / "rotation.log").read_text()
    report_files.write_index(str(tmp_path))
    index = (tmp_path / "index.html").read_text()
    assert 'good/report.html">good</a>' in index
    assert '<td class="first">bad</td>' in index
    assert "unreadable" in index


@pytest.mark.parametrize("alias", ["default", "second"])
def test_what_a_restore_keeps_aside_is_to_be_dropped_until_it_is(play, alias):
    done = {"database": "shop", "alias": alias, "aside": "before_r1:shop", "under": {"previous": 7}}
    backup = {"rotation_id": "spring", "snapshot": {"time": "2026-01-02T03:04:05Z"}}
    completed(play).step("rollback", "intent", strategy="restore", commands=COMMANDS)
    play.step("postgresql_restore", restored=done, backup=backup, lost=[], changed=True).step("rollback", "done")
    play.page()
    (item,) = [item for item in todo(play) if "Drop before_r1:shop" in item]
    of_alias = "" if alias == "default" else f" -e key_rotation_restore_alias={alias}"
    assert f"-e key_rotation_id=spring{of_alias} -e key_rotation_restore_drop=true</code>" in item
    aside, taken = "aside before_r1:shop, without connections", "shop is now the backup of"
    for words in (aside, taken):
        assert [warning for warning in play.told().warnings if warning.startswith(words)]
    dropped = {"dropped": ["before_r1:shop"], "backup": {}}
    play.step("restore", "intent").step("postgresql_restore", asked={"alias": "third"}, **dropped).page()
    assert [item for item in todo(play) if "Drop before_r1:shop" in item], "that was on another server"
    play.step("restore", "intent").step("postgresql_restore", asked={"alias": alias}, **dropped)
    play.page()
    assert not [item for item in todo(play) if "Drop before_r1:shop" in item]
    assert [warning for warning in play.told().warnings if warning.startswith(taken)]
    assert aside not in " ".join(play.told().warnings)


@pytest.mark.parametrize("phase", ["done", "failed"])
def test_a_drop_days_later_changes_nothing_of_how_the_rotation_ended(play, phase):
    completed(play).step("rollback", "intent", strategy="restore")
    refused = {"code": "E_RESTORE_LOSS", "what": "17 rows would be lost", "changed": "A copy lies beside."}
    play.step("postgresql_restore", "failed", asked={"state": "prepared"}, error=refused)
    play.step("rollback", "failed")
    before = play.told()
    assert before.status == "completed"
    play.step("postgresql_restore", phase, asked={"state": "dropped"}, error={"code": "E_RESTORE_BUSY", "what": "busy"})
    told = play.told()
    for member in ("status", "ended", "schedule", "failure", "seconds", "people"):
        assert getattr(told, member) == getattr(before, member), member
    assert [run.seconds for run in told.runs] == [run.seconds for run in before.runs]
    (tried,) = [warning for warning in told.warnings if warning.startswith("A rollback was tried at ")]
    assert tried.endswith(": E_RESTORE_LOSS.")
    assert ("Restore: the drop: E_RESTORE_BUSY: busy" in told.warnings) is (phase == "failed")


def test_a_drop_in_the_record_of_the_backup_s_own_rotation_is_known(tmp_path):
    done = {"database": "shop", "aside": "before_spring:shop", "under": {"previous": 7}}
    spring, autumn = completed(Play(tmp_path, "spring")), completed(Play(tmp_path, "autumn"))
    autumn.step("rollback", "intent", strategy="restore", commands=COMMANDS)
    backup = {"rotation_id": "spring", "snapshot": {"time": "2026-01-02T03:04:05Z"}}
    autumn.step("postgresql_restore", restored=done, backup=backup, lost=[], changed=True).step("rollback", "done")
    assert [one.name for one in autumn.told().kept_aside] == ["before_spring:shop"]
    autumn.page()
    assert [item for item in todo(autumn) if "Drop before_spring:shop" in item]
    spring.step("postgresql_restore", dropped=[], sought=["before_spring:shop"], asked={"state": "dropped"})
    assert not autumn.told().kept_aside, "whoever dropped it"
    assert report_files.write_changed(spring.record) == ["autumn"]
    assert not [item for item in todo(autumn) if "Drop before_spring:shop" in item]
    again = {"restored": done, "backup": backup, "lost": [], "changed": True, "time": "2099-01-02T03:04:05Z"}
    autumn.step("rollback", "intent", strategy="restore").step("postgresql_restore", **again).step("rollback", "done")
    assert [one.name for one in autumn.told().kept_aside] == ["before_spring:shop"], "restored again since"


def test_digests_that_were_met_on_the_way_back_again_are_reported_once(play):
    column = "shop_customer.name_bidx"
    completed(play)
    for key_id, counts in ((NEW, (1000, 234)), (OLD, (1100, 134, None))):  # by two hosts, and by a step with none
        for count in counts:
            play.step("django_reencrypt", targets=[], key_id=key_id, stale={column: count} if count else {})
    for text in files(play):
        assert f"1,234 digests in {column} were left unchanged" in text


def test_values_that_no_key_opens_are_not_called_proved(play):
    left = {"count": 3, "rows": "t.c 17, 18, 19"}
    completed(play).step("rollback", "intent", strategy="settle").proved(unopened=left).step("rollback", "done")
    told = play.told()
    assert (told.status, told.proved, told.unopened) == ("completed", False, 3)
    assert sentence(told).startswith(f"Of 10 values, 7 open under version {NEW} and 3 open under no known")
    play.step("rollback", "intent").step("django_reencrypt", targets=[target("current", reencrypted=7)])
    asked = {"expect_stage": "previous"}
    play.step("django_census", asked=asked, targets=[target("previous")], unopened=left)
    told = play.step("rollback", "done").told()
    assert (told.status, told.proved) == ("rolled back", False)
    said = sentence(told)
    assert f"7 open under version {OLD} and 3 open under no known version" in said
    assert "as before" not in said
    assert "Restore or delete the values that no key opens" in play.page()
    assert all("PASSED" not in text for text in files(play))


def test_no_page_calls_a_value_proved_that_is_encrypted_twice(play):
    twice = {**target("current"), "classes": {"current": 6, "nested": 1, "empty": 2}}
    play.begun().prepared().switched()
    play.step("django_census", asked={"expect_stage": "current"}, targets=[twice], key_ids={"current": NEW})
    told = play.step("rotate", "done").told()
    assert (told.proved, told.targets[0].unopened) == (False, 1)
    assert f"Of 7 values, 6 open under version {NEW} and 1 are encrypted twice." in sentence(told)
    page, log, ticket = files(play)
    assert ("Values proved" in page, "PASSED" in log, ", proved" in ticket) == (False, False, False)


def test_a_column_with_values_that_no_key_opens_says_so(play):
    ruined = {**target("current"), "classes": {"current": 4, "unreadable": 3, "empty": 2}}
    play.begun().prepared().switched().step("django_census", asked={"expect_stage": "current"}, targets=[ruined])
    assert play.told().targets[0].unopened == 3
    assert "3 open under no key" in play.page()


@pytest.mark.parametrize("proof", [None, {"kind": "none", "seconds": 0.0, "time": "2026-01-02T03:04:05Z"}])
def test_a_backup_that_nobody_has_restored_says_so(play, proof):
    dump = {"path": "/b/r1.dump", "size": 1234, "sha256": "ab", "proof": proof}
    page = play.begun().step("postgresql_backup", dumps=[dump]).page()
    assert ("not proved by a restore" in page, "none: it was not restored" in page, "kind: none" in page) == (
        True,
        True,
        False,
    )


def test_a_backup_that_somebody_else_keeps_has_no_size_and_no_digest(play):
    dump = {"path": "nightly-77", "engine": "snapshot", "size": 0, "sha256": None, "proof": None}
    play.begun().step("postgresql_backup", dumps=[dump])
    page, log, _ = files(play)
    assert ("0 bytes" in page, "<dt>SHA-256</dt>" in page, "<b>snapshot</b>" in page) == (False, False, True)
    assert "Backup location: nightly-77\n                 snapshot\n" in log


def test_a_failure_over_ruined_values_is_not_reported_as_if_every_value_opened(play):
    play.begun().prepared().step("django_reencrypt", targets=[target("current", reencrypted=7)])
    said = sentence(play.step("rotate", "failed", error={"code": "E_DB"}).told())
    assert said.startswith(
        "It stopped. It is not known which version each value is under: values may have been written"
    )
    play.step("rollback", "intent").step("django_reencrypt", "failed", error={"code": "E_UNREADABLE"})
    said = sentence(play.step("rollback", "failed", error={"code": "E_UNREADABLE"}).told())
    assert said.startswith("The rollback stopped. It is not known which version each value is under")


def test_why_a_rollback_was_refused_is_reported_if_its_last_line_does_not_say(play):
    error = {"code": "E_RESTORE_LOSS", "what": "2 rows would be lost", "todo": "Say so"}
    completed(play).step("rollback", "intent").step(
        "postgresql_restore", "failed", asked={"state": "prepared"}, error=error
    )
    play.step("rollback", "failed")
    assert any(warning.endswith("changed anything: E_RESTORE_LOSS.") for warning in play.told().warnings)


def test_a_reminder_names_the_keys_to_retire_and_holds_no_line_of_somebody_else(play):
    play.begun(reason="compromise\rEND:VEVENT\n\x1b", commands=COMMANDS).prepared().switched().proved()
    play.step("rotate", "done").page()
    reminders = Path(play.record.path).parent / "reminders.ics"
    unfolded = reminders.read_bytes().decode().replace("\r\n ", "")
    assert f"ansible-playbook retire.yml -e key_rotation_retire_key_id={OLD}\r\n" in unfolded
    play.rolled_back(reason="x").page()
    unfolded = reminders.read_bytes().decode().replace("\r\n ", "")
    assert "the reason was compromise END:VEVENT )" in unfolded
    assert all(line.isprintable() for line in unfolded.split("\r\n"))


def test_a_restore_that_was_ended_directly_behind_its_swap_is_on_the_page_with_what_it_keeps_aside(play):
    completed(play).step("rollback", "intent", strategy="restore", commands=COMMANDS)
    asked = {"state": "present", "alias": "default", "backup_of": "spring"}
    copy = {"database": "shop", "alias": "default", "copy": "key_rotation_1"}
    play.step("postgresql_restore", asked={**asked, "state": "prepared"}, restored=copy)
    play.step("postgresql_restore", "intent", asked=asked).step("rollback", "intent", commands=COMMANDS)
    play.step("django_census", targets=[], kept_aside={"before_spring_2:shop": []}).page()
    told = "restored DATABASES[default] is now the backup of spring: an earlier run was killed right after the swap"
    assert told not in play.told().warnings
    play.step("django_census", targets=[], kept_aside={"before_spring:shop": []}).step("rollback", "done").page()
    assert told in play.told().warnings
    (item,) = [item for item in todo(play) if "Drop before_spring:shop" in item]
    assert "-e key_rotation_id=spring -e key_rotation_restore_drop=true</code>" in item
    spring = completed(Play(Path(play.record.path).parents[1], "spring"))
    spring.step("postgresql_restore", dropped=[], sought=["before_spring:shop"], asked={"state": "dropped"})
    assert (play.told().kept_aside, told in play.told().warnings) == ([], True)


def test_values_that_another_process_damaged_are_named_on_the_pages_of_a_run_that_failed(play):
    written = [["people.name:1", "a token"], ["people.name:2", "nothing"], ["people.phone:7", "a token"]]
    error = {"code": "E_VALUES_DAMAGED", "what": "another process changed 2 values"}
    play.begun().prepared().switched().step("application_reading", "failed", error=error, reading={"written": written})
    page = play.rolled_back().page()
    assert "2 values that another process changed are read as a token: people.name:1, people.phone:7" in page
    assert "1 value that another process changed is read as nothing: people.name:2" in page
