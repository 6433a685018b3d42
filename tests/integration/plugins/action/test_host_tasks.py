# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._module import kept_code
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.writer import Record
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._action import RotationAction
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._control_node import code_on_hosts


@pytest.fixture
def host_tasks(run_action, env_file):
    def run(*tasks: dict[str, Any], **options: Any) -> dict[str, Any]:
        return run_action("host_tasks", rotation_id="r1", env_file=env_file, tasks=list(tasks), **options)

    return run


@pytest.fixture
def processes(monkeypatch):
    """How often a process is started on the host."""
    started: list[list[str]] = []
    execute = RotationAction._execute_module

    def counted(self, **asked):
        result = execute(self, **asked)
        if "code_wanted" not in result:
            started.append([call["name"] for call in json.loads(asked["module_args"]["calls"])])
        return result

    monkeypatch.setattr(RotationAction, "_execute_module", counted)
    return started


@pytest.fixture
def sent(monkeypatch):
    """Of each process on the host, whether it was sent the code. The host keeps none at first."""
    monkeypatch.setattr(code_on_hosts, "DIGEST", secrets.token_hex(32))
    monkeypatch.setattr(code_on_hosts, "_keeps_nothing", bytearray(code_on_hosts.PLACES))
    sent: list[bool] = []
    execute = RotationAction._execute_module

    def noted(self, **asked):
        sent.append(bool(asked["module_args"]["code"]))
        return execute(self, **asked)

    monkeypatch.setattr(RotationAction, "_execute_module", noted)
    yield sent
    Path(kept_code.path_of(code_on_hosts.DIGEST)).unlink(missing_ok=True)


def test_a_host_is_sent_the_code_once(host_tasks, sent, tmp_path):
    for _ in range(2):
        result = host_tasks({"postgresql_backup_info": {"backup_dir": str(tmp_path)}})
        assert result["outcomes"]["postgresql_backup_info"]["backups"] == []
    assert sent == [False, True, False]


def test_a_host_that_keeps_no_code_is_sent_it_with_every_task(host_tasks, sent, tmp_path):
    for _ in range(2):
        host_tasks({"postgresql_backup_info": {"backup_dir": str(tmp_path)}}, check=True)  # which writes nothing
    assert sent == [False, True, True]
    assert not Path(kept_code.path_of(code_on_hosts.DIGEST)).exists()


def events(tmp_path: Path) -> list[tuple[str, str]]:
    return [(event["event"], event["phase"]) for event in Record(str(tmp_path / "records"), "r1").events()]


ADOPT = {"key_version": {"state": "adopted"}}
NO_BACKUPS = {"postgresql_backup_info": {"backup_dir": "/nowhere"}}


def test_each_has_its_own_entry_and_all_are_in_one_process(host_tasks, processes, tmp_path, old_keys):
    there = {"postgresql_backup_info": {"backup_dir": str(tmp_path)}}
    result = host_tasks(ADOPT, there)
    assert result["outcomes"]["key_version"]["key_id"] == old_keys.key_id
    assert result["outcomes"]["postgresql_backup_info"]["backups"] == []
    assert result["changed"] is True
    assert processes == [["key_version", "postgresql_backup_info"]]
    assert events(tmp_path) == [("key_version", "intent"), ("key_version", "done")]
    assert result["msg"] == f"the keys of the application are version {old_keys.key_id}; 0 retained backups"
    assert not any(value in str(result) for value in old_keys.values.values())


def test_the_first_that_fails_ends_it_and_the_record_has_what_was_not_run(host_tasks, tmp_path):
    result = host_tasks(NO_BACKUPS, ADOPT)
    assert (result["failed"], result["error"]["code"]) == (True, "E_BACKUP_LIST")
    assert list(result["outcomes"]) == ["postgresql_backup_info"]
    intent, failed = Record(str(tmp_path / "records"), "r1").events()
    assert (intent["event"], failed["phase"], failed["error"]["code"]) == ("key_version", "failed", "E_NOT_RUN")


