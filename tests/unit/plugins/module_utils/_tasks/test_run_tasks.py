# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import json
from types import SimpleNamespace

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine import open_application as opening
from ansible_collections.tetech.key_rotation.plugins.module_utils._options import engine_request
from ansible_collections.tetech.key_rotation.plugins.module_utils._tasks import registry
from ansible_collections.tetech.key_rotation.plugins.module_utils._tasks import run_tasks as run_tasks_file
from ansible_collections.tetech.key_rotation.plugins.modules import host_tasks

FOLDER = {"name": "backups", "module": "postgresql_backup_info", "check_mode": False, "diff": False}


@pytest.fixture
def run_tasks(run_module):
    return lambda *tasks, **options: run_module(host_tasks.main, {"tasks": [], "calls": json.dumps(tasks), **options})


@pytest.fixture
def kept(run_tasks, monkeypatch):
    """Whether a task still has what discovery found for the one before it, which may fail."""
    found: list[bool] = []

    def do(asked, batch, until_end, surveys):
        found.append(bool(surveys))
        surveys.append("a survey")
        return {"changed": False, "failed": asked["name"] == "fails"}

    monkeypatch.setattr(run_tasks_file, "_do", do)
    monkeypatch.setattr(run_tasks_file, "KnownSurveys", Surveys)

    def ask(module, name, check_mode):
        task = {"module": module, "options": {}, "check_mode": check_mode, "diff": False}
        run_tasks({**task, "name": name}, {**task, "name": "next"}, all=True)
        return found[-1]

    return ask


def test_what_a_module_does_is_found_by_its_name_and_named_like_its_file():
    for work in registry.WORK.values():
        assert work.do.__name__ == work.name


def test_each_runs_with_its_own_options_and_one_that_fails_ends_it(run_tasks, tmp_path):
    there, gone = {"backup_dir": str(tmp_path)}, {"backup_dir": str(tmp_path / "gone")}
    ended = run_tasks({**FOLDER, "options": gone}, {**FOLDER, "name": "then", "options": there})
    assert list(ended.result["outcomes"]) == ["backups"]
    assert ended.result["outcomes"]["backups"]["error"]["code"] == "E_BACKUP_LIST"
    assert ended.result["clock"]["began"] <= ended.result["clock"]["ended"]
    twice = run_tasks({**FOLDER, "options": there}, {**FOLDER, "name": "again", "options": there}).result["outcomes"]
    assert {name: found["backups"] for name, found in twice.items()} == {"backups": [], "again": []}


def test_options_that_do_not_fit_are_not_shown(run_tasks):
    task = {"name": "env_file", "module": "env_file", "check_mode": False, "diff": False}
    ended = run_tasks({**task, "options": {"path": "/x", "keys": [], "CANARY": "CANARY", "rotation_id": "r"}})
    failed = ended.result["outcomes"]["env_file"]
    assert (failed["failed"], failed["error"]["code"]) == (True, "E_MODULE_OPTIONS")
    assert "CANARY" not in ended.output


def test_what_the_control_node_has_to_decide_ends_it(run_tasks, monkeypatch, tmp_path):
    """The lease of another run: nothing may be done before it is known whether that run is alive."""
    held = {"changed": False, "held": {"alias": "default"}}
    monkeypatch.setattr(registry.ModuleWork, "do", property(lambda work: lambda task: held))
    lease = {**FOLDER, "options": {"backup_dir": str(tmp_path)}}
    then = {**FOLDER, "name": "then", "module": "application_commands", "options": {"commands": []}}
    assert list(run_tasks(lease, then).result["outcomes"]) == ["backups"]
    assert len(run_tasks(lease, then, all=True).result["outcomes"]) == 2


