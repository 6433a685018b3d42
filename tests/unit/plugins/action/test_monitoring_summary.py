# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is judged of what the role has registered; on real hosts: integration/test_monitoring.py."""

from __future__ import annotations

import pytest

WELL = {"census": None, "response": [], "logs": {"new": {}}, "findings": []}
BAD = {**WELL, "findings": [{"code": "E_UNREADABLE", "what": "t.c:7", "todo": "Restore.", "next": "verify it"}]}
LOST = "Task failed: E_HOST_LOST: web can no longer be reached. The rotation is rolled back."


@pytest.fixture
def judged(run_action, capsys):
    """How the task ends for the host ``web``, of which this was registered, and what was shown."""

    def run(first="web", **registered):
        hostvars = {"web": {f"__monitoring_{name}": value for name, value in registered.items()}, "other": {}}
        hosts = ["web", "other"] if first == "web" else ["other", "web"]
        result = run_action("monitoring_summary", known={"hostvars": hostvars, "ansible_play_hosts_all": hosts})
        return result, capsys.readouterr().out

    return run


@pytest.mark.parametrize(
    ("registered", "told"),
    [
        ({"reached": {"unreachable": True, "msg": "no route"}}, "E_MONITOR_HOST: web cannot be reached (no route)"),
        (
            {"reached": {}, "look": {"unreachable": True, "msg": LOST}},
            "E_MONITOR_HOST: web cannot be reached (it was lost during the check)",
        ),
        (
            {"reached": {}, "failed": {"msg": "E_X: no.", "error": {"code": "E_X", "what": "no", "todo": "Mend."}}},
            "E_X: no",
        ),
        (
            {"reached": {}, "failed": {"msg": "no sudo", "error": {}}},
            "E_MONITOR_HOST: web cannot be checked (no sudo)",
        ),
        ({"reached": {}, "look": {"snapshot": BAD}}, "E_UNREADABLE: t.c:7"),
    ],
)
def test_a_host_fails_by_what_is_wrong_with_it(judged, registered, told):
    result, shown = judged(**registered)
    assert result["failed"]
    assert result["msg"].startswith(f"E_MONITOR: 1 finding: {told}. ")
    assert f"WRONG on web: {told}\n" in shown
    assert "other  NOT CHECKED" in shown, "it has shown nothing"


def test_a_timer_that_could_not_be_installed_is_wrong_next_to_what_the_look_found(judged):
    result, _ = judged(reached={}, look={"snapshot": BAD}, failed={"msg": "web does not run systemd", "error": {}})
    assert result["msg"].startswith("E_MONITOR: 2 findings: E_UNREADABLE: t.c:7; E_MONITOR_TIMER: web was checked")
    assert "web does not run systemd" in result["msg"]
    assert "Restore. Fix that cause." in result["msg"]
    assert "Ansible can reach it" not in result["msg"]


def test_a_host_on_which_all_is_well_does_not_fail_for_another_one(judged):
    result, shown = judged(reached={}, look={"snapshot": WELL})
    assert not result.get("failed")
    assert "web    no findings" in shown


def test_the_table_is_shown_once_by_the_first_host_that_began(judged):
    assert "NOT CHECKED" in judged(first="other", reached={}, look={"snapshot": WELL})[1]
