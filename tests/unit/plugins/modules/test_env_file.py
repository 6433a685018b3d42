# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._destinations import (
    destination_interface,
    env_file_editor,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.modules import env_file, env_file_info
from ansible_collections.tetech.key_rotation.tests.expected_errors import expect_error

TEXT = "# ours\nSECRET_KEY='{SECRET_KEY}'\nA=1\nENCRYPTION_SALT={ENCRYPTION_SALT}\n"
OLD = KeySet({"SECRET_KEY": "CANARY-old-key", "ENCRYPTION_SALT": "CANARY-old-salt"})
NEW = KeySet({"SECRET_KEY": "CANARY-new-key", "ENCRYPTION_SALT": "CANARY-new-salt"})

TASK = {"stage": "pending", "rotation_id": "spring"}  # of the task, and nothing to the host


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / ".env"
    made.write_text(TEXT.format(**OLD.values))
    made.chmod(0o640)
    return made


@pytest.fixture
def set_keys(run_module, path):
    def run(keys: KeySet | None = NEW, module: ModuleType = env_file, **flags):
        options = {name: flags.pop(name) for name in ("dialect",) if name in flags}
        chosen = {"keys": [{"name": name} for name in OLD.values], "values": dict(keys.values) if keys else {}}
        chosen["key_id"] = keys.key_id if keys else None
        ended = run_module(module.main, {"path": str(path), **TASK, **chosen, **options}, **flags)
        assert "CANARY" not in ended.output
        return ended

    return run


def test_check_run_check_again_run_again(set_keys, path):
    before = path.read_text()
    would = set_keys(check=True)
    assert would.result["changed"] is True
    assert path.read_text() == before

    done = set_keys()
    assert done.code == 0
    assert path.read_text() == TEXT.format(**NEW.values)
    said = {"changed": True, "path": str(path), "key_id": NEW.key_id, "settings": ["SECRET_KEY", "ENCRYPTION_SALT"]}
    for result in (would.result, done.result):
        assert {name: result[name] for name in said} == said

    inode = path.stat().st_ino
    for again in (set_keys(check=True), set_keys()):
        assert (again.result["changed"], again.result["settings"]) == (False, [])
        assert again.result["key_id"] == NEW.key_id
    assert path.stat().st_ino == inode


def test_the_diff_shows_key_ids_and_no_value(set_keys, path):
    (diff,) = set_keys(check=True, diff=True).result["diff"]
    assert diff["before"] == f"SECRET_KEY of version {OLD.key_id}\nENCRYPTION_SALT of version {OLD.key_id}\n"
    assert diff["after"] == diff["before"].replace(OLD.key_id, NEW.key_id)
    assert diff["before_header"] == diff["after_header"] == str(path)


def test_the_diff_has_each_file_with_the_keys_that_are_in_it(run_module, path):
    key_file = path.with_name("salt.key")
    key_file.write_text("CANARY-old-salt\n")
    key_file.chmod(0o600)
    salt = {"name": "ENCRYPTION_SALT", "destination": str(key_file)}
    for keys, places in (([{"name": "SECRET_KEY"}, salt], [path, key_file]), ([salt], [key_file])):
        values = {key["name"]: NEW.values[key["name"]] for key in keys}
        given = {"path": str(path), "keys": keys, "values": values}
        ended = run_module(env_file.main, {**TASK, **given}, check=True, diff=True)
        assert [(diff["before_header"], diff["after_header"]) for diff in ended.result["diff"]] == [
            (str(place), str(place)) for place in places
        ]
        assert [diff["after"].partition(" of version ")[0] for diff in ended.result["diff"]] == list(values)
        assert all(diff["after"].count("\n") == 1 for diff in ended.result["diff"])
        assert "CANARY" not in ended.output


def test_without_diff_mode_there_is_no_diff(set_keys):
    assert "diff" not in set_keys(check=True).result


def test_a_dry_run_before_there_are_values_says_that_they_would_be_made(set_keys, path):
    before = path.read_text()
    ended = set_keys(None, check=True, diff=True)
    assert (ended.result["changed"], ended.result["key_id"]) == (True, "(created by a real run)")
    assert path.read_text() == before


def test_the_values_are_not_among_the_arguments_of_the_result(set_keys):
    assert set_keys().result["invocation"]["module_args"]["values"] is None


def test_a_refusal_is_an_error_of_the_catalog_and_changes_nothing(set_keys, path):
    path.write_text(TEXT.format(**OLD.values) + "SECRET_KEY=CANARY\n")
    before = path.read_text()
    ended = set_keys()
    assert (ended.code, ended.error) == (1, "E_ENV_DUPLICATE")
    assert path.read_text() == before


