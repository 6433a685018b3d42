# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of the role key_rotation, and what the other roles take of them and of each other."""

from __future__ import annotations

import functools
import re
import runpy
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._task_options import find_wrong
from jinja2 import Environment, nodes

from ..conftest import CHECKOUT
from ..yaml_files import read_yaml

GENERATOR = runpy.run_path(str(CHECKOUT / "scripts/generate_options.py"))
SETTINGS, VALUES = "key_rotation", "variable_defaults"
ROLES = sorted({path.name for path in (CHECKOUT / "roles").iterdir() if path.is_dir()} - {SETTINGS, VALUES})
PLAYBOOKS = sorted(path.stem for path in (CHECKOUT / "playbooks").glob("*.yml"))
TEMPLATE = CHECKOUT / "inventories/production/group_vars/application.yml"
# Ansible's own names in templates.
MODULES = {path.stem for path in (CHECKOUT / "plugins/modules").glob("*.py")}
MAGIC = {"dict", "groups", "hostvars", "inventory_hostname", "item", "omit", "query", "lookup", "undef"}
READING = [
    "plan",
    "checklist",
    "rotation",
    "verification",
    "rollback",
    "monitoring",
    "retirement",
]  # roles that look at the data


@functools.cache
def read(role: str, name: str) -> Any:
    path = CHECKOUT / "roles" / role / name
    return (read_yaml(path) or {}) if path.exists() else {}


def variables() -> dict[str, Any]:
    return read(SETTINGS, "meta/argument_specs.yml")["argument_specs"]["settings"]["options"]


@functools.cache
def documentation_of(module: str) -> dict[str, Any]:
    """The options of a module, those of its fragments too."""
    documented = GENERATOR["documentation_of"](module)
    fragments = [name.rpartition(".")[2].upper() for name in documented.get("extends_documentation_fragment", ())]
    shared = {name: option for each in fragments for name, option in GENERATOR["FRAGMENTS"][each].items()}
    own = documented.get("options", {})  # of an option of a fragment, what the module says in another way
    return {**shared, **{name: {**shared.get(name, {}), **option} for name, option in own.items()}}


def read_by(value: Any) -> set[str]:
    """The variables that a value is made from."""
    if isinstance(value, str):
        names = list(Environment().parse(value).find_all(nodes.Name))
        return {name.name for name in names} - {name.name for name in names if name.ctx == "store"} - MAGIC
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return set().union(*map(read_by, inside))


