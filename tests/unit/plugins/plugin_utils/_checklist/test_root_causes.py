# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows from one failure is reported once."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._checklist import checklist

from .observations import DIFFER, ERROR, item, result, seen


@pytest.mark.parametrize(
    "name", ["connections", "disk", "wal", "replicas", "clocks", "versions", "migrations", "sessions", "secret_key"]
)
def test_if_no_host_could_be_looked_at_nothing_is_said_to_be_well(name):
    def change(made: dict[str, Any]) -> None:
        for host in made["hosts"].values():
            host["facts"] = ERROR

    assert (item(name, change).status, item(name, change).because) == ("skip", "hosts")
    items = {each.name: each for each in checklist.judge_items(seen(change), [])}
    assert items["hosts"].status == "stop"
    assert name in items["hosts"].seen.partition("not checked because of this: ")[2]


def test_what_follows_from_wrong_keys_is_said_once():
    wrong = {"error": {"code": "E_ENV_KEY_MISSING", "what": ".env: A is not set", "todo": "Add the line."}}

    def change(made: dict[str, Any]) -> None:
        made.update(census=wrong, backup=wrong)
        result("keys", wrong)(made)

    items = {each.name: each for each in checklist.judge_items(seen(change), [])}
    for name in ("census", "backup"):
        assert (items[name].status, items[name].because, items[name].todo) == ("skip", "keys", "")
    assert items["keys"].seen == "E_ENV_KEY_MISSING: .env: A is not set (not checked because of this: backup, census)"
    with pytest.raises(RotationError) as refused:
        checklist.refuse(list(items.values()))
    assert (refused.value.code, refused.value.where) == ("E_CHECKLIST", {"count": 1, "total": 31, "stops": "keys"})
    assert refused.value.changed_nothing
    lines = " ".join(" ".join(checklist.table(list(items.values()))).split())
    assert "not configured or not checked: " not in lines, "what a failed item names is not said again"


@pytest.mark.parametrize("code", ["E_FIELD_UNPROVED", "E_FINDINGS", "E_NO_TARGETS", "E_UNPROVED", "E_WRONG_KEY"])
def test_if_env_file_and_store_differ_that_is_all_that_is_said_of_the_data_and_the_plan(code):
    found = {"error": {"code": code, "what": "nothing opens", "todo": "Settle it as not_ours."}}

    def change(made: dict[str, Any]) -> None:
        made.update(census=found, plan=DIFFER, backup=ERROR)
        result("keys", DIFFER)(made)

    items = {each.name: each for each in checklist.judge_items(seen(change), [])}
    for name in ("census", "plan"):
        assert (items[name].status, items[name].because) == ("skip", "keys")
    assert items["keys"].code == "E_KEYS_DIFFER"


def test_what_follows_from_an_error_is_known_by_codes_and_not_by_texts():
    def change(made: dict[str, Any]) -> None:
        made.update(census={"msg": "E_WRONG_KEY: said by another program"})
        result("keys", DIFFER)(made)

    assert item("census", change).seen == "E_WRONG_KEY: said by another program"
    items = {each.name: each for each in checklist.judge_items(seen(change), [])}
    assert items["census"].status == "stop"


def test_while_another_run_is_at_work_nothing_else_is_said_to_be_wrong():
    def change(made: dict[str, Any]) -> None:
        made.update(census=ERROR, lease={"error": {"code": "E_LEASED", "what": "Ada is at work", "todo": "Wait."}})

    items = {each.name: each for each in checklist.judge_items(seen(change), [])}
    assert (items["census"].status, items["census"].because) == ("skip", "runs")
    assert (items["runs"].status, items["runs"].code) == ("stop", "E_LEASED")
