# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof import external_acts
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.tests.expected_errors import Containing, expect_error

NAME = "people.Person.notified"


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening


@pytest.fixture(autouse=True)
def allowed_nothing() -> Iterator[None]:
    yield
    external_acts.allow(())


def has_callers(server: socket.socket) -> bool:
    with contextlib.suppress(BlockingIOError):
        server.accept()[0].close()
        return True
    return False


def connect(server: socket.socket) -> None:
    socket.create_connection(server.getsockname()).close()


def test_a_connection_is_refused_before_it_is_made(server: socket.socket) -> None:
    with expect_error("E_APPLICATION_ACTS", name=NAME, act=Containing("connects to a server")):  # noqa: SIM117
        with external_acts.refused(NAME):
            connect(server)
    assert not has_callers(server)
    connect(server)
    assert has_callers(server), "afterwards it is made"


def test_code_that_swallows_the_refusal_is_named_anyway(server: socket.socket) -> None:
    def read() -> str:
        with contextlib.suppress(OSError):
            connect(server)
        return "a value"

    with pytest.raises(RotationError, match="E_APPLICATION_ACTS"), external_acts.refused(NAME):
        read()
    assert not has_callers(server)


@pytest.mark.parametrize(
    "start",
    [
        lambda path: subprocess.run([sys.executable, "-c", f"open({path!r}, 'w')"], check=False),
        lambda path: os.system(f"touch {path}"),
        lambda path: os.posix_spawn("/bin/touch", ["touch", path], {}),
    ],
    ids=["subprocess", "os.system", "posix_spawn"],
)
def test_a_program_is_refused_before_it_starts(tmp_path: Path, start: Callable[[str], object]) -> None:
    with pytest.raises(RotationError, match=f"{NAME} starts a program"), external_acts.refused(NAME):
        start(str(tmp_path / "made"))
    assert list(tmp_path.iterdir()) == []


def test_an_attribute_that_is_allowed_connects_and_no_other_one(server: socket.socket) -> None:
    external_acts.allow([NAME])
    with external_acts.refused(NAME):
        connect(server)
    assert has_callers(server)
    with pytest.raises(RotationError, match="E_APPLICATION_ACTS"), external_acts.refused("people.Person.other"):
        connect(server)
    assert not has_callers(server)


def test_what_another_thread_does_meanwhile_is_not_taken_for_an_act_of_the_attribute(server: socket.socket) -> None:
    with external_acts.refused(NAME):
        sender = threading.Thread(target=connect, args=(server,))
        sender.start()
        sender.join()
    assert has_callers(server)


def test_one_attribute_within_another_leaves_the_outer_one_refused(server: socket.socket) -> None:
    def read() -> None:
        with external_acts.refused("people.Person.inner"):
            pass
        connect(server)

    with pytest.raises(RotationError, match=NAME), external_acts.refused(NAME):
        read()
    assert not has_callers(server)
