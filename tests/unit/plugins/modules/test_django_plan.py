# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine import open_application
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.plan import create_plan
from ansible_collections.tetech.key_rotation.plugins.modules import django_plan

STORED = {"current": {"A": "CANARY-a", "B": "CANARY-b"}}


@pytest.fixture
def asked(monkeypatch) -> list[Any]:
    """What the application is opened with and asked for, in place of a real one."""
    made: list[Any] = []

    def plan(application: Any, **given: Any) -> Any:
        made.append(given)
        return SimpleNamespace(as_document=lambda: {"targets": []}, listed=())

    @contextlib.contextmanager
    def opened(request, known):
        made.append(request)
        yield SimpleNamespace(parts=[])

    monkeypatch.setattr(create_plan, "create_plan", plan)
    monkeypatch.setattr(open_application, "open_application", opened)
    return made


@pytest.fixture
def make(run_module, tmp_path: Path):
    def run(text: str, names: str, **args: Any):
        env_file = tmp_path / ".env"
        env_file.write_text(text)
        env_file.chmod(0o600)
        ended = run_module(
            django_plan.main,
            {
                "project_dir": "/srv/app",
                "env_file": str(env_file),
                "keys": [{"name": name} for name in names],
                "key_sets": STORED,
                "counted": False,  # nothing is asked of the application but its plan
                **args,
            },
        )
        assert "CANARY" not in ended.output
        return ended.result

    return run


def test_with_other_keys_in_the_env_file_the_application_is_not_opened(make, asked):
    found = make("A=CANARY-a\nB=CANARY-by-hand\n", "AB")
    assert found["other_keys"] == KeySet({"A": "CANARY-a", "B": "CANARY-by-hand"}).key_id
    assert "plan" not in found
    assert asked == []


def test_a_key_that_was_listed_after_the_last_rotation_is_the_one_of_the_env_file(make, asked):
    assert make("A=CANARY-a\nB=CANARY-b\nC=CANARY-c\n", "ABC")["plan"] == {"targets": []}
    request, given = asked
    assert request.key_sets == {"current": {**STORED["current"], "C": "CANARY-c"}}
    assert given["unset"] == []


@pytest.mark.parametrize("stored", [STORED, {}], ids=["with a store", "without one"])
def test_a_listed_key_that_the_env_file_does_not_set_is_reported(make, asked, stored):
    make("A=CANARY-a\n", "AB", key_sets=stored)
    assert asked[1]["unset"] == ["B"]
