# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only some boxes have: the golden files (``test_report_files``) show whole ones."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible import context
from ansible.utils.context_objects import CLIArgs
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.restore import RestoreBusy, RestoreLoss
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report import run_ending, summary_box
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report.checked_items import NOBODY_LOOKS, UNWATCHED
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report.read_rotation import read

from .stories import DUMP, NEW, OLD, VERSIONS, Play, completed, rolled_back, target

REFUSED = {"code": "E_CHECKLIST", "what": "1 of 26 items stop the rotation"}
BACKUP = {"rotation_id": "spring", "snapshot": {"time": "2026-11-26T12:00:00Z"}}
SWAPPED = {"asked": {"state": "present"}, "backup": BACKUP, "lost": [], "changed": True}


@pytest.fixture
def play(tmp_path) -> Play:
    return Play(tmp_path)


@pytest.fixture(autouse=True)
def typed(monkeypatch):
    """Ansible was started with these arguments."""

    def start(*args: str, **options: Any) -> None:
        monkeypatch.setattr(context, "CLIARGS", CLIArgs({"args": args, **options}))

    start("rotate.yml")
    return start


def shown(play: Play, width: int = 100) -> list[str]:
    return list(summary_box.lines(run_ending.Ending(read(play.record)), width))


def rows(play: Play, *labels: str) -> list[str]:
    """The lines of these rows, each with one space between two words."""
    return [
        " ".join(line.split()) for line in shown(play, 118) if line.startswith(tuple(f"  {each} " for each in labels))
    ]


def wide(play: Play) -> str:
    return " ".join(" ".join(shown(play)).split())


@pytest.mark.parametrize("width", [20, 72, 79, 200])
def test_sentences_are_wrapped_and_what_is_typed_or_copied_is_not(play, width, typed):
    typed("tetech.key_rotation.rotate", inventory=("a-very-long-name-of-an-inventory-that-does-not-fit,",))
    play.begun().prepared().switched().proved(unopened={"count": 3, "rows": "t.c:17, 18, 19"})
    lines = shown(play.step("rotate", "done"), width)
    whole = ("ansible-playbook", "SHA-256", str(play.record.path))
    fits = max(summary_box.NARROW, min(width, summary_box.WIDE))
    assert max(len(line) for line in lines if not any(each in line for each in whole)) <= fits
    command = "ansible-playbook tetech.key_rotation.rollback -i a-very-long-name-of-an-inventory-that-does-not-fit,"
    assert f"  roll back  {command}" in lines


def test_what_a_person_settled_is_not_among_the_values_and_is_readable_again_after_a_rollback(play):
    settled = [{"column": f"t.c{n}", "decision": "unreadable", "reason": "nobody needs it"} for n in range(9)]
    play.begun().prepared().switched(settlements=settled).proved().step("rotate", "done", versions=VERSIONS)
    decided = "may be unreadable now, which was accepted (nobody needs it)"
    assert f"because a person decided so: * t.c0 {decided} * t.c1 {decided}" in wide(play)
    assert f"* t.c5 {decided} * 3 more, listed in the report" in wide(play)
    assert "because a person decided so" not in wide(rolled_back(play))


def test_a_value_that_was_left_alone_and_a_column_that_is_rotated_are_among_the_values(play):
    left = {"decision": "unreadable", "reason": "nobody needs it"}
    settled = [{"column": name, **left} for name in ("t.c:17", "t.c:a.b:c", "shop_customer.name", "branch:t.c")]
    play.begun().prepared().switched(settlements=settled).proved().step("rotate", "done", versions=VERSIONS)
    said = wide(play)
    assert "because a person decided so: * branch:t.c may be unreadable" in said
    assert not [name for name in ("t.c:17", "t.c:a", "shop_customer.name") if name in said]


def test_a_run_that_resumed_shows_what_it_did_itself(play):
    """Its time, its re-encryption and its warnings, and not those of the run before."""
    play.begun().step("django_reencrypt", targets=[target("current", reencrypted=7, nested=2)])
    play.step("rotate", "failed", error=REFUSED).begun(resumed=True).prepared().switched().proved()
    text = wide(play.step("rotate", "done"))
    assert "7 were re-encrypted by this run" in text
    assert ("COMPLETED in 19 s" in text, "were encrypted twice" in text) == (True, False)
    assert "A run that had not ended was resumed" in text


