# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Downtime is from the first service that was stopped, or the write fence, until the last one answered again."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.events import decode, decode_all
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report import phase_times
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report.downtime import Downtime
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report.phase_times import PhaseTimes

FENCE = {"fence": {"closed": True}}


def line(second: int, name: str, phase: str = "done", **fields: Any) -> dict[str, Any]:
    about = {"time": f"2026-01-02T03:04:{second:02}Z", "monotonic_ns": (second + 1) * 10**9, "host": "app1"}
    return {"event": name, "phase": phase, **about, **fields}


def services(second: int, state: str, host: str = "app1", phase: str = "done", found: Any = ("web",)) -> dict[str, Any]:
    about = {"services": list(found)} if phase == "done" else {}
    return line(second, "application_services", phase, host=host, asked={"state": state}, **about)


def stopped(begin: int, end: int, host: str = "app1") -> list[dict[str, Any]]:
    return [services(begin, "stopped", host, "intent"), services(end, "stopped", host)]


def health(second: int, host: str = "app1", phase: str = "done") -> dict[str, Any]:
    return line(second, "application_health", phase, host=host)


def stop_failed(begin: int, end: int, changed: str) -> list[dict[str, Any]]:
    asked, error = {"state": "stopped"}, {"code": "E_STOP_INCOMPLETE", "changed": changed}
    failed = line(end, "application_services", "failed", asked=asked, error=error)
    return [services(begin, "stopped", phase="intent"), failed]


BEGUN, OWN = line(0, "rotate", "intent"), {"rolls_itself_back": True}
BOTH = [*stopped(5, 8), *stopped(6, 9, "app2")]
FENCED = [line(10, "django_reencrypt", "intent"), line(15, "django_reencrypt", **FENCE)]


@pytest.mark.parametrize(
    ("lines", "seconds"),
    [
        ([BEGUN], 0),
        ([BEGUN, *stopped(5, 8), *FENCED, services(20, "started"), health(25)], 20),
        ([BEGUN, *stopped(5, 8), *FENCED, services(20, "started")], 15),
        ([BEGUN, *stopped(5, 8), services(20, "started"), health(25), health(50)], 20),
        ([BEGUN, *stopped(5, 8), *stopped(6, 9, "app2"), services(20, "started"), services(30, "started", "app2")], 25),
        ([BEGUN, *FENCED, line(30, "application_reading", asked={"state": "compared"}), line(40, "rotate")], 20),
        ([BEGUN, *FENCED, line(30, "database_lease", asked={"state": "returned"}), line(40, "rotate")], 20),
        ([BEGUN, *FENCED, line(40, "rotate")], 30),
        ([BEGUN, services(5, "stopped", found=())], 0),
        ([BEGUN, *BOTH, services(20, "started"), health(22), services(30, "started", "app2"), health(35, "app2")], 30),
        ([BEGUN, *stopped(5, 8), services(20, "started"), health(22, phase="failed"), health(45)], 40),
        ([BEGUN, *stop_failed(5, 8, "web was stopped."), services(20, "started"), line(30, "rotate", "failed")], 15),
        ([BEGUN, *stop_failed(5, 8, "Nothing was changed."), line(30, "rotate", "failed")], 0),
    ],
)
def test_how_long_the_application_did_not_answer(lines, seconds):
    downtime = Downtime()
    for each in lines:
        downtime.apply(decode(each))
    assert (downtime.seconds, downtime.lasts) == (seconds, False)


def test_what_is_down_yet_says_since_when():
    downtime = Downtime()
    for each in (BEGUN, *stopped(5, 8), *FENCED, line(40, "rotate", "failed")):
        downtime.apply(decode(each))
    assert (downtime.lasts, downtime.began, downtime.of_services) == (True, "2026-01-02T03:04:05Z", True)


@pytest.mark.parametrize(
    "lines",
    [
        [*BOTH, services(20, "started"), health(22)],
        [*stopped(5, 8), services(20, "started"), health(22, phase="failed")],
        stop_failed(5, 8, "web was stopped."),
    ],
    ids=["one of two hosts was started", "the application does not answer", "the stop failed halfway"],
)
def test_the_downtime_lasts_until_every_host_answers_and_a_start_by_hand_ends_it(lines):
    downtime = Downtime()
    for each in (BEGUN, *lines, line(40, "rotate", "failed")):
        downtime.apply(decode(each))
    assert (downtime.lasts, downtime.began) == (True, "2026-01-02T03:04:05Z")
    for host in ("app1", "app2"):
        downtime.apply_by_hand(decode(services(50, "started", host)))
    assert (downtime.lasts, downtime.seconds) == (False, 45)


@pytest.mark.parametrize(("own", "seconds"), [(OWN, 25), ({}, 10)])
def test_the_outages_of_a_run_that_rolled_itself_back_are_counted_together(own, seconds):
    there = [BEGUN, *stopped(5, 8), services(20, "started"), line(22, "rollback", "intent", **own)]
    downtime = Downtime()
    for each in (*there, *stopped(30, 33), services(40, "started"), line(45, "rollback")):
        downtime.apply(decode(each))
    assert downtime.seconds == seconds


RESUMED = line(30, "rotate", "intent", resumed=True)
LEASE = line(32, "database_lease", asked={"state": "acquired"}, fenced=True)


