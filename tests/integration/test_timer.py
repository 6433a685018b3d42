# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The timer on a host without systemd; on one with it: molecule/monitoring. No application is asked."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from .conftest import BIN, CHECKOUT, Outcome

PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.include_role:
        name: tetech.key_rotation.monitoring
        tasks_from: timer
"""
# crontab -l, crontab FILE and crontab -r, with or without -u USER, in one file.
CRONTAB = """#!/bin/sh
test "$1" != -u || shift 2
case "$1" in
  -l) cat {folder}/crontab 2>/dev/null || exit 1;;
  -r) rm {folder}/crontab;;
  *) cat "$1" >{folder}/crontab;;
esac
"""


class Host:
    """This machine as one that does not run systemd, everything that is installed below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.crontab, self.below = folder, folder / "crontab", folder / "root"
        (folder / "app").mkdir()
        (folder / "app/manage.py").touch()
        (folder / "bin").mkdir()
        (folder / "play.yml").write_text(PLAY, encoding="utf-8")

    def with_cron(self) -> None:
        program = self.folder / "bin/crontab"
        program.write_text(CRONTAB.format(folder=self.folder), encoding="utf-8")
        program.chmod(0o755)

    def play(self, **asked: object) -> Outcome:
        places = {"programs": "lib", "configurations": "etc", "units": "units", "booted": "booted"}
        variables = {f"__monitoring_{name}": str(self.below / place) for name, place in places.items()}
        variables |= {f"key_rotation_monitoring_{name}": value for name, value in asked.items()}
        variables |= {"key_rotation_project_dir": str(self.folder / "app"), "ansible_become": False}
        variables |= {"key_rotation_health_headers": {"Authorization": "Bearer CANARY"}}
        argv = [
            str(BIN / "ansible-playbook"),
            "-i",
            "app,",
            "-c",
            "local",
            "play.yml",
            "--diff",
            "-e",
            json.dumps(variables),
        ]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        clean |= {"PATH": f"{self.folder}/bin:{BIN}:/usr/bin:/bin", "HOME": str(self.folder), "ANSIBLE_NOCOLOR": "1"}
        clean["ANSIBLE_COLLECTIONS_PATH"] = str(CHECKOUT / ".ansible/tree")
        done = subprocess.run(argv, cwd=self.folder, env=clean, capture_output=True, text=True, check=False)
        return Outcome(done.returncode, done.stdout + done.stderr)

    def installed(self) -> list[str]:
        return sorted(str(path.relative_to(self.below)) for path in self.below.rglob("*") if path.is_file())


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_a_host_without_systemd_is_reported_and_gets_nothing(host: Host) -> None:
    refused = host.play(timer="true")  # as -e gives it
    assert refused.code != 0, refused.text
    text = " ".join(refused.text.split())
    assert "app does not run systemd, so it cannot start the monitor. Nothing was installed." in text
    assert "-e key_rotation_monitoring_timer_by=cron" in text
    assert host.installed() == []


@pytest.mark.thorough
def test_the_timer_of_another_project_is_neither_overwritten_nor_taken_away(host: Host) -> None:
    configuration = host.below / "etc/key_rotation_monitor.json"
    configuration.parent.mkdir(parents=True)
    configuration.write_text(json.dumps({"headers": {"A": "CANARY"}, "project_dir": "/srv/other"}, indent=4))
    before = configuration.read_bytes()
    for timer in (True, False):
        refused = host.play(timer=timer, timer_by="other")
        assert refused.code != 0, refused.text
        text = " ".join(refused.text.split())
        assert f"belongs to /srv/other, not to {host.folder}/app. Nothing was changed." in text
        assert "set key_rotation_monitoring_timer_name" in text
        assert "CANARY" not in text
    assert (host.installed(), configuration.read_bytes()) == (["etc/key_rotation_monitor.json"], before)


@pytest.mark.thorough
def test_cron_starts_it_where_that_is_asked_for_and_no_more_where_it_is_turned_off(host: Host) -> None:
    without = host.play(timer=True, timer_by="cron")
    assert ("has no crontab command" in " ".join(without.text.split()), host.installed()) == (True, [])
    host.with_cron()
    host.crontab.write_text("0 0 * * * somebody else's\n", encoding="utf-8")
    for changed in ("changed=4", "changed=0"):
        done = host.play(timer=True, timer_by="cron", cron="7 3 * * 1")
        assert (done.code, changed in done.text, "CANARY" in done.text) == (0, True, False), done.text
    entry = host.crontab.read_text(encoding="utf-8").splitlines()[-1]
    program, configuration = host.below / "lib/key_rotation_monitor.pyz", host.below / "etc/key_rotation_monitor.json"
    command = f'"{host.folder}/app/.venv/bin/python" "{program}" "{configuration}"'
    assert entry == f'7 3 * * 1 report=$({command} 2>&1) || echo "$report"'
    assert host.installed() == ["etc/key_rotation_monitor.json", "lib/key_rotation_monitor.pyz"]
    assert "Bearer CANARY" in configuration.read_text(encoding="utf-8")
    assert configuration.stat().st_mode & 0o777 == 0o600
    shown = host.play(timer=True, timer_by="other")
    assert command in shown.text.replace('\\"', '"')
    assert "key_rotation_monitor" not in host.crontab.read_text(encoding="utf-8"), "nothing starts it twice"
    for changed in ("changed=1", "changed=0"):
        done = host.play(timer="false")  # as -e gives it
        assert (done.code, changed in done.text) == (0, True), done.text
    assert host.installed() == []
    assert host.crontab.read_text(encoding="utf-8") == "0 0 * * * somebody else's\n"


def test_without_manage_py_the_owner_of_the_project_runs_it(host: Host) -> None:
    (host.folder / "app/manage.py").unlink()
    if os.geteuid() == 0:
        os.chown(host.folder / "app", 1, 1)
    owner = (host.folder / "app").owner()
    shown = host.play(timer=True, timer_by="other")
    assert (shown.code, f"As {owner}, run regularly" in shown.text) == (0, True), shown.text
