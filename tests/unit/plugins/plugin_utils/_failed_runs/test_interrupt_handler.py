# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said below Ansible's own line on Ctrl-C; that it is: integration/test_progress.py."""

from __future__ import annotations

import pytest
from ansible import context
from ansible.utils.context_objects import CLIArgs
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._failed_runs import interrupt_handler


@pytest.mark.parametrize(
    ("started", "commands"),
    [
        ("rotate.yml", ["verify.yml -i web,", "rollback.yml -i web, --check"]),
        (
            "tetech.key_rotation.rotate",
            ["tetech.key_rotation.verify -i web,", "tetech.key_rotation.rollback -i web, --check"],
        ),
    ],
)
def test_an_interrupted_run_names_the_commands_that_can_be_typed(monkeypatch, started, commands):
    monkeypatch.setattr(context, "CLIARGS", CLIArgs({"args": (started,), "inventory": ("web,",)}))
    typed = [line for line in interrupt_handler._format_next().splitlines() if line.startswith("  ")]
    assert typed == [f"  ansible-playbook {command}" for command in commands]
