# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible import context
from ansible.utils.context_objects import CLIArgs
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.events import Event, decode, decode_all
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.writer import Record
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report import box

VARIABLES = {"key_rotation_project_dir": "/srv/food ordering"}
PROOF = {"kind": "full", "where": "a scratch database", "rows": 9, "tables": 2, "tokens": 3, "seconds": 4.2}


@pytest.fixture
def typed(monkeypatch, tmp_path):
    """Ansible was started with these arguments, in this folder."""
    monkeypatch.chdir(tmp_path)

    def start(**options) -> None:
        monkeypatch.setattr(context, "CLIARGS", CLIArgs(options))

    return start


@pytest.mark.parametrize(
    ("options", "command"),
    [
        ({"args": ("rotate.yml",)}, "ansible-playbook rollback.yml"),
        ({"args": ("playbooks/rotate.yml",)}, "ansible-playbook playbooks/rollback.yml"),
        ({"args": ("./rotate.yml",)}, "ansible-playbook ./rollback.yml"),
        ({"args": ("/srv/my plays/rotate.yml",)}, "ansible-playbook '/srv/my plays/rollback.yml'"),
        ({"args": ("tetech.key_rotation.rotate",)}, "ansible-playbook tetech.key_rotation.rollback"),
        ({"args": ("rotate.yml",), "inventory": ("{cwd}/staging",)}, "ansible-playbook rollback.yml -i staging"),
        ({"args": ("rotate.yml",), "inventory": ("localhost,",)}, "ansible-playbook rollback.yml -i localhost,"),
        (
            {"args": ("rotate.yml",), "inventory": ("{cwd}/a", "{cwd}/b")},
            "ansible-playbook rollback.yml -i a -i b",
        ),
        ({"args": ("rotate.yml",), "connection": "local"}, "ansible-playbook rollback.yml -c local"),
        ({"args": ("rotate.yml",), "connection": "ssh"}, "ansible-playbook rollback.yml"),
        (
            {"args": ("rotate.yml",), "extra_vars": ("key_rotation_reason=leak",)},
            "ansible-playbook rollback.yml (and your other -e options)",
        ),
        (
            {
                "args": ("tetech.key_rotation.rotate",),
                "inventory": ("localhost,",),
                "connection": "local",
                "extra_vars": ("key_rotation_project_dir=/srv/food_ordering",),
            },
            "ansible-playbook tetech.key_rotation.rollback -i localhost, -c local "
            "-e key_rotation_project_dir=/srv/food_ordering",
        ),
        (
            {"args": ("rotate.yml",), "vault_ids": ("prod@prompt", "dev@~/my password")},
            "ansible-playbook rollback.yml --vault-id prod@prompt --vault-id 'dev@~/my password'",
        ),
        (
            {"args": ("rotate.yml",), "vault_password_files": ("{cwd}/password",), "ask_vault_pass": False},
            "ansible-playbook rollback.yml --vault-password-file password",
        ),
        ({"args": ("rotate.yml",), "ask_vault_pass": True}, "ansible-playbook rollback.yml --ask-vault-pass"),
        ({"args": ("rotate.yml",), "subset": "web:&prod"}, "ansible-playbook rollback.yml --limit 'web:&prod'"),
        (
            {"args": ("rotate.yml",), "extra_vars": ("@vars.yml", "key_rotation_user=app", "key_rotation_id=r1")},
            "ansible-playbook rollback.yml -e @vars.yml -e key_rotation_user=app (and your other -e options)",
        ),
    ],
)
def test_the_other_playbook_is_started_as_this_one_was(typed, tmp_path, options, command):
    places = {
        name: tuple(place.format(cwd=tmp_path) for place in options.get(name, ()))
        for name in ("inventory", "vault_password_files")
    }
    typed(**{**options, **places})
    assert box.command(VARIABLES, "rollback") == command


