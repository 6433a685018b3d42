# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.writer import Record

OVER = {"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T01:00:00Z"}


@pytest.fixture
def ask(run_action):
    def run(**given):
        known = {"hostvars": {"web": {}}, "record_opened": {"resumed": True}}
        options = {"rotation_id": "r1", "environment": "demo", "window": OVER, "store": None, **given}
        return run_action("maintenance_window_info", known=known, **options)

    return run


def test_a_window_that_is_over_is_an_error_and_the_record_says_so(ask, tmp_path):
    result = ask()
    assert result["error"]["code"] == "E_WINDOW"
    assert result["error"]["changed"].endswith("this run has stopped nothing.")
    events = Record(str(tmp_path / "records"), "r1").decoded()
    assert [(event.name, event.state, event.phase) for event in events] == [
        ("rotation_checklist", "still_open", "intent"),
        ("rotation_checklist", "still_open", "failed"),
    ]


@pytest.mark.parametrize("given", [{"accept": ["window"]}, {"check": True}])
def test_an_accepted_window_and_a_dry_run_say_how_it_stands(ask, given):
    result = ask(**given)
    assert (result.get("failed"), result["status"]) == (None, "stop")
    assert result["seen"].startswith("2026-01-01 00:00 to 2026-01-01 01:00")


def test_limits_that_no_run_can_keep_are_refused(ask):
    assert ask(workers=-1)["error"]["code"] == "E_OPTION"