def tasks_in(tasks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Every task and block, those in blocks too."""
    for task in tasks:
        yield task
        for part in ("block", "rescue", "always"):
            yield from tasks_in(task.get(part, []))


@functools.cache
def tasks_of(role: str) -> list[dict[str, Any]]:
    """The tasks of a role, and the modules that ``host_tasks`` runs for it, which are in its vars."""
    paths = sorted((CHECKOUT / "roles" / role / "tasks").glob("*.yml"))
    found = [task for path in paths for task in tasks_in(read_yaml(path))]
    return [*found, *in_one_process(role)]


def in_one_process(role: str) -> Iterator[dict[str, Any]]:
    path = CHECKOUT / "roles" / role / "vars/main.yml"
    variables_of_role = read_yaml(path) if path.is_file() else {}
    for value in variables_of_role.values():
        for entry in value if isinstance(value, list) else [value]:
            if isinstance(entry, dict) and set(entry) - {"name"} <= MODULES:
                yield {f"tetech.key_rotation.{name}": given for name, given in entry.items() if name != "name"}


@functools.cache
def played(playbook: str) -> list[dict[str, Any]]:
    _, play = read_yaml(CHECKOUT / f"playbooks/{playbook}.yml")
    return with_steps(play["tasks"])


def with_steps(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The tasks, with those that playbooks/steps and numbered steps have in their places."""
    found = []
    for task in tasks:
        if path := task.get("ansible.builtin.import_tasks"):
            found += with_steps(read_yaml(CHECKOUT / "playbooks" / path))
        elif task["name"].startswith("Step "):
            found += with_steps(task["block"])
        else:
            parts = {part: with_steps(task[part]) for part in ("block", "rescue", "always") if part in task}
            found.append({**task, **parts})
    return found


def imported(task: dict[str, Any]) -> tuple[str, str] | None:
    """The role and the entry point that a task imports or includes."""
    for kind in ("ansible.builtin.import_role", "ansible.builtin.include_role"):
        if kind in task:
            return task[kind]["name"].rsplit(".", 1)[-1], task[kind].get("tasks_from", "main")
    return None


def entries(tasks: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [found for task in tasks if "block" not in task and (found := imported(task))]


def test_there_are_roles():
    runbook = {"checklist", "backup", "keys", "maintenance", "rotation", "verification", "rollback", "record"}
    assert runbook | {"plan", "monitoring", "retirement", "restore"} == set(ROLES)


# ---- The variables


def test_every_variable_has_its_prefix_a_type_and_a_description():
    for name, option in variables().items():
        assert name.startswith("key_rotation_")
        assert {"type", "description"} <= set(option), name
        assert option.get("required") is None or "default" not in option, name


def test_the_variables_are_in_the_order_of_the_template_for_production_and_under_its_headings():
    """Some lines of the template begin with two variables of one subject: the order within a heading is free."""
    found = {}
    for path in (CHECKOUT / "roles/key_rotation/meta/argument_specs.yml", TEMPLATE):
        lines = re.findall(r"^ *# ---- ([\w, ]*\w)|^ *(?:# )?(key_rotation_\w+):", path.read_text(), re.MULTILINE)
        heading, groups = "", {}
        for title, name in lines:
            heading = title or heading
            groups.setdefault(heading, set()).update({name} - {""})
        found[path] = groups
    ours, template = found.values()
    assert list(ours) == list(template)
    assert ours == template


def test_a_default_is_of_the_type_of_its_variable():
    fixed = {
        name: {**option, "default": option["default"]}
        for name, option in variables().items()
        if "default" in option and "{{" not in str(option["default"])
    }
    values = {name: option["default"] for name, option in fixed.items() if option["default"] not in ("", {})}
    assert list(find_wrong({name: fixed[name] for name in values}, values)) == []


def test_a_default_is_made_of_other_variables_and_of_what_is_made_of_them():
    """And of what rotate.yml has found as it opened the record, where a variable alone does not decide."""
    made = read(VALUES, "vars/main.yml")
    for value in read(VALUES, "defaults/main.yml").values():
        assert read_by(value) <= {*variables(), *made}
    for value in made.values():
        assert read_by(value) <= {*variables(), *made, "inventory_hostname", "ansible_play_hosts_all", "record_opened"}


def test_nothing_behind_the_colon_of_a_variable_without_a_default_breaks_no_template():
    """`key_rotation_services:` is none, and `null | length` is an error of Ansible's."""
    nothing = {name for name, option in variables().items() if option.get("default") in (None, "", [], {})}
    for path in [*CHECKOUT.glob("roles/*/tasks/*.yml"), *CHECKOUT.glob("roles/*/templates/*")]:
        for name in re.findall(r"\b(key_rotation_\w+) \| length", path.read_text()):
            assert name not in nothing, (path, name)
    for path in CHECKOUT.glob("roles/*/*/*"):
        if path != CHECKOUT / "roles/variable_defaults/vars/main.yml" and path.is_file() and path.parent.name != "meta":
            used = re.findall(r"(?<!__)\bkey_rotation_services\b.*", path.read_text())
            assert [line for line in used if "{{" in line or line.startswith(" |")] == [], path


# ---- The other roles


@pytest.mark.parametrize("role", ROLES)
def test_each_role_has_the_variables_and_describes_none_of_them_again(role):
    assert read(role, "meta/main.yml")["dependencies"] == [{"role": "tetech.key_rotation.variable_defaults"}]
    assert not (CHECKOUT / "roles" / role / "meta/argument_specs.yml").exists()
    assert {name for name in read(role, "defaults/main.yml") if not name.startswith(f"{role}_")} == set()


def test_no_role_validates_its_arguments_again():
    for path in [*CHECKOUT.glob("roles/*/tasks/*.yml"), *CHECKOUT.glob("playbooks/**/*.yml")]:
        assert "rolespec_validate" not in path.read_text(), path
    assert not list(CHECKOUT.glob("roles/*/tasks/ready.yml"))
    assert not list(CHECKOUT.glob("roles/key_rotation/tasks/main.yml")), (
        "it would run with each role that depends on it"
    )


@pytest.mark.parametrize("role", [SETTINGS, VALUES, *ROLES])
def test_each_role_says_what_a_dry_run_a_diff_and_a_second_run_do(role):
    text = (CHECKOUT / "roles" / role / "README.md").read_text(encoding="utf-8")
    for what in ("**Check mode**: ", "**Diff**: ", "**Idempotent**: ", "**Alone**: "):
        assert what in text, what


@functools.cache
def arguments() -> dict[str, dict[str, Any]]:
    """All arguments of the roles, from the table of which their defaults are generated."""
    table = read(SETTINGS, "meta/role_arguments.yml")
    return {name: argument for of_role in table.values() for name, argument in of_role.items()}


def handed_on() -> dict[str, set[str]]:
    """What playbooks and roles give to roles as arguments, and the results that the values are made of."""
    given: dict[str, set[str]] = {}
    every = [*(task for playbook in PLAYBOOKS for task in tasks_in(played(playbook)))]
    every += [task for role in ROLES for task in tasks_of(role)]
    for task in every:
        if imported(task):
            role = imported(task)[0]
            for name, value in task.get("vars", {}).items():
                if not name.startswith("__"):
                    assert name.startswith(f"{role}_"), name
                    given.setdefault(name, set()).update(read_by(value))
    return given


def test_every_argument_and_its_source_is_in_the_table():
    table, given = arguments(), handed_on()
    assert set(given) <= set(table)
    for name, sources in given.items():
        for source in sources - set(variables()):
            expected = "the role rollback" if source in made_by("rollback") else f"`{source}"
            assert expected in table[name]["from"] or f"`{source}" in table[name]["from"], (name, source)


def test_an_argument_has_the_default_that_the_table_says():
    defaults = {name: value for role in ROLES for name, value in read(role, "defaults/main.yml").items()}
    table = {name: argument for name, argument in arguments().items() if not argument.get("required")}
    assert {name: argument["default"] for name, argument in table.items()} == defaults


def test_an_argument_has_the_prefix_of_its_role_and_a_default_of_its_type():
    table = read(SETTINGS, "meta/role_arguments.yml")
    assert all(name.startswith(f"{role}_") for role, of_role in table.items() for name in of_role)
    assert set(table) <= set(ROLES)
    fixed = {
        name: argument
        for name, argument in arguments().items()
        if "default" in argument and "{{" not in str(argument["default"])
    }
    spec = {name: {"type": argument["type"]} for name, argument in fixed.items()}
    assert list(find_wrong(spec, {name: argument["default"] for name, argument in fixed.items()})) == []


def made_by(role: str) -> set[str]:
    """What the tasks of a role register, set or name."""
    made = set(read(role, "vars/main.yml")) | set(read(role, "defaults/main.yml"))
    for task in tasks_of(role):
        made |= {task.get("register", "")} | set(task.get("vars", {})) | set(task.get("ansible.builtin.set_fact", {}))
        made |= {task.get("loop_control", {}).get("loop_var", "")}
    return made


@pytest.mark.parametrize("role", ROLES)
def test_a_role_reads_only_the_variables_its_arguments_and_what_it_has_made(role):
    known = {*variables(), *read(VALUES, "vars/main.yml"), *arguments(), *made_by(role)}
    paths = [*(CHECKOUT / "roles" / role).glob("templates/*")]
    used = read_by(tasks_of(role)) | set().union(*(read_by(path.read_text()) for path in paths))
    used |= read_by(read(role, "vars/main.yml")) | read_by(read(role, "defaults/main.yml"))
    for task in tasks_of(role):  # conditions are written without braces
        for condition in ("when", "that", "failed_when", "until"):
            for part in _listed(task.get(condition)) + _listed(task.get("ansible.builtin.assert", {}).get(condition)):
                used |= read_by(f"{{{{ {part} }}}}") if isinstance(part, str) else set()
    strangers = {name for name in used - known if not name.startswith("ansible_")}
    foreign = {name for name in used & set(arguments()) if not name.startswith(f"{role}_")}
    assert (strangers, foreign) == (set(), set())


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


@pytest.mark.parametrize("role", ROLES)
def test_a_variable_has_the_type_of_the_option_that_it_is_given_to(role):
    compared = 0
    for task in tasks_of(role):
        for action, given in task.items():
            if not action.startswith("tetech.key_rotation.") or not isinstance(given, dict):
                continue
            options = documentation_of(action.rsplit(".", 1)[-1])
            for name, value in given.items():
                if name == "check_mode":  # of host_tasks
                    continue
                if found := re.fullmatch(r"\{\{ (key_rotation_\w+) \}\}", str(value)):
                    _compare(variables()[found[1]], options[name], f"{action}: {name}")
                    compared += 1
    assert compared


def _compare(variable: dict[str, Any], option: dict[str, Any], place: str) -> None:
    """An option may take more than the variable; a raw one takes anything."""
    if "raw" not in (variable["type"], option["type"]):
        alike = {"str", "path"}
        assert variable["type"] == option["type"] or {variable["type"], option["type"]} <= alike, place
        assert variable.get("elements") == option.get("elements") or "path" in str(variable), place
        assert set(variable.get("choices", ())) <= set(option.get("choices", variable.get("choices", ()))), place
        members = option.get("suboptions", variable.get("options", {}))
        assert set(variable.get("options", ())) <= set(members), place


def test_the_shared_module_defaults_are_all_of_the_application_and_its_keys():
    shared = read(VALUES, "vars/main.yml")
    fragments = GENERATOR["FRAGMENTS"]
    internal = {"progress", "key_sets", "key_set_ids", "base", "recorded_keys"}
    application = {*fragments["APPLICATION"], *fragments["PROJECT"], "env_file"}
    assert {*shared["__key_rotation_application"]} == application - internal
    assert {*shared["__key_rotation_keys"]} == {*fragments["KEYS"]} - internal - {"env_file"}
    recorded = "{{ __key_rotation_keys | combine({'recorded_keys': true}) }}"
    assert shared["__key_rotation_recorded_keys"] == recorded
    computed = {name: f"{{{{ __key_rotation_{name} }}}}" for name in ("environment_from", "command")}
    for name, value in [*shared["__key_rotation_application"].items(), *shared["__key_rotation_keys"].items()]:
        assert value == computed.get(name, f"{{{{ key_rotation_{name} }}}}")


# They work with the keys that were rotated, whatever is listed by now.
BY_THE_STORE = {
    "rollback/look",
    "rollback/go",
    "verification/census",
    "monitoring/look",
    "monitoring/snapshot",
    "restore/main",
    "retirement/main",
}


@pytest.mark.parametrize("role", READING)
def test_each_task_that_opens_the_application_is_given_the_same_of_it(role):
    opening_modules = {f"tetech.key_rotation.django_{name}" for name in ("census", "plan", "plan_info", "reencrypt")}
    opening_modules |= {"tetech.key_rotation.monitoring_probe", "tetech.key_rotation.application_reading"}
    own = {*read(VALUES, "vars/main.yml")["__key_rotation_application"], "keys", "dialect", "store"}
    for path in sorted((CHECKOUT / "roles" / role / "tasks").glob("*.yml")):
        for block in read_yaml(path):
            opening = [task for task in block.get("block", []) if opening_modules & set(task)]
            if not opening:
                continue
            given = block["module_defaults"]
            assert given["group/tetech.key_rotation.application"] == "{{ __key_rotation_application }}"
            keys = "recorded_keys" if f"{role}/{path.stem}" in BY_THE_STORE else "keys"
            assert given["group/tetech.key_rotation.keys"] == f"{{{{ __key_rotation_{keys} }}}}"
            for task in opening:
                (asked,) = (task[module] or {} for module in opening_modules & set(task))
                assert not own & set(asked), "a task has no application of its own"


def test_the_plan_that_is_written_is_the_one_that_a_rotation_is_held_against():
    for role, module in (("plan", "django_plan"), ("checklist", "django_plan_info")):
        (plan,) = [
            task[f"tetech.key_rotation.{module}"] for task in tasks_of(role) if f"tetech.key_rotation.{module}" in task
        ]
        assert plan["path"] == "{{ key_rotation_plan }}"


def test_the_processes_are_looked_at_on_every_host_before_a_rotation():
    (look,) = [task for task in tasks_of("checklist") if "tetech.key_rotation.process_keys_info" in task]
    asked = "{{ {'moment': 'before'} | combine(__key_rotation_processes) }}"
    assert look["tetech.key_rotation.process_keys_info"] == asked
    (host,) = [task for task in tasks_of("checklist") if task.get("register") == "__checklist_host"]
    every_host = "([__checklist_processes] if __key_rotation_has_processes else [])"
    assert every_host in host["tetech.key_rotation.host_tasks"]["tasks"]
    assert "run_once" not in host


def test_the_processes_are_looked_at_on_every_host_after_it_with_all_that_the_operator_says_of_them():
    members = set(variables()["key_rotation_processes"]["options"])
    assert members == {"units", "pids", "patterns", "hidden_environment", "orphans", "absent"}
    (running,) = read("verification", "tasks/running_processes.yml")[0]["block"]
    assert running["tetech.key_rotation.host_tasks"]["tasks"] == "{{ __verification_running }}"
    assert "run_once" not in running
    every_host = "([__verification_processes] if __key_rotation_has_processes and not ansible_check_mode else [])"
    assert every_host in read("verification", "vars/main.yml")["__verification_running"]
    assert read("verification", "vars/main.yml")["__verification_processes"]["process_keys_info"] == (
        "{{ {'stage': 'current', 'env_file': key_rotation_env_file} | combine(__key_rotation_processes) }}"
    )


def test_the_processes_are_looked_at_when_the_env_file_is_and_the_application_runs_again():
    (census,) = read("verification", "tasks/census.yml")[0]["block"]
    asked = census["tetech.key_rotation.host_tasks"]["tasks"]
    assert re.findall(r"__verification_(keys|processes|census)\b", asked) == ["keys", "processes", "census"]
    running = read("verification", "vars/main.yml")["__verification_running"]
    assert re.findall(r"__verification_(\w+)\]", running) == ["processes", "commands", "test_record", "logs_after"]


# ---- The playbooks


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_a_playbook_without_hosts_is_refused_before_anything_else(playbook):
    check, play = read_yaml(CHECKOUT / f"playbooks/{playbook}.yml")
    assert check["ansible.builtin.import_playbook"] == "steps/hosts.yml"
    (hosts,) = read_yaml(CHECKOUT / "playbooks/steps/hosts.yml")
    assert hosts["vars"]["pattern"] == play["hosts"], "it asks for the hosts that the play has"
    (task,) = hosts["tasks"]
    assert (task["run_once"], hosts["gather_facts"]) == (True, False), "one task, and no process on a host"


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_the_variables_are_checked_once_before_anything_else(playbook):
    found = [each for task in tasks_in(played(playbook)) if (each := imported(task))]
    check = (SETTINGS, "warn" if playbook == "maintenance" else "validate")  # an emergency stop goes on
    assert found[0] == check
    assert found.count(check) == (2 if playbook == "restore" else 1)  # it has two ways


def test_a_rotation_has_eight_steps_on_the_screen():
    paths = [CHECKOUT / f"playbooks/steps/{name}.yml" for name in ("prepare", "switch", "finish")]
    names = [task["name"] for path in paths for task in read_yaml(path)]
    assert [name.split(": ")[0] for name in names] == [f"Step {number}/8" for number in range(1, 9)]


def test_the_data_is_proved_before_the_application_writes_again():
    rotate = played("rotate")
    rotating, picturing = [task["block"] for task in rotate[0]["block"] if "block" in task]
    assert entries(picturing) == [("monitoring", "snapshot")]
    assert entries(rotating) == [
        ("maintenance", "stop"),
        ("rotation", "roll_out"),  # instead of the stop, if the application reads both keys
        ("verification", "before"),
        ("rotation", "main"),
        ("verification", "main"),
        ("rotation", "user_sessions"),
        ("maintenance", "start"),
        ("verification", "running_processes"),
        ("verification", "verify_while_serving"),  # once more, of what was prepared
    ]
    assert entries(rotate[0]["block"])[:7] == [
        ("key_rotation", "validate"),  # a wrong variable is no reason to stop in the middle
        ("record", "open"),
        ("checklist", "main"),
        ("record", "complete"),  # of a dry run, which ends here
        ("backup", "main"),
        ("monitoring", "snapshot"),
        ("keys", "main"),
    ]


@pytest.mark.parametrize("elsewhere", [True, False])
def test_who_is_refused_the_lease_has_made_neither_backup_nor_keys(elsewhere):
    names = {f"__backup_{name}": name for name in ("lease", "dump", "adoption")}
    leasing, dumping = (
        task["tetech.key_rotation.host_tasks"]["tasks"] for task in read("backup", "tasks/main.yml")[0]["block"]
    )
    tasks = [*(leasing if elsewhere else ()), dumping]
    rendered = [
        Environment().from_string(one).render(names, __key_rotation_backup_elsewhere=elsewhere) for one in tasks
    ]
    assert rendered == (["lease", "['dump']"] if elsewhere else ["['lease', 'dump', 'adoption']"])


def test_the_operators_commands_are_checked_before_anything_is_stopped():
    checked = [task["tetech.key_rotation.application_commands"] for task in tasks_of("checklist")
               if "tetech.key_rotation.application_commands" in task]  # fmt: skip
    assert [task["commands"] for task in checked] == [
        "{{ key_rotation_verification_commands }}",
        [f"{{{{ key_rotation_test_record.{name} }}}}" for name in ("create", "check", "remove")],
    ]


@pytest.mark.parametrize(("typed", "on"), [(None, "True"), ("", "True"), ("off", "off"), (False, "False")])
def test_only_a_person_can_say_that_an_emergency_stop_is_not_one(typed, on):
    template = read("maintenance", "vars/main.yml")["__maintenance_on"]
    assert Environment().from_string(template).render(key_rotation_maintenance=typed) == on
    assert read(VALUES, "defaults/main.yml")["key_rotation_maintenance"] is None


def test_the_checklist_tries_new_values_before_the_application_is_started_in_its_process():
    """The processes that have them are forked before: in one that has started Django they could not start it anew."""
    first, *_ = read("checklist", "vars/main.yml")["__checklist_database"]
    assert "rehearsed" in first["django_census_info"]
