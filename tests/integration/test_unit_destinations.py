# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of an application that reads its environment alone: in a drop-in of its unit, or in a profile of a shell.

There is no systemd here: what systemctl(1) shows of the unit is in a file.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from .conftest import READ_ALL, Site
from .test_resume import kill_when, wait_until_gone
from .test_rotate import sampled_processes

DROP_IN = "# The keys\n[Service]\nEnvironment='SECRET_KEY={SECRET_KEY}' ENCRYPTION_SALT={ENCRYPTION_SALT}\nNice=5\n"
PROFILE = (
    "# The keys\nexport SECRET_KEY='{SECRET_KEY}'\nENCRYPTION_SALT={ENCRYPTION_SALT} # old\nexport ENCRYPTION_SALT\n"
)
SHOWN = (
    "EnvironmentFiles={folder}/rest (ignore_errors=no)\nUser=\nId=app.service\nLoadState=loaded\nDropInPaths={file}\n"
)


@dataclass
class Environment:
    """The application, and the file with its keys."""

    site: Site
    file: Path
    rest: Path

    def keys(self) -> dict[str, str]:
        text = self.file.read_text(encoding="utf-8")
        return {name: re.search(rf"{name}='?([^'\s]+)", text)[1] for name in ("SECRET_KEY", "ENCRYPTION_SALT")}

    def read_all(self, **other: str) -> dict[str, list[list[object]]]:
        """Every value as a fresh process of the application reads it with the environment that its service has."""
        lines = shlex.split(self.rest.read_text(encoding="utf-8"), comments=True)
        variables = {"PATH": os.environ["PATH"], "PYTHONPATH": str(self.site.project)}
        variables |= {**dict(line.split("=", 1) for line in lines), **self.keys(), **other}
        argv = [str(self.site.project / ".venv/bin/python"), "-m", "django", "shell", "--verbosity=0", "--command"]
        done = subprocess.run(
            [*argv, READ_ALL], cwd=self.site.project, env=variables, capture_output=True, text=True, check=True
        )
        return json.loads(done.stdout.split("PLAIN", 1)[1].splitlines()[0])


@pytest.fixture
def environment(site: Site, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Environment]:
    def make(name: str) -> Environment:
        folder, values = site.folder / "etc", site.env_values()
        folder.mkdir()
        file, rest = folder / "keys.conf", folder / "rest"
        file.touch(mode=0o600)
        file.write_text((DROP_IN if name == "unit" else PROFILE).format(**values), encoding="utf-8")
        text = re.sub(r"  #.*", "", site.env_file.read_text(encoding="utf-8"))
        kept = [line for line in text.splitlines() if "=" in line and line.split("=")[0] not in values]
        rest.write_text("\n".join([*kept, "DJANGO_SETTINGS_MODULE=food_ordering.settings", ""]), encoding="utf-8")
        site.env_file.unlink()
        (site.project / "manage.py").unlink()
        settings = site.project / "food_ordering/settings.py"
        code = settings.read_text(encoding="utf-8").replace('load_dotenv(BASE_DIR / ".env")\n', "")
        settings.write_text(code, encoding="utf-8")
        (folder / "app.service").write_text(SHOWN.format(folder=folder, file=file), encoding="utf-8")
        program = folder / "systemctl"
        program.write_text(f"#!/bin/sh\nfor last; do :; done\ncd {folder} && cat $last\n", encoding="utf-8")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        destination = {"unit": "app"} if name == "unit" else {"file": str(file), "dialect": "shell"}
        site.write_inventory(
            key_rotation_keys=[{"name": key, "destination": destination} for key in values],
            key_rotation_environment_from={"file": str(rest), "dialect": "systemd"},
        )
        return Environment(site, file, rest)

    return make


@pytest.mark.parametrize("name", ["unit", pytest.param("shell", marks=pytest.mark.thorough)])
def test_it_is_planned_rotated_verified_and_rolled_back(
    environment: Callable[[str], Environment], site: Site, name: str
) -> None:
    there = environment(name)
    plain, old, keys = there.read_all(), there.file.read_bytes(), there.keys()
    assert any(value for rows in plain.values() for row in rows for value in row[1:])
    planned = site.play("plan")
    assert planned.code == 0, planned.text
    dry = site.play("rotate", "--check", "--diff")
    assert dry.code == 0, dry.text
    assert there.file.read_bytes() == old

    with sampled_processes(keys) as seen:
        rotated = site.play("rotate", "--diff")
    assert "COMPLETED" in rotated.text, rotated.text
    assert not seen, "no process had a key in its arguments or its environment"
    new = there.keys()
    assert new == site.stored()["versions"][-1]["values"]
    assert there.read_all() == plain
    assert not any(value for rows in there.read_all(**keys).values() for row in rows for value in row[1:])

    verified = site.play("verify")
    assert verified.code == 0, verified.text
    back = site.play("rollback")
    assert back.code == 0, back.text
    assert there.file.read_bytes() == old
    assert there.read_all() == plain
    for value in (*keys.values(), *new.values()):
        assert value not in planned.text + dry.text + rotated.text + verified.text + back.text


@pytest.mark.parametrize("then", ["rotate", pytest.param("rollback", marks=pytest.mark.thorough)])
def test_killed_after_the_switch_it_is_finished_or_rolled_back(
    environment: Callable[[str], Environment], site: Site, then: str
) -> None:
    there = environment("unit")
    plain, old = there.read_all(), there.file.read_bytes()
    process = site.start("rotate")
    assert kill_when(site, process, "Switch | Re-encrypt values", lambda _: lambda _: True)
    wait_until_gone(site)
    assert there.file.read_bytes() != old

    again = site.play(then)

    assert again.code == 0, again.text
    assert (there.file.read_bytes() == old) is (then == "rollback")
    assert there.read_all() == plain
    assert site.play("verify").code == 0


def test_a_unit_that_shares_its_file_with_another_one_is_refused(
    environment: Callable[[str], Environment], site: Site
) -> None:
    there = environment("unit")
    shown = there.file.with_name("app.service")
    both = shown.read_text(encoding="utf-8")
    there.file.with_name("other.service").write_text(f"\n{both.replace('app.service', 'other.service')}", "utf-8")
    old = there.file.read_bytes()
    refused = site.play("rotate")
    assert refused.code != 0
    assert "is also read by other.service" in " ".join(refused.text.split())
    assert there.file.read_bytes() == old
