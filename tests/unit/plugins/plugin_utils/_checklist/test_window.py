# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A window for the rotation, and how long it takes."""

from __future__ import annotations

from typing import Any

from .observations import FACTS, fact, item, option, result


def test_before_the_stop_the_window_need_not_hold_the_backup_any_more():
    closing = {"start": "2026-12-01T20:00:00Z", "end": "2026-12-01T22:32:00Z"}
    assert item("window", option(window=closing)).status == "stop"
    found = item("window", option(window=closing, backed_up=True))
    assert (found.status, found.seen.split("; ")[0]) == ("ok", "2 minutes are left")
    assert "the backup" not in found.seen


def test_the_estimate_has_what_the_application_reads_and_the_backup_if_one_shows_how_long():
    assert "about 28 s" in item("window", fact(speed={**FACTS["speed"], "read": {}})).seen
    assert "about 30 s" in item("window", option(application_rows=20_000)).seen
    assert "no earlier one shows how long it takes" in item("window", lambda made: made.update(kept=[])).seen
    assert "the backup about 60 s, like the last one" in item("window", option(backup_proof="sample")).seen


def test_the_estimate_of_a_few_values_is_never_nothing():
    few = fact(speed={"values": {"encryption_manager": 1e-7}, "row": 1e-7, "read": {}})
    told = item("window", few).seen
    assert "180,000 values take less than 1 s, as measured on a sample" in told
    assert "all of it takes 15 s to 60 s" in told


def test_the_estimate_has_the_rests_of_the_throttle_and_what_stop_and_start_take():
    assert "about 69 s" in item("window", option(throttle={"ratio": 1.1})).seen
    assert "plus the time that the throttle waits" in item("window", option(throttle={"pause_file": "/pause"})).seen
    assert "all of it takes 3 minutes, like the last rotation" in item("window", option(down_for=200.0)).seen
    assert "all of it takes 53 s to 98 s" in item("window", option(services=[])).seen
    half = option(down_for=4000.0)
    assert item("window", half).status == "stop"


def test_outside_of_the_window_an_application_that_an_earlier_run_has_stopped_is_started_again():
    def change(made: dict[str, Any]) -> None:
        option(window={"start": "2026-12-03T23:00:00Z", "end": "2026-12-04T01:00:00Z"})(made)
        result("services", {"changed": True, "services": ["food.service"]})(made)

    found = item("window", change)
    assert (found.status, found.todo.startswith("An earlier run stopped food.service")) == ("warn", True)
