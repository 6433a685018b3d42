# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._control_node import variable_checks
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._keys.configured_store import VARIABLES
from ansible_collections.tetech.key_rotation.tests.expected_errors import expect_error

LOADER = DataLoader()
SPEC = LOADER.load_from_file(variable_checks.SPEC_FILE)["argument_specs"]["settings"]["options"]
PROJECT = {"key_rotation_project_dir": "/srv/app"}


def problems(**variables: Any) -> list[tuple[str, str, str]]:
    """What is wrong, of variables that the role's defaults are under."""
    defaults = {name: option["default"] for name, option in SPEC.items() if "default" in option}
    every = {**defaults, "__key_rotation_units": [], "groups": {}, **variables}
    host = variable_checks.HostSettings(every, variables, Templar(loader=LOADER, variables=every).template)
    return [(each.name, each.fault, each.advice) for each in variable_checks.find_problems(SPEC, VARIABLES, host)]


def test_the_defaults_and_a_project_are_enough() -> None:
    assert problems(**PROJECT) == []


def test_without_a_project_there_is_one_error() -> None:
    expected = ("key_rotation_project_dir", "is not set", variable_checks.NO_PROJECT)
    assert problems() == [expected]
    assert problems(key_rotation_project_dir="") == [expected]
    assert problems(key_rotation_settings_module="shop.settings", key_rotation_env_file="/etc/shop") == [expected]


@pytest.mark.parametrize(
    ("variables", "missing"),
    [
        ({"keys": [{"name": "K", "destination": "/etc/shop/key"}]}, ()),
        ({"keys": [{"name": "K", "destination": "/etc/shop/key"}, {"name": "L"}]}, ["env_file"]),
        ({"env_file": "/etc/default/shop"}, ()),
        ({}, ["env_file"]),
        ({"keys": []}, ["keys"]),
    ],
)
def test_without_a_project_its_python_and_the_places_of_its_keys_must_be_set(
    variables: dict[str, Any], missing: list[str]
) -> None:
    typed = {f"key_rotation_{name}": value for name, value in variables.items()}
    names = [name for name, *_ in problems(key_rotation_python="/srv/shop/bin/python", **typed)]
    assert names == [f"key_rotation_{name}" for name in missing]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("key_rotation_servces", "Did you mean key_rotation_services?"),
        ("key_rotation_health_urls", "Did you mean key_rotation_health_url?"),
        ("key_rotation_store_secretid", "Did you mean key_rotation_store_secret_id?"),
        ("key_rotation_maintenance_half", "It was renamed: use key_rotation_maintenance_interrupted."),
        ("key_rotation_my_helper", f"{variable_checks.OWN_NAME} {variable_checks.REFERENCE}"),
    ],
)
def test_an_unknown_name_is_refused(typed: str, meant: str) -> None:
    assert problems(**PROJECT, **{typed: "CANARY"}) == [(typed, "is not a variable of this collection", meant)]


def test_what_was_renamed_has_a_variable_now() -> None:
    assert {*variable_checks.RENAMED.values()} <= {*SPEC}
    assert not {*variable_checks.RENAMED} & {*SPEC}


@pytest.mark.parametrize("typed", ["key_rotaton_services", "keyrotation_services", "key_rotattion_services"])
def test_a_name_that_begins_almost_as_ours_is_refused(typed: str) -> None:
    ((name, found, advice),) = problems(**PROJECT, **{typed: "CANARY"})
    assert (name, found) == (typed, "is not a variable of this collection")
    assert advice.startswith("Did you mean key_rotation_services?")


