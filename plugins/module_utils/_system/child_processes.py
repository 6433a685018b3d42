# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run commands of an operator, each in a session of its own and with a time limit.

They get no input, and their output is dropped. ``exchange`` is the exception: it passes a value in or out.
"""

from __future__ import annotations

import contextlib
import functools
import glob
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from . import pipe_exchange, pipelines

ROUNDS = 10  # of searching for processes that were forked during the kills
POLL = 0.1
NOT_FOUND, TIMED_OUT = 127, 124  # as a shell and timeout(1) say it
NEUTRAL_FOLDER = "/"  # every host has it, and only root can put a module there that would be imported


def working_folder(project_dir: str) -> str:
    """Return the folder in which the application runs: its project's, or a neutral one if it has no project."""
    return project_dir or NEUTRAL_FOLDER


def run_command(
    argv: Sequence[str],
    seconds: float,
    folder: str | None = None,
    note: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> int:
    """Run a command and return its exit code. What it leaves running outlives this process.

    After ``seconds`` its whole session is killed, and the code is TIMED_OUT. The file ``note`` says which process it
    is. If this process is killed, the next one can wait for the command. Without an ``environment`` the command gets
    ours, as a command of the operator.
    """
    note_process = functools.partial(_note_process, note) if note else None
    try:
        process = subprocess.Popen(
            list(argv),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
            preexec_fn=note_process,
        )
    except OSError:
        return NOT_FOUND
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        kill_session(process.pid)
        with contextlib.suppress(subprocess.TimeoutExpired):  # of another user, such as root's by sudo
            process.wait(1)
        return TIMED_OUT


@dataclass(frozen=True, repr=False)
class Exchange:
    """The exit code and the output of a command. The output may be a value and is never shown."""

    rc: int
    output: bytes
    errors: bytes


def exchange(argv: Sequence[str], data: bytes, seconds: float) -> Exchange:
    """Run a command with ``data`` on its standard input, and return its output.

    The command gets the environment with which this process was started, since a variable that was set later may be a
    key. Otherwise this is like ``run_command``: a process that the command leaves running, such as an agent, may keep
    the output open.
    """
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(
            list(argv), stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True, env=_born_environment()
        )
    except OSError:
        return Exchange(NOT_FOUND, b"", b"")
    try:
        output, errors = pipe_exchange.communicate(process, data, seconds)
    except subprocess.TimeoutExpired:
        kill_session(process.pid)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1)
        return Exchange(TIMED_OUT, b"", b"")
    return Exchange(process.returncode, output, errors)


def _born_environment() -> dict[bytes, bytes]:
    with open("/proc/self/environ", "rb") as handle:
        entries = (entry.partition(b"=") for entry in handle.read().split(b"\0") if b"=" in entry)
        return {name: value for name, _, value in entries}


def find_running(note: str) -> dict[int, str]:
    """Return the noted processes that are alive and not this one. By pid, each is a ``command``, or a ``run`` that
    waits for one."""
    kinds = {}
    with contextlib.suppress(OSError, ValueError), open(note, encoding="ascii") as handle:
        for line in handle:
            who, pid, born = line.split()
            if int(born) and int(born) == _start_ticks(int(pid)) and int(pid) != os.getpid():
                kinds[int(pid)] = who
    return kinds


def outlast(note: str, seconds: float) -> dict[int, str]:
    """Wait for the noted processes, and kill their commands after ``seconds``, as their runs would. Return those that
    remain."""
    left = _await_end(note, seconds)
    commands = [pid for pid, who in left.items() if who == "command"]
    for pid in commands:
        kill_session(pid)
    return _await_end(note, 1) if commands else left


def _await_end(note: str, seconds: float) -> dict[int, str]:
    end = time.monotonic() + seconds
    while (left := find_running(note)) and time.monotonic() < end:
        time.sleep(POLL)
    return left


def _note_process(note: str) -> None:
    """Note the process between fork and exec, so that nothing runs without a note. Notes of an earlier run stay."""
    noted = {**find_running(note), os.getpid(): "command", os.getppid(): "run"}
    text = "".join(f"{who} {pid} {_start_ticks(pid)}\n" for pid, who in noted.items())
    with contextlib.suppress(OSError), open(note, "w", encoding="ascii") as handle:
        handle.write(text)


def _start_ticks(pid: int) -> int:
    """Return when a process began, in clock ticks since the boot (proc(5), fields 3 and 22). 0 if it has ended."""
    with contextlib.suppress(OSError):
        fields = stat(pid)
        return 0 if fields[0] in "ZX" else int(fields[19])
    return 0


def stat(pid: int) -> list[str]:
    """Return the fields of ``stat`` of a process, from the third one on (proc(5)). Raise OSError."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as handle:
        return handle.read().rpartition(")")[2].split()


def kill_session(leader: int) -> None:
    """Kill a process that leads a session, and its group. If there is a /proc, kill all other groups of the session,
    too."""
    for _ in range(ROUNDS):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, signal.SIGKILL)
        others = _session(leader)
        for pid in others:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if not others:
            return


def _session(leader: int) -> list[int]:
    """Return the other living processes of the leader's session. The list is empty if there is no /proc (proc(5),
    fields 3 and 6)."""
    pids = []
    for path in glob.glob("/proc/[0-9]*/stat"):
        with contextlib.suppress(OSError):
            pid = int(path.split("/")[2])
            state, _, _, session = stat(pid)[:4]
            if int(session) == leader != pid and state not in "ZX":
                pids.append(pid)
    return pids


def program(argv: Sequence[str]) -> str:
    """Return the name of the program of a command. The rest is not shown: it may hold a secret."""
    return (argv[0].split() or [""])[0]


def format_failure(rc: int, seconds: float, program: str) -> str:
    """Return why a command failed, for a message."""
    return (
        f"it did not finish within {seconds:.0f} seconds"
        if rc == TIMED_OUT
        else f"{program} {pipelines.format_exit(rc)}"
    )
