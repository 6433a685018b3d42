# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tutorial's commands, typed in their order on a real application, print what the tutorial shows."""

from __future__ import annotations

import subprocess

import yaml
from ansible_collections.tetech.key_rotation.tests.documented_commands import FENCE, commands_of

from .conftest import BIN, CHECKOUT, Site

TUTORIAL = (CHECKOUT / "docs/tutorial.md").read_text(encoding="utf-8")
# What a reader replaces: the application of the test has keys of its own, which it needs no list for.
OWN = ("key_rotation_user", "key_rotation_keys")


def test_the_tutorial_ends_as_it_says(site: Site) -> None:
    inventory = next(yaml.safe_load(block) for _, language, block in FENCE.findall(TUTORIAL) if language == "yaml")
    variables = inventory["application"]["vars"]
    for name in OWN:
        del variables[name]
    variables["key_rotation_project_dir"] = str(site.project)
    variables["key_rotation_backup_dir"] = str(site.folder / "backups")
    (site.folder / "shop.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
    identity = site.folder / ".config/key_rotation/backup_identity"
    identity.parent.mkdir(parents=True)
    subprocess.run(["age-keygen", "-o", str(identity)], check=True, capture_output=True)

    paths = {"ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".ansible/tree")}
    screen = {"ANSIBLE_STDOUT_CALLBACK": "tetech.key_rotation.steps", "COLUMNS": "100"}
    commands = list(commands_of(TUTORIAL))
    assert len(commands) >= 8
    for command in commands:
        program, *options = command.words
        done = subprocess.run(
            [str(BIN / program), *options],
            cwd=site.folder,
            env=site.environment(**paths, **screen),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        printed = done.stdout + done.stderr
        assert (command.typed, done.returncode) == (command.typed, 2 if command.fails else 0), printed
        assert command.missing(done.stdout) == [], f"{command.typed} printed\n{printed}"
