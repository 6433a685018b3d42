# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Without services, a run says that a person must stop and start the application."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

TASKS = Path(__file__).parents[3] / "roles/maintenance/tasks"


def report(name: str) -> dict[str, Any]:
    tasks = yaml.safe_load((TASKS / name).read_text(encoding="utf-8"))
    (found,) = (task for task in tasks if "ansible.builtin.debug" in task)
    return found


@pytest.mark.parametrize(
    ("name", "todo"),
    [
        ("stop.yml", "No service is stopped, because key_rotation_services is empty. If the application runs, stop it"),
        (
            "start.yml",
            "No service is started, because key_rotation_services is empty. If the application is stopped, start it",
        ),
    ],
)
@pytest.mark.parametrize(
    ("services", "check", "reported"), [([], False, True), ([], True, False), ([{"name": "web"}], False, False)]
)
def test_that_a_person_must_act_is_reported_only_without_services(name, todo, services, check, reported):
    task = report(name)
    assert task["ansible.builtin.debug"]["msg"].startswith(todo)
    variables = {"__key_rotation_services": services, "ansible_check_mode": check}
    templar = Templar(loader=DataLoader(), variables=variables)
    assert templar.evaluate_conditional(trust_as_template(task["when"])) is reported
