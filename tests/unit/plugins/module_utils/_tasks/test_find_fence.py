# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
from types import SimpleNamespace

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres import lease
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite import fence, prepared_table
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite.fence import FenceState
from ansible_collections.tetech.key_rotation.plugins.module_utils._tasks import find_fence
from ansible_collections.tetech.key_rotation.tests.expected_errors import expect_error

NOTHING = {"changed": False, "fenced": False, "prepared": False}
HOLDER = {"rotation_id": "2026-spring", "pid": 1}
LEFT = FenceState("2026-spring", "2026-03-01 03:00:00 UTC")


@pytest.fixture
def find(monkeypatch):
    """The result, for databases of which each has one of these fences."""

    def run(fences, answer, prepared_in=()):
        databases = [SimpleNamespace(alias=alias) for alias in fences]
        monkeypatch.setattr(find_fence, "databases_of", lambda params, label: contextlib.nullcontext(databases))
        monkeypatch.setattr(fence, "read_fence", lambda database: fences[database.alias])
        monkeypatch.setattr(prepared_table, "exists", lambda database: database.alias in prepared_in)
        monkeypatch.setattr(lease, "read_holder", lambda database: HOLDER)
        return find_fence.find_fence(SimpleNamespace(params={"fence": answer}))

    return run


@pytest.mark.parametrize("answer", ["refuse", "accept"])
def test_no_database_has_a_fence(find, answer):
    opened = FenceState("2026-spring", LEFT.since, refuses=False)
    assert find({"default": None, "second": opened}, answer) == NOTHING


def test_a_fence_that_a_killed_run_left_is_reported_or_an_error(find):
    fences = {"default": None, "second": LEFT}
    assert find(fences, "accept") == {**NOTHING, "fenced": True}
    with expect_error("E_FENCED", rotation_id="2026-spring", alias="second"):
        find(fences, "refuse")


def test_prepared_values_that_a_killed_run_left_are_reported_or_an_error(find):
    databases = {"default": None, "second": None}
    assert find(databases, "accept", ["second"]) == {**NOTHING, "prepared": True}
    found = find(databases, "refuse", ["second"])
    assert (found["failed"], found["error"]["code"], found["error"]["alias"]) == (True, "E_PREPARED_LEFT", "second")
    assert found["holder"] == HOLDER, "whether that run is alive is known on the control node"
