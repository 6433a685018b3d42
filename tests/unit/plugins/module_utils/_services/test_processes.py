# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._services import processes
from ansible_collections.tetech.key_rotation.plugins.module_utils._services.processes import Process

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="no proc file system")


def process(control_group: str = "/", **fields) -> Process:
    known = {
        "pid": 7,
        "name": "gunicorn",
        "parent": 1,
        "forked": False,
        "started": 1.0,
        "layout": (1, 2),
        "command": "gunicorn CANARY",
    }
    return Process(**{**known, **fields}, control_group=control_group)


@pytest.fixture
def unit() -> Iterator[Path]:
    """A control group named as systemd names that of a service."""
    for place in ("/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"):
        folder = Path(place) / "key_rotation_test.service"
        if os.path.exists(f"{place}/cgroup.procs") and os.access(place, os.W_OK):
            folder.mkdir()
            yield folder
            for _attempt in range(200):  # its processes may still be on their way out
                if not (folder / "cgroup.procs").read_text():
                    break
                time.sleep(0.01)
            folder.rmdir()
            return
    pytest.skip("only root makes control groups, and where they may be written")


def test_a_process_is_identified_by_name_start_and_parent(start):
    before = time.time()
    child = start("a word")
    after = time.time()
    found = processes.snapshot()[child.pid]
    assert (found.pid, found.parent) == (child.pid, os.getpid())
    assert before - 0.02 <= found.started <= after
    assert found.name == Path(sys.executable).name[:15]
    assert found.command.endswith("a word")


def test_a_command_line_never_shows():
    assert "CANARY" not in repr(process())


def test_a_name_may_hold_brackets_and_blanks(tmp_path):
    odd = tmp_path / "a) R (b"
    odd.symlink_to(sys.executable)
    with subprocess.Popen([odd, "-S", "-c", "input()"], stdin=subprocess.PIPE) as child:
        found = processes.snapshot()[child.pid]
        child.communicate(b"\n")
    assert (found.name, found.parent) == ("a) R (b", os.getpid())


def test_zombies_and_the_kernels_own_are_left_out(start):
    child = start()
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert os.path.exists(f"/proc/{child.pid}")
    found = processes.snapshot()
    assert child.pid not in found
    assert "kthreadd" not in {each.name for each in found.values()}


def test_a_process_that_hides_its_command_line_is_there(start, tell):
    child = start()
    tell(child, "blank")
    assert processes.snapshot()[child.pid].command == ""


def test_a_process_that_ends_meanwhile_is_no_error(monkeypatch):
    monkeypatch.setattr(os, "listdir", lambda path: ["self", "999999999", str(os.getpid())])
    assert list(processes.snapshot()) == [os.getpid()]


@pytest.mark.parametrize(
    ("control_group", "unit", "belongs"),
    [
        ("/system.slice/gunicorn.service", "gunicorn.service", True),
        ("/system.slice/gunicorn.service", "gunicorn", True),
        ("/system.slice/gunicorn.service/worker", "gunicorn", True),
        ("/system.slice/system-app.slice/app@1.service", "app@1", True),
        ("/system.slice/gunicorn.service", "system.slice", True),
        ("/system.slice/my-gunicorn.service", "gunicorn", False),
        ("/system.slice/gunicorn.socket", "gunicorn", False),
        ("/user.slice/session-3.scope", "gunicorn", False),
        ("/", "gunicorn", False),
    ],
)
def test_of_unit(control_group, unit, belongs):
    assert (processes.of_unit({7: process(control_group)}, unit) != []) is belongs


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("0::/system.slice/a.service\n", "/system.slice/a.service"),
        ("4:memory:/x/y/z/docker\n1:name=systemd:/system.slice/a.service\n0::/\n", "/system.slice/a.service"),
        ("0::/\n1:name=systemd:/system.slice/a.service\n", "/system.slice/a.service"),
        ("0::/a:b.service\n", "/a:b.service"),
        ("", "/"),
    ],
)
def test_the_control_group_is_systemds(text, path):
    assert processes._control_group(text) == path


def test_the_processes_of_a_real_control_group_are_found(unit, start, tell):
    master = start()
    (unit / "cgroup.procs").write_text(str(master.pid))
    worker = tell(master, "fork")
    other = start()
    found = [each.pid for each in processes.of_unit(processes.snapshot(), "key_rotation_test")]
    assert sorted(found) == sorted([master.pid, worker])
    assert other.pid not in found
    os.killpg(master.pid, 9)
    master.wait()


@pytest.mark.parametrize(
    ("control_group", "todo"),
    [
        ("/system.slice/gunicorn.service", "systemctl restart gunicorn.service"),
        (
            "/user.slice/user-1000.slice/user@1000.service/app.slice/web.service",
            "systemctl --user restart web.service",
        ),
        ("/user.slice/user-1000.slice/session-3.scope", "stop process 7 (gunicorn) and start it again"),
        ("/", "stop process 7 (gunicorn) and start it again"),
    ],
)
def test_what_to_type(control_group, todo):
    assert process(control_group).restart == todo