def test_backups_of_several_databases_are_all_shown(play):
    dumps = [DUMP, {**DUMP, "path": "/b/r1.reports.dump", "proof": None, "sha256": None, "engine": "snapshot"}]
    play.begun().step("postgresql_backup", dumps=dumps).step("postgresql_backup", dropped=["key_rotation_proof_1_2"])
    assert rows(play.step("rotate", "done"), "backup") == ["backup /b/r1.dump", "backup /b/r1.reports.dump"]
    assert "bytes, snapshot not proved by a restore" in wide(play)


def test_a_test_record_that_could_not_be_removed_is_shown_until_it_is(play):
    removal = {"asked": {"purpose": "removal of the test record"}}
    failed = {"error": {"what": "false ended with exit code 1"}, **removal}
    completed(play.begun().step("application_commands", "failed", **failed))
    assert "The test record is still there: false ended with exit code 1. Run the command remove of" in wide(play)
    assert "test record" not in wide(play.step("application_commands", **removal))


def empty_attempt(play: Play, *versions: tuple[str, str]) -> Play:
    """A rollback of a rotation that had ended before it made a version."""
    play.begun().step("rotate", "failed", error=REFUSED).step("rollback", "intent", strategy="nothing")
    listed = [{"rotation_id": name, "stage": stage} for name, stage in versions]
    return play.step("rollback", "done", versions=listed)


def test_a_rollback_of_an_empty_attempt_says_that_the_previous_rotation_stays(play, typed):
    typed("tetech.key_rotation.rollback", inventory=("localhost,",))
    empty_attempt(play, ("adopted a", "previous"), ("spring", "current"))
    assert shown(play)[2].startswith(" Rollback of r1: NOTHING HAD TO BE ROLLED BACK in ")
    assert rows(play, "kept", "roll back", "next", "keys") == [
        "kept Rotation spring, which was completed earlier, was not rolled back: its keys stay current.",
        "roll back ansible-playbook tetech.key_rotation.rollback -i localhost, -e key_rotation_id=spring",
        "next ansible-playbook tetech.key_rotation.rotate -i localhost,",
    ]


@pytest.mark.parametrize("versions", [[], [("adopted a", "current")]])
def test_a_rollback_of_an_empty_attempt_names_no_rotation_that_cannot_be_rolled_back(play, versions):
    empty_attempt(play, *versions)
    assert "NOTHING HAD TO BE ROLLED BACK" in shown(play)[2]
    assert rows(play, "kept", "roll back") == []


def test_a_rollback_that_closes_the_record_of_what_was_rolled_back_says_rolled_back(play):
    assert "Rollback of r1: ROLLED BACK in" in shown(empty_attempt(play, ("adopted a", "current"), ("r1", "")))[2]


def test_the_box_counts_no_value_that_the_proof_did_not_open(play):
    found = target("current", nested=2, unreadable=1)
    play.begun().prepared().switched().step("django_census_info", asked={"expect_stage": "current"}, targets=[found])
    text = wide(play.step("rotate", "done"))
    counts = "2 are encrypted twice and 1 open under no known version."
    assert f"Of 10 values, 7 open under version {NEW}, {counts} shop.Customer 7" in text


def test_that_nobody_has_looked_at_the_keys_of_processes_is_shown_in_the_end(play):
    def checked(status: str, seen: str = NOBODY_LOOKS, **code: str) -> bool:
        items = [{"name": "disk", "status": "warn", "seen": "little"}]
        items += [{"name": "processes", "status": status, "seen": seen, **code}]
        play.begun().step("rotation_checklist", **{"checks" if code else "items": items})
        return f"WARNING processes: {NOBODY_LOOKS}" in wide(play.step("rotate", "done"))

    assert [checked("warn"), checked("warn", "2 of 7 are older than the file"), checked("ok")] == [True, False, False]
    assert [checked("warn", code=UNWATCHED), checked("warn", code=""), checked("ok", code="")] == [True, False, False]


