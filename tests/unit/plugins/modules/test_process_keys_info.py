# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._services import processes, units
from ansible_collections.tetech.key_rotation.plugins.modules import process_keys_info

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="no proc file system")

KEYS = KeySet({"SECRET_KEY": "CANARY-new-key", "ENCRYPTION_SALT": "CANARY-new-salt"})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / ".env"
    made.touch(mode=0o600)
    made.write_text("".join(f"{name}={value}\n" for name, value in KEYS.values.items()))
    return made


@pytest.fixture
def look(run_module, path):
    def run(check: bool = False, **options):
        given = {
            "env_file": str(path),
            "keys": [{"name": name} for name in KEYS.values],
            "expected": KEYS.key_id,
            **options,
        }
        given = {name: value for name, value in given.items() if value is not None}
        ended = run_module(process_keys_info.main, given, check=check)
        assert "CANARY" not in ended.output
        return ended

    return run


def test_every_process_asked_for_is_judged_once_in_a_dry_run_too(look, start):
    word = f"unlikely_{os.getpid()}_word"
    children = [start(word, SECRET_KEY="CANARY").pid, start(word, **KEYS.values).pid]
    for check in (False, True):
        ended = look(check, pids=children, patterns=[word])
        assert (ended.code, ended.result["changed"], ended.result["key_id"]) == (0, False, KEYS.key_id)
        found = {each["pid"]: each["stale"] for each in ended.result["processes"]}
        assert found == {children[0]: True, children[1]: False}
        assert [each["pid"] for each in ended.result["processes"]] == sorted(children)
        assert word not in str(ended.result["processes"])


def test_a_file_with_other_keys_is_reported_first(look, start, path):
    path.write_text("SECRET_KEY=CANARY\nENCRYPTION_SALT=CANARY\n")
    assert look(pids=[start().pid]).error == "E_ENV_NOT_SWITCHED"


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"units": ["nowhere.service"]}, "unit nowhere.service"),
        ({"pids": [2**31 - 1]}, f"pid {2**31 - 1}"),
        ({"patterns": ["no such [c]ommand"]}, "pattern no such [c]ommand"),
    ],
)
def test_what_has_no_process_is_shown_by_none(look, start, options, what):
    ended = look(**{"pids": [start().pid], **options} if "pids" not in options else options)
    assert ended.error == "E_PROCESS_NONE"
    assert f"no process belongs to {what}" in ended.result["msg"]


def test_a_pattern_that_is_invalid_is_an_option_to_correct(look):
    assert look(patterns=["("]).error == "E_OPTION"


def test_asking_for_nothing_shows_nothing(look):
    assert look().error == "E_OPTION"


def test_the_file_is_read_in_its_dialect(look, start, path):
    path.write_text(f"export {path.read_text()}")
    child = start(**KEYS.values)
    assert look(pids=[child.pid], dialect="systemd").error == "E_ENV_SYNTAX"
    assert look(pids=[child.pid], dialect="shell").code == 0


def test_a_hidden_environment_passes_only_where_it_is_accepted(look, start, tell, path):
    while time.time() <= path.stat().st_ctime + 0.05:
        time.sleep(0.005)
    child = start(OTHER="x")
    tell(child, "hide")
    for options, stale in (({}, True), ({"hidden_environment": "accept"}, False)):
        (found,) = look(pids=[child.pid], **options).result["processes"]
        assert found["stale"] is stale


def test_what_has_no_process_may_be_stopped_for_the_rotation(look, start):
    gone = {"units": ["nowhere.service"], "patterns": ["no such [c]ommand"], "absent": "accept"}
    assert (look(**gone).code, look(**gone).result["processes"]) == (0, [])
    (found,) = look(**gone, pids=[start(SECRET_KEY="CANARY").pid]).result["processes"]
    assert found["stale"] is True, "what does run is looked at all the same"


