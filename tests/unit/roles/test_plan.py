# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan is the gate: it asks of a backup what the checklist asks, and names what either refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

ROLES = Path(__file__).parents[3] / "roles"


def read(name: str) -> Any:
    return yaml.safe_load((ROLES / name).read_text(encoding="utf-8"))


def test_plan_and_checklist_check_the_same_backup_and_the_plan_judges_it():
    planned, checked = (read(f"{role}/vars/main.yml") for role in ("plan", "checklist"))
    assert "__key_rotation_backup_check" in planned["__plan_backup"]["postgresql_backup"]
    assert "__key_rotation_backup_check" in checked["__checklist_backup"][0]["postgresql_backup"]
    (block,) = read("plan/tasks/main.yml")
    columns, elsewhere, judged = block["block"]
    for task in (columns, elsewhere):
        assert "__plan_backup" in str(task["tetech.key_rotation.host_tasks"]["tasks"])
        assert f"{{{{ {task['register']} }}}}" in judged["tetech.key_rotation.findings_summary"]["looks"]