@pytest.mark.parametrize(("alias", "named"), [("default", ""), ("second", "-e key_rotation_restore_alias=second ")])
def test_the_command_that_drops_what_was_set_aside_names_the_database(play, alias, named):
    done = {"database": "orders", "alias": alias, "aside": "before_spring:orders", "under": {"current": 1}}
    completed(play).step("rollback", "intent", strategy="restore").step("postgresql_restore", restored=done, **SWAPPED)
    options = f"-e key_rotation_id=spring {named}-e key_rotation_restore_drop=true"
    assert f"             ansible-playbook restore.yml {options}" in shown(play.step("rollback", "done"))


def test_a_restore_that_had_nothing_to_keep_aside_is_shown_and_a_copy_alone_is_not(play):
    lost = {"lost": [{"table": "a", "added": None, "changed": None, "deleted": None}]}
    copy, swapped = {"copy": "key_rotation_1"}, {"aside": None, "under": {"current": 1}}
    play.begun().step("rollback", "intent", strategy="restore")
    for done in (copy, swapped):
        play.step("postgresql_restore", restored={"database": "orders", **done}, **{**SWAPPED, **lost})
    text = wide(play.step("rollback", "done"))
    assert "orders is now the backup of 2026-11-26T12:00:00Z lost a: rows since not counted" in text
    assert ("key_rotation_1" in text, "aside " in text) == (False, False)


@pytest.mark.parametrize(
    ("end", "kept", "told"),
    [
        ([], ["before_spring:orders", "before_spring_2:orders", "before_spring:a", "before_summer:orders"], True),
        ([], ["before_spring_2:orders"], False),
        ([], [], False),
        (["second"], ["before_spring:orders"], False),
        (["default"], ["before_spring:orders", "before_spring:a"], True),
    ],
)
def test_a_restore_that_was_ended_directly_behind_the_swap_is_shown(tmp_path, end, kept, told):
    play = Play(tmp_path, "spring").begun().step("rollback", "intent", strategy="restore")
    for alias, name in {"default": "a", "second": "orders"}.items():
        play.step("postgresql_restore", restored={"alias": alias, "database": name})
    asked = {"state": "present", "alias": "second"}
    play.record.append("postgresql_restore", "intent", host="app1", asked=asked)
    for alias in end:
        play.record.append("postgresql_restore", "done", host="app1", asked={**asked, "alias": alias})
    play.step("django_census_info", targets=[], kept_aside={name: [] for name in kept}).step("rollback", "done")
    text = wide(play)
    said = "restored DATABASES[second] is now the backup of spring: an earlier run was killed right after the swap"
    options = "-e key_rotation_id=spring -e key_rotation_restore_alias=second -e key_rotation_restore_drop=true"
    drop = f"aside before_spring:orders, without connections, until you drop it ansible-playbook {options}"
    assert (said in text, drop.replace("playbook", "playbook restore.yml") in text) == (told, told)


@pytest.mark.parametrize(
    ("stages", "row", "back"),
    [
        ({"current": OLD}, f"keys {OLD} (current)", False),
        ({"previous": OLD, "current": NEW}, f"keys {OLD} (previous) -> {NEW} (current)", True),
    ],
)
def test_with_the_current_keys_alone_nothing_is_called_previous(play, stages, row, back):
    play.begun().step("key_version", stages=stages).step("rotate", "done")
    assert (rows(play, "keys"), bool(rows(play, "roll back"))) == ([row], back)


def test_after_a_repair_the_box_names_the_values_that_are_taken_by_name(play):
    left = [{"value": "t.c:1", "reason": "other columns of its row were changed since the backup", "by_name": True}]
    left.append({"value": "t.c:2", "reason": "is not in the backup"})
    completed(play).step("rollback", "intent", strategy="repair").step("django_repair", repaired={}, left=left)
    text = wide(play.proved(unopened={"count": 2, "rows": "t.c:1, 2"}).step("rollback", "done"))
    assert "Rollback of r1: NOT REPAIRED in" in text
    option = """-e '{"key_rotation_prefer": "repair", "key_rotation_repair": ["t.c:1"]}'"""
    assert f"next ansible-playbook rollback.yml {option} (takes" in text


