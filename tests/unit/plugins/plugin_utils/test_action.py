# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from ansible import constants
from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.playbook.play_context import PlayContext
from ansible.plugins.connection import ConnectionBase
from ansible.plugins.loader import connection_loader
from ansible_collections.tetech.key_rotation.plugins.action.key_version import ActionModule
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.run_lease import Lease
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.writer import Record
from ansible_collections.tetech.key_rotation.plugins.module_utils._system import container_layer
from ansible_collections.tetech.key_rotation.plugins.plugin_utils import _module_runner
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._keys.configured_store import open_store


@pytest.fixture
def promote(run_action, stored):
    """A step that changes the store, as the task of rotation r1."""
    return lambda **args: run_action("key_version", state="current", rotation_id="r1", **args)


@pytest.fixture
def events(tmp_path):
    return lambda: [(event["event"], event["phase"]) for event in Record(str(tmp_path / "records"), "r1").events()]


@pytest.fixture
def lose(run_action, stored, monkeypatch):
    """A step of a run on one of these hosts, which is lost in it."""

    def fail(self, args):
        raise AnsibleConnectionFailure("CANARY")

    def step(*hosts: str, of: str) -> None:
        known = {"inventory_hostname": of, "ansible_play_hosts_all": list(hosts)}
        known["key_rotation_notify"] = [{"type": "slack", "url": "http://127.0.0.1:1/CANARY"}]
        with pytest.raises(AnsibleConnectionFailure):
            run_action("key_version", state="current", rotation_id="r1", known=known)

    run_action("rotation_record", state="opened", environment="demo")
    monkeypatch.setattr(ActionModule, "act", fail)
    return step


@pytest.mark.parametrize(
    ("constant", "setting"),
    [
        ("DEFAULT_DEBUG", "ANSIBLE_DEBUG"),
        ("DEFAULT_KEEP_REMOTE_FILES", "ANSIBLE_KEEP_REMOTE_FILES"),
    ],
)
def test_settings_that_print_or_keep_arguments_are_refused_before_anything(
    promote, stored, events, monkeypatch, constant, setting
):
    before = Path(stored).read_bytes()
    monkeypatch.setattr(constants, constant, True)
    result = promote()
    assert (result["failed"], result["error"]["code"]) == (True, "E_DEBUG_SETTINGS")
    assert setting in result["msg"]
    assert events() == []
    assert Path(stored).read_bytes() == before


def test_an_act_is_recorded_before_and_after(promote, events):
    promote()
    assert events() == [("key_version", "intent"), ("key_version", "done")]


def test_in_the_middle_of_a_rotation_no_error_says_that_nothing_was_changed(run_action, stored, tmp_path):
    asked = {"state": "pending", "rotation_id": "r2"}
    alone = run_action("key_version", **asked)
    assert alone["error"]["changed"] == "Nothing was changed."
    not_yet = {"rotation_reencrypted": {"failed": True, "outcomes": {"application_reading": {"failed": True}}}}
    assert run_action("key_version", known=not_yet, **asked)["error"]["changed"] == "Nothing was changed."
    lost = run_action("key_version", known={"rotation_reencrypted": {"unreachable": True}}, **asked)
    assert lost["error"]["changed"].startswith("This step changed nothing. ")
    written = {"rotation_reencrypted": {"changed": True, "outcomes": {"django_reencrypt": {"changed": True}}}}
    later = run_action("key_version", known=written, **asked)
    assert later["error"]["changed"].startswith("This step changed nothing. ")
    assert later["error"]["changed"] in later["msg"]
    failed = Record(str(tmp_path / "records"), "r2").events()[-1]
    assert failed["error"] == later["error"]


def test_while_services_are_stopped_no_error_says_that_nothing_was_changed(run_action, stored, tmp_path):
    def fail(*services, **more):
        known = {"__maintenance_stopped": {"services": [*services]}}
        return run_action("key_version", state="pending", rotation_id="r2", known=known, **more)["error"]

    told = fail("web")
    assert told["changed"] == "This step changed nothing. What this run has stopped is shown above."
    assert told["changed_nothing"] is True, "what reads the record asks about the step"
    assert Record(str(tmp_path / "records"), "r2").events()[-1]["error"] == told
    assert fail()["changed"] == "Nothing was changed."
    assert fail("web", check=True)["changed"] == "Nothing was changed."


