# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._tasks import registry
from ansible_collections.tetech.key_rotation.plugins.modules import host_tasks

FOLDER = {"name": "postgresql_backup_info", "check_mode": False, "diff": False}


@pytest.fixture
def run_tasks(run_module):
    return lambda *tasks, **options: run_module(host_tasks.main, {"tasks": [], "calls": json.dumps(tasks), **options})


def test_what_a_module_does_is_found_by_its_name_and_named_like_its_file():
    for work in registry.WORK.values():
        assert work.do.__name__ == work.name


def test_each_runs_with_its_own_options_and_one_that_fails_ends_it(run_tasks, tmp_path):
    there, gone = {"backup_dir": str(tmp_path)}, {"backup_dir": str(tmp_path / "gone")}
    ended = run_tasks({**FOLDER, "options": gone}, {"name": "application_commands", **FOLDER, "options": {}})
    assert list(ended.result["outcomes"]) == ["postgresql_backup_info"]
    assert ended.result["outcomes"]["postgresql_backup_info"]["error"]["code"] == "E_BACKUP_LIST"
    assert ended.result["clock"]["began"] <= ended.result["clock"]["ended"]
    assert run_tasks({**FOLDER, "options": there}).result["outcomes"]["postgresql_backup_info"]["backups"] == []


def test_options_that_do_not_fit_are_not_shown(run_tasks):
    task = {"name": "env_file", "check_mode": False, "diff": False}
    ended = run_tasks({**task, "options": {"path": "/x", "keys": [], "CANARY": "CANARY", "rotation_id": "r"}})
    failed = ended.result["outcomes"]["env_file"]
    assert (failed["failed"], failed["error"]["code"]) == (True, "E_OPTION")
    assert "CANARY" not in ended.output


def test_what_the_control_node_has_to_decide_ends_it(run_tasks, monkeypatch, tmp_path):
    """The lease of another run: nothing may be done before it is known whether that run is alive."""
    held = {"changed": False, "held": {"alias": "default"}}
    monkeypatch.setattr(registry.ModuleWork, "do", property(lambda work: lambda task: held))
    lease = {"name": "postgresql_backup_info", **FOLDER, "options": {"backup_dir": str(tmp_path)}}
    then = {"name": "application_commands", "check_mode": False, "diff": False, "options": {"commands": []}}
    assert list(run_tasks(lease, then).result["outcomes"]) == ["postgresql_backup_info"]
    assert len(run_tasks(lease, then, all=True).result["outcomes"]) == 2


def test_one_takes_what_the_one_before_it_has_found(run_tasks, monkeypatch):
    census = {"changed": False, "meanwhile": {"t": {"rows": 1}}, "written": {"t.c": ["1"]}, "targets": []}
    given: dict[str, object] = {}
    works = {"take_census": lambda task: census, "compare_readings": lambda task: given.update(task.params) or {}}
    monkeypatch.setattr(registry.ModuleWork, "do", property(lambda work: works[work.name]))
    shared = {"project_dir": "/srv", "env_file": "/srv/.env", "rotation_id": "r", "keys": [{"name": "SECRET_KEY"}]}
    tasks = [("django_census", {}), ("application_reading", {"state": "verified", "written": {}})]
    ended = run_tasks(
        *({"name": name, "check_mode": False, "diff": False, "options": {**shared, **own}} for name, own in tasks)
    )
    assert list(ended.result["outcomes"]) == ["django_census", "application_reading"], ended.result
    assert (given["meanwhile"], given["written"], given["unwrapped"]) == (census["meanwhile"], census["written"], {})