def test_variables_of_the_key_store_and_those_of_others_are_known() -> None:
    assert problems(**PROJECT, key_rotation_store_secret_id="s", __key_rotation_x=1, key_rotator=1) == []


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("environment", "CANARY", "must be one of demo, staging, production"),
        ("prefer", "CANARY", "must be one of forwards, repair, restore"),
        ("workers", "CANARY", "must be an integer"),
        ("monitoring_slower", "CANARY", "must be a number"),
        ("require_approval", "CANARY", "must be true or false"),
        ("user", {"CANARY": 1}, "must be a string"),
        ("python", ["CANARY"], "must be a path"),
        ("store", "CANARY", "must be a dictionary"),
        ("services", ["CANARY"], "must be a list of dictionaries"),
        ("ignore", [{"CANARY": 1}], "must be a list of strings"),
        ("verification_commands", [["a"], "CANARY"], "[1] is not a list of words"),
        ("verification_commands", [[]], "[0] is not a list of words"),
        ("application_rows", -1, "is negative"),
        ("verification_timeout", 0, "is not positive"),
        ("log_patterns", ["a", "CANARY("], "[1] is not a regular expression"),
        ("env_file", trust_as_template("{{ CANARY2 }}/.env"), "uses the variable CANARY2, which is not set"),
        ("env_file", trust_as_template("{{ 'CANARY' | int(x=1) }}"), "has a template that cannot be evaluated"),
    ],
)
def test_a_wrong_value_is_named_and_not_shown(name: str, value: Any, found: str) -> None:
    (problem,) = problems(**PROJECT, **{f"key_rotation_{name}": value})
    assert problem[:2] == (f"key_rotation_{name}", found)
    assert "CANARY" not in str(problem).replace("CANARY2", "")


@pytest.mark.parametrize(
    ("name", "value", "place", "found"),
    [
        ("throttle", {"sleep_ratio": 3}, ".sleep_ratio", "is not one of batch_seconds, ratio, replica_lag, "),
        ("throttle", {"batch_seconds": "CANARY"}, ".batch_seconds", "must be a number"),
        ("services", [{"name": "a"}, {"stop": ["CANARY"]}], "[1].name", "is not set"),
        ("test_record", {"create": ["CANARY"], "check": ["CANARY"]}, ".remove", "is not set"),
        ("processes", {"absent": "CANARY"}, ".absent", "must be one of refuse, accept"),
    ],
)
def test_of_a_member_its_own_name_is_said(name: str, value: Any, place: str, found: str) -> None:
    (problem,) = problems(**PROJECT, **{f"key_rotation_{name}": value})
    assert problem[0] == f"key_rotation_{name}{place}"
    assert problem[1].startswith(found)
    assert "CANARY" not in str(problem)


@pytest.mark.parametrize("value", [None, ""])
@pytest.mark.parametrize(
    "name", ["services", "health_url", "maintenance", "ignore", "user", "record_dir", "notify", "processes"]
)
def test_nothing_behind_the_colon_is_the_default_if_that_is_nothing_too(name: str, value: Any) -> None:
    assert problems(**PROJECT, **{f"key_rotation_{name}": value}) == []


def test_an_empty_user_is_the_one_that_ansible_connects_as() -> None:
    assert problems(**PROJECT, key_rotation_services_user="", key_rotation_backup_user="") == []


@pytest.mark.parametrize(
    ("name", "value"),
    [*((name, None) for name in ("environment", "services_user")), ("workers", ""), ("env_file", "")],
)
def test_nothing_behind_the_colon_is_an_error_if_the_default_is_something(name: str, value: Any) -> None:
    name = f"key_rotation_{name}"
    assert problems(**PROJECT, **{name: value}) == [(name, "is empty", variable_checks.USE_DEFAULT)]


@pytest.mark.parametrize("value", [None, "", []])
def test_keys_that_are_empty_are_never_guessed(value: Any) -> None:
    (problem,) = problems(**PROJECT, key_rotation_keys=value)
    assert problem[:2] == ("key_rotation_keys", "is empty")
    assert "the plan playbook" in problem[2]


@pytest.mark.parametrize("value", ["off", False, "auto", "False"])
def test_off_may_be_what_yaml_makes_of_it(value: Any) -> None:
    assert problems(**PROJECT, key_rotation_fence=value) == []


def test_one_problem_is_its_own_error_and_several_are_one() -> None:
    first, second = (variable_checks.SettingProblem(name, "is empty", "Set it.") for name in "ab")
    variable_checks.refuse([])
    with expect_error("E_VARIABLE", variable="a", fault="is empty", changed_nothing=True, todo="Set it."):
        variable_checks.refuse([first, first])
    with pytest.raises(RotationError) as refused:
        variable_checks.refuse([first, second, first])
    assert (refused.value.what, refused.value.changed) == ("2 variables are invalid", "Nothing was changed.")
    assert refused.value.todo == "Correct them:\n* a is empty. Set it.\n* b is empty. Set it."