def test_with_all_each_failure_is_reported_and_a_fatal_one_fails(host_tasks, old_keys):
    result = host_tasks(NO_BACKUPS, ADOPT, all=True)
    assert not result.get("failed")
    assert result["outcomes"]["postgresql_backup_info"]["error"]["code"] == "E_BACKUP_LIST"
    assert result["outcomes"]["key_version"]["key_id"] == old_keys.key_id
    fatal = host_tasks(NO_BACKUPS, all=True, fatal=["E_BACKUP_LIST"])
    assert (fatal["failed"], fatal["error"]["code"]) == (True, "E_BACKUP_LIST")


def test_one_can_be_a_dry_run_among_others(host_tasks, tmp_path, store_path):
    result = host_tasks({"key_version": {"state": "adopted", "check_mode": True}})
    assert result["outcomes"]["key_version"]["changed"] is True
    assert not Path(store_path).exists()
    assert not (tmp_path / "records").exists()


def test_what_one_may_not_do_is_refused_before_any_process_starts(host_tasks, processes):
    for wrong in ({"rotation_record": {}}, {"postgresql_restore": {}}):
        result = host_tasks(wrong)
        assert (result["failed"], result["error"]["code"]) == (True, "E_ARGUMENT")
    assert processes == []


def test_what_changes_something_waits_for_the_judgment_of_what_was_looked_at(
    host_tasks, processes, tmp_path, store_path
):
    """The keys of the file are read on the host, and refused here: nothing may be done behind them."""
    proved = {"key_version": {"state": "adopted", "key_id": "0123456789abcdef"}}
    command = {"application_commands": {"commands": [["touch", str(tmp_path / "done")]]}}
    result = host_tasks(proved, command, project_dir=str(tmp_path))
    assert result["error"]["code"] == "E_KEYS_NOT_PROVED"
    assert processes == [["key_version"]]
    assert not (tmp_path / "done").exists()


def test_functions_of_the_application_have_a_process_of_their_own(host_tasks, processes, tmp_path):
    schemes = {"own": {"application": {"decrypt": "a.b", "encrypt": "a.c"}}}
    census = {"django_census_info": {"project_dir": str(tmp_path), "schemes": schemes}}
    facts = {"checklist_info": {"project_dir": str(tmp_path), "schemes": schemes}}
    host_tasks(NO_BACKUPS, census, facts, all=True)
    assert processes == [["postgresql_backup_info"], ["django_census_info"], ["checklist_info"]]


def test_one_is_not_asked_for_twice_by_one_name(host_tasks, processes):
    result = host_tasks(ADOPT, ADOPT)
    assert (result["error"]["code"], processes) == ("E_ARGUMENT", [])


def test_two_of_one_module_have_names_and_results_of_their_own(host_tasks, processes, tmp_path):
    other = {"name": "elsewhere", "postgresql_backup_info": {"backup_dir": "/nowhere"}}
    result = host_tasks({"postgresql_backup_info": {"backup_dir": str(tmp_path)}}, other, all=True)
    assert processes == [["postgresql_backup_info", "elsewhere"]]
    assert result["outcomes"]["postgresql_backup_info"]["backups"] == []
    assert result["outcomes"]["elsewhere"]["error"]["code"] == "E_BACKUP_LIST"
    failed = host_tasks(other, all=True, fatal=["elsewhere"])
    assert (failed["failed"], failed["error"]["code"]) == (True, "E_BACKUP_LIST")


def test_a_new_version_for_an_empty_store_is_tried_with_the_keys_of_the_host_in_the_same_process(
    host_tasks, processes, store_path
):
    trial = {"name": "pending", "key_version": {"state": "pending", "check_mode": True}}
    result = host_tasks({"key_version": {"state": "adopted", "check_mode": True}}, trial, all=True)
    assert processes == [["key_version", "pending"]]
    assert result["outcomes"]["pending"]["would"].startswith("would create new keys")
    assert not Path(store_path).exists()