def test_what_a_host_answers_while_services_are_stopped_is_told_so_too(run_action, env_file, monkeypatch):
    error = {
        "code": "E_ENV_MISSING",
        "what": "w",
        "changed": "Nothing was changed.",
        "changed_nothing": True,
        "todo": "t",
    }
    monkeypatch.setattr(ActionModule, "act", lambda self, args: {"failed": True, "error": dict(error)})
    known = {"__maintenance_stopped": {"services": ["web"]}}
    told = run_action("key_version", state="adopted", rotation_id="r1", env_file=env_file, known=known)["error"]
    assert told == {**error, "changed": "This step changed nothing. What this run has stopped is shown above."}


def test_a_container_that_stopped_while_services_are_stopped_changed_nothing_in_this_step(
    run_action, env_file, monkeypatch
):
    answer = {"failed": True, "rc": 125, "module_stderr": "no such container"}
    monkeypatch.setattr(ActionModule, "_execute_module", lambda self, **asked: dict(answer))
    known = {"__maintenance_stopped": {"services": ["web"]}}
    error = run_action("key_version", state="adopted", rotation_id="r1", env_file=env_file, known=known)["error"]
    assert (error["code"], error["changed"]) == (
        "E_CONTAINER_STOPPED",
        "This step changed nothing. What this run has stopped is shown above.",
    )


def test_a_refused_act_is_recorded_as_failed_with_its_error(run_action, stored, tmp_path):
    run_action("key_version", state="pending", rotation_id="r2")
    intent, failed = Record(str(tmp_path / "records"), "r2").events()
    assert (intent["phase"], failed["phase"]) == ("intent", "failed")
    assert failed["error"]["code"] == "E_ROTATION_OPEN"


@pytest.mark.parametrize(
    "wrong",
    [
        {"values_file": {"SECRET_KEY": "CANARY"}},
        {"values_file": "{SECRET_KEY: CANARY}"},
        {"state": "CANARY"},
        {"keys": [{"name": "SECRET_KEY", "bytes": "CANARY"}]},
    ],
)
def test_what_is_given_in_a_wrong_place_is_in_no_error_and_no_record(run_action, stored, tmp_path, wrong):
    result = run_action("key_version", **{"state": "pending", "rotation_id": "r1", **wrong})
    assert (result["failed"], result["error"]["code"]) == (True, "E_ARGUMENT")
    assert "CANARY" not in str(result)
    assert not (tmp_path / "records").exists()


def test_what_only_the_host_knows_of_is_not_recorded_as_it_was_written(run_action, stored, tmp_path):
    asked = {"rotation_id": "r1", "project_dir": str(tmp_path)}
    result = run_action("django_reencrypt", destination="CANARY", **asked)
    assert result["error"]["code"] == "E_STORE_STAGE"
    intent, failed = Record(str(tmp_path / "records"), "r1").events()
    assert (intent["asked"], failed["error"]["code"]) == ({"destination": "(not shown)"}, "E_STORE_STAGE")
    assert "CANARY" not in f"{result} {Path(Record(str(tmp_path / 'records'), 'r1').path).read_text()}"
    keys = [{"name": "SECRET_KEY", "keep": "CANARY"}]
    result = run_action("django_reencrypt", destination="pending", keys=keys, **asked)
    assert result["error"]["what"] == "keys[0].keep must be an integer"


def test_without_a_record_there_is_no_act(promote, stored, tmp_path):
    before = Path(stored).read_bytes()
    (tmp_path / "records" / "r1").mkdir(parents=True)
    (tmp_path / "records" / "r1" / "record.jsonl").mkdir()
    assert promote()["error"]["code"] == "E_RECORD_WRITE"
    assert Path(stored).read_bytes() == before


def test_while_another_run_continues_there_is_no_act(promote, stored, events, tmp_path):
    before = Path(stored).read_bytes()
    lease = Lease(str(tmp_path / "records"))
    lease.take("r9", 1)
    held = json.loads(Path(lease.path).read_text())
    Path(lease.path).write_text(json.dumps({**held, "host": "elsewhere.example"}))
    assert promote()["error"]["code"] == "E_RUNNING"
    assert events() == []
    assert Path(stored).read_bytes() == before


