# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite import worker_pool
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError


def test_a_process_that_nobody_listens_to_is_to_stop_and_stays_so(monkeypatch):
    theirs, ours = os.pipe()
    monkeypatch.setattr(worker_pool, "STANDARD_OUTPUT", ours)
    stop = worker_pool.Stop()
    assert not stop.is_requested
    stop.refuse_to_go_on()
    os.close(theirs)
    assert stop.is_requested
    os.close(ours)
    with pytest.raises(RotationError, match="E_STOPPED"):
        stop.refuse_to_go_on()


def test_a_file_or_a_terminal_is_never_gone(monkeypatch, tmp_path):
    with open(tmp_path / "log", "w") as handle:
        monkeypatch.setattr(worker_pool, "STANDARD_OUTPUT", handle.fileno())
        assert not worker_pool.Stop().is_requested