@pytest.mark.parametrize(
    "extra",
    [
        "database_password=CANARY",
        "key_rotation_store={'password':'CANARY'}",
        '{"key_rotation_user": "app", "password": "CANARY"}',
        "key_rotation_user=app password=CANARY",
        "key_rotation_project_dir=/srv/food ordering",
        "key_rotation_project_dir_of=CANARY",
        "xkey_rotation_user=CANARY",
        "key_rotation_user=app\npassword=CANARY",
    ],
)
def test_what_might_be_a_secret_is_not_shown_again(typed, extra):
    typed(args=("rotate.yml",), extra_vars=(extra,))
    assert box.command(VARIABLES, "rollback") == "ansible-playbook rollback.yml (and your other -e options)"


def census(event: Record, **values: int) -> None:
    """A census of so many values per column; all of one model but the orders."""
    targets = [
        {
            "model": "restaurant.Order" if column == "address" else "customer.Profile",
            "classes": {"current": count, "empty": 7},
        }
        for column, count in values.items()
    ]
    event.append("django_census", "done", targets=targets)


def reencrypted(event: Record, phase: str, *values: int) -> None:
    event.append("django_reencrypt", phase, targets=[{"reencrypted": count} for count in values])


def dump(path: str) -> dict[str, object]:
    return {"path": path, "manifest": f"{path}.json", "size": 1234567, "sha256": "f" * 64, "changed": True}


@pytest.fixture
def record(tmp_path) -> Record:
    """A rotation that was interrupted once and then completed."""
    kept = Record(str(tmp_path / "records"), "r1")
    kept.append("rotate", "intent", resumed=False)
    kept.append("key_version", "done", stages={"current": "a" * 16})
    kept.append("postgresql_backup", "done", dumps=[{**dump("/b/r1.dump"), "proof": PROOF}, dump("/b/r1.reports.dump")])
    reencrypted(kept, "done", 700, 400)
    kept.append("rotate", "intent", resumed=True)
    census(kept, name=1)
    reencrypted(kept, "failed", 9999)
    reencrypted(kept, "done", 300, 1000)
    reencrypted(kept, "done", 2)
    kept.append("key_version", "done", stages={"previous": "a" * 16, "current": "c" * 16})
    census(kept, name=1000, phone=999, address=50)
    kept.append("rotate", "done")
    return kept


def at_times(record: Record, *seconds: int) -> None:
    """As if its events had happened so many seconds after noon."""
    events = [{**event, "time": f"2026-01-02T12:00:{at:02d}Z"} for event, at in zip(record.events(), seconds)]
    Path(record.path).write_text("".join(json.dumps(event) + "\n" for event in events))


def test_what_was_dropped_behind_a_backup_hides_it_not(typed, record):
    typed(args=("rotate.yml",))
    record.append("postgresql_backup", "done", dropped=["key_rotation_proof_1_2"])
    assert "  backup     /b/r1.dump" in box.lines(record, VARIABLES, completed=True)


def test_the_summary_of_a_rotation_tells_what_its_last_run_did_and_what_was_proved(typed, record):
    typed(args=("rotate.yml",))
    at_times(record, 0, 1, 2, 3, 30, 31, 32, 33, 34, 35, 36, 42)
    assert list(box.lines(record, VARIABLES, completed=True)) == [
        "",
        box.RULE,
        " Key rotation r1: COMPLETED in 12 s",
        box.RULE,
        f"  keys       {'a' * 16} (previous) -> {'c' * 16} (current)",
        f"  values     All 2,049 values open under version {'c' * 16}.",
        "             customer.Profile     1,999",
        "             restaurant.Order        50",
        "             1,302 were re-encrypted by this run",
        "  backup     /b/r1.dump",
        f"             1,234,567 bytes, SHA-256 {'f' * 64}",
        "             proved in 4 s: restored into a scratch database, 9 rows of 2 tables the same,"
        " 3 encrypted values opened",
        "  backup     /b/r1.reports.dump",
        f"             1,234,567 bytes, SHA-256 {'f' * 64}",
        "             not proved by a restore",
        f"  record     {record.path}",
        "  roll back  ansible-playbook rollback.yml",
        box.RULE,
    ]


