# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A start by hand, and the record of a rotation that stands half way."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.run_lease import Lease
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.writer import Record

UNCHANGED = {"error": {"code": "E_UNREADABLE", "changed": "Nothing was changed."}}
SWAP = {"asked": {"state": "present"}}
LOSS = {"error": {"code": "E_RESTORE_LOSS", "changed": "A copy lies beside, proved."}}
WRITTEN = {"error": {"code": "E_STOPPED", "changed": "7 values were written."}}
BEGUN = [("rotate", "intent", {}), ("env_file_info", "intent", {})]
KILLED = [*BEGUN, ("django_reencrypt", "intent", {})]
TOGETHER = [*KILLED, ("django_reencrypt", "done", {}), ("key_version", "done", {"asked": {"state": "current"}})]


@pytest.fixture
def by_hand(run_action, tmp_path):
    """What the maintenance playbook does, on a host with one service."""
    service = {"name": "web", "start": ["touch", str(tmp_path / "up")], "stop": ["rm", "-f", str(tmp_path / "up")]}
    service["status"] = ["test", "-e", str(tmp_path / "up")]
    (tmp_path / "up").touch()

    def act(state, **args):
        return run_action(
            "application_services",
            state=state,
            services=[service],
            memory=str(tmp_path / "memory/services.json"),
            settle=0,
            rotation_id="maintenance",
            store=None,
            **args,
        )

    return act


@pytest.fixture
def ended(tmp_path):
    """The lease and the record that a run leaves which has ended without closing them."""

    def leave(events):
        records = str(tmp_path / "records")
        run = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        Lease(records).take("r1", run.pid)
        run.communicate()
        for name, phase, fields in events:
            Record(records, "r1").append(name, phase, **fields)

    return leave


@pytest.mark.parametrize(
    ("events", "half"),
    [
        (KILLED, True),
        ([*KILLED, ("django_reencrypt", "failed", WRITTEN)], True),
        ([*KILLED, ("django_reencrypt", "done", {}), ("env_file", "intent", {"asked": {}})], True),
        ([*KILLED, *BEGUN, ("django_reencrypt", "intent", {}), ("django_reencrypt", "failed", UNCHANGED)], True),
        ([*TOGETHER, ("rollback", "intent", {}), ("django_reencrypt", "intent", {})], True),
        (BEGUN, False),
        ([*KILLED, ("django_reencrypt", "failed", UNCHANGED)], False),
        ([("postgresql_restore", "intent", SWAP), ("postgresql_restore", "failed", {**SWAP, **LOSS})], False),
        ([("postgresql_restore", "intent", SWAP)], True),
        (TOGETHER, False),
        ([*KILLED, ("rollback", "intent", {}), ("rollback", "done", {})], False),
    ],
)
def test_nothing_is_started_by_hand_under_two_key_sets(by_hand, ended, tmp_path, events, half):
    memory = tmp_path / "memory/services.json"
    ended(events)
    assert by_hand("stopped")["services"] == ["web"]

    result = by_hand("started")

    assert (bool(result.get("failed")), (tmp_path / "up").exists()) == (half, not half), result
    assert json.loads(memory.read_text())["held"] == "", "the command that it names may go on"
    if half:
        assert result["error"]["code"] == "E_HALF_WAY"
        assert "rotation r1" in result["error"]["what"]
        assert json.loads(memory.read_text())["down"], "that command starts it"
        assert by_hand("started", interrupted="accept")["services"] == ["web"]


def test_without_an_open_rotation_all_is_started_by_hand_and_each_is_reported(by_hand, tmp_path, capsys):
    assert by_hand("started", check=True)["services"] == []
    by_hand("stopped")
    capsys.readouterr()
    assert by_hand("started")["services"] == ["web"]
    assert capsys.readouterr().out == "  web: started\n"
    assert by_hand("started")["services"] == []
    assert capsys.readouterr().out == "  web: already running\n"
    (tmp_path / "up").unlink()
    by_hand("started")
    assert capsys.readouterr().out == "  web: stopped\n"


def test_a_stop_by_hand_says_that_it_holds_and_what_ends_that(by_hand, capsys):
    for stopped in ("web", "nothing, because no service was running"):
        by_hand("stopped")
        first, second, *more = capsys.readouterr().out.splitlines()
        assert (first, more) == (f"  stopped: {stopped}", [])
        assert second.startswith("  held: no rotation starts anything until you run ansible-playbook ")
        assert second.endswith(" -e key_rotation_maintenance=off")
    by_hand("stopped", check=True)
    assert "held" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("known", "told"),
    [
        ({}, "Nothing was changed."),
        ({"__maintenance_started": {"services": ["web", "worker"]}}, "web, worker was started before."),
        ({"__maintenance_started": {"services": []}}, "Nothing was changed."),
        ({"__maintenance_started": {"services": ["web"]}, "rotation_reencrypted": {}}, "This step changed nothing. "),
    ],
)
def test_an_application_that_does_not_answer_after_its_start_was_started(run_action, known, told):
    result = run_action(
        "application_health", url="http://127.0.0.1:1/", timeout=0, rotation_id="maintenance", store=None, known=known
    )
    assert result["msg"].startswith("E_HEALTH")
    assert told in result["msg"]
    assert result["error"]["changed"].startswith(told)
