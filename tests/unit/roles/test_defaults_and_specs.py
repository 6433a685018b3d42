# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from jinja2 import Environment, meta

from ..conftest import CHECKOUT

ROLES = sorted(path.name for path in (CHECKOUT / "roles").iterdir() if path.is_dir())
# What one role leaves to another; everything else comes from the operator.
HANDED_ON = {"record_opened", "checklist_census", "rotation_reencrypted"}


def read(role: str, name: str) -> Any:
    return yaml.safe_load((CHECKOUT / "roles" / role / name).read_text(encoding="utf-8"))


def entry_points(role: str) -> dict[str, Any]:
    return read(role, "meta/argument_specs.yml")["argument_specs"]


def read_by(value: Any) -> set[str]:
    """The variables that a default is made from."""
    if isinstance(value, str):
        return meta.find_undeclared_variables(Environment().parse(value))
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return set().union(*map(read_by, inside))


def test_there_are_roles():
    assert {"checklist", "keys", "rotation", "verification", "rollback", "record"} <= set(ROLES)


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
            theirs = read(other, "defaults/main.yml").get(f"{other}_{name.removeprefix(f'{role}_')}", value)
            operators = [found for found in read_by(value) & read_by(theirs) if found.startswith("key_rotation_")]
            assert not operators or theirs == value, (name, other)
