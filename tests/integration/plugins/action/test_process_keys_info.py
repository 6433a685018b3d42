# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.writer import Record
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._action import RotationAction

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="no proc file system")

KEYS = [{"name": "SECRET_KEY"}, {"name": "ENCRYPTION_SALT"}]


@pytest.fixture
def path(tmp_path: Path, new_keys) -> Path:
    made = tmp_path / ".env"
    made.touch(mode=0o600)
    made.write_text("".join(f"{name}={value}\n" for name, value in new_keys.values.items()))
    return made


@pytest.fixture
def look(run_action, path, stored, old_keys, new_keys):
    def run(**args):
        asked = {"env_file": str(path), "keys": KEYS, "stage": "pending", "rotation_id": "r1", **args}
        result = run_action("process_keys_info", **asked)
        for value in [*old_keys.values.values(), *new_keys.values.values()]:
            assert value not in str(result)
        return result

    return run


def test_processes_with_the_keys_of_the_stage_pass_and_are_in_the_record(look, start, new_keys, tmp_path):
    child = start(**new_keys.values)
    result = look(pids=[child.pid])
    assert not result.get("failed")
    assert [(each["pid"], each["stale"]) for each in result["processes"]] == [(child.pid, False)]
    record = Path(Record(str(tmp_path / "records"), "r1").path).read_text()
    assert f'"pid":{child.pid}' in record
    assert new_keys.values["SECRET_KEY"] not in record


def test_every_stale_one_is_named_with_why_and_what_to_type(look, start, path, old_keys, new_keys):
    before, exported = start(), start(SECRET_KEY=old_keys.values["SECRET_KEY"])
    right = start(**new_keys.values)
    path.chmod(0o640)  # changed after all of them were started
    result = look(pids=[before.pid, exported.pid, right.pid])
    assert (result["failed"], result["error"]["code"]) == (True, "E_PROCESS_STALE")
    verdicts = {each["pid"]: (each["stale"], each["older"], each["exported"]) for each in result["processes"]}
    assert verdicts == {
        before.pid: (True, True, []),
        exported.pid: (True, True, ["SECRET_KEY"]),
        right.pid: (False, True, ["SECRET_KEY", "ENCRYPTION_SALT"]),
    }
    assert all(each["reason"] in result["error"]["what"] for each in result["processes"])
    assert f"pid {right.pid}" not in result["error"]["what"]
    assert f"Stop process {before.pid} " in result["error"]["todo"]
    assert "; remove SECRET_KEY from the environment" in result["error"]["todo"]


def test_an_error_of_the_host_is_handed_on(look, start):
    assert look(stage="current", pids=[start().pid])["error"]["code"] == "E_ENV_NOT_SWITCHED"
    assert look(pids=[2**31 - 1])["error"]["code"] == "E_PROCESS_NONE"


def test_a_hidden_environment_is_refused_unless_it_is_accepted(look, start, tell, path):
    while time.time() <= path.stat().st_ctime + 0.05:
        time.sleep(0.005)
    child = start(OTHER="x")
    tell(child, "hide")
    assert look(pids=[child.pid])["error"]["code"] == "E_PROCESS_STALE"
    assert not look(pids=[child.pid], hidden_environment="accept").get("failed")


def test_the_paths_are_the_hosts(look, monkeypatch):
    sent = []
    monkeypatch.setattr(RotationAction, "on_host", lambda self, module, args: sent.append(args) or {})
    look(env_file="~/app/.env", keys=[KEYS[0], {**KEYS[1], "destination": "~/app/salt"}], pids=[1])
    assert (sent[0]["env_file"], sent[0]["keys"][1]["destination"]) == ("~/app/.env", "~/app/salt")


def test_before_a_switch_a_key_that_is_exported_is_named_and_no_store_is_asked(look, start, new_keys, path, tmp_path):
    plain, exported = start(), start(**new_keys.values)
    about = {"moment": "before", "store": {"path": str(tmp_path / "none.yml")}}
    assert not look(pids=[plain.pid], **about).get("failed")
    result = look(pids=[plain.pid, exported.pid], **about)
    assert result["error"]["code"] == "E_PROCESS_EXPORTED"
    stale = [(each["pid"], each["exported"]) for each in result["processes"] if each["stale"]]
    assert stale == [(exported.pid, ["SECRET_KEY", "ENCRYPTION_SALT"])]


def test_a_stop_is_accepted_if_it_may_be(look):
    assert look(pids=[2**31 - 1], absent="accept")["processes"] == []