def test_an_act_of_the_run_that_holds_the_lease_is_done(promote, tmp_path):
    Lease(str(tmp_path / "records")).take("r1", os.getppid())
    assert promote()["changed"] is True


def test_a_connection_that_writes_modules_to_the_host_is_refused(run_action, env_file, monkeypatch, store_path):
    monkeypatch.setattr(ConnectionBase, "is_pipelining_enabled", lambda self, wrap_async=False: False)
    result = run_action("key_version", state="adopted", rotation_id="r1", env_file=env_file)
    assert (result["failed"], result["error"]["code"]) == (True, "E_PIPELINING")
    assert "local" in result["msg"]
    assert "a connection plugin and a become method that support pipelining" in result["error"]["todo"]
    assert not os.path.exists(store_path)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"failed": True, "rc": 127, "msg": "MODULE FAILURE"}, "E_HOST_PYTHON"),
        ({"failed": True, "rc": 126, "msg": "MODULE FAILURE"}, "E_HOST_PYTHON"),
        ({"failed": True, "rc": 127, "msg": "x", "error": {"code": "E_ENV_MISSING"}}, "E_ENV_MISSING"),
    ],
)
def test_a_host_without_the_python_asked_for_is_reported(run_action, env_file, python, monkeypatch, answer, code):
    monkeypatch.setattr(ActionModule, "_execute_module", lambda self, **asked: dict(answer))
    result = run_action("key_version", state="adopted", rotation_id="r1", env_file=env_file)
    assert (result["failed"], result["error"]["code"]) == (True, code)
    assert (python in result["msg"]) is (code == "E_HOST_PYTHON")


def test_a_script_is_not_missing_if_what_it_starts_has_no_python(run_action, env_file, monkeypatch, tmp_path):
    script = tmp_path / "application python"
    script.write_text("#!/bin/sh\nexec podman run --rm -i localhost/shop python\n")
    answer = {"failed": True, "rc": 127, "msg": "MODULE FAILURE"}
    monkeypatch.setattr(ActionModule, "_execute_module", lambda self, **asked: dict(answer))

    def error():
        known = {"ansible_python_interpreter": str(script)}
        return run_action("key_version", state="adopted", rotation_id="r1", env_file=env_file, known=known)["error"]

    assert error()["what"] == f"there is no Python at {script}", "it cannot be executed"
    script.chmod(0o755)
    assert (error()["code"], error()["what"]) == (
        "E_HOST_PYTHON",
        f"there is no Python in what the script {script} starts",
    )
    assert f"Run {script} -c pass on the host" in error()["todo"]


def test_a_host_learns_that_ansible_itself_started_python():
    assert _module_runner.ENVIRONMENT[container_layer.STARTED_BY] == container_layer.ANSIBLE


def test_a_connection_that_can_pipeline_and_has_no_option_for_it_is_taken(run_action, env_file, monkeypatch):
    """As containers.podman.podman is."""

    def no_option(self, option, *others):
        raise (AnsibleError if others else KeyError)(option)

    answer = {"failed": True, "rc": 127, "msg": "MODULE FAILURE"}
    monkeypatch.setattr(ActionModule, "_execute_module", lambda self, **asked: dict(answer))
    monkeypatch.setattr(PlayContext.fattributes["pipelining"], "default", False)
    monkeypatch.setattr(ConnectionBase, "set_option", no_option, raising=False)
    monkeypatch.setattr(ConnectionBase, "get_option", no_option, raising=False)
    result = run_action("key_version", state="adopted", rotation_id="r1", env_file=env_file)
    assert result["error"]["code"] == "E_HOST_PYTHON"


