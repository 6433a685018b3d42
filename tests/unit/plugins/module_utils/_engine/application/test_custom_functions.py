# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import multiprocessing

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application import django_project
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application.custom_functions import processes
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application.key_worker import (
    ApplicationLocation,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet

PLACE = ApplicationLocation("/nowhere", None, None, "dotenv", [])
STAGES = {"current": KeySet({"SECRET_KEY": "one"}), "pending": KeySet({"SECRET_KEY": "two"})}


def test_each_key_set_has_two_processes_that_end_with_the_block():
    with processes(PLACE, STAGES, {}) as pairs:
        assert list(pairs) == ["current", "pending"]
        assert len(multiprocessing.active_children()) == 4
    assert not multiprocessing.active_children()


def test_after_the_start_of_django_none_is_forked_and_a_call_is_refused(monkeypatch):
    monkeypatch.setattr(django_project, "is_started", lambda: True)
    with processes(PLACE, STAGES, {}) as pairs:
        assert not multiprocessing.active_children()
        with pytest.raises(RuntimeError, match="after Django had started"):
            pairs["current"].opener.call("setting", "SECRET_KEY", None)
