# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""With any_errors_fatal, ansible-core marks the other hosts failed twice where a task that runs once fails.

From a block with a rescue they fall out of that rescue too, and nothing starts their services again. A block in between
keeps them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..yaml_files import read_yaml

ROOT = Path(__file__).parents[3]
FILES = sorted([*ROOT.glob("roles/*/tasks/*.yml"), *ROOT.glob("playbooks/*.yml"), *ROOT.glob("playbooks/steps/*.yml")])


def lists(tasks: Any) -> Iterator[dict[str, Any]]:
    """Every task, block and play of a file."""
    for task in tasks if isinstance(tasks, list) else []:
        yield task
        for name in ("tasks", "block", "rescue", "always"):
            yield from lists(task.get(name))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.parent.name}/{path.name}")
def test_no_task_that_runs_once_is_directly_in_a_block_with_a_rescue(path: Path) -> None:
    found = lists(read_yaml(path))
    direct = [task for block in found if block.get("rescue") for task in block["block"]]
    assert [task["name"] for task in direct if task.get("run_once")] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.parent.name}/{path.name}")
def test_a_rescue_has_words_for_the_hosts_on_which_nothing_failed(path: Path) -> None:
    """There ansible_failed_result is undefined, where a task that runs once failed on another host."""
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"ansible_failed_result\.\w+\b(?! *\| default)", text) == []


def test_the_rule_sees_rescues() -> None:
    read = [read_yaml(path) for path in FILES]
    assert any(block.get("rescue") for tasks in read for block in lists(tasks))