def test_a_unit_that_runs_must_show_itself_even_if_it_may_be_absent(look, monkeypatch):
    monkeypatch.setattr(units.Unit, "has_process", True)
    ended = look(units=["web"], absent="accept")
    assert ended.error == "E_PROCESS_NONE"
    assert "unit web" in ended.result["msg"]
    monkeypatch.setattr(units.Unit, "has_process", False)
    assert look(units=["web"], absent="accept").result["processes"] == []


def test_a_unit_is_known_by_its_alias(look, start, monkeypatch):
    child = start(**KEYS.values)
    real = processes.snapshot

    def placed() -> dict:
        group = {"control_group": "/system.slice/gunicorn.service"}
        return {pid: dataclasses.replace(each, **(group if pid == child.pid else {})) for pid, each in real().items()}

    monkeypatch.setattr(processes, "snapshot", placed)
    monkeypatch.setattr(units.Unit, "id", "gunicorn.service")
    (found,) = look(units=["web"]).result["processes"]
    assert found["pid"] == child.pid


def test_processes_that_end_while_they_are_looked_at_show_nothing(look, start, monkeypatch):
    """They are in the first look at the processes, and are gone when their environment is read."""
    child, right = start(), start(**KEYS.values)
    real = processes.exported

    def exported(process, names):
        if process.pid == child.pid:
            child.kill()
            child.wait()
        return real(process, names)

    monkeypatch.setattr(processes, "exported", exported)
    ended = look(pids=[right.pid, child.pid])
    assert ended.error == "E_PROCESS_NONE"
    assert f"pid {child.pid}" in ended.result["msg"]


def test_ready_asks_neither_the_keys_of_the_file_nor_the_start(look, start, path):
    path.write_text("SECRET_KEY=CANARY\nENCRYPTION_SALT=CANARY\n")
    before = start()
    path.chmod(0o640)
    ended = look(pids=[before.pid], moment="before", expected=None)
    assert (ended.code, "key_id" in ended.result) == (0, False)
    assert [each["stale"] for each in ended.result["processes"]] == [False]
    assert look(pids=[2**31 - 1], moment="before", expected=None).error == "E_PROCESS_NONE"


def test_a_key_that_has_a_file_of_its_own_may_be_exported_as_its_path(look, start, path, tmp_path):
    key_file = tmp_path / "salt.key"
    key_file.touch(mode=0o600)
    key_file.write_text(KEYS.values["ENCRYPTION_SALT"] + "\n")
    keys = [{"name": "SECRET_KEY"}, {"name": "ENCRYPTION_SALT", "destination": str(key_file)}]
    while time.time() <= key_file.stat().st_ctime + 0.05:
        time.sleep(0.005)
    child = start(ENCRYPTION_SALT=str(key_file))
    (found,) = look(pids=[child.pid], keys=keys).result["processes"]
    assert (found["stale"], found["exported"]) == (False, [])


def test_a_variable_that_no_file_of_the_application_has_must_be_in_the_environment(look, start, path, tmp_path):
    """systemd reads the first file, and the application may, too; nothing but the platform has the salt."""
    value = tmp_path / "value"
    value.write_text(KEYS.values["ENCRYPTION_SALT"])
    commands = {"read": ["cat", str(value)], "write": ["tee", str(value)]}
    keys = [{"name": "SECRET_KEY"}, {"name": "ENCRYPTION_SALT", "destination": commands}]
    options = {"keys": keys, "dialect": "systemd", "hidden_environment": "accept"}
    while time.time() < path.stat().st_ctime + 0.05:
        time.sleep(0.01)
    children = [start(), start(ENCRYPTION_SALT=KEYS.values["ENCRYPTION_SALT"]), start(**KEYS.values)]
    ended = look(**options, pids=[child.pid for child in children])
    found = {each["pid"]: (each["stale"], each["key_id"]) for each in ended.result["processes"]}
    assert [found[child.pid] for child in children] == [(True, ""), (False, ""), (False, KEYS.key_id)]
