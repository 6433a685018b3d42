# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A step says what its tasks said, and on which host if they differ."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._screen.step_names import step_of
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._screen.step_output import StepOutput


def task(action: str = "tetech.key_rotation.django_census_info", uuid: str = "1") -> Any:
    return SimpleNamespace(action=action, _uuid=uuid)


def test_each_message_is_said_once_and_hosts_that_differ_are_named():
    step = StepOutput("Check")
    for host, message in (("b", "9 values"), ("a", "9  values"), ("c", "8 values")):
        step.add(task(), host, {"msg": message})
    step.add(task(uuid="2"), "a", {"msg": "9 values"})
    step.add(task(uuid="3"), "a", {"msg": "answers"})
    assert step.sentence() == "a, b: 9 values; c: 8 values; 9 values; answers"


@pytest.mark.parametrize(
    ("action", "result"),
    [
        ("tetech.key_rotation.key_version", {"msg": "E_X: wrong", "error": {"code": "E_X"}}),
        ("tetech.key_rotation.key_version", {"msg": "wrong", "failed_when_result": False}),
        ("ansible.builtin.assert", {"msg": "All assertions passed"}),
        ("ansible.builtin.debug", {"msg": ["a", "list"]}),
    ],
)
def test_what_is_evaluated_later_or_says_nothing_is_not_said(action, result):
    step = StepOutput("Check")
    step.add(task(action), "a", result)
    assert step.sentence() == ""


def test_a_step_in_which_nothing_was_to_do_did_not_run():
    step = StepOutput("Check")
    step.add(task("ansible.builtin.assert"), "a", {"msg": "All assertions passed"})
    assert not step.ran
    step.add(task("ansible.builtin.command"), "a", {"changed": True})
    assert (step.ran, step.changed) == (True, True)


def named(*names: str) -> Any:
    """A task in blocks, its own name first."""
    found = None
    for name in reversed(names):
        found = SimpleNamespace(name=name, _parent=found, get_name=lambda name=name: name)
    return found


def test_a_step_is_the_numbered_block_or_import_around_a_task_or_the_task_itself():
    assert step_of(named("Dump | Create it", "Back up", "Step 3/8: Back up the database", "")) == (
        "Step 3/8: Back up the database"
    )
    assert step_of(named("Step 1/1: Check", "")) == "Step 1/1: Check"
    assert step_of(named("Dump | Create it", "Back up", "")) == "Dump | Create it"