def test_one_takes_what_the_one_before_it_has_found(run_tasks, monkeypatch):
    census = {"changed": False, "concurrent_rows": {"t": {"rows": 1}}, "written": {"t.c": ["1"]}, "targets": []}
    given: dict[str, object] = {}
    works = {"take_census": lambda task: census, "compare_readings": lambda task: given.update(task.params) or {}}
    monkeypatch.setattr(registry.ModuleWork, "do", property(lambda work: works[work.name]))
    shared = {"project_dir": "/srv", "env_file": "/srv/.env", "rotation_id": "r", "keys": [{"name": "SECRET_KEY"}]}
    tasks = [("django_census", {}), ("application_reading", {"state": "verified", "written": {}})]
    ended = run_tasks(
        *(
            {"name": name, "module": name, "check_mode": False, "diff": False, "options": {**shared, **own}}
            for name, own in tasks
        )
    )
    assert list(ended.result["outcomes"]) == ["django_census", "application_reading"], ended.result
    assert (given["concurrent_rows"], given["written"], given["unwrapped"]) == (
        census["concurrent_rows"],
        census["written"],
        {},
    )


def test_values_written_during_the_switch_are_sought_with_what_the_re_encryption_before_it_knows(
    run_tasks, monkeypatch
):
    others = {"since": {"default": "7"}, "ours": {}, "rows": {}}
    given: list[object] = []

    def work(task):
        given.append(task.params["concurrent_writes"])
        return {"changed": True, "concurrent_writes": others}

    monkeypatch.setattr(registry.ModuleWork, "do", property(lambda _: work))
    options = {"project_dir": "/srv", "destination": "pending", "rotation_id": "r", "keys": [{"name": "SECRET_KEY"}]}
    task = {"module": "django_reencrypt", "check_mode": False, "diff": False, "options": options}
    ended = run_tasks({**task, "name": "django_reencrypt"}, {**task, "name": "settlement"})
    assert list(ended.result["outcomes"]) == ["django_reencrypt", "settlement"], ended.result
    assert given == [[], [others]]


def test_what_a_task_leaves_open_is_closed_at_the_end_even_if_one_fails(run_tasks, monkeypatch):
    """The lock of the run, which must last until the keys of the values are written."""
    seen: list[str] = []

    def work(task):
        seen.append("task")
        task.until_end.callback(seen.append, "closed")
        return {"changed": False, "failed": len(seen) > 1}

    monkeypatch.setattr(registry.ModuleWork, "do", property(lambda _: work))
    run_tasks(*({**FOLDER, "name": name, "options": {"backup_dir": "/x"}} for name in ("one", "two", "three")))
    assert seen == ["task", "task", "closed", "closed"]


class Surveys(list):
    """What discovery found, in place of real surveys: empty once it was forgotten."""

    forget = list.clear


@pytest.mark.parametrize("name", ["one", "fails"])
@pytest.mark.parametrize(
    ("module", "check_mode"),
    [("django_census", False), ("django_plan_info", False), ("checklist_facts", False), ("django_reencrypt", True)],
)
def test_what_discovery_found_is_known_after_a_task_that_only_reads(kept, module, name, check_mode):
    assert kept(module, name, check_mode)


@pytest.mark.parametrize("name", ["one", "fails"])
@pytest.mark.parametrize("module", sorted(registry.WORK.keys() - registry.ONLY_READING))
def test_a_task_that_may_have_written_has_it_forgotten(kept, module, name):
    assert not kept(module, name, check_mode=False)


def test_only_these_tasks_never_write():
    assert {name for name in registry.ONLY_READING if not name.endswith("_info")} == {
        "checklist_facts",
        "django_census",
        "django_plan",
    }


@pytest.mark.parametrize("name", ["reencrypt_values", "prepare_values", "repair_values"])
def test_who_writes_values_has_everything_checked_again(monkeypatch, name):
    opened: list[tuple[object, ...]] = []

    @contextlib.contextmanager
    def open_application(*given):
        opened.append(given)
        raise ValueError("opened")
        yield

    monkeypatch.setattr(engine_request, "request_of", lambda params, purpose: "request")
    monkeypatch.setattr(opening, "open_application", open_application)
    params = dict.fromkeys(("rotation_id", "run", "step", "command", "state", "backup_dir", "method"), "x")
    task = SimpleNamespace(
        params={**params, "reverse": False, "columns": [], "named": [], "recorded_columns": []},
        check_mode=False,
        surveys=["a survey"],
    )
    work = next(each for each in registry.WORK.values() if each.name == name)
    with pytest.raises(ValueError, match="opened"):
        work.do(task)
    assert opened == [("request",)]
