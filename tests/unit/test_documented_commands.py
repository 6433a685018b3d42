# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A command that a page shows names a playbook, variables and tags that exist; those of the README are the tutorial's,
which test_tutorial.py types."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.tests.documented_commands import Command, commands_of

from .conftest import CHECKOUT
from .test_documents import DOCUMENTS, relative
from .yaml_files import read_yaml

PREFIX = "tetech.key_rotation."
SPEC = read_yaml(CHECKOUT / "roles/key_rotation/meta/argument_specs.yml")
VARIABLES = SPEC["argument_specs"]["settings"]["options"]


def commands(path: Path) -> list[Command]:
    return list(commands_of(path.read_text(encoding="utf-8")))


def steps(path: Path) -> set[tuple[str, ...]]:
    """The playbook of each command, with its options; inventories differ."""
    return {tuple(word for word in each.words if not word.endswith(".yml")) for each in commands(path)}


@pytest.mark.parametrize("path", DOCUMENTS, ids=relative)
def test_commands_name_what_exists(path: Path) -> None:
    for command in commands(path):
        playbook = command.words[1].removeprefix(PREFIX).removesuffix(".yml").rpartition("/")[2]
        if command.words[1].startswith(PREFIX):
            assert (CHECKOUT / f"playbooks/{playbook}.yml").is_file(), command.typed
        assert set(re.findall(r"-e (key_rotation_\w+)=", command.typed)) <= set(VARIABLES), command.typed


def test_the_readme_types_what_the_tutorial_types() -> None:
    assert steps(CHECKOUT / "README.md") - {("ansible-playbook",)} <= steps(CHECKOUT / "docs/tutorial.md")


def test_an_output_is_compared_without_what_differs() -> None:
    (command,) = commands_of(
        "```\nansible-playbook a.yml\n```\n\n```text\n  ok  Plan (9.1 s)\n  ...\nDone in 3 s\n```\n"
    )
    assert command.missing("begin\n  ok   Plan (10 s)\nmore\nDone in 1 min 2 s\n") == []
    assert command.missing("  ok   Plan (10 s)\nFailed") == ["\nDone in 3 s\n"]
    assert command.missing("Done in 3 s\n ok Plan (9.1 s)") == ["\nDone in 3 s\n"]