@pytest.mark.parametrize(
    ("rc", "said"),
    [
        (255, "Error: can only create exec sessions on running containers: container state improper"),
        (125, 'Error: no container with name or ID "shop" found: no such container'),
        (1, "Error response from daemon: No such container: shop"),
        (1, "Error response from daemon: container 5c1d0e7f is not running"),
        (1, 'service "web" is not running'),
    ],
)
def test_a_container_that_is_entered_and_does_not_run_is_reported(run_action, env_file, monkeypatch, rc, said):
    answer = {"failed": True, "rc": rc, "msg": "MODULE FAILURE", "module_stdout": "", "module_stderr": f"{said}\n"}
    monkeypatch.setattr(ActionModule, "_execute_module", lambda self, **asked: dict(answer))
    known = {"ansible_python_interpreter": "/srv/shop/python"}
    error = run_action("key_version", state="adopted", rotation_id="r1", env_file=env_file, known=known)["error"]
    assert (error["code"], error["what"]) == (
        "E_CONTAINER_STOPPED",
        "the container that /srv/shop/python enters is not running",
    )
    assert error["todo"].startswith("Start it, or correct its name, ")


@pytest.fixture
def connected(run_action, env_file, monkeypatch):
    """The error of a task whose connection plugin entered a container that answered so."""

    def as_docker(connection):
        connection.transport = "community.docker.docker"
        return connection

    def error(rc, said=""):
        answer = {"failed": True, "rc": rc, "msg": "MODULE FAILURE", "module_stderr": said}
        monkeypatch.setattr(ActionModule, "_execute_module", lambda self, **asked: dict(answer))
        load = connection_loader.get
        monkeypatch.setattr(connection_loader, "get", lambda *asked: as_docker(load(*asked)))
        monkeypatch.setattr(PlayContext.fattributes["remote_addr"], "default", "shop_rotation")
        known = {"ansible_python_interpreter": "/srv/shop/python"}
        return run_action("key_version", state="adopted", rotation_id="r1", env_file=env_file, known=known)["error"]

    return error


def test_a_container_that_a_connection_plugin_enters_and_that_does_not_run_is_named(connected):
    error = connected(1, "Error response from daemon: container 5c1d0e7f is not running")
    assert (error["code"], error["what"]) == (
        "E_CONTAINER_STOPPED",
        "the container shop_rotation, to which Ansible connects, is not running",
    )
    assert "or ansible_host to it if Ansible connects to it" in error["todo"]


def test_of_a_container_without_python_it_is_said_that_its_image_needs_it(connected):
    error = connected(127)
    assert error["what"] == "there is no Python at /srv/shop/python"
    assert error["todo"].endswith(
        "If the container's image has no Python, derive one with Python and the packages of the application."
    )


@pytest.mark.parametrize("asked", [None, "auto", "auto_silent"])
def test_of_an_interpreter_that_ansible_discovered_it_is_said_where_to_set_another(
    run_action, env_file, monkeypatch, asked
):
    answer = {"failed": True, "rc": 127, "msg": "MODULE FAILURE"}
    monkeypatch.setattr(ActionModule, "_execute_module", lambda self, **asked: dict(answer))
    known = {
        "ansible_python_interpreter": asked,
        "ansible_facts": {"discovered_interpreter_python": "/usr/bin/python3"},
    }
    error = run_action("key_version", state="adopted", rotation_id="r1", env_file=env_file, known=known)["error"]
    assert error["what"] == "there is no Python at /usr/bin/python3, which Ansible discovered"
    assert error["todo"] == "Set ansible_python_interpreter of this host to a Python that it has."


def test_the_host_does_not_learn_what_was_left_out(run_action, env_file, monkeypatch):
    asked = {}

    def execute(self, **given):
        asked.update(json.loads(given["module_args"]["calls"])[0]["options"])
        return {"failed": True, "error": {"code": "E_ENV_MISSING"}, "msg": "E_ENV_MISSING"}

    monkeypatch.setattr(ActionModule, "_execute_module", execute)
    run_action("key_version", state="adopted", rotation_id="r1", env_file=env_file, key_id=None)
    assert asked["env_file"] == env_file
    assert None not in asked.values()


def test_a_dry_run_writes_neither_store_nor_record_and_says_what_it_would_do(promote, stored, tmp_path, capsys):
    before = Path(stored).read_bytes()
    promote(check=True)
    assert Path(stored).read_bytes() == before
    assert not (tmp_path / "records").exists()
    assert f"would make the new keys current in {stored}" in capsys.readouterr().out


def test_a_dry_run_that_would_change_nothing_says_nothing(promote, loader, stored, capsys, run_action):
    run_action("key_version", state="pending", rotation_id="r1", check=True)
    assert "would" not in capsys.readouterr().out