def test_why_nothing_was_repaired_is_a_warning(play):
    error = {"code": "E_BACKUP_CHECKSUM", "what": "r1.dump does not match the SHA-256"}
    completed(play).step("rollback", "intent", strategy="repair").step("django_repair", "failed", error=error)
    text = wide(play.step("rollback", "done"))
    assert "WARNING Repair from the backup: E_BACKUP_CHECKSUM: r1.dump does not match the SHA-256" in text


@pytest.mark.parametrize(
    ("direction", "labels"),
    [("rotate", ["next ansible-playbook rotate.yml", "roll back ansible-playbook rollback.yml"]), ("rollback", None)],
)
def test_what_failed_is_said_with_its_cure_and_the_command_to_type(play, direction, labels):
    error = {"code": "E_ENV", "what": "the file changed", "changed": "Nothing was changed.", "todo": "Look at it."}
    play.begun().prepared()
    if direction == "rollback":
        play.step("rotate", "failed").step("rollback", "intent")
    play.step("env_file", "failed", error=error).step(direction, "failed", error=error, failed_task="Switch | Write it")
    text = wide(play)
    assert "failed E_ENV: the file changed. at: Switch | Write it what to do Look at it." in text
    assert text.count("E_ENV") == 1
    assert f"data No value and no key of the application was written. All 7 values open under version {OLD}." in text
    assert rows(play, "next", "roll back") == (labels or ["next ansible-playbook rollback.yml"])


@pytest.mark.parametrize(
    ("started", "command"),
    [
        ("playbooks/restore.yml", "ansible-playbook playbooks/restore.yml"),
        ("tetech.key_rotation.restore", "ansible-playbook tetech.key_rotation.restore"),
        ("playbooks/rotate.yml", "ansible-playbook playbooks/rollback.yml"),
    ],
)
def test_a_restore_is_not_called_a_rollback_and_is_run_again(play, typed, started, command):
    typed(started)
    error = RestoreBusy(database="shop").parts
    play.begun().step("rollback", "intent", strategy="restore").step("postgresql_restore", "failed", error=error)
    play.step("rollback", "failed")
    title = "Restore of r1" if "restore" in started else "Rollback of r1"
    assert shown(play)[2].startswith(f" {title}: FAILED in ")
    assert rows(play, "next") == [f"next {command}"]


@pytest.mark.parametrize("started", ["restore.yml", "rollback.yml"])
def test_the_next_command_is_the_one_that_the_error_names(play, typed, started):
    typed(started)
    fields = {"count": 6, "time": "noon", "tables": "orders 6", "rotation_id": "spring", "acknowledge": "6"}
    error = RestoreLoss(**fields, options=" -e O(restore_alias)=second").parts
    play.begun().step("rollback", "intent", strategy="restore").step("postgresql_restore", "failed", error=error)
    options = "-e key_rotation_id=spring -e key_rotation_restore_alias=second -e key_rotation_restore_drop=true"
    assert rows(play.step("rollback", "failed"), "next") == [f"next ansible-playbook restore.yml {options}"]
    assert f"playbook with {options}" in error["todo"]


@pytest.mark.parametrize(
    "checked",
    [
        {"items": [{"name": "plan", "status": "stop", "seen": "E_PLAN_NOT_READY: the plan p has 1 finding"}]},
        {"checks": [{"name": "plan", "status": "stop", "seen": "it is not ready", "code": "E_PLAN_NOT_READY"}]},
    ],
    ids=["recorded without a code", "recorded with a code"],
)
def test_a_run_that_the_plan_stopped_names_the_plan_playbook_and_not_itself(play, checked):
    error = {"code": "E_CHECKLIST", "what": "1 of 26 checks", "todo": "Do it."}
    play.begun().step("rotation_checklist", "failed", **checked, error=error).step("rotate", "failed", error=error)
    assert rows(play, "next") == ["next ansible-playbook plan.yml"]


