# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services, their health, and sessions of others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from .observations import COMMANDS, ERROR, STRAY, both, census, fact, item, option, result, session


@pytest.mark.parametrize(
    ("change", "refused"),
    [(option(fence="auto"), True), (option(fence="off"), False), (fact(unfenced=["the role is no owner of t"]), False)],
)
def test_what_becomes_of_the_writes_of_a_stray_session_goes_by_the_fence(change, refused):
    found = item("sessions", both(session(process=None), change))
    assert found.facts["writes_refused"] is refused
    assert ("E_STALE_WRITER" in found.todo) is refused


def test_a_session_that_may_be_of_a_service_with_commands_is_not_advised_to_be_listed():
    change = both(session(process=None), option(services=COMMANDS))
    found = item("sessions", change)
    assert found.facts["commanded"] == [COMMANDS[0]["name"]]
    assert COMMANDS[0]["name"] in found.todo
    assert item("sessions", session(process=None)).facts["commanded"] == []


def test_a_session_is_shown_with_its_process_its_unit_its_host_and_its_backend():
    change = session(process=STRAY, application_name="nightly")
    for shown in ("python", "100", "session-3.scope", "app2", "nightly", "4711", "2026-12-01 20:00:00 UTC"):
        assert shown in item("sessions", change).seen
    of_no_process = item("sessions", session(process=None, application_name="nightly")).seen
    assert all(shown in of_no_process for shown in ("127.0.0.1", "nightly", "4711"))


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
    assert (found.status, found.facts) == ("warn", {"host": "app2", "stopped": ["food.service"]})
    assert "food.service" in found.seen
    assert item("health", lambda made: (change(made), result("services", {"services": []})(made))).status == "stop"


@pytest.mark.parametrize(("mode", "status"), [("window", "warn"), ("prepared", "warn"), ("online", "stop")])
def test_an_application_that_has_to_read_values_under_other_keys_need_not_answer_before_a_stop(mode, status):
    def known(made: dict[str, Any]) -> None:
        made["census"].update(key_ids={"current": "0001", "previous": "0002"})

    others = both(both(result("health", ERROR), known), both(census(current=9, previous=5), option(mode=mode)))
    assert item("health", others).status == status
    mine = both(result("health", ERROR), both(census(current=9), option(mode=mode)))
    assert item("health", mine).status == "stop"


WORKER = {"name": "deployment/worker", "namespace": "prod", "context": "prod"}


def pods_of(*workloads: dict[str, str]) -> Callable[[dict[str, Any]], None]:
    pod = {"pid": 0, "name": "pod a-1", "hidden": False, "older": False}
    return result("processes", {"processes": [{**pod, "workload": workload} for workload in workloads]})


def listed(**workload: str) -> dict[str, Any]:
    return {"name": "worker", "workload": {"name": "deployment/worker", **workload}}


def test_a_workload_whose_pods_use_the_secret_must_be_listed():
    found = item("services", pods_of(WORKER, WORKER))
    assert (found.status, found.facts["workloads"]) == ("stop", [WORKER])
    assert "does not list deployment/worker in the namespace prod, whose pods use a Secret" in found.seen
    entry = "- {name: worker, workload: {name: deployment/worker, namespace: prod, context: prod}}"
    assert f"Add to key_rotation_services: {entry}" in found.todo


@pytest.mark.parametrize(
    ("workload", "status"),
    [
        ({"namespace": "prod", "context": "prod"}, "ok"),
        ({"namespace": "prod"}, "ok"),
        ({"namespace": "prod", "context": "other"}, "stop"),
        ({"context": "prod"}, "stop"),
        ({"name": "statefulset/worker", "namespace": "prod"}, "stop"),
    ],
)
def test_a_workload_is_listed_by_its_name_its_namespace_and_its_context(workload, status):
    assert item("services", both(pods_of(WORKER), option(services=[listed(**workload)]))).status == status


@pytest.mark.parametrize(
    ("name", "todo"),
    [
        ("statefulset/db", "- {name: db, workload: {name: statefulset/db, namespace: prod}}"),
        ("daemonset/agent", "List daemonset/agent in the namespace prod in key_rotation_services with start and stop"),
        ("job/nightly-1", "Wait until job/nightly-1 in the namespace prod has ended"),
        ("pod/shell", "Delete pod/shell in the namespace prod"),
    ],
)
def test_what_to_do_goes_by_what_owns_the_pod(name, todo):
    assert todo in item("services", pods_of({"name": name, "namespace": "prod"})).todo


def test_an_unlisted_workload_is_a_warning_if_it_may_be_stopped_or_the_keys_are_written():
    assert item("services", both(pods_of(WORKER), option(environment="staging"))).status == "warn"
    commanded = item("services", both(pods_of(WORKER), option(services=COMMANDS)))
    assert (commanded.status, "may be stopped by the commands of food" in commanded.todo) == ("warn", True)
    switched = both(pods_of(WORKER), option(resumed=True), result("env_file", {"changed": False}))
    assert item("services", switched).status == "warn"


def test_an_unlisted_workload_is_found_if_no_service_is_listed():
    def change(made: dict[str, Any]) -> None:
        both(pods_of(WORKER), option(services=[]))(made)
        for host in made["hosts"].values():
            del host["stops"]

    assert item("services", change).status == "stop"