def test_the_text_of_an_unexpected_exception_never_shows(promote, monkeypatch):
    def fail(self, args):
        raise ValueError("CANARY")

    monkeypatch.setattr(ActionModule, "act", fail)
    result = promote()
    assert (result["failed"], result["error"]["code"]) == (True, "E_INTERNAL")
    assert "CANARY" not in str(result)


def test_any_exception_is_recorded_as_failed_without_its_text(promote, monkeypatch, tmp_path):
    def fail(self, args):
        raise ValueError("CANARY")

    monkeypatch.setattr(ActionModule, "act", fail)
    promote()
    path = Record(str(tmp_path / "records"), "r1").path
    intent, failed = Record(str(tmp_path / "records"), "r1").events()
    assert (intent["phase"], failed["phase"]) == ("intent", "failed")
    assert failed["error"] == {"code": "E_INTERNAL", "what": "ValueError"}
    assert "CANARY" not in Path(path).read_text()


def test_an_unreachable_host_is_recorded_as_failed_and_stays_one(promote, monkeypatch, tmp_path):
    def fail(self, args):
        raise AnsibleConnectionFailure("CANARY")

    monkeypatch.setattr(ActionModule, "act", fail)
    with pytest.raises(AnsibleConnectionFailure):
        promote()
    failed = Record(str(tmp_path / "records"), "r1").events()[-1]
    assert (failed["phase"], failed["error"]["code"]) == ("failed", "E_HOST_LOST")
    assert failed["error"]["what"] == "web can no longer be reached"


@pytest.mark.parametrize(
    ("check", "changed"), [(True, "This step changes nothing."), (False, "It is unknown what this step changed there.")]
)
def test_a_dry_run_that_loses_a_host_does_not_say_that_it_may_have_changed_something(
    promote, monkeypatch, check, changed
):
    def fail(self, args):
        raise AnsibleConnectionFailure("CANARY")

    monkeypatch.setattr(ActionModule, "act", fail)
    with pytest.raises(AnsibleConnectionFailure, match=changed):
        promote(check=check)


def test_if_every_host_is_lost_the_record_is_closed_and_people_are_notified(lose, events, tmp_path):
    lose("one", "two", of="one")
    assert events()[-1] == ("key_version", "failed")
    lose("one", "two", of="two")
    closed, told = Record(str(tmp_path / "records"), "r1").events()[-2:]
    assert (closed["event"], closed["phase"], closed["error"]["code"]) == ("rotate", "failed", "E_HOST_LOST")
    assert (told["event"], told["about"], told["found"]) == ("notification", "failed", "ConnectionRefusedError")
    assert 'data-status="failed"' in (tmp_path / "records/r1/report.html").read_text()


def test_a_host_that_came_back_is_not_lost(lose, events, tmp_path):
    lose("one", "two", of="one")
    Record(str(tmp_path / "records"), "r1").append("env_file", "done", host="one")
    lose("one", "two", of="two")
    assert events()[-1] == ("key_version", "failed")


def test_only_the_run_that_holds_the_lease_is_ended(lose, events, tmp_path):
    os.unlink(Lease(str(tmp_path / "records")).path)
    lose("one", of="one")
    assert events()[-1] == ("key_version", "failed")


def test_the_record_is_next_to_the_inventory_or_where_it_was_said(run_action, stored, tmp_path, home):
    run_action("key_version", state="current", rotation_id="r1", record_dir=None)
    assert (home / ".local/state/key_rotation/default/records/r1/record.jsonl").exists()
    run_action("key_version", state="current", rotation_id="r1", record_dir="~/kept")
    assert (home / "kept/r1/record.jsonl").exists()


def test_the_store_is_the_one_that_the_task_names(run_action, tmp_path, loader, old_keys):
    elsewhere = {"path": str(tmp_path / "elsewhere.yml")}
    with open_store(elsewhere, {}, loader).change() as history:
        history.adopt(old_keys)
    made = run_action("key_version", state="pending", rotation_id="r1", store=elsewhere)
    assert open_store(elsewhere, {}, loader).load().stage("pending").key_id == made["key_id"]
