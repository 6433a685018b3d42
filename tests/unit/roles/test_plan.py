# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan is the gate: it checks what the checklist checks, in the same process, and names what either refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..yaml_files import read_yaml

ROLES = Path(__file__).parents[3] / "roles"


def read(name: str) -> Any:
    return read_yaml(ROLES / name)


def test_the_plan_is_written_in_place_of_the_census_and_everything_else_is_checked_as_for_a_rotation():
    asked, named = read("plan/tasks/main.yml")
    assert asked["ansible.builtin.import_role"] == {"name": "tetech.key_rotation.checklist"}
    assert asked["check_mode"] is True
    assert (asked["vars"]["checklist_is_of_plan"], asked["vars"]["checklist_database"]) == (
        True,
        "{{ __plan_database }}",
    )
    ((plan,),) = (read("plan/vars/main.yml")["__plan_database"],)
    assert plan["django_plan"]["check_mode"] == "{{ ansible_check_mode }}", "it alone is written"
    assert named["ansible.builtin.import_role"]["tasks_from"] == "findings"
