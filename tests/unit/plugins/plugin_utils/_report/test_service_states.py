# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.tetech.key_rotation.plugins.module_utils._record.events import Event, decode
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report.service_states import Services


def services(host: str, state: str, found: object, phase: str = "done", time: str = "") -> Event:
    about = {"phase": phase, "host": host, "asked": {"state": state}, "time": time}
    return decode({"event": "application_services", "services": found, **about})


def stopped(events: list[Event], by_hand: tuple[Event, ...] = ()) -> dict:
    found = Services()
    for event in events:
        found.apply(event)
    for event in by_hand:
        found.apply_by_hand(event)
    return dict(found.stopped)


def test_services_that_nothing_has_started_since_are_reported_by_host():
    began = [services("app1", "stopped", ["worker", "web"]), services("app2", "stopped", ["web"])]
    again = services("app1", "stopped", [])  # a run that goes on stops nothing that is down
    failed = services("app1", "started", None, "failed")
    started = services("app2", "started", {"web": "started"})
    assert stopped([*began, again, failed, started]) == {"app1": ["worker", "web"]}
    assert stopped([*began, started, services("app1", "started", {})]) == {}


def test_what_was_started_by_hand_since_is_not_stopped():
    def at(hour: int, state: str) -> Event:
        return services("app2", state, ["web"], time=f"2026-12-01T{hour}:00:00Z")

    by_hand = (at(10, "stopped"), at(11, "started"))
    assert stopped([at(10, "stopped")], by_hand) == {}
    assert stopped([at(12, "stopped")], by_hand) == {"app2": ["web"]}


def test_why_an_application_does_not_run_is_known_until_it_does():
    failed = {"event": "application_services", "phase": "failed", "host": "app1", "error": {"what": "web ended"}}
    found = Services()
    found.apply(decode(failed))
    assert found.not_running == "app1: web ended"
    found.apply(services("app1", "started", ["web"]))
    assert found.not_running == ""


def were_stopped(*events: Event) -> bool:
    found = Services()
    for event in events:
        found.apply(event)
    return found.were_stopped


def test_services_that_were_down_in_an_earlier_run_alone_say_nothing_of_this_one():
    begun = decode({"event": "rotate", "phase": "intent"})
    down, up = services("app1", "stopped", ["web"]), services("app1", "started", {"web": "started"})
    assert were_stopped(begun, down, up), "while it was at work"
    assert were_stopped(begun, down, begun, services("app1", "stopped", []), up), "a run that was killed left them down"
    assert not were_stopped(begun, down, up, begun)
    assert not were_stopped(begun, services("app1", "stopped", []))


def test_a_run_that_resumes_one_that_started_the_application_cannot_tell_who_wrote_since():
    rotate, rollback = ({"event": name, "phase": "intent"} for name in ("rotate", "rollback"))
    down, up = services("app1", "stopped", ["web"]), services("app1", "started", {"web": "started"})
    killed = services("app1", "started", None, "intent")
    assert not were_stopped(decode(rotate), down, up, decode(rotate), down, up)
    assert not were_stopped(decode(rotate), down, killed, decode(rotate), services("app1", "stopped", []), up)
    assert not were_stopped(decode(rotate), down, up, decode(rotate), down, decode(rotate))
    assert were_stopped(decode(rotate), down, up, decode(rollback), down, up), "which begins with a census of its own"


def test_services_that_were_only_restarted_before_the_first_write_let_users_write():
    begun = decode({"event": "rotate", "phase": "intent"})
    down, up = services("app1", "stopped", ["web"]), services("app1", "started", ["web"])
    write = decode({"event": "django_reencrypt", "phase": "intent", "host": "app1", "time": "2026-01-02T03:04:09Z"})
    assert not were_stopped(begun, down, up, write, down, up)
    assert were_stopped(begun, down, write, up)
