# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An application that reads its settings from its environment alone, and has no manage.py."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from .conftest import READ_ALL, Site
from .test_rotate import sampled_processes

SETTINGS_MODULE = "DJANGO_SETTINGS_MODULE=food_ordering.settings\n"


@pytest.fixture
def environment_only(site: Site) -> Site:
    """Keys and database in a file that systemd reads, the settings module in one that anybody may read."""
    folder = site.folder / "etc"
    folder.mkdir()
    (folder / "defaults").write_text(SETTINGS_MODULE, encoding="utf-8")
    text = re.sub(r"  #.*", "", site.env_file.read_text(encoding="utf-8"))  # systemd takes it for a part of the value
    site.env_file.unlink()
    site.env_file = folder / "application.env"
    site.env_file.touch(mode=0o600)
    site.env_file.write_text(text, encoding="utf-8")
    (site.project / "manage.py").unlink()
    settings = site.project / "food_ordering/settings.py"
    text = settings.read_text(encoding="utf-8")
    assert 'load_dotenv(BASE_DIR / ".env")\n' in text
    settings.write_text(text.replace('load_dotenv(BASE_DIR / ".env")\n', ""), encoding="utf-8")
    write_inventory(site)
    return site


def write_inventory(site: Site, **extra: object) -> None:
    site.write_inventory(
        key_rotation_env_file=str(site.env_file),
        key_rotation_dialect="systemd",
        **{"key_rotation_environment_from": {"file": str(site.env_file.with_name("defaults"))}, **extra},
    )


def read_all(site: Site) -> dict[str, list[list[object]]]:
    """Every value as a fresh process of the application reads it with the environment that systemd would give to it."""
    lines = [line for path in (site.env_file, site.env_file.with_name("defaults")) for line in lines_of(path)]
    environment = dict(line.split("=", 1) for line in lines)
    argv = [str(site.project / ".venv/bin/python"), "-m", "django", "shell", "--verbosity=0", "--command", READ_ALL]
    done = subprocess.run(
        argv,
        cwd=site.project,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(site.project), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.split("PLAIN", 1)[1].splitlines()[0])


def lines_of(path: Path) -> list[str]:
    return [line.replace("'", "") for line in path.read_text(encoding="utf-8").splitlines() if "=" in line]


def test_it_is_rotated_verified_and_rolled_back_and_no_process_shows_a_key(environment_only: Site) -> None:
    site = environment_only
    plain, old = read_all(site), site.env_file.read_text(encoding="utf-8")
    assert any(value for rows in plain.values() for row in rows for value in row[1:])

    with sampled_processes(site.env_values()) as seen:
        rotated = site.play("rotate")
    assert "COMPLETED" in rotated.text, rotated.text
    assert not seen, "no process had a key in its arguments or its environment"
    assert read_all(site) == plain
    new = site.env_file.read_text(encoding="utf-8")
    site.env_file.write_text(old, encoding="utf-8")
    assert not any(value for rows in read_all(site).values() for row in rows for value in row[1:])
    site.env_file.write_text(new, encoding="utf-8")

    verified = site.play("verify")
    assert verified.code == 0, verified.text
    back = site.play("rollback")
    assert back.code == 0, back.text
    assert site.env_file.read_text(encoding="utf-8") == old
    assert read_all(site) == plain


def test_without_the_settings_module_the_error_says_what_to_set(environment_only: Site) -> None:
    write_inventory(environment_only, key_rotation_environment_from={})
    outcome = environment_only.play("plan")
    assert (outcome.code != 0, outcome.error()) == (True, "E_PROJECT")
    assert "set key_rotation_settings_module" in outcome.text
