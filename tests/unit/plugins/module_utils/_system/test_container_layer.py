# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._system import container_layer

Processes = Mapping[int, tuple[int, str, str]]  # parent, name, program


@pytest.fixture
def processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Processes], None]]:
    """Have the host look as if it had these processes; this one is called by its own ID."""

    def seen(listed: Processes) -> None:
        for pid, (parent, name, program) in listed.items():
            folder = tmp_path / str(pid)
            folder.mkdir()
            folder.joinpath("stat").write_text(f"{pid} ({name} (x) 1) S {parent} 0 0", encoding="utf-8")
            folder.joinpath("comm").write_text(f"{name}\n", encoding="utf-8")
            folder.joinpath("exe").symlink_to(program)

    container_layer.ends_with_us.cache_clear()
    monkeypatch.setattr(container_layer, "PROC", str(tmp_path))
    yield seen
    container_layer.ends_with_us.cache_clear()


ME = os.getpid()
PYTHON = "/usr/bin/python3.13"
CASES = {
    "the child of what the container runs": ({ME: (1, "python", PYTHON), 1: (0, "python", PYTHON)}, True),
    "under an init of the runtime": ({ME: (1, "python", PYTHON), 1: (0, "catatonit", "/usr/bin/catatonit")}, True),
    "podman exec into an application": ({ME: (0, "python", PYTHON), 1: (0, "gunicorn", PYTHON)}, False),
    "a host": ({ME: (1, "python", PYTHON), 1: (0, "systemd", "/usr/lib/systemd/systemd")}, False),
    "below a login of a host": (
        {ME: (4, "python", PYTHON), 4: (1, "sshd", "/usr/sbin/sshd"), 1: (0, "systemd", "/usr/lib/systemd/systemd")},
        False,
    ),
}


@pytest.mark.parametrize(("listed", "ends"), CASES.values(), ids=CASES)
def test_a_container_that_runs_nothing_else_ends_with_us(
    processes: Callable[[Processes], None], listed: Processes, ends: bool
) -> None:
    processes(listed)
    assert container_layer.ends_with_us() == ends


def test_what_is_mounted_is_kept(processes: Callable[[Processes], None]) -> None:
    processes(CASES["the child of what the container runs"][0])
    assert container_layer.is_lost("/etc/no such folder/no such file")
    assert not container_layer.is_lost("/proc/self/stat")


def test_on_a_host_every_file_is_kept(processes: Callable[[Processes], None]) -> None:
    processes(CASES["a host"][0])
    assert not container_layer.is_lost("/etc/no such folder/no such file")