def test_a_pattern_finds_command_lines_but_not_our_own(start):
    word = f"unlikely_{os.getpid()}_word"
    children = {start(word).pid, start("x", word).pid}
    start("something else")
    there = processes.snapshot()
    assert {each.pid for each in processes.matching(there, rf"\b{word}$")} == children
    assert os.getpid() not in {each.pid for each in processes.matching(there, ".")}
    assert os.getppid() not in {each.pid for each in processes.matching(there, ".")}


def test_a_forked_worker_counts_from_the_start_of_its_master(start, tell):
    master = start()
    wait_past(processes.snapshot()[master.pid].started)
    worker, program = tell(master, "fork"), tell(master, "exec")
    there = processes.snapshot()
    assert there[worker].started > there[master.pid].started
    assert processes.origin(there, there[worker]) == there[master.pid]
    assert processes.origin(there, there[program]) == there[program]
    assert processes.origin(there, there[master.pid]) == there[master.pid]


def wait_past(moment: float) -> None:
    while time.time() <= moment + 0.05:
        time.sleep(0.01)


def test_what_was_exported(start):
    child = start(SECRET_KEY="a=b", OTHER="x", ENCRYPTION_SALT="")
    there = processes.snapshot()[child.pid]
    asked = processes.exported(there, ["ENCRYPTION_SALT", "SECRET_KEY", "NONE"])
    assert asked == ({"ENCRYPTION_SALT": "", "SECRET_KEY": "a=b"}, False)
    empty = start()
    assert processes.exported(processes.snapshot()[empty.pid], ["SECRET_KEY"]) == ({}, False)
    assert processes.owner(there) == os.geteuid()


@pytest.mark.parametrize(
    ("found", "origin"),
    [
        ({"parent": 1, "forked": False}, 7),  # as a service, or by a shell that has ended
        ({"parent": 5, "forked": True}, 5),
        ({"parent": 1, "forked": True}, 7),  # init lies elsewhere in memory
        ({"parent": 6, "forked": True}, 6),  # of one that is forked from what is gone
    ],
)
def test_what_a_process_was_forked_from(found, origin):
    there = {
        1: process(pid=1, parent=0, layout=(8, 9)),
        5: process(pid=5, parent=1),
        6: process(pid=6, parent=1, forked=True),
        7: process(**found),
    }
    assert processes.origin(there, there[7]).pid == origin


def test_of_two_variables_of_one_name_the_first_counts_as_it_does_in_python(monkeypatch, tmp_path):
    (tmp_path / "7").mkdir()
    (tmp_path / "7/environ").write_bytes(b"SECRET_KEY=first\0OTHER=x\0SECRET_KEY=second\0")
    monkeypatch.setattr(processes, "PROC", str(tmp_path))
    assert processes.exported(process(), ["SECRET_KEY"]) == ({"SECRET_KEY": "first"}, False)


STAT = "7 (python) S 1 {}".format(" ".join(["0"] * 46))  # without env_end, field 51 of proc_pid_stat(5)


@pytest.mark.parametrize("exported", [{"SECRET_KEY": "old"}, {}])
def test_a_process_in_the_middle_of_an_exec_is_waited_for(monkeypatch, tmp_path, exported):
    (tmp_path / "7").mkdir()
    (tmp_path / "7/environ").touch()
    (tmp_path / "7/stat").write_text(f"{STAT} 0")

    def end_the_exec(seconds: float) -> None:
        (tmp_path / "7/environ").write_text("".join(f"{name}={value}\0" for name, value in exported.items()))
        (tmp_path / "7/stat").write_text(f"{STAT} 140720")

    monkeypatch.setattr(processes, "PROC", str(tmp_path))
    monkeypatch.setattr(processes.time, "sleep", end_the_exec)
    assert processes.exported(process(), ["SECRET_KEY"]) == (exported, False)


def test_of_one_whose_exec_does_not_end_nothing_is_taken_for_known(monkeypatch, tmp_path):
    (tmp_path / "7").mkdir()
    (tmp_path / "7/environ").touch()
    (tmp_path / "7/stat").write_text(f"{STAT} 0")
    monkeypatch.setattr(processes, "PROC", str(tmp_path))
    monkeypatch.setattr(processes, "EXEC", 0.01)
    assert processes.exported(process(), ["SECRET_KEY"]) == ({}, True)


def test_an_environment_that_was_overwritten_is_reported(start, tell):
    child = start(SECRET_KEY="a", OTHER="b")
    tell(child, "hide")
    assert processes.exported(processes.snapshot()[child.pid], ["SECRET_KEY"]) == ({}, True)


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_session_is_identified_by_the_process_that_has_its_socket(family, address):
    with socket.socket(family) as server, socket.socket(family) as client:
        try:
            server.bind((address, 0))
        except OSError:
            pytest.skip(f"this machine has no {address}")
        server.listen()
        client.connect(server.getsockname()[:2])
        port = client.getsockname()[1]
        sessions = [
            {"pid": 1, "address": address, "port": port},
            {"pid": 2, "address": "192.0.2.7", "port": port},
            {"pid": 3, "address": "", "port": -1},
        ]
        mine, elsewhere, local = processes.with_holders(sessions)
    assert mine["process"]["pid"] == os.getpid()
    assert mine["process"]["name"] == processes.snapshot()[os.getpid()].name
    assert (elsewhere["process"], local["process"]) == (None, None), "the same port of another host is somebody else's"
