# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stories on real hosts, and how the Makefile has them played."""

from __future__ import annotations

import http.server
import importlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import CHECKOUT
from .yaml_files import read_yaml

ELSEWHERE = {"default", "demo"}  # the hosts themselves, and what needs none


def lines(target: str, *arguments: str, **environment: str) -> list[str]:
    """What make would run for a target."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    argv = ["make", "--dry-run", "--always-make", "--no-print-directory", target, *arguments]
    done = subprocess.run(
        argv, cwd=CHECKOUT, env={**kept, **environment}, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.splitlines()


def played(target: str) -> list[str]:
    return [name for line in lines(target) if "molecule test" in line for name in re.findall(r"-s (\w+)", line)]


@pytest.fixture
def application() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Profile) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_every_scenario_is_played_once() -> None:
    scenarios = {path.parent.name for path in CHECKOUT.glob("molecule/*/molecule.yml")}
    assert sorted(played("test-staging")) == sorted(scenarios - ELSEWHERE)


@pytest.mark.parametrize("arguments", [[], ["KEY_ROTATION_STAGING=other"]])
def test_the_two_that_play_at_once_have_an_environment_each(arguments: list[str]) -> None:
    one, two = (
        re.findall(r'MOLECULE_EPHEMERAL_DIRECTORY="(.*?)"', "\n".join(lines(target, *arguments)))
        for target in ("stories-one", "stories-two")
    )
    assert len(one) == len(two) == 1
    assert one != two


def test_a_variable_of_the_users_names_no_folder_that_is_removed() -> None:
    assert "/srv/precious" not in "\n".join(lines("staging-down", STAGING="/srv/precious"))


def test_hosts_of_both_environments_go_although_their_folders_are_gone() -> None:
    down = [f"python examples/staging/hosts.py {folder} --down" for folder in (".staging/second", ".staging")]
    assert lines("staging-down")[-2:] == down


def test_a_run_takes_no_hosts_for_made_that_one_before_it_may_have_left_cut_off() -> None:
    run = lines("test-staging")
    (forgotten,) = (number for number, line in enumerate(run) if line.startswith("rm -rf"))
    remembered = set(re.findall(r'MOLECULE_EPHEMERAL_DIRECTORY="(.*?)"', "\n".join(run[forgotten:])))
    assert {str(CHECKOUT / folder) for folder in run[forgotten].split()[2:]} == remembered
    assert "molecule test" not in "\n".join(run[:forgotten])


def test_a_host_on_which_a_unit_failed_in_a_story_is_there_for_the_next_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(CHECKOUT / "examples/staging")
    hosts = importlib.import_module("hosts")
    staging = hosts.Staging(tmp_path)
    degraded = {staging.container("app1")}

    def podman(action: str, *arguments: str, **_: object) -> str:
        if action == "ps":
            return "\n".join(map(staging.container, hosts.HOSTS))
        if arguments[1:] == ("systemctl", "reset-failed"):
            degraded.discard(arguments[0])
        return "degraded" if arguments[0] in degraded else "running"

    monkeypatch.setattr(hosts, "podman", podman)
    staging.start(dict.fromkeys(hosts.HOSTS, "192.0.2.1"))


def test_an_application_that_a_story_made_silent_answers_in_the_next_one() -> None:
    (silencing,) = read_yaml(CHECKOUT / "molecule/rollback/unhealthy.yml")
    reset = read_yaml(CHECKOUT / "examples/staging/reset.yml")
    removed = reset[0]["tasks"][0]["ansible.builtin.shell"]["cmd"].split("rm -rf ")[1]
    assert silencing["vars"]["folder"] in removed.split()


class Profile(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"full_name": self.path}).encode())

    def log_message(self, *_: object) -> None:
        pass


def test_the_traffic_of_a_story_that_failed_ends_with_the_next_one_and_shows_nothing(
    application: str, tmp_path: Path
) -> None:
    stop, report, begun = (tmp_path / f"traffic.{name}" for name in ("stop", "json", "begun"))

    def begin() -> subprocess.Popen[bytes]:
        argv = [sys.executable, CHECKOUT / "molecule/resources/load.py", application, "100", "4", stop, report]
        process = subprocess.Popen(argv)
        while not begun.exists() and process.poll() is None:
            time.sleep(0.01)
        return process

    failed = begin()
    begun.unlink()
    assert failed.wait(timeout=30) == 0
    assert not report.exists()
    again = begin()
    stop.touch()
    assert again.wait(timeout=30) == 0
    assert json.loads(report.read_text(encoding="utf-8"))["wrong"] == 0