def test_a_test_record_that_could_not_be_removed_is_told_until_it_is(typed, record):
    typed(args=("rotate.yml",))
    removal = {"asked": {"purpose": "removal of the test record"}}
    told = "  WARNING    The test record is still there: false ended with exit code 1. Run the command remove of "
    record.append("application_commands", "intent", **removal)
    record.append("application_commands", "failed", error={"what": "false ended with exit code 1"}, **removal)
    record.append("rotate", "done")
    assert [line for line in box.lines(record, VARIABLES, completed=True) if line.startswith(told)]
    record.append("application_commands", "done", **removal)
    assert not [line for line in box.lines(record, VARIABLES, completed=True) if "test record" in line]


def test_the_summary_of_a_rollback_tells_what_it_did_itself(typed, record):
    typed(args=("rotate.yml",))
    record.append("rollback", "intent")
    reencrypted(record, "done", 5)
    record.append("key_version", "done", stages={"current": "a" * 16})
    census(record, name=1001)
    record.append("rollback", "done")
    shown = list(box.lines(record, VARIABLES, completed=False))
    assert shown[2].startswith(" Rollback of r1: ROLLED BACK in ")
    assert f"  keys       {'a' * 16} (current again)" in shown
    assert f"  values     All 1,001 values open under version {'a' * 16}." in shown
    assert "             5 were re-encrypted by this run" in shown


def empty_attempt(tmp_path: Path, **ended: object) -> list[str]:
    """The summary of a rollback of a rotation that had ended before it made a version."""
    kept = Record(str(tmp_path / "records"), "r2")
    kept.append("rotate", "intent", resumed=False)
    kept.append("rotate", "failed", error={"code": "E_CHECKLIST"})
    kept.append("rollback", "intent", course="nothing")
    census(kept, name=1001)
    kept.append("rollback", "done", **ended)
    return list(box.lines(kept, VARIABLES, completed=False))


def version(rotation_id: str, stage: str) -> dict[str, str]:
    return {"rotation_id": rotation_id, "stage": stage, "outcome": "completed"}


def test_a_rollback_of_an_empty_attempt_says_that_the_rotation_before_still_stands(typed, tmp_path):
    typed(args=("tetech.key_rotation.rollback",), inventory=("localhost,",))
    shown = empty_attempt(tmp_path, versions=[version("adopted a", "previous"), version("r1", "current")])
    assert shown[2].startswith(" Rollback of r2: NOTHING HAD TO BE ROLLED BACK in ")
    assert [line for line in shown if line.startswith(("  stands", "  roll back", "  again", "  keys"))] == [
        "  stands     Rotation r1, completed before, was not rolled back: its keys stay current.",
        "  roll back  ansible-playbook tetech.key_rotation.rollback -i localhost, -e key_rotation_id=r1",
        "  again      ansible-playbook tetech.key_rotation.rotate -i localhost,",
    ]


@pytest.mark.parametrize("versions", [[], [version("adopted a", "current")]])
def test_a_rollback_of_an_empty_attempt_names_no_rotation_that_cannot_be_rolled_back(typed, tmp_path, versions):
    typed(args=("rollback.yml",))
    shown = empty_attempt(tmp_path, versions=versions)
    assert "NOTHING HAD TO BE ROLLED BACK" in shown[2]
    assert not [line for line in shown if line.startswith(("  stands", "  roll back"))]


def test_a_rollback_that_closes_the_record_of_what_was_rolled_back_says_rolled_back(typed, tmp_path):
    typed(args=("rollback.yml",))
    shown = empty_attempt(tmp_path, versions=[version("adopted a", "current"), version("r2", "")])
    assert "Rollback of r2: ROLLED BACK in" in shown[2]


def test_the_summary_counts_no_value_that_the_proof_did_not_open(typed, record):
    typed(args=("rotate.yml",))
    record.append("rotate", "intent", resumed=True)
    found = {"model": "shop.Card", "classes": {"current": 5, "nested": 2, "unreadable": 1, "empty": 9}}
    record.append("django_census", "done", targets=[found], asked={"expect_stage": "current"})
    record.append("rotate", "done")
    shown = list(box.lines(record, VARIABLES, completed=True))
    said = f"Of 8 values, 5 open under version {'c' * 16}, 2 are encrypted twice and 1 open under no known version."
    assert f"  values     {said}" in shown
    assert "             shop.Card         5" in shown