def test_a_full_disk_is_reported_and_leaves_the_file(path, full_disk):
    params = {
        "path": str(path),
        "dialect": "dotenv",
        "keys": [{"name": name} for name in OLD.values],
        "values": dict(NEW.values),
        "key_id": NEW.key_id,
    }
    before = path.read_text()
    for work in (env_file_info.rehearse_env_file, env_file.set_env_file):
        with full_disk(), expect_error("E_ENV_WRITE", path=str(path), changed_nothing=True):
            work(SimpleNamespace(params=params, check_mode=False, _diff=False))
    assert path.read_text() == before


def test_a_rehearsal_proves_the_switch_and_changes_nothing(set_keys, path, monkeypatch):
    done: list[str] = []
    rehearse, write = destination_interface.rehearse, destination_interface.write
    monkeypatch.setattr(destination_interface, "rehearse", lambda *args: done.append("rehearse") or rehearse(*args))
    monkeypatch.setattr(destination_interface, "write", lambda *args: done.append("write") or write(*args))
    before = path.read_text()
    ended = set_keys(module=env_file_info, diff=True)
    assert (ended.code, ended.result["changed"]) == (0, False)
    assert (ended.result["key_id"], "diff" in ended.result) == (NEW.key_id, False)
    assert (path.read_text(), os.listdir(path.parent).count(".env")) == (before, 1)
    assert [name for name in os.listdir(path.parent) if "key_rotation" in name] == []
    assert set_keys(module=env_file_info, check=True).result["changed"] is False
    set_keys()
    assert done == ["rehearse", "write"], "a dry run writes nothing, not even beside the file"


def test_a_rehearsal_refuses_what_the_switch_would_refuse(set_keys, path):
    path.write_text(f"{TEXT.format(**OLD.values)}SECRET_KEY=CANARY\n")
    assert set_keys(module=env_file_info).error == "E_ENV_DUPLICATE"


def test_what_a_killed_run_left_goes_even_if_nothing_is_to_be_set(set_keys, path):
    left = path.with_name("..env.key_rotation.tmp")
    left.write_text(TEXT.format(**NEW.values))
    set_keys(OLD, check=True)
    assert left.exists()
    assert set_keys(OLD).result["changed"] is False
    assert not left.exists()


def test_the_dialect_is_that_of_the_reader(set_keys, path):
    path.write_text(TEXT.format(**OLD.values).replace("SECRET", "export SECRET"))
    assert set_keys(dialect="systemd").error == "E_ENV_SYNTAX"
    path.write_text("SECRET_KEY=$CANARY\nENCRYPTION_SALT=CANARY\n")
    assert set_keys(dialect="django-environ").error == "E_ENV_SYNTAX"
    assert set_keys(dialect="systemd").result["changed"] is True
    assert path.read_text() == "SECRET_KEY={SECRET_KEY}\nENCRYPTION_SALT={ENCRYPTION_SALT}\n".format(**NEW.values)


def test_keys_in_several_files_are_set_in_one_step_or_not_at_all(run_module, path, monkeypatch):
    key_file = path.with_name("salt.key")
    path.write_text(TEXT.format(**OLD.values))
    key_file.write_text("CANARY-old-salt\n")
    key_file.chmod(0o600)
    keys = [{"name": "SECRET_KEY"}, {"name": "ENCRYPTION_SALT", "destination": str(key_file)}]
    given = {"path": str(path), "keys": keys, "values": dict(NEW.values)}
    with monkeypatch.context() as patched:
        prepared = env_file_editor.atomic_file.prepared

        def full(place: str, *args: object):
            if place == str(key_file):
                raise OSError(28, os.strerror(28))
            return prepared(place, *args)

        patched.setattr(env_file_editor.atomic_file, "prepared", full)
        refused = run_module(env_file.main, {**TASK, **given})
    assert refused.error == "E_ENV_WRITE"
    assert "Nothing was changed" in refused.result["msg"]
    assert path.read_text() == TEXT.format(**OLD.values)
    assert run_module(env_file.main, {**TASK, **given}).result["changed"] is True
    assert path.read_text() == TEXT.format(SECRET_KEY="CANARY-new-key", ENCRYPTION_SALT="CANARY-old-salt")
    assert key_file.read_text() == "CANARY-new-salt\n"


def test_values_come_from_the_action_alone(run_module, path):
    before = path.read_text()
    ended = run_module(env_file.main, {"path": str(path), **TASK, "keys": [{"name": "SECRET_KEY"}]})
    assert (ended.code, ended.error) == (1, "E_ACTION_MISSING")
    assert path.read_text() == before
