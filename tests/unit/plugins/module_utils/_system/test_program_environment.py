# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import ast
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._record import run_lease
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.approval import Approval, ApprovalEvidence
from ansible_collections.tetech.key_rotation.plugins.module_utils._services.units import Service, Unit
from ansible_collections.tetech.key_rotation.plugins.module_utils._system.program_environment import clean_environment

from ....plugin_sources import trees

KEY = "FIELD_KEY"
STARTS = re.compile(r"subprocess\.\w+|os\.(system|popen|(exec|spawn|posix_spawn)\w*)")
Printed = Callable[[str], dict[str, str]]


@pytest.fixture
def printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Printed:
    """Programs of these names, each of which prints its environment to a file; the application has set a key."""
    for name in ("systemctl", "ssh-keygen", "ps", "own"):
        (tmp_path / name).write_text('#!/bin/sh\nenv > "$0.out"\n')
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv(KEY, "secret")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return lambda name: dict(line.split("=", 1) for line in (tmp_path / f"{name}.out").read_text().splitlines())


def test_a_program_gets_the_path_english_and_what_is_named(monkeypatch):
    for name in ("HOME", KEY):
        monkeypatch.setenv(name, "value")
    monkeypatch.delenv("TZ", raising=False)
    assert clean_environment() == {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    assert clean_environment("HOME", "TZ") == {**clean_environment(), "HOME": "value"}


@pytest.mark.parametrize("act", ["is_up", "run_start", "run_stop"])
def test_systemctl_finds_its_bus_and_gets_no_key(printed, act):
    unit = Unit("web")
    unit.is_up(unknown=False) if act == "is_up" else getattr(unit, act)(10, None)
    assert KEY not in printed("systemctl")
    assert printed("systemctl")["XDG_RUNTIME_DIR"] == os.environ["XDG_RUNTIME_DIR"]


def test_a_command_of_the_operator_gets_what_it_always_got(printed):
    assert Service("web", ["own"], ["own"]).run_start(10, None) == ""
    assert printed("own")[KEY] == "secret"


def test_ssh_keygen_knows_the_time_zone_and_gets_no_key(printed):
    time = "2026-01-01T00:00:00Z"
    text = f"tetech.key_rotation approval\nplan 1\nenvironment test\nprincipal ada\ntime {time}\n"
    assert ApprovalEvidence(Approval("1", "test", "ada", time), text, "", "").accepted()
    assert KEY not in printed("ssh-keygen")
    assert printed("ssh-keygen")["TZ"] == "Asia/Tokyo"


def test_ps_gets_no_key(printed):
    run_lease._started_by_ps(os.getpid())
    assert KEY not in printed("ps")


def test_every_program_is_started_with_an_environment_of_its_own():
    calls = [
        (path.name, node)
        for path, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and STARTS.fullmatch(ast.unparse(node.func))
    ]
    assert len(calls) > 5
    assert [name for name, call in calls if "env" not in {keyword.arg for keyword in call.keywords}] == []