def test_the_summary_of_a_rollback_leads_to_the_next_rotation(typed, record):
    typed(args=("rotate.yml",))
    record.append("rollback", "intent")
    record.append("key_version", "done", stages={"current": "a" * 16})
    record.append("rollback", "done")
    shown = list(box.lines(record, VARIABLES, completed=False))
    assert "  again      ansible-playbook rotate.yml" in shown


def test_a_census_is_one_line_per_target_with_the_largest_class_first():
    targets = [
        {"table": "profile", "column": "name", "rows": 1200, "classes": {"empty": 9, "current": 1190}, "left_alone": 1},
        {"table": "a", "column": "b", "rows": 0, "classes": {}, "left_alone": 0},
    ]
    assert list(box.census(targets)) == [
        "  profile.name      1,200 rows: 1,190 current, 9 empty, 1 left alone",
        "  a.b                   0 rows: none",
    ]


def test_a_census_of_nothing_has_no_lines():
    assert list(box.census([])) == []


PLAN = {
    "targets": [
        {"column": "profile.name", "rows": 1200, "classes": {"current": 1190, "empty": 10}, "scheme": "eda_server"},
    ],
    "under_other_keys": [{"column": "a.b", "settings": ["X", "Y"], "scheme": "djfernet"}],
    "empty_fields": [{"column": "profile.later", "field": "lib.EncryptedTextField"}],
    "notices": [{"column": "profile.name", "notice": "index", "todo": "Nothing to do."}],
    "hash": "f" * 64,
}


def test_a_plan_tells_of_values_that_are_left_alone():
    (target,) = PLAN["targets"]
    made = {**PLAN, "targets": [{**target, "classes": {"current": 1189, "empty": 10}, "left_alone": 1}]}
    line = "  profile.name   1,200  1,189 current, 10 empty, 1 left alone  eda_server"
    assert line in list(box.plan(made, "/plans/plan.yml", {}))


def test_a_plan_is_a_table_of_columns_then_notes_the_file_and_what_to_type_next():
    assert list(box.plan(PLAN, "/plans/plan.yml", {})) == [
        "  COLUMN          ROWS  VALUES                   SCHEME",
        "  profile.name   1,200  1,190 current, 10 empty  eda_server",
        "  a.b                   under other keys: X, Y   djfernet",
        "  profile.later         no value yet             lib.EncryptedTextField",
        "  warn  profile.name: index",
        "        Nothing to do.",
        f"  plan  /plans/plan.yml, hash {'f' * 64}",
        "  next  ansible-playbook rotate.yml --check",
    ]


def test_a_plan_that_is_not_ready_says_what_stops_first_and_which_keys_to_list():
    same = {"notice": "nothing opens it", "todo": "Describe it.", "code": "E_UNPROVED"}
    notices = [*PLAN["notices"], {"column": "a.c", **same}, {"column": "a.d", **same}]
    proposed = {"key_rotation_keys": [{"name": "FIELD_KEY", "type": "fernet"}]}
    lines = list(box.plan({**PLAN, "notices": notices, "proposed": proposed}, "/plans/plan.yml", {}))
    assert lines[4:6] == ["  STOP  a.c, a.d: nothing opens it (E_UNPROVED)", "        Describe it."]
    assert lines[6] == "  warn  profile.name: index"
    assert [line.strip() for line in lines[9:12]] == ["key_rotation_keys:", "- name: FIELD_KEY", "type: fernet"]
    assert lines[-2:] == ["        2 findings stop a rotation", "  next  ansible-playbook plan.yml"]


def test_a_plan_without_a_column_says_so():
    nothing = {**PLAN, "targets": [], "under_other_keys": [], "empty_fields": [], "notices": []}
    assert next(box.plan(nothing, "/plans/plan.yml", {})) == "  No column to rotate was found."


