# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.writer import Record
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._action import RotationAction
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._keys.configured_store import open_store

KEYS = [{"name": "SECRET_KEY"}, {"name": "ENCRYPTION_SALT"}]
TEXT = "# ours\nSECRET_KEY={SECRET_KEY}\nENCRYPTION_SALT='{ENCRYPTION_SALT}'"


@pytest.fixture
def path(tmp_path: Path, old_keys) -> Path:
    made = tmp_path / ".env"
    made.write_text(TEXT.format(**old_keys.values))
    made.chmod(0o600)
    return made


@pytest.fixture
def switch(run_action, path):
    def run(stage: str, **args):
        return run_action("env_file", **{"path": str(path), "stage": stage, "keys": KEYS, "rotation_id": "r1", **args})

    return run


def test_the_values_of_the_stage_are_set_on_the_host_and_shown_nowhere(switch, stored, path, new_keys, tmp_path):
    done = switch("pending")
    assert (done["changed"], done["key_id"]) == (True, new_keys.key_id)
    assert path.read_text() == TEXT.format(**new_keys.values)
    record = Path(Record(str(tmp_path / "records"), "r1").path).read_text()
    for value in new_keys.values.values():
        assert value not in str(done)
        assert value not in record
    left = [entry for entry in tmp_path.rglob("*") if entry.is_file()]
    assert [entry for entry in left if new_keys.values["SECRET_KEY"].encode() in entry.read_bytes()] == [path]


def test_a_dry_run_changes_nothing(switch, stored, path, old_keys, tmp_path):
    assert switch("pending", check=True)["changed"] is True
    assert path.read_text() == TEXT.format(**old_keys.values)
    assert not (tmp_path / "records").exists()


def test_a_dry_run_before_there_is_a_version_says_that_it_would_be_made(switch, path, old_keys):
    result = switch("pending", check=True)
    assert (result["changed"], result["key_id"]) == (True, "(created by a real run)")
    assert path.read_text() == TEXT.format(**old_keys.values)


@pytest.mark.parametrize("stage", ["pending", "current", "previous"])
def test_a_dry_run_before_there_is_any_version_does_not_know_better(switch, stage):
    assert switch(stage, check=True)["key_id"] == "(created by a real run)"


@pytest.mark.parametrize("check", [False, True])
def test_a_stage_that_no_real_run_would_have_made_is_refused_in_a_dry_run_too(
    switch, stored, store_path, loader, path, check
):
    def refused(stage: str, rotation_id: str) -> bool:
        result = switch(stage, rotation_id=rotation_id, check=check)
        return result.get("error", {}).get("code") == "E_STORE_STAGE"

    assert refused("previous", "r1"), "nothing was promoted yet"
    with open_store({"path": store_path}, {}, loader).change() as history:
        history.promote()
    assert refused("pending", "r1"), "it was promoted"
    assert refused("pending", "r2"), "the rotation r1 is open"
    with open_store({"path": store_path}, {}, loader).change() as history:
        history.close("r1")
    assert refused("pending", "r1"), "it was completed"
    assert refused("pending", "r2") is not check, "a real run would have made it"


def test_a_stage_that_nobody_has_is_refused_before_the_host_is_asked(switch, path, old_keys):
    assert switch("pending")["error"]["code"] == "E_STORE_STAGE"
    assert path.read_text() == TEXT.format(**old_keys.values)


def test_a_host_that_missed_a_rollback_gets_the_keys_that_are_current_again(
    switch, stored, path, old_keys, store_path, loader
):
    switch("pending")
    with open_store({"path": store_path}, {}, loader).change() as history:
        history.roll_back()
    assert switch("current")["changed"] is True
    assert path.read_text() == TEXT.format(**old_keys.values)
    refused = switch("current", rotation_id="r2")
    assert "Use the last rotation, r1, and the current version." in refused["msg"]


def test_a_setting_that_the_version_lacks_is_named(switch, stored):
    result = switch("pending", keys=[*KEYS, {"name": "OTHER_KEY"}])
    assert result["error"]["code"] == "E_OPTION"
    assert "key_rotation_keys lists OTHER_KEY" in result["msg"]


def test_a_rehearsal_leaves_the_file_and_no_key_anywhere(switch, stored, path, new_keys, old_keys, tmp_path):
    done = switch("pending", state="prepared")
    assert (done["changed"], done["key_id"]) == (False, new_keys.key_id)
    assert path.read_text() == TEXT.format(**old_keys.values)
    left = [entry for entry in tmp_path.rglob("*") if entry.is_file()]
    assert [entry for entry in left if new_keys.values["SECRET_KEY"].encode() in entry.read_bytes()] == []
    record = Path(Record(str(tmp_path / "records"), "r1").path).read_text()
    assert '"state":"prepared"' in record


def test_the_dialect_goes_to_the_host(switch, stored, path):
    path.write_text(f"export {path.read_text().removeprefix('# ours').lstrip()}")
    assert switch("pending", dialect="systemd")["error"]["code"] == "E_ENV_SYNTAX"
    assert switch("pending", dialect="shell")["changed"] is True


@pytest.mark.parametrize("wrong", [{"dialct": "systemd"}, {"dialect": "fish"}, {"state": "absent"}])
def test_a_misspelled_option_is_no_silent_default(switch, stored, path, wrong):
    before = path.read_text()
    result = switch("pending", **wrong)
    assert (result["failed"], result["error"]["code"]) == (True, "E_ARGUMENT")
    assert next(iter(wrong)) in result["msg"]
    assert path.read_text() == before


def test_the_paths_are_the_hosts(switch, stored, path, monkeypatch):
    sent = []
    monkeypatch.setattr(RotationAction, "on_host", lambda self, module, args: sent.append(args) or {})
    keys = [KEYS[0], {**KEYS[1], "destination": "~/app/$salt"}]
    switch("pending", path="~/app/.env", keys=keys)
    assert (sent[0]["path"], sent[0]["keys"][1]["destination"]) == ("~/app/.env", "~/app/$salt")


@pytest.mark.parametrize(
    ("after", "stage", "rotation_id", "taken"),
    [
        ("made", "pending", "r1", True),
        ("made", "current", "r1", True),  # the way back
        ("made", "pending", "r2", False),
        ("made", "current", "r0", False),
        ("promoted", "current", "r1", True),
        ("promoted", "previous", "r1", True),  # the way back
        ("promoted", "current", "r0", False),
        ("promoted", "previous", "before r1", False),
        ("taken back", "current", "r1", True),  # a host that missed it
        ("taken back", "current", "r0", False),
        ("next", "previous", "r2", False),  # what r1 went out from, while r2 is on its way
        ("next", "current", "r1", False),
    ],
)
def test_a_stage_is_set_only_for_the_rotation_whose_it_is(
    switch, stored, store_path, loader, path, third_keys, after, stage, rotation_id, taken
):
    with open_store({"path": store_path}, {}, loader).change() as history:
        if after in ("promoted", "next"):
            history.promote()
        if after == "next":
            history.close("r1")
            history.add_pending(third_keys, "r2")
        if after == "taken back":
            history.roll_back()
    before = path.read_text()
    for check in (True, False):
        result = switch(stage, rotation_id=rotation_id, check=check)
        assert (not result.get("failed")) is taken
        if not taken:
            assert result["error"]["code"] == "E_STAGE_OF_OTHER_ROTATION"
            assert path.read_text() == before