def test_an_error_with_several_findings_has_a_line_for_each(play):
    error = {
        "code": "E_OPTIONS",
        "what": "2 variables are invalid",
        "todo": "Correct them:\n* one is not known\n* two too",
    }
    play.begun().step("rotate", "failed", error=error)
    lines = shown(play)
    first = lines.index("  what to do Correct them:")
    assert lines[first + 1 : first + 3] == ["             * one is not known", "             * two too"]


@pytest.mark.parametrize("member", ["items", "checks"])
def test_what_stopped_a_run_on_the_checklist_is_named_with_its_code(play, member):
    """The checklist of an earlier version has no codes."""
    error = {
        "code": "E_CHECKLIST",
        "what": "2 of 26 checks stop the rotation",
        "todo": "Do what it says for each of these.",
    }
    items = [
        {"name": "backup", "status": "stop", "seen": "E_BACKUP_IDENTITY: it is not given", "todo": "Set it."},
        {"name": "rehearsal", "status": "warn", "seen": "none", "todo": "Do one."},
        {"name": "window", "status": "stop", "seen": "it is closed", "todo": "Wait."},
    ]
    if member == "checks":
        items = [{**item, "code": code} for item, code in zip(items, ["E_BACKUP_IDENTITY", "", ""], strict=True)]
    checked = {member: items, "error": error}
    play.begun().step("rotation_checklist", "failed", **checked).step("rotate", "failed", error=error)
    stopping = "for each of these. backup: E_BACKUP_IDENTITY window: it is closed more docs/errors.md#e_checklist data"
    assert stopping in wide(play)
    play.begun().step("env_file", "failed", error=REFUSED | {"code": "E_ENV"}).step("rotate", "failed")
    assert "backup: " not in wide(play), "it was another run's"


def test_what_was_prepared_is_no_part_of_the_downtime_and_what_was_not_is_named(play):
    why = {"shop": "it has the search columns bidx"}
    play.begun().prepared().step("django_prepare", preparation={"rows": 7, "seconds": 65.0, "excluded": why})
    play.step("django_prepare", preparation={"seconds": 5.0}, asked={"state": "verified"}).stopped()
    play.step("django_reencrypt", targets=[target("current", reencrypted=7)], work={"by_sets": 6}).proved().started()
    play.step("rotate", "done")
    said = "prepared 7 rows in 1 min 10 s, while the application served; 6 values were changed by it"
    assert rows(play, "prepared") == [said]
    assert "shop was not prepared: it has the search columns bidx" in wide(play)
    assert not rows(completed(play), "prepared"), "a run that prepared nothing does not say so"


@pytest.mark.parametrize(("reason", "row"), [("", "mode window"), ("it is small", "mode window, because it is small")])
def test_the_mode_of_a_rotation_has_the_reason_for_it(play, reason, row):
    play.begun().step("rotation_checklist", "done", mode="window", mode_reason=reason, checks=[{"name": "mode"}])
    assert rows(completed(play), "mode") == [row]
    assert rows(play.step("rollback", "intent").step("rollback", "done"), "mode") == []


def test_a_downtime_that_began_in_an_earlier_run_says_so_since_it_may_be_longer_than_this_one(play):
    play.begun().prepared().stopped().begun(resumed=True).switched().proved().started().step("rotate", "done")
    assert re.search(r" s, since the stop by an earlier run at \d\d:\d\d:\d\d UTC$", rows(play, "downtime")[0])


def test_a_downtime_of_one_run_names_no_other(play):
    play.begun().prepared().stopped().switched().proved().started().step("rotate", "done")
    assert "earlier run" not in rows(play, "downtime")[0]


def test_a_run_failed_for_what_failed_and_not_for_what_was_not_run_after_it(play):
    error = {"code": "E_DIGEST_CHANGED", "what": "the decrypted data changed"}
    play.begun().prepared().switched().step("django_census_info", "failed", error=error)
    play.step("application_reading", "failed", error={"code": "E_NOT_RUN", "what": "it was not run"})
    play.step("rotate", "failed", failed_task="Proof")
    assert rows(play, "failed")[:1] == ["failed E_DIGEST_CHANGED: the decrypted data changed."]
    assert "E_NOT_RUN" not in wide(play)
