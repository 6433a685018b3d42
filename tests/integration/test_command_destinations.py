# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys on a platform that only commands reach, of an application that finds them in its environment."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from .conftest import READ_ALL, Site
from .test_resume import kill_when, wait_until_gone
from .test_rotate import sampled_processes

PLATFORM = """\
#!/bin/sh
# A platform in a folder: one file for each variable.
if [ "$1" = get ]; then cat "{folder}/$2"; exit; fi
cat > "{folder}/$2.new" && mv "{folder}/$2.new" "{folder}/$2"
{more}
"""


@dataclass
class Platform:
    """The platform of one application."""

    site: Site
    folder: Path
    program: Path

    def install(self, more: str = "") -> None:
        self.program.write_text(PLATFORM.format(folder=self.folder, more=more), encoding="utf-8")
        self.program.chmod(0o755)

    def values(self) -> dict[str, str]:
        return {path.name: path.read_text(encoding="utf-8") for path in self.folder.iterdir()}

    def read_all(self, **other: str) -> dict[str, list[list[object]]]:
        """What a fresh process of the application reads, as the platform would start it."""
        argv = [
            str(self.site.project / ".venv/bin/python"),
            "manage.py",
            "shell",
            "--verbosity=0",
            "--command",
            READ_ALL,
        ]
        done = subprocess.run(
            argv,
            cwd=self.site.project,
            env={"PATH": os.environ["PATH"], **self.values(), **other},
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout.split("PLAIN", 1)[1].splitlines()[0])


@pytest.fixture
def platform(site: Site) -> Platform:
    folder = site.folder / "platform"
    folder.mkdir()
    for name, value in site.env_values().items():
        (folder / name).write_text(value, encoding="utf-8")
        site.set_env(name, "")
    made = Platform(site, folder, site.folder / "platform-config")
    made.install()
    program = str(made.program)
    keys = [
        {"name": name, "destination": {"read": [program, "get", name], "write": [program, "set", name]}}
        for name in sorted(made.values())
    ]
    site.write_inventory(key_rotation_keys=keys)
    return made


def test_it_is_planned_rotated_verified_and_rolled_back(platform: Platform, site: Site) -> None:
    plain, old = platform.read_all(), platform.values()
    assert any(value for rows in plain.values() for row in rows for value in row[1:])
    planned = site.play("plan")
    assert planned.code == 0, planned.text
    dry = site.play("rotate", "--check", "--diff")
    assert dry.code == 0, dry.text
    assert platform.values() == old

    with sampled_processes(old) as seen:
        rotated = site.play("rotate", "--diff")
    assert "COMPLETED" in rotated.text, rotated.text
    assert not seen, "no process had a key in its arguments or its environment"
    new = platform.values()
    assert new == site.stored()["versions"][-1]["values"]
    assert platform.read_all() == plain
    assert not any(value for rows in platform.read_all(**old).values() for row in rows for value in row[1:])

    verified = site.play("verify")
    assert verified.code == 0, verified.text
    back = site.play("rollback")
    assert back.code == 0, back.text
    assert (platform.values(), platform.read_all()) == (old, plain)
    for value in (*old.values(), *new.values()):
        assert value not in planned.text + dry.text + rotated.text + verified.text + back.text


@pytest.mark.parametrize("then", [pytest.param("rotate", marks=pytest.mark.thorough), "rollback"])
def test_killed_after_the_switch_it_is_finished_or_rolled_back(platform: Platform, site: Site, then: str) -> None:
    plain, old = platform.read_all(), platform.values()
    process = site.start("rotate")
    assert kill_when(site, process, "Switch | Re-encrypt values", lambda _: lambda _: True)
    wait_until_gone(site)
    assert not set(platform.values().values()) & set(old.values())

    again = site.play(then)

    assert again.code == 0, again.text
    assert (platform.values() == old) is (then == "rollback")
    assert platform.read_all() == plain
    assert site.play("verify").code == 0


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ("exit 3", "E_COMMAND_FAILED"),
        ('[ "$1" != set ] || cat "{folder}/$2"', "E_COMMAND_PRINTS"),
        ('printf wrong > "{folder}/$2"', "E_COMMAND_READBACK"),
    ],
)
def test_a_command_that_cannot_be_trusted_stops_before_anything_is_re_encrypted(
    platform: Platform, site: Site, more: str, code: str
) -> None:
    old, tokens = platform.values(), site.tokens()
    platform.install(more.format(folder=platform.folder))
    refused = site.play("rotate")
    assert (refused.code != 0, code in refused.text) == (True, True), refused.text
    assert site.tokens() == tokens
    assert not any(value in refused.text for value in old.values())
    if code != "E_COMMAND_READBACK":  # this one has destroyed it, and the store has a copy
        assert platform.values() == old
    assert old == site.stored()["versions"][0]["values"]


def test_a_command_that_does_not_write_is_found_and_rolled_back(platform: Platform, site: Site) -> None:
    plain, old = platform.read_all(), platform.values()
    platform.program.write_text(
        platform.program.read_text(encoding="utf-8").replace("mv ", "true ").replace(".new", ".other"), encoding="utf-8"
    )
    failed = site.play("rotate")
    assert (failed.code != 0, "E_COMMAND_READBACK" in failed.text) == (True, True), failed.text
    assert {name: platform.values()[name] for name in old} == old
    for path in platform.folder.glob("*.other"):
        path.unlink()
    assert platform.read_all() == plain
