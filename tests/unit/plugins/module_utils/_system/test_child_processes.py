# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that get a value and print one, with real ones."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._system import child_processes

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="no proc file system")


def run(script: str, data: bytes = b"", seconds: float = 60.0) -> tuple[int, bytes, bytes]:
    ended = child_processes.exchange(["sh", "-c", script], data, seconds)
    return ended.rc, ended.output, ended.errors


def test_what_a_command_leaves_running_keeps_running_and_is_not_waited_for(tmp_path: Path) -> None:
    """As an agent does, or a connection that ssh keeps (ControlPersist): all three are still open there."""
    note = tmp_path / "pid"
    found = run(f"cat; echo said >&2; exec 3<&0; sleep 300 <&3 & echo $! > {note}; exit 7", b"value", seconds=100.0)
    pid = int(note.read_text())
    try:
        assert found == (7, b"value", b"said\n")
        assert child_processes.stat(pid)[0] in "SR"
    finally:
        os.kill(pid, signal.SIGKILL)


def test_much_is_given_and_printed_at_once() -> None:
    data = os.urandom(3_000_000)
    assert run("tee /dev/stderr", data) == (0, data, data)


def test_a_command_that_prints_much_at_its_end_is_read_to_the_end() -> None:
    rc, output, errors = run("sleep 300 & p=$!; head -c 60000 /dev/zero; head -c 60000 /dev/zero >&2; kill $p")
    assert (rc, len(output), len(errors)) == (0, 60000, 60000)


def test_a_command_that_does_not_read_or_closes_its_output_is_waited_for() -> None:
    assert run("exec <&- >&- 2>&-; sleep 0.3; exit 5", b"x" * 1_000_000) == (5, b"", b"")


def test_one_that_does_not_end_is_killed_with_what_it_started_and_shows_nothing(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    assert run(f"echo value; sleep 300 & echo $! > {note}; wait", seconds=0.5) == (
        child_processes.TIMED_OUT,
        b"",
        b"",
    )
    with pytest.raises((OSError, AssertionError)):
        assert child_processes.stat(int(note.read_text()))[0] not in "ZX"


def test_a_command_that_is_not_there_is_as_a_shell_says_it() -> None:
    assert child_processes.exchange(["no-such-program"], b"", 1.0).rc == child_processes.NOT_FOUND
