# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The census, and what the application reads."""

from __future__ import annotations

from typing import Any

import pytest

from .observations import DIFFER, FACTS, fact, item, result


def test_what_is_made_of_ciphertext_or_of_the_date_is_named_and_stops_nothing():
    counted = {
        "of_ciphertext": ["people.Person.etag"],
        "dated": ["people.Person.age"],
    }
    found = item("application", fact(reads={**FACTS["reads"], **counted}))
    assert found.status == "ok"
    assert found.facts == counted
    assert all(name in found.seen for (name,) in counted.values())


@pytest.mark.parametrize(
    ("options", "switched", "status"),
    [
        ({}, False, "stop"),
        ({"environment": "staging"}, False, "warn"),
        ({"method": "command"}, False, "warn"),
        ({"has_verification_commands": True}, False, "ok"),
        ({"resumed": True}, True, "warn"),
    ],
)
def test_in_production_a_column_that_no_attribute_decrypts_wants_a_command_or_a_person(options, switched, status):
    """Its values could be lost to code that no value shows, and the rotation would report success."""

    def change(made: dict[str, Any]) -> None:
        fact(reads={**FACTS["reads"], "not_decrypted": ["people_person.note"]})(made)
        made["options"].update(options)
        for host in made["hosts"].values():
            host["env_file"] = {"path": "/app/.env", "changed": not switched}

    found = item("readings", change)
    assert found.status == status
    assert found.facts == {"not_decrypted": ["people_person.note"]}
    assert item("application", change).status == "ok"


def test_what_else_is_wrong_with_the_data_is_said_where_env_file_and_store_differ():
    def change(made: dict[str, Any]) -> None:
        made.update(census={"error": {"code": "E_DB_CONNECT", "what": "no answer", "todo": "Start it."}})
        result("keys", DIFFER)(made)

    assert item("census", change).code == "E_DB_CONNECT"


@pytest.mark.parametrize(
    ("resumed", "switched", "code", "findings", "status"),
    [
        (True, True, "E_TWO_LAYERS", [], "warn"),
        (True, True, "E_KEY_WITHOUT_VALUE", ["E_KEY_WITHOUT_VALUE"], "warn"),
        (True, True, "E_FINDINGS", ["E_UNREADABLE", "E_KEY_WITHOUT_VALUE"], "warn"),
        (True, True, "E_FINDINGS", ["E_UNREADABLE", "E_NO_TARGETS"], "stop"),
        (True, False, "E_TWO_LAYERS", [], "stop"),
        (False, True, "E_TWO_LAYERS", [], "stop"),
        (True, True, "E_DB_CONNECT", [], "stop"),
    ],
)
def test_values_stop_no_run_that_resumes_after_the_switch(resumed, switched, code, findings, status):
    """The application could not read what is under the old keys until somebody has mended the others."""

    def refused(made: dict[str, Any]) -> None:
        made["census"] = {"failed": True, "error": {"code": code, "what": "2 values: t.c:1, t.c:2", "todo": "Look."}}
        made["census"] |= {"findings": [{"code": each} for each in findings]} if findings else {}
        made["options"]["resumed"] = resumed
        made["hosts"]["app1"]["env_file"] = {"path": "/app/.env", "changed": not switched}
        made["hosts"]["app2"]["env_file"] = {"path": "/app/.env", "changed": True}

    found = item("census", refused)
    assert (found.status, found.code) == (status, code)
    assert found.todo.endswith("Look.")
