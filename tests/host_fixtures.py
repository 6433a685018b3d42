# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugins that run as in a task on this machine, and processes for them to look at."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest
from ansible import constants as C
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.plugins.loader import action_loader, connection_loader
from ansible.template import Templar

OBEDIENT = """
import os, subprocess, sys
for line in sys.stdin:
    if line == "fork\\n":
        pid = os.fork()
        if pid == 0:
            while True: os.read(os.pipe()[0], 1)
        print(pid, flush=True)
    elif line in ("blank\\n", "hide\\n"):
        import ctypes
        place = {"blank\\n": 45, "hide\\n": 47}[line]  # arg_start and arg_end, env_start and env_end
        begin, end = map(int, open("/proc/self/stat").read().rpartition(")")[2].split()[place:place + 2])
        ctypes.memset(begin, 0, end - begin)
        print(os.getpid(), flush=True)
    else:
        again = subprocess.Popen([sys.executable, "-S", "-c", "import os; os.read(os.pipe()[0], 1)"])
        print(again.pid, flush=True)
"""


@pytest.fixture(autouse=True)
def ansible_s_own_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """As without the checkout's configuration: what a task shows has no title."""
    monkeypatch.setattr(C, "DISPLAY_SKIPPED_HOSTS", True)


@pytest.fixture
def run_action(loader: DataLoader, tmp_path: Path, store_path: str, python: str) -> Callable[..., dict[str, Any]]:
    """Run an action plugin as a task does, on this machine, with a store and records of the test's own.

    ``known`` are more variables of the host.
    """

    def run(
        name: str, *, check: bool = False, diff: bool = False, known: dict[str, Any] | None = None, **args: Any
    ) -> dict[str, Any]:
        task = Task()
        task.action = f"tetech.key_rotation.{name}"
        given = {"store": {"path": store_path}, "record_dir": str(tmp_path / "records"), **args}
        task.args = {option: value for option, value in given.items() if (option, value) != ("store", None)}
        task.check_mode = check
        task.diff = diff
        variables = {
            "inventory_hostname": "web",
            "ansible_python_interpreter": python,
            "ansible_remote_tmp": str(tmp_path / "remote"),
            "ansible_play_hosts_all": ["web"],
            **(known or {}),
        }
        play = PlayContext()
        connection = connection_loader.get("ansible.builtin.local", play)
        connection.set_options(var_options=variables)
        action = action_loader.get(
            task.action,
            task=task,
            connection=connection,
            play_context=play,
            loader=loader,
            templar=Templar(loader=loader, variables=variables),
            shared_loader_obj=None,
        )
        return action.run(task_vars=variables)

    return run


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a Python program that obeys the lines it gets, with exactly the environment given; all end with the test.

    ``fork`` forks it, ``exec`` runs it again as a new program, ``hide`` overwrites its environment as setproctitle
    does, ``blank`` its command line; each answers with the pid of the process.
    """
    running: list[subprocess.Popen[str]] = []

    def begin(*words: str, **environment: str) -> subprocess.Popen[str]:
        argv = [sys.executable, "-S", "-c", OBEDIENT, *words]
        running.append(
            subprocess.Popen(argv, env=environment, stdin=PIPE, stdout=PIPE, text=True, start_new_session=True)
        )
        while not Path(f"/proc/{running[-1].pid}/cmdline").read_bytes():
            time.sleep(0.001)  # the kernel has it last of all, after Popen knows that the program is there
        return running[-1]

    yield begin
    for process in running:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def told(process: subprocess.Popen[str], word: str) -> int:
    """Tell it one of these words; the pid it answers with."""
    process.stdin.write(f"{word}\n")
    process.stdin.flush()
    return int(process.stdout.readline())


@pytest.fixture
def tell() -> Callable[[subprocess.Popen[str], str], int]:
    return told


# Enough of systemctl: a unit is a folder, a property is a file in it. `crash` and `stuck` are units that do not obey.
SYSTEMCTL = """#!/bin/sh
cd "{folder}"
echo "$*" >> calls
case $1 in
  show) cat "$5/$3" 2>/dev/null || test "$3" != LoadState || echo not-found ;;
  stop) test "$2" = stuck.service || echo inactive > "$2/ActiveState" ;;
  start) test "$2" != crash.service && echo active > "$2/ActiveState" ;;
esac
"""


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "systemd"
    folder.mkdir()
    program = tmp_path / "bin/systemctl"
    program.parent.mkdir()
    program.write_text(SYSTEMCTL.format(folder=folder))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    for name, triggers in {"web.service": "web.socket", "web.socket": "", "worker.service": ""}.items():
        unit(folder, name, TriggeredBy=triggers)
    return folder


def unit(folder: Path, name: str, **properties: str) -> None:
    (folder / name).mkdir(exist_ok=True)
    for key, value in {"LoadState": "loaded", "ActiveState": "active", "TriggeredBy": "", **properties}.items():
        (folder / name / key).write_text(value + "\n")
