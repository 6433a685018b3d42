# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from jinja2 import Environment, meta

from ..conftest import CHECKOUT

SETTINGS = "key_rotation"  # the role with every variable; see test_settings.py
ROLES = sorted(path.name for path in (CHECKOUT / "roles").iterdir() if path.is_dir() and path.name != SETTINGS)
# What one role leaves to another; everything else comes from the operator.
HANDED_ON = {
    "record_opened",
    "checklist_census",
    "rotation_begun",
    "rotation_reencrypted",
    "rotation_settled",
    "verification_before",
}


GLOBALS = {"undef", "groups"}  # Ansible's own, in every template


@functools.cache
def read(role: str, name: str) -> Any:
    return yaml.safe_load((CHECKOUT / "roles" / role / name).read_text(encoding="utf-8"))


def entry_points(role: str) -> dict[str, Any]:
    return read(role, "meta/argument_specs.yml")["argument_specs"]


def read_by(value: Any) -> set[str]:
    """The variables that a default is made from."""
    if isinstance(value, str):
        return meta.find_undeclared_variables(Environment().parse(value)) - GLOBALS
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return set().union(*map(read_by, inside))


def test_there_are_roles():
    runbook = {"checklist", "backup", "keys", "maintenance", "rotation", "verification", "rollback", "record"}
    assert runbook | {"plan", "monitoring", "retirement", "restore"} == set(ROLES)


@pytest.mark.parametrize("role", ROLES)
def test_defaults_and_argument_specs_name_the_same_options(role):
    specified = {option for entry in entry_points(role).values() for option in entry["options"]}
    assert set(read(role, "defaults/main.yml")) == specified


@pytest.mark.parametrize("role", ROLES)
def test_every_option_begins_with_the_name_of_its_role(role):
    assert [option for option in read(role, "defaults/main.yml") if not option.startswith(f"{role}_")] == []


@pytest.mark.parametrize("role", ROLES)
def test_every_option_has_a_type_and_a_description(role):
    for entry in entry_points(role).values():
        assert entry["short_description"]
        for name, option in entry["options"].items():
            assert {"type", "description"} <= set(option), name


@pytest.mark.parametrize("role", ROLES)
def test_each_role_says_what_a_dry_run_a_diff_and_a_second_run_do(role):
    """Not as attributes of the argument specs: ansible-core 2.19 takes those for a mistake, and warns."""
    text = (CHECKOUT / "roles" / role / "README.md").read_text(encoding="utf-8")
    for what in ("**Check mode**: ", "**Diff**: ", "**Idempotent**: "):
        assert what in text, what
    assert not any("attributes" in entry for entry in entry_points(role).values())


@pytest.mark.parametrize("role", ROLES)
def test_each_entry_point_is_a_file_of_tasks(role):
    for entry in entry_points(role):
        assert (CHECKOUT / "roles" / role / "tasks" / f"{entry}.yml").is_file(), entry


@pytest.mark.parametrize("role", ROLES)
def test_each_default_reads_only_what_an_operator_sets_or_a_role_hands_on(role):
    for name, value in read(role, "defaults/main.yml").items():
        wrong = {found for found in read_by(value) if not found.startswith("key_rotation_")} - HANDED_ON
        assert wrong == set(), name


def test_what_is_handed_on_is_registered_by_the_role_that_it_is_named_after():
    for name in HANDED_ON:
        role = name.split("_", 1)[0]
        tasks = "".join(path.read_text() for path in (CHECKOUT / "roles" / role / "tasks").glob("*.yml"))
        assert re.search(rf"register: {name}$", tasks, re.MULTILINE), name


@pytest.mark.parametrize("role", ROLES)
def test_the_same_variable_of_the_operator_has_the_same_default_in_every_role(role):
    """`key_rotation_env_file` must not mean one file in one role and another in the next."""
    for name, value in read(role, "defaults/main.yml").items():
        for other in ROLES:
            theirs_name = f"{other}_{name.removeprefix(f'{role}_')}"
            theirs = read(other, "defaults/main.yml").get(theirs_name, value)
            operators = [found for found in read_by(value) & read_by(theirs) if found.startswith("key_rotation_")]
            assert not operators or theirs == value, (name, other)


