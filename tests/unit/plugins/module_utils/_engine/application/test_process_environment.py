# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials in a process of its own, which may be killed."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application import process_environment

ROOT = Path(process_environment.__file__).parents[7]
START = """
import os, subprocess, sys
sys.path.insert(0, sys.argv[1])
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application.process_environment import (
    ProcessEnvironment, remove_leftovers
)
service = ProcessEnvironment({"KEY_FILE": "/run/credentials/a.service/key"}, {"key": b"CANARY-1"},
                             "/run/credentials/a.service")
found = service.with_more({"A": "1"}, {"key": b"CANARY-2", "tls.pem": b"\\x00\\xff"}).variables_here()
folder = found["CREDENTIALS_DIRECTORY"]
key = open(found["KEY_FILE"]).read()
in_program = subprocess.run(["cat", found["KEY_FILE"]], stdout=subprocess.PIPE, text=True).stdout
if not os.fork():
    remove_leftovers()  # in use
    os._exit(0 if open(f"{folder}/tls.pem", "rb").read() == b"\\x00\\xff" else 1)
in_fork = os.wait()[1]
print(folder, sorted(os.listdir(folder)) == ["key", "tls.pem"], key, in_program, in_fork, found["A"], flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def start(tmp_path: Path) -> Callable[[], tuple[subprocess.Popen[str], Path, list[str]]]:
    def started() -> tuple[subprocess.Popen[str], Path, list[str]]:
        process = subprocess.Popen(
            [sys.executable, "-c", START, str(ROOT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
        )
        folder, *words = process.stdout.readline().split()
        return process, Path(folder), words

    return started


def test_a_process_finds_its_credentials_as_a_service_does_and_leaves_no_folder(start, tmp_path):
    process, folder, words = start()
    assert words == ["True", "CANARY-2", "CANARY-2", "0", "1"]
    assert (folder.parent, stat.S_IMODE(folder.stat().st_mode)) == (tmp_path, 0o700)
    process.communicate("\n")
    assert (process.returncode, list(tmp_path.iterdir())) == (0, [])


def test_of_a_process_that_is_killed_no_content_is_left_and_the_next_one_removes_its_folder(start, tmp_path):
    process, folder, _ = start()
    assert (folder / "key").read_text() == "CANARY-2"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert [path.is_symlink() and not path.exists() for path in folder.iterdir()] == [True, True]
    other, other_folder, _ = start()
    assert list(tmp_path.iterdir()) == [other_folder]
    other.communicate("\n")


def test_without_credentials_there_is_no_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    environment = process_environment.ProcessEnvironment({"A": "/run/credentials/a.service"}, {}, "")
    assert environment.variables_here() == {"A": "/run/credentials/a.service"}
    assert list(tmp_path.iterdir()) == []
    assert "CANARY" not in repr(process_environment.ProcessEnvironment({"A": "CANARY"}, {"a": b"CANARY"}))
