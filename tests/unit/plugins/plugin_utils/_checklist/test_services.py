# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services, their health, and sessions of others."""

from __future__ import annotations

from typing import Any

import pytest

from .observations import COMMANDS, ERROR, both, fact, item, option, result, session


@pytest.mark.parametrize(
    ("change", "refused"),
    [(option(fence="auto"), True), (option(fence="off"), False), (fact(unfenced=["the role is no owner of t"]), False)],
)
def test_what_becomes_of_the_writes_of_a_stray_session_goes_by_the_fence(change, refused):
    todo = item("sessions", both(session(process=None), change)).todo
    assert ("ends with E_STALE_WRITER and is rolled back" in todo) is refused
    assert ("What it writes under the old keys is found and rotated" in todo) is not refused


def test_a_session_that_may_be_of_a_service_with_commands_is_not_advised_to_be_listed():
    change = both(session(process=None), option(services=COMMANDS))
    assert f"It may belong to {COMMANDS[0]['name']}, and is then stopped by command" in item("sessions", change).todo
    assert item("sessions", session(process=None)).todo.startswith("Stop it first, or list it there.")


def test_a_service_that_a_killed_run_has_left_stopped_need_not_answer():
    def change(made: dict[str, Any]) -> None:
        result("health", ERROR)(made)
        option(resumed=True)(made)

    assert item("health", change).status == "warn"


def test_a_service_that_a_run_could_not_start_any_more_need_not_answer():
    def change(made: dict[str, Any]) -> None:
        result("health", ERROR)(made)
        result("services", {"changed": True, "services": ["food.service"]})(made)

    found = item("health", change)
    assert found.status == "warn"
    assert "an earlier run stopped food.service, and nothing has started it since" in found.seen
    assert item("health", lambda made: (change(made), result("services", {"services": []})(made))).status == "stop"