READING = [
    "plan",
    "checklist",
    "rotation",
    "verification",
    "rollback",
    "monitoring",
    "retirement",
]  # roles that look at the data


@pytest.mark.parametrize("role", READING)
def test_each_role_that_looks_at_the_data_ignores_and_leaves_alone_the_same(role):
    defaults = read(role, "defaults/main.yml")
    for option in ("ignore", "leave_alone"):
        assert defaults[f"{role}_{option}"] == f"{{{{ key_rotation_{option} | default([]) }}}}"
        specified = entry_points(role)["main"]["options"][f"{role}_{option}"]
        assert (specified["type"], specified["elements"]) == ("list", "str")
    assert defaults[f"{role}_settlements"] == "{{ key_rotation_settlements | default({}) }}"
    assert entry_points(role)["main"]["options"][f"{role}_settlements"]["type"] == "dict"


def tasks_of(role: str) -> list[dict[str, Any]]:
    """Every task of a role, those in blocks too."""
    found: list[dict[str, Any]] = []

    def walk(tasks: list[dict[str, Any]]) -> None:
        for task in tasks:
            found.append(task)
            for part in ("block", "rescue", "always"):
                walk(task.get(part, []))

    for path in sorted((CHECKOUT / "roles" / role / "tasks").glob("*.yml")):
        walk(yaml.safe_load(path.read_text(encoding="utf-8")))
    return found


APPLICATION = (
    "project_dir",
    "settings_module",
    "schemes",
    "targets",
    "leave_alone",
    "settlements",
    "ignore",
    "direct",
    "env_file",
)
KEYS = {"keys": "settings", "dialect": "dialect", "store": "store"}


@pytest.mark.parametrize("role", READING)
def test_each_task_that_opens_the_application_is_given_the_same_of_it(role):
    modules = {f"tetech.key_rotation.django_{name}" for name in ("census", "plan", "reencrypt")}
    modules |= {"tetech.key_rotation.monitoring_probe", "tetech.key_rotation.application_reading"}
    for path in sorted((CHECKOUT / "roles" / role / "tasks").glob("*.yml")):
        for block in yaml.safe_load(path.read_text(encoding="utf-8")):
            opening = [task for task in block.get("block", []) if modules & set(task)]
            if not opening:
                continue
            given = block["module_defaults"]
            assert given["group/tetech.key_rotation.application"] == {
                name: f"{{{{ {role}_{name} }}}}" for name in APPLICATION
            }
            assert given["group/tetech.key_rotation.keys"] == {
                name: f"{{{{ {role}_{source} }}}}" for name, source in KEYS.items()
            }
            for task in opening:
                (asked,) = (task[module] or {} for module in modules & set(task))
                assert not {*APPLICATION, *KEYS} & set(asked), "a task has no application of its own"


def test_the_plan_that_is_written_is_the_one_that_a_rotation_is_held_against():
    (written,) = [
        task["tetech.key_rotation.django_plan"]
        for task in tasks_of("plan")
        if "tetech.key_rotation.django_plan" in task
    ]
    (matched,) = [
        task["tetech.key_rotation.django_plan"]
        for task in tasks_of("checklist")
        if "tetech.key_rotation.django_plan" in task
    ]
    assert (written["state"], matched["state"]) == ("written", "matched")
    assert read("plan", "defaults/main.yml")["plan_file"] == "{{ key_rotation_plan | default(none) }}"
    assert read("checklist", "defaults/main.yml")["checklist_plan_file"] == "{{ key_rotation_plan | default(none) }}"
    approval = ("require_approval", "environment")
    same = {name for name in written if name not in ("state", *approval)}
    assert {name: written[name].replace("plan_", "", 1) for name in same if isinstance(written[name], str)} == {
        name: matched[name].replace("checklist_", "", 1).replace("plan_file", "file")
        for name in same
        if isinstance(written[name], str)
    }


