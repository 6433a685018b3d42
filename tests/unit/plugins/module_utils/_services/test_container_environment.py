# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables of containers, as podman 5.4 and docker 26.1 print them; both are scripts here."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._services.service_environment import read
from ansible_collections.tetech.key_rotation.plugins.module_utils._system import child_processes
from ansible_collections.tetech.key_rotation.tests.expected_errors import Containing, expect_error

OF_WEB = ["PATH=/usr/bin", "HOME=/root", "container=podman", "K=CANARY-old", "URL=db?a=b", "EMPTY=", "LINES=a\nb"]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Install a program that knows one container, and notes its arguments in the file that is returned."""
    monkeypatch.setattr(child_processes, "_born_environment", lambda: {"PATH": f"{tmp_path}:/usr/bin:/bin"})
    monkeypatch.setenv("PATH", str(tmp_path))

    def write(program: str, *, removed: bool = False, known: str = "shop_web_1") -> Path:
        calls, answer = tmp_path / f"{program}.calls", tmp_path / f"{program}.json"
        answer.write_text(json.dumps({"variables": OF_WEB, "is_removed": removed}))
        path = tmp_path / program
        path.write_text(
            f'#!/bin/sh\necho "$*" >> {calls}\n[ "$5" = {known} ] && exec cat {answer}\n'
            'echo "Error: no such container $5" >&2\nexit 125\n'
        )
        path.chmod(0o755)
        return calls

    return write


@pytest.mark.parametrize("program", ["podman", "docker"])
def test_the_variables_of_a_container_are_read_without_those_of_its_system(
    install: Callable[..., Path], program: str
) -> None:
    if program == "docker":
        install("podman", known="another")
    calls = install(program)
    before = dict(os.environ)
    found = read([{"container": "shop_web_1"}, {"file": ""}])
    assert found.variables == {"K": "CANARY-old", "URL": "db?a=b", "EMPTY": "", "LINES": "a\nb"}
    assert os.environ == before
    assert "CANARY" not in calls.read_text()
    assert calls.read_text().split()[:2] == ["inspect", "--type=container"]


def test_a_container_that_no_program_knows_is_refused(install: Callable[..., Path]) -> None:
    install("docker")
    with expect_error("E_CONTAINER_ENVIRONMENT", container="nobody", fault=Containing("docker cannot show it to ")):
        read([{"container": "nobody"}])


def test_a_container_that_would_be_gone_after_the_stop_is_refused(install: Callable[..., Path]) -> None:
    install("podman", removed=True)
    with expect_error("E_CONTAINER_ENVIRONMENT", fault="it is removed when it is stopped") as refused:
        read([{"container": "shop_web_1"}])
    assert "CANARY" not in str(refused.value)


def test_where_neither_program_is_installed_this_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_processes, "_born_environment", lambda: {"PATH": str(tmp_path)})
    monkeypatch.setenv("PATH", str(tmp_path))
    with expect_error("E_CONTAINER_ENVIRONMENT", fault=Containing("neither podman nor docker is installed")):
        read([{"container": "shop_web_1"}])
