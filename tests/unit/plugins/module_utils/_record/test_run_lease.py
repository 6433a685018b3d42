# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._record import run_lease as module
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.run_lease import Lease

MINE = os.getpid()


@pytest.fixture
def lease(tmp_path: Path) -> Lease:
    return Lease(str(tmp_path / "records"))


@pytest.fixture
def other() -> Iterator[int]:
    """Another run, which goes on."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process.pid
        process.kill()


@pytest.fixture
def dead() -> int:
    """Another run, which died."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def held(lease: Lease) -> dict:
    return json.loads(Path(lease.path).read_text())


def as_if(lease: Lease, **changed) -> None:
    Path(lease.path).write_text(json.dumps({**held(lease), **changed}))


def refusal(call, *args) -> RotationError:
    with pytest.raises(RotationError) as refused:
        call(*args)
    return refused.value


def test_a_lease_says_which_run_is_at_which_rotation(lease):
    lease.take("r1", MINE)
    assert (held(lease)["rotation_id"], held(lease)["pid"], held(lease)["host"]) == ("r1", MINE, socket.gethostname())
    assert os.stat(lease.path).st_mode & 0o777 == 0o600


def test_the_run_that_holds_it_may_continue_and_take_it_again(lease):
    lease.take("r1", MINE)
    lease.refuse_other(MINE)
    lease.take("r2", MINE)
    assert held(lease)["rotation_id"] == "r2"


def test_another_run_is_refused_with_who_holds_it(lease, other):
    lease.take("r1", other)
    for error in (refusal(lease.take, "r2", MINE), refusal(lease.refuse_other, MINE)):
        assert error.code == "E_RUNNING"
        assert (error.where["rotation_id"], error.where["pid"]) == ("r1", other)
    assert held(lease)["rotation_id"] == "r1"
    assert lease.left_over() is None


def test_a_run_that_died_leaves_its_rotation_to_the_next(lease, dead):
    lease.take("r1", MINE)
    as_if(lease, pid=dead)
    assert lease.left_over() == "r1"
    lease.refuse_other(MINE)
    lease.take("r1", MINE)
    assert held(lease)["pid"] == MINE


def test_a_later_process_of_the_same_number_is_not_the_run(lease, other):
    lease.take("r1", other)
    as_if(lease, started="1")
    assert lease.left_over() == "r1"
    lease.take("r2", MINE)


def test_of_another_control_node_s_run_nothing_is_known_but_that_it_is_there(lease, dead):
    lease.take("r1", MINE)
    as_if(lease, pid=dead, host="elsewhere.example")
    assert refusal(lease.take, "r2", MINE).code == "E_RUNNING"
    assert lease.left_over() is None


def test_without_a_lease_nobody_is_refused(lease):
    lease.refuse_other(MINE)
    assert lease.left_over() is None
    lease.give_back()


def test_a_lease_that_was_given_back_is_anybody_s(lease, other):
    lease.take("r1", other)
    lease.give_back()
    assert not os.path.exists(lease.path)
    lease.take("r2", MINE)


@pytest.mark.parametrize("text", ["", "{", "{}", '{"rotation_id": "r1"}'])
def test_half_a_lease_does_not_count(lease, text):
    lease.take("r1", MINE)
    Path(lease.path).write_text(text)
    assert lease.left_over() is None
    lease.take("r2", MINE)
    assert held(lease)["rotation_id"] == "r2"


def test_a_lease_that_cannot_be_written_is_reported(tmp_path):
    (tmp_path / "taken").write_text("")
    assert refusal(Lease(str(tmp_path / "taken")).take, "r1", MINE).code == "E_RECORD_WRITE"


def test_of_many_runs_at_once_one_has_it(lease, monkeypatch):
    monkeypatch.setattr(module, "_started", lambda pid: "1")
    taken, refused = [], []

    def take(pid: int) -> None:
        try:
            lease.take(f"r{pid}", pid)
            taken.append(f"r{pid}")
        except RotationError as exc:
            refused.append(exc.code)

    os.makedirs(os.path.dirname(lease.path))
    runs = [threading.Thread(target=take, args=[pid]) for pid in range(16)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert taken == [held(lease)["rotation_id"]]
    assert refused == ["E_RUNNING"] * 15


def test_when_a_process_started_is_known_with_and_without_proc(other):
    assert module._started(other) == module._started(other) != ""
    assert module._started_by_ps(other) == module._started_by_ps(other) != ""


def test_a_process_that_is_not_there_did_not_start(dead):
    assert module._started(dead) == ""