@pytest.mark.parametrize("role", ["checklist", "verification"])
def test_the_processes_are_looked_at_on_every_host_with_all_that_the_operator_says_of_them(role):
    looks = [task for task in tasks_of(role) if "tetech.key_rotation.process_keys" in task]
    assert looks
    entries = [entry for entry in entry_points(role).values() if f"{role}_processes" in entry["options"]]
    assert entries
    for entry in entries:
        members = set(entry["options"][f"{role}_processes"]["options"])
        assert members == {"units", "pids", "patterns", "hidden_environment", "orphans", "absent"}
    for task in looks:
        asked = task["tetech.key_rotation.process_keys"]
        assert {name: asked[name] for name in members} == {
            name: f"{{{{ {role}_processes.{name} | default(omit) }}}}" for name in members
        }
        assert "run_once" not in task
        assert f"{role}_processes | length > 0" in task["when"]
    states = [task["tetech.key_rotation.process_keys"].get("state", "switched") for task in looks]
    assert set(states) == {"ready" if role == "checklist" else "switched"}


def modules(role: str, entry: str) -> list[str]:
    """The modules of an entry point, in order."""
    block = read(role, f"tasks/{entry}.yml")[0]
    return [name.rsplit(".", 1)[-1] for task in block["block"] for name in task if "key_rotation" in name]


def test_the_processes_are_looked_at_when_the_env_file_is_and_the_application_runs_again():
    assert modules("verification", "census") == ["key_version", "process_keys", "django_census"]
    assert modules("verification", "running")[0] == "process_keys"


def test_the_data_is_proved_before_the_application_writes_again():
    played = yaml.safe_load((CHECKOUT / "playbooks/rotate.yml").read_text(encoding="utf-8"))[0]["tasks"]
    rotating, picturing = [task["block"] for task in played[0]["block"] if "block" in task]
    assert entries(picturing) == [("monitoring", "picture")]
    assert entries(rotating) == [
        ("maintenance", "stop"),
        ("verification", "before"),
        ("rotation", "main"),
        ("verification", "main"),
        ("maintenance", "start"),
        ("verification", "running"),
    ]
    assert entries(played[0]["block"])[:10] == [
        ("key_rotation", "validate"),
        ("record", "open"),
        ("checklist", "main"),
        ("rotation", "begin"),  # who is refused has stopped nothing, and made neither backup nor keys
        ("maintenance", "ready"),  # and a wrong option is no reason to stop in the middle
        ("verification", "ready"),
        ("rollback", "ready"),
        ("monitoring", "picture"),
        ("backup", "main"),
        ("keys", "main"),
    ]


def imports(tasks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """What is imported of roles, in order."""
    for task in tasks:
        if "ansible.builtin.import_role" in task:
            yield task["ansible.builtin.import_role"]
        for part in ("block", "rescue", "always"):
            yield from imports(task.get(part, []))


@pytest.mark.parametrize("playbook", sorted(path.stem for path in (CHECKOUT / "playbooks").glob("*.yml")))
def test_what_is_not_validated_has_been_at_an_entry_point_before(playbook):
    for play in yaml.safe_load((CHECKOUT / f"playbooks/{playbook}.yml").read_text(encoding="utf-8")):
        validated: dict[str, list[dict[str, Any]]] = {}
        for imported in imports(play.get("tasks", [])):
            role, entry = imported["name"].rsplit(".", 1)[-1], imported.get("tasks_from", "main")
            if role == SETTINGS:
                continue
            options = entry_points(role)[entry]["options"]
            if imported.get("rolespec_validate", True):
                validated.setdefault(role, []).append(options)
            else:
                assert any(options.items() <= before.items() for before in validated.get(role, [])), (role, entry)


def entries(tasks: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """The role and its entry point of each task that imports one."""
    roles = [task["ansible.builtin.import_role"] for task in tasks if "block" not in task]
    return [(role["name"].rsplit(".", 1)[-1], role.get("tasks_from", "main")) for role in roles]


@pytest.mark.parametrize(
    ("typed", "on"),
    [({}, "True"), ({"key_rotation_maintenance": None}, "True"), ({"key_rotation_maintenance": "off"}, "off")],
)
def test_an_emergency_stop_is_none_only_where_somebody_says_so(typed, on):
    assert Environment().from_string(read("maintenance", "defaults/main.yml")["maintenance_on"]).render(typed) == on


@pytest.mark.parametrize("role", ROLES)
def test_services_or_an_address_with_nothing_behind_the_colon_are_none(role):
    text = (CHECKOUT / "roles" / role / "defaults/main.yml").read_text(encoding="utf-8")
    assert re.findall(r"key_rotation_(?:services|health_url)\b(?! \| default\((?:\[\]|''), true\)).*", text) == []
