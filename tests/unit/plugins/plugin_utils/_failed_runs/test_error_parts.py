# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The texts of an error are on the screen once in what Ansible prints of a result, and in the record whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible import context
from ansible.utils.context_objects import CLIArgs
from ansible.vars.clean import strip_internal_keys
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import address
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.database import (
    DatabaseFenced,
    StatementFailed,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.discovery import PlanNotReady
from ansible_collections.tetech.key_rotation.plugins.plugin_utils import _action
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._failed_runs import error_parts

ROLES = Path(error_parts.__file__).parents[3] / "roles"
FENCED = DatabaseFenced(rotation_id="r", since="03:00", alias="default")
ERRORS = [
    FENCED,
    PlanNotReady(changed="Nothing was changed but the plan.", path="p. It is 1.", count=1, findings="a.b (E_TABLE)"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.code)
def test_what_the_message_says_is_left_out_of_what_is_printed_and_kept_whole(error):
    result = error.as_result()
    error_parts.fold(result)
    assert result.pop(error_parts.WHOLE) == error.as_result()["error"]
    assert str(result).count(error.todo) == 1
    assert result["error"]["code"] == error.code


def test_a_message_that_begins_with_the_host_says_the_same():
    result = {**FENCED.as_result(), "msg": f"web: {FENCED} ({address(FENCED.code)})"}
    error_parts.fold(result)
    assert result[error_parts.WHOLE] == FENCED.parts
    assert "todo" not in result["error"]


def test_the_database_and_the_sqlstate_are_printed_since_the_message_may_not_have_them():
    result = StatementFailed(table="a", alias="third", sqlstate="XX001", by="", advice="See the log.").as_result()
    error_parts.fold(result)
    assert result["error"] == {
        "code": "E_DB",
        "changed": "Nothing was changed.",
        "alias": "third",
        "sqlstate": "XX001",
    }


def test_callbacks_do_not_get_the_member_with_the_whole_error():
    """Ansible removes it from what it prints, and from nothing else (executor/task_result.py)."""
    result = FENCED.as_result()
    error_parts.fold(result)
    strip_internal_keys(result)
    assert set(result) == {"msg", "error"}


@pytest.mark.parametrize("tasks", ["record/tasks/failed.yml", "monitoring/tasks/main.yml"])
def test_a_rescue_reads_the_whole_error(tasks):
    assert f".get('{error_parts.WHOLE}', " in (ROLES / tasks).read_text(encoding="utf-8")


def test_if_the_collection_is_installed_an_error_names_its_playbooks(monkeypatch):
    monkeypatch.setattr(context, "CLIARGS", CLIArgs({"args": ("tetech.key_rotation.rotate",)}))
    result = FENCED.as_result()
    error_parts.spell(result)
    for text in (result["msg"], result["error"]["todo"]):
        assert "or run ansible-playbook tetech.key_rotation.rollback. To" in text
        assert "rollback.yml" not in text


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.code)
def test_a_message_ends_with_the_address_of_its_entry_once(error):
    result = {**error.as_result(), "exception": "what Ansible would show instead"}
    error_parts.spell(result)
    error_parts.spell(result)
    assert result["msg"] == f"{error} ({address(error.code)})"
    assert "exception" not in result
    error_parts.fold(result)
    assert "todo" not in result["error"]
    assert result[error_parts.WHOLE] == error.as_result()["error"]


def test_a_message_that_is_not_ours_has_no_address():
    result = {"msg": "the module ended", "error": {"code": "E_FENCED", "what": "w"}}
    error_parts.spell(result)
    assert result["msg"] == "the module ended"


@pytest.mark.parametrize("message", ["E_FENCED: another text", "E_FENCED: a. Nothing was changed. b", "no", ""])
def test_what_the_message_does_not_say_stays(message):
    result = {**FENCED.as_result(), "msg": message}
    error_parts.fold(result)
    assert result["error"] == FENCED.as_result()["error"]


def test_the_error_of_another_module_is_as_it_was():
    for error, message in (({}, "no"), ({"code": "E_X"}, "E_X failed"), ({"code": "E_X", "what": "w"}, "E_X: a. b")):
        result = {"msg": message, "error": error}
        error_parts.fold(result)
        assert result == {"msg": message, "error": error}


@pytest.mark.parametrize(
    ("task", "by_steps", "folded"),
    [
        ({}, False, True),
        ({}, True, False),
        ({"failed_when": [False]}, False, False),
        ({"ignore_errors": True}, False, False),
    ],
)
def test_a_failure_that_ansible_prints_is_folded(run_action, monkeypatch, task, by_steps, folded):
    """But not where the callback steps prints its parts, or the playbook goes on and reads them."""
    from ansible.playbook.task import Task

    for name, value in task.items():
        monkeypatch.setattr(Task, name, value, raising=False)
    monkeypatch.setattr(_action, "is_task_process", lambda: True)
    monkeypatch.setattr(_action.lines, "by_steps", by_steps)
    result = run_action("findings_summary", looks=[], playbook=3, store=None, other="no option")
    assert (result["failed"], result["error"]["code"], "what" in result["error"]) == (True, "E_ARGUMENT", not folded)
