# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._record import run_lease
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._lease_action import LeaseAction

DEAD = {**run_lease.describe_holder("r0", os.getpid()), "started": "1", "alias": "default"}


@pytest.fixture
def hosts(monkeypatch):
    """What a host answers, one after the other, and what it was asked."""
    answers, asked = [], []

    def on_host(self, module, args):
        asked.append(args)
        return answers.pop(0)

    monkeypatch.setattr(LeaseAction, "on_host", on_host)
    return answers, asked


@pytest.mark.parametrize(("module", "state"), [("database_lease", "acquired"), ("write_fence", "absent")])
def test_the_lease_of_a_run_that_died_here_is_taken_over(run_action, hosts, module, state):
    answers, asked = hosts
    answers += [{"changed": False, "held": DEAD}, {"changed": True}]
    result = run_action(module, state=state, project_dir="/srv/app", rotation_id="r1", store=None)
    assert result["changed"] is True, result
    assert "over" not in asked[0]
    assert asked[1]["over"] == DEAD
    assert asked[1]["holder"]["pid"] == os.getppid()


@pytest.mark.parametrize("change", [{"host": "elsewhere"}, {"machine": "another of the same name"}])
def test_of_another_control_node_nobody_knows_that_it_is_dead(run_action, hosts, change):
    answers, asked = hosts
    answers.append({"changed": False, "held": {**DEAD, **change}})
    refused = run_action("database_lease", state="acquired", rotation_id="r1")
    assert refused["error"]["code"] == "E_LEASED"
    assert DEAD["since"] in refused["error"]["what"]
    assert len(asked) == 1


def test_a_dry_run_gives_nothing_back_that_it_has_not_taken(run_action, hosts):
    """A database that is gone would warn of a lease in it."""
    _, asked = hosts
    assert run_action("database_lease", check=True, state="released", rotation_id="r1")["changed"] is False
    assert asked == []