@pytest.mark.parametrize(
    ("numbers", "line"),
    [
        ({"done": None}, "  reading profile, 1:15 min"),
        ({"done": 30_000}, "  reading profile: 30,000 rows, 400/s"),
        ({"done": 30_000, "most": 90_000}, "  reading profile: 30,000 of about 90,000 rows, 400/s, 2:30 min left"),
        ({"done": 30_000, "most": 29_000}, "  reading profile: 30,000 rows, 400/s"),
        ({"done": 0, "most": 29_000}, "  reading profile: 0 rows, 0/s"),
        ({"done": 16, "most": 29_000, "seconds": 0}, "  reading profile: 16 rows, 16/s"),
        (
            {"done": 150_000_000, "most": 200_000_000, "unit": "bytes"},
            "  reading profile: 150.0 MB of at most about 200.0 MB, 2.0 MB/s",
        ),
    ],
)
def test_how_far_a_step_is_takes_one_line(numbers, line):
    told = {"doing": "reading profile", "most": None, "unit": "rows", "seconds": 75, **numbers}
    assert box.moving(told) == line
    assert list(box.progress(told)) == [line]


def test_services_that_nothing_has_started_since_are_told_by_host():
    def services(host: str, state: str, found: object, phase: str = "done", time: str = "") -> Event:
        about = {"phase": phase, "host": host, "asked": {"state": state}, "time": time}
        return decode({"event": "application_services", "services": found, **about})

    began = [services("app1", "stopped", ["worker", "web"]), services("app2", "stopped", ["web"])]
    again = services("app1", "stopped", [])  # a run that goes on stops nothing that is down
    failed = services("app1", "started", None, "failed")
    started = services("app2", "started", {"web": "started"})
    assert box.still_stopped([*began, again, failed, started]) == {"app1": ["worker", "web"]}
    assert box.still_stopped([*began, started, services("app1", "started", {})]) == {}
    early, hand, late = (
        services("app2", "stopped", ["web"], time=f"2026-12-01T{hour}:00:00Z") for hour in (10, 10, 12)
    )
    by_hand = [hand, services("app2", "started", {"web": "started"}, time="2026-12-01T11:00:00Z")]
    assert box.still_stopped([early], by_hand) == {}
    assert box.still_stopped([late], by_hand) == {"app2": ["web"]}


def test_values_that_no_key_opens_are_told_and_not_counted_as_under_the_current_keys():
    proof = {"unopened": {"count": 1200, "rows": "profile.name:2 and 1199 more"}}
    assert list(box.unopened(proof)) == [
        "1,200 values are unencrypted or open under no known key, and stay unchanged: profile.name:2 and 1199 more"
    ]
    assert list(box.unopened({})) == list(box.unopened({"unopened": {}})) == []


def test_that_nobody_has_looked_at_the_keys_of_processes_is_told_in_the_end():
    def checked(status: str, seen: str = box.NOBODY_LOOKS) -> Event:
        items = [{"name": "disk", "status": "warn", "seen": "little"}]
        items += [{"name": "processes", "status": status, "seen": seen}]
        return decode({"event": "rotation_checklist", "phase": "done", "items": items})

    assert list(box.unwatched([checked("warn")])) == [f"processes: {box.NOBODY_LOOKS}"]
    assert list(box.unwatched([checked("warn", "2 of 7 are older than the file")])) == []
    assert list(box.unwatched([checked("warn"), checked("ok")])) == list(box.unwatched([])) == []


@pytest.mark.parametrize(("alias", "named"), [("default", ""), ("second", "-e key_rotation_restore_alias=second ")])
def test_the_command_that_drops_what_lies_aside_names_the_database(typed, alias, named):
    typed(args=("restore.yml",))
    event = {
        "event": "postgresql_restore",
        "phase": "done",
        "changed": True,
        "backup": {"rotation_id": "spring", "snapshot": {"time": "2026-11-26T12:00:00Z"}},
        "restored": {"database": "orders", "alias": alias, "aside": "before_spring:orders", "under": {"current": 1}},
        "lost": [],
    }
    *_, told = box._from_backups([decode(event)], VARIABLES)
    options = f"-e key_rotation_id=spring {named}-e key_rotation_restore_drop=true"
    assert told.strip() == f"ansible-playbook restore.yml {options}"


