# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.writer import Record
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._keys.configured_store import open_store


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    path = tmp_path / ".env"
    path.touch(mode=0o600)
    return path


@pytest.fixture
def look(run_action, env_file):
    """What is reported of a host with these keys."""

    def run(keys, **args):
        env_file.write_text("".join(f"{name}={value}\n" for name, value in keys.values.items()))
        result = run_action("key_version_info", env_file=str(env_file), **args)
        assert not any(value in str(result) for value in keys.values.values())
        return result

    return run


def test_the_stage_that_a_host_has_is_reported(look, stored, old_keys, new_keys, third_keys):
    for keys, stage in ((old_keys, "current"), (new_keys, "pending"), (third_keys, "other")):
        found = look(keys)
        assert (found["holds"], found["key_id"], found["changed"]) == (stage, keys.key_id, False)
    assert found["stages"] == {"current": old_keys.key_id, "pending": new_keys.key_id}


def test_the_keys_of_a_rotation_that_was_rolled_back_are_reported(look, stored, store_path, loader, new_keys):
    with open_store({"path": store_path}, {}, loader).change() as history:
        history.roll_back()
    assert look(new_keys)["holds"] == "rolled back"


def test_another_stage_than_the_expected_one_is_an_error(look, stored, old_keys, new_keys):
    assert look(old_keys, expect_stage="current")["msg"] == f"the application has version {old_keys.key_id}"
    refused = look(new_keys, expect_stage="current")
    assert (refused["failed"], refused["error"]["code"]) == (True, "E_ENV_NOT_SWITCHED")
    assert look(new_keys, expect_stage="pending")["holds"] == "pending"


def test_an_empty_store_expects_no_version(look, old_keys):
    assert look(old_keys, expect_stage="current")["holds"] == "other"


def test_a_look_at_a_host_is_recorded_and_a_list_is_not(look, run_action, stored, tmp_path, old_keys, env_file):
    look(old_keys, rotation_id="r1", expect_stage="current")
    run_action("key_version_info", rotation_id="r1")
    intent, done = Record(str(tmp_path / "records"), "r1").decoded()
    assert {intent.name, done.name} == {"key_version_info"}
    assert (intent.is_intent, done.is_done) == (True, True)
    assert intent.asked == {"expect_stage": "current", "env_file": str(env_file)}
    assert done.key_id == old_keys.key_id
