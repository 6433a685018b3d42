# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A window for the rotation, and how long it takes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._checklist.window import Estimate, estimate

from .observations import FACTS, fact, item, option, result, seen


def test_before_the_stop_the_window_need_not_hold_the_backup_any_more():
    closing = {"start": "2026-12-01T20:00:00Z", "end": "2026-12-01T22:32:00Z"}
    assert item("window", option(window=closing)).status == "stop"
    found = item("window", option(window=closing, backed_up=True))
    assert (found.status, found.facts["left"]) == ("ok", 120.0)
    assert found.facts["estimate"].backup is None
    assert found.facts["estimate"].seconds == 60.0


def expected(change: Callable[[dict[str, Any]], Any] = lambda _: None) -> Estimate:
    return estimate(seen(change))


def test_the_estimate_has_what_the_application_reads_and_the_backup_if_one_shows_how_long():
    assert expected(fact(speed={**FACTS["speed"], "read": {}})).values == pytest.approx(28.0)
    assert expected(option(application_rows=20_000)).values == pytest.approx(30.0)
    unknown = expected(lambda made: made.update(kept=[]))
    assert (unknown.backup, unknown.seconds) == (None, 60.0)
    assert expected(option(backup_proof="sample")).backup == 60.0


def test_the_estimate_of_a_few_values_is_never_nothing():
    few = expected(fact(speed={"values": {"encryption_manager": 1e-7}, "row": 1e-7, "read": {}}))
    assert (few.count, few.values) == (180_000, pytest.approx(0.0, abs=0.5))
    assert (few.least, few.most) == (pytest.approx(15.0, abs=0.5), pytest.approx(60.0, abs=0.5))
    assert few.seconds == 60.0 + 90.0


def test_the_estimate_has_the_rests_of_the_throttle_and_what_stop_and_start_take():
    assert expected(option(throttle={"ratio": 1.1})).values == pytest.approx(68.8)
    assert [expected(option(throttle=each)).throttled for each in ({"pause_file": "/pause"}, {"ratio": 1.1})] == [
        True,
        False,
    ]
    assert expected(option(down_for=200.0)).seconds == 200.0 + 90.0
    without = expected(option(services=[]))
    assert (without.least, without.most) == (pytest.approx(53.0), pytest.approx(98.0))
    half = option(down_for=4000.0)
    assert item("window", half).status == "stop"


def test_the_words_of_an_estimate_have_what_it_consists_of():
    """One text for each part that an estimate may have: this is what a person reads."""
    known = Estimate(count=180_000, values=38.0, last=0.0, backup=90.0, backed_up=False, throttled=True)
    assert known.words == (
        "180,000 values take about 38 s, as measured on a sample, plus the time that the throttle waits; with the "
        "steps around them, all of it takes 53 s to 98 s, and the backup about 90 s, like the last one"
    )
    like_last = dataclasses.replace(known, values=0.4, last=200.0, backup=None, throttled=False)
    assert like_last.words == (
        "180,000 values take less than 1 s, as measured on a sample; all of it takes 3 minutes, like the last "
        "rotation; the backup comes on top, and no earlier one shows how long it takes"
    )
    assert dataclasses.replace(like_last, backed_up=True).words == like_last.words.partition("; the backup")[0]
    assert dataclasses.replace(known, values=None).words == "the duration could not be measured"


def test_outside_of_the_window_an_application_that_an_earlier_run_has_stopped_is_started_again():
    def change(made: dict[str, Any]) -> None:
        option(window={"start": "2026-12-03T23:00:00Z", "end": "2026-12-04T01:00:00Z"})(made)
        result("services", {"changed": True, "services": ["food.service"]})(made)

    found = item("window", change)
    assert (found.status, found.facts["stopped"]) == ("warn", ["food.service"])