def test_the_box_tells_of_a_restore_that_had_nothing_to_keep_aside_and_not_of_a_copy_alone(typed):
    typed(args=("rollback.yml",))
    event = {
        "event": "postgresql_restore",
        "phase": "done",
        "changed": True,
        "backup": {"rotation_id": "spring", "snapshot": {"time": "2026-11-26T12:00:00Z"}},
        "lost": [{"table": "a", "added": None, "changed": None, "deleted": None}],
    }
    copy = {**event, "restored": {"database": "orders", "copy": "key_rotation_1", "under": {"current": 1}}}
    swapped = {**event, "restored": {"database": "orders", "aside": None, "under": {"current": 1}}}
    told = [" ".join(line.split()) for line in box._from_backups(decode_all([copy, swapped]), VARIABLES)]
    assert told == [
        "orders is now the backup of 2026-11-26T12:00:00Z",
        "values 1 current",
        "lost a: rows since not to be counted",
    ]
    bare = {**event, "lost": [], "restored": {"database": "orders", "aside": None, "under": {}}}
    told = [" ".join(line.split()) for line in box._from_backups([decode(bare)], VARIABLES)]
    assert told == ["orders is now the backup of 2026-11-26T12:00:00Z", "values none under the keys"]


def ended(alias):
    return {"event": "postgresql_restore", "phase": "done", "asked": {"state": "present", "alias": alias}}


@pytest.mark.parametrize(
    ("end", "kept", "told"),
    [
        ([], ["before_spring:orders", "before_spring_2:orders", "before_spring:a", "before_summer:orders"], True),
        ([], ["before_spring_2:orders"], False),
        ([], [], False),
        ([ended("second")], ["before_spring:orders"], False),
        ([ended("default")], ["before_spring:orders", "before_spring:a"], True),
    ],
)
def test_the_box_tells_of_a_restore_that_was_ended_directly_behind_the_swap(typed, end, kept, told):
    typed(args=("rollback.yml",))
    copies = {"default": "a", "second": "orders"}
    events = [
        *(
            {"event": "postgresql_restore", "phase": "done", "restored": {"alias": alias, "database": name}}
            for alias, name in copies.items()
        ),
        {"event": "postgresql_restore", "phase": "intent", "asked": {"state": "present", "alias": "second"}},
        *end,
        {"event": "django_census", "phase": "done", "kept_aside": {name: [] for name in kept}},
    ]
    lines = [line.strip() for line in box._swapped_and_killed("spring", decode_all(events), VARIABLES)]
    options = "-e key_rotation_id=spring -e key_rotation_restore_alias=second -e key_rotation_restore_drop=true"
    expected = [
        "restored   DATABASES[second] is now the backup of spring: an earlier run was ended directly behind the swap",
        "aside      before_spring:orders, without connections, until it is told to be dropped",
        f"ansible-playbook restore.yml {options}",
    ]
    assert lines == (expected if told else [])


def test_where_the_store_has_the_current_keys_alone_nothing_is_called_previous():
    back = [decode({"event": "key_version", "stages": {"previous": "a", "current": "b"}})]
    alone = [*back, decode({"event": "key_version", "stages": {"current": "a"}})]
    assert list(box._keys(alone, stays=True)) == ["  keys       a (current)"]
    assert list(box._keys(back, stays=True)) == ["  keys       a (previous) -> b (current)"]
    assert [box._to_take_back(done) for done in ([], back, alone)] == [True, True, False]


def test_what_was_dropped_is_told_and_what_was_looked_for_where_nothing_was():
    sought = ["before_spring:orders", "key_rotation_1_spring"]
    assert list(box.dropped({"dropped": sought[:1], "sought": sought})) == ["  dropped    before_spring:orders"]
    told = "  nothing to drop: there is no database before_spring:orders, and none key_rotation_1_spring"
    assert list(box.dropped({"dropped": [], "sought": sought})) == [told]
    assert list(box.dropped({"failed": True})) == []


def test_the_box_tells_what_was_repaired_and_where_the_values_before_are():
    event = {
        "event": "django_repair",
        "phase": "done",
        "repaired": {"t.c": 2},
        "left": [{"value": "t.c:1"}],
        "kept": "/b",
    }
    assert list(box._from_backups([decode(event)], VARIABLES)) == [
        "  t.c: 2 values repaired from the backup",
        "  what was overwritten is kept in /b",
    ]