@pytest.mark.parametrize(
    ("died", "lease", "seconds"),
    [
        ([FENCED[0]], [LEASE], 35),
        ([FENCED[0]], [{**LEASE, "fenced": False}], 5),
        (FENCED, [LEASE], 35),
        ([*FENCED, FENCED[0]], [LEASE], 35),
        ([services(10, "stopped", phase="intent")], [], 35),
        ([*stopped(10, 12), *FENCED], [LEASE], 35),
    ],
    ids=[
        "in the first pass",
        "before its fence",
        "behind its fence",
        "in a later pass",
        "in the stop",
        "with services",
    ],
)
def test_the_downtime_of_a_run_that_resumes_counts_from_what_the_run_that_died_stopped(died, lease, seconds):
    again = [line(40, "django_reencrypt", "intent"), line(42, "django_reencrypt", **FENCE)]
    ends = [services(45, "started"), line(45, "database_lease", asked={"state": "released"})]
    downtime = Downtime()
    for each in (BEGUN, *died, RESUMED, *lease, *again, *ends):
        downtime.apply(decode(each))
    assert (downtime.seconds, downtime.lasts) == (seconds, False)


def test_the_time_by_step_is_the_whole_run():
    times = PhaseTimes()
    lines = [
        BEGUN,
        line(7, "django_census_info", asked={}),
        line(9, "postgresql_backup"),
        *FENCED,
        line(20, "a_later_step"),
        line(30, "django_census_info", asked={"expect_stage": "current"}),
        line(31, "notification"),
        line(33, "rotate"),
        line(59, "notification"),
    ]
    for each in lines:
        times.apply(decode(each))
    assert times.whole == {"checklist": 7.0, "backup": 2.0, "re-encrypt": 11.0, "verify": 10.0, "finish": 3.0}


def test_the_steps_are_in_the_order_of_the_runbook_and_a_look_at_processes_is_of_the_checklist_before_the_switch():
    times = PhaseTimes()
    for each in (
        RESUMED,
        line(31, "process_keys_info", asked={}),
        line(33, "django_census_info", asked={"expect_stage": "current"}),
        line(36, "django_reencrypt"),
        line(40, "process_keys_info", asked={"stage": "current"}),
        line(41, "postgresql_backup"),
    ):
        times.apply(decode(each))
    assert list(times.whole.items()) == [("checklist", 1.0), ("backup", 1.0), ("re-encrypt", 3.0), ("verify", 6.0)]


def test_every_step_has_its_place_in_the_order():
    assert set(phase_times.PHASES.values()) == set(phase_times.ORDER)


def service(phase: str, state: str, time: str) -> dict[str, Any]:
    return {"event": "application_services", "phase": phase, "asked": {"state": state}, "time": time}


def test_how_long_a_rotation_had_the_application_down_is_from_its_first_stop_to_its_last_start():
    events = [
        service("intent", "stopped", "2026-12-01T22:00:00Z"),
        service("done", "stopped", "2026-12-01T22:00:05Z"),
        service("done", "started", "2026-12-01T22:01:00Z"),
        service("done", "started", "2026-12-01T22:01:13Z"),
    ]
    assert Downtime.of(decode_all(events)).of_completed is None, "it was not completed"
    done = [*events, {"event": "rotate", "phase": "done"}]
    assert Downtime.of(decode_all(done)).of_completed == 73
    back = [
        {"event": "rollback", "phase": "intent", "time": "2026-12-03T22:00:00Z"},
        service("intent", "stopped", "2026-12-03T22:00:10Z"),
        service("done", "started", "2026-12-03T22:01:00Z"),
    ]
    assert Downtime.of(decode_all([*done, *back])).of_completed == 73, "taken back days later"
    assert Downtime.of(decode_all([events[3], {"event": "rotate", "phase": "done"}])).of_completed is None


def test_the_night_between_a_run_that_was_killed_and_the_next_is_no_part_of_how_long_a_rotation_takes():
    events = [
        {"event": "rotate", "phase": "intent", "time": "2026-12-01T21:00:00Z"},
        service("intent", "stopped", "2026-12-01T22:00:00Z"),
        service("done", "stopped", "2026-12-01T22:00:20Z"),
        {"event": "rotate", "phase": "intent", "time": "2026-12-02T08:00:00Z"},
        service("intent", "stopped", "2026-12-02T08:00:10Z"),
        service("done", "started", "2026-12-02T08:01:00Z"),
        {"event": "rotate", "phase": "done", "time": "2026-12-02T08:01:10Z"},
    ]
    assert Downtime.of(decode_all(events)).of_completed == 20 + 60


def restarted(begin: int, host: str) -> list[dict[str, Any]]:
    return [*stopped(begin, begin + 1, host), services(begin + 2, "started", host), health(begin + 3, host)]


def test_hosts_that_are_restarted_one_after_the_other_are_no_downtime():
    downtime = Downtime.of(decode(each) for each in (BEGUN, *restarted(5, "app1"), *restarted(10, "app2")))
    assert (downtime.seconds, len(downtime.restarts), downtime.longest_restart) == (0, 2, 3)


def test_a_start_with_nothing_left_to_start_makes_no_restart_longer():
    ends = [services(50, "started", host, found=()) for host in ("app1", "app2")]
    answers = [health(55, host) for host in ("app1", "app2")]
    lines = (BEGUN, *restarted(5, "app1"), *restarted(10, "app2"), *ends, *answers)
    assert Downtime.of(map(decode, lines)).longest_restart == 3


def test_restarts_of_the_only_host_are_downtime():
    downtime = Downtime.of(decode(each) for each in (BEGUN, *restarted(5, "app1"), *restarted(10, "app1")))
    assert (downtime.seconds, downtime.restarts) == (6, [])
