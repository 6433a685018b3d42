# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes and stores that do or do not have the same keys."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report.checked_items import NOBODY_LOOKS, UNWATCHED

from .observations import DIFFER, both, fact, item, option, result


def test_processes_that_hide_what_was_exported_to_them_are_counted():
    found = item(
        "processes", result("processes", {"processes": [{"pid": 8, "name": "worker", "hidden": True, "older": False}]})
    )
    assert (found.status, found.facts) == ("ok", {"read": 1, "hidden": 1})
    assert found.seen.count("1 ") == 2
    named = item("processes", lambda made: [host.pop("processes") for host in made["hosts"].values()])
    assert (named.status, named.code, named.seen) == ("warn", UNWATCHED, NOBODY_LOOKS)


def test_that_nobody_looks_at_processes_is_well_only_if_no_service_is_stopped():
    def nobody(made: dict[str, Any]) -> None:
        for host in made["hosts"].values():
            host.pop("processes")

    commands = [{"name": "web", "stop": ["true"], "start": ["true"]}]
    assert item("processes", both(nobody, option(services=commands))).status == "warn"
    assert item("processes", both(nobody, option(services=[]))).status == "skip"


@pytest.mark.parametrize(
    ("error", "status", "because"),
    [
        (DIFFER, "ok", ""),
        ({"error": {"code": "E_ENV_MODE", "what": "open", "todo": "chmod"}}, "skip", "keys"),
        ({"error": {"code": "E_STORE_AUTH", "what": "no", "todo": "Log in."}}, "skip", "keys"),
        ({"msg": "Unreachable"}, "skip", "keys"),
    ],
)
def test_the_store_is_said_to_be_read_if_its_keys_were_compared(error, status, because):
    def change(made: dict[str, Any]) -> None:
        for host in made["hosts"].values():
            host["keys"] = error

    found = item("store", change)
    assert (found.status, found.because, found.todo) == (status, because, "")


def test_a_key_in_source_code_comes_with_the_change_that_moves_it_out():
    keys = [{"name": "KEYS", "destination": {"file": "/srv/settings.py", "path": "VAULT.keys"}}, {"name": "SALT"}]
    move = '/srv/settings.py:7: - VAULT["keys"] = ... + VAULT["keys"] = os.environ["KEYS"].split(",")'

    def tell(made: dict[str, Any]) -> None:
        for host in made["hosts"].values():
            host["facts"]["facts"]["key_moves"] = {"KEYS": move}

    found = item("keys", both(option(settings=keys), tell))
    assert (found.status, found.facts) == ("warn", {"files": {"KEYS": "/srv/settings.py"}})
    assert found.todo == f"Move it to the environment, then rotate it; {move}"


def test_a_secret_of_a_helm_release_is_a_warning():
    rewritten = {"the Secret prod/app-keys": "helm upgrade shop"}
    found = item("keys", result("env_file", {"path": "the Secret prod/app-keys", "rewritten": rewritten}))
    assert (found.status, "helm upgrade shop may write the previous keys again" in found.seen) == ("warn", True)
    assert item("keys", result("env_file", {"path": "p", "rewritten": {}})).status == "ok"


def reader(unit: str, *stopped_by: str) -> dict[str, Any]:
    return {"path": "/etc/app.env", "unit": unit, "stopped_by": [unit, *stopped_by]}


@pytest.mark.parametrize(
    ("services", "readers", "status", "named"),
    [
        ([{"name": "food"}], [reader("food.service"), reader("job.service")], "stop", "job.service"),
        ([{"name": "food"}], [reader("b.service"), reader("a.service")], "stop", "a.service, b.service"),
        ([{"name": "app.target"}], [reader("food.service", "app.target")], "ok", ""),
        ([{"name": "job.timer"}], [reader("job.service", "job.timer")], "ok", ""),
        ([{"name": "food"}, {"name": "x", "stop": ["x"], "start": ["x"]}], [reader("a.service")], "warn", "a.service"),
        ([], [reader("food.service")], "warn", "food.service"),
    ],
)
def test_a_unit_that_reads_the_keys_and_is_not_stopped_is_named(services, readers, status, named):
    found = item("keys", both(option(services=services), fact(file_readers=readers)))
    assert found.status == status
    if named:
        assert (found.code, f"/etc/app.env is also read by {named}, " in found.seen) == ("E_FILE_SHARED", True)
