# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._system import container_layer, mounts

Host = Callable[..., Path]
OVERLAY = "100 90 0:50 / / rw,relatime - overlay overlay rw,lowerdir=/a"
DISK = "25 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw"
ME = os.getpid()
CONTAINER = {ME: (1, "python3"), 1: (0, "sh")}


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """Have the host look as if it had these processes (parent and name) and mounts; this one has its own ID."""

    def seen(processes: Mapping[int, tuple[int, str]], *mounted: str) -> Path:
        for pid, (parent, name) in processes.items():
            folder = tmp_path / str(pid)
            folder.mkdir()
            folder.joinpath("stat").write_text(f"{pid} ({name}) S {parent} 0 0", encoding="utf-8")
        tmp_path.joinpath("self").mkdir()
        tmp_path.joinpath("self/mountinfo").write_text("\n".join([*mounted, ""]), encoding="utf-8")
        return tmp_path

    container_layer._entered_by.cache_clear()
    monkeypatch.setattr(container_layer, "PROC", str(tmp_path))
    monkeypatch.setattr(mounts, "MOUNTS", str(tmp_path / "self/mountinfo"))
    yield seen
    container_layer._entered_by.cache_clear()


CASES = {
    "what the container runs": ({ME: (1, "python3"), 1: (0, "python3")}, OVERLAY, True),
    "below a shell": (CONTAINER, OVERLAY, True),
    "below an init of the runtime": ({ME: (1, "python3"), 1: (0, "catatonit")}, OVERLAY, True),
    "a layer without overlay": (CONTAINER, "1 2 8:1 /storage/vfs/dir/0a1b / rw - ext4 /dev/sda1 rw", True),
    "podman exec by hand": ({ME: (0, "python3"), 1: (0, "gunicorn")}, OVERLAY, False),
    "a container with systemd": ({ME: (1, "python3"), 1: (0, "systemd")}, OVERLAY, False),
    "a login to a container": ({ME: (4, "python3"), 4: (1, "sshd"), 1: (0, "tini")}, OVERLAY, False),
    "a host": ({ME: (4, "python3"), 4: (1, "cron"), 1: (0, "systemd")}, DISK, False),
    "a host with a first process that nobody knows": ({ME: (1, "python3"), 1: (0, "shepherd")}, DISK, False),
}


@pytest.mark.parametrize(("processes", "root", "inside"), CASES.values(), ids=CASES)
def test_a_container_without_a_system_of_its_own_is_recognized(
    host: Host, processes: Mapping[int, tuple[int, str]], root: str, inside: bool
) -> None:
    host(processes, root)
    assert container_layer.is_inside() == inside


ENTERED = {ME: (0, "python3"), 1: (0, "gunicorn")}
ENTRIES = {
    "a program in place of Python": (ENTERED, OVERLAY, container_layer.PROGRAM, True),
    "Ansible's own connection": (ENTERED, OVERLAY, container_layer.ANSIBLE, False),
    "a container with systemd": ({**ENTERED, 1: (0, "systemd")}, OVERLAY, container_layer.PROGRAM, False),
    "a host whose first process is not in sight": (ENTERED, DISK, container_layer.PROGRAM, False),
    "a program on a host": (
        {ME: (4, "python3"), 4: (1, "cron"), 1: (0, "init")},
        OVERLAY,
        container_layer.PROGRAM,
        False,
    ),
}


@pytest.mark.parametrize(("processes", "root", "by", "inside"), ENTRIES.values(), ids=ENTRIES)
def test_a_container_that_runs_is_entered_by_a_program_and_not_by_a_connection(
    host: Host,
    monkeypatch: pytest.MonkeyPatch,
    processes: Mapping[int, tuple[int, str]],
    root: str,
    by: str,
    inside: bool,
) -> None:
    monkeypatch.setenv(container_layer.STARTED_BY, by)
    host(processes, root)
    assert container_layer.is_inside() == inside


@pytest.mark.parametrize("hidden", [1, ME], ids=["the first", "this one"])
def test_a_host_that_hides_the_processes_of_others_is_no_container(host: Host, hidden: int) -> None:
    host(CONTAINER, OVERLAY).joinpath(str(hidden), "stat").unlink()
    assert not container_layer.is_inside()
    assert not container_layer.is_lost("/etc/no such file")


MOUNTS = {
    "nothing": ("101 100 0:1 / /proc rw - proc proc rw", True),
    "a folder of the host": ("101 100 254:1 /srv/shop /{} rw - ext4 /dev/vda1 rw", False),
    "a volume with a name": ("101 100 254:1 /storage/volumes/shop_keys/_data /{} rw - ext4 /dev/vda1 rw", False),
    "a volume without a name": (f"101 100 254:1 /storage/volumes/{'0a' * 32}/_data /{{}} rw - ext4 /dev/vda1 rw", True),
    "memory": ("101 100 0:1 / /{} rw - tmpfs tmpfs rw", True),
}


@pytest.mark.parametrize(("mounted", "lost"), MOUNTS.values(), ids=MOUNTS)
def test_what_is_mounted_from_the_host_is_kept(host: Host, mounted: str, lost: bool) -> None:
    host(CONTAINER, OVERLAY, mounted.format("etc"))
    assert container_layer.is_lost("/etc/no such folder/no such file") == lost


def test_on_a_host_every_file_is_kept(host: Host) -> None:
    host(*CASES["a host"][:2])
    assert not container_layer.is_lost("/etc/no such folder/no such file")


@pytest.mark.parametrize(
    ("processes", "by", "mounted", "replaced"),
    [
        (ENTERED, container_layer.ANSIBLE, "nothing", True),
        (ENTERED, container_layer.ANSIBLE, "a folder of the host", False),
        (ENTERED, container_layer.PROGRAM, "nothing", False),
        ({**ENTERED, 1: (0, "systemd")}, container_layer.ANSIBLE, "nothing", False),
    ],
)
def test_a_file_in_a_container_that_a_connection_enters_is_not_in_the_next_one(
    host: Host,
    monkeypatch: pytest.MonkeyPatch,
    processes: Mapping[int, tuple[int, str]],
    by: str,
    mounted: str,
    replaced: bool,
) -> None:
    monkeypatch.setenv(container_layer.STARTED_BY, by)
    host(processes, OVERLAY, MOUNTS[mounted][0].format("etc"))
    assert container_layer.is_replaced("/etc/no such file") == replaced
