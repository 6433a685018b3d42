# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A task asks for an exit code, and ansible-playbook exits with it if the run fails."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._failed_runs import exit_code


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    yield
    exit_code.ask(0)


def in_a_task(code: str) -> None:
    """What a task of its own process ends with."""
    child = os.fork()
    if not child:
        exit_code.ask_for({"failed": True, "error": {"code": code}})
        os._exit(0)
    os.waitpid(child, 0)


@pytest.mark.parametrize(
    ("wanted", "left"), [(2, 20), (4, 20), (6, 20), (0, 0), (None, None), (99, 99), (250, 250), ("words", "words")]
)
def test_only_a_failed_run_exits_with_it(wanted: object, left: object) -> None:
    in_a_task("E_ROLLBACK_LOSES")
    assert exit_code.chosen(wanted) == left


def test_another_error_has_the_code_of_ansible_playbook() -> None:
    in_a_task("E_UNREADABLE")
    assert exit_code.chosen(2) == 2
