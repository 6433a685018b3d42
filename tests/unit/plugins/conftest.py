# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.plugins.loader import action_loader, connection_loader
from ansible.template import Templar


@pytest.fixture
def run_action(loader: DataLoader, tmp_path: Path, store_path: str, python: str) -> Callable[..., dict[str, Any]]:
    """Run an action plugin as a task does, on this machine, with a store and records of the test's own."""

    def run(name: str, *, check: bool = False, diff: bool = False, **args: Any) -> dict[str, Any]:
        task = Task()
        task.action = f"tetech.key_rotation.{name}"
        task.args = {"store": {"path": store_path}, "record_dir": str(tmp_path / "records"), **args}
        task.check_mode = check
        task.diff = diff
        variables = {
            "inventory_hostname": "web",
            "ansible_python_interpreter": python,
            "ansible_remote_tmp": str(tmp_path / "remote"),
        }
        play = PlayContext()
        connection = connection_loader.get("ansible.builtin.local", play)
        connection.set_options(var_options=variables)
        action = action_loader.get(
            task.action,
            task=task,
            connection=connection,
            play_context=play,
            loader=loader,
            templar=Templar(loader=loader, variables=variables),
            shared_loader_obj=None,
        )
        return action.run(task_vars=variables)

    return run
