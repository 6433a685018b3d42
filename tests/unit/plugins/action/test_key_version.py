# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.action import key_version
from ansible_collections.tetech.key_rotation.plugins.module_utils.errors import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils.record import Record
from ansible_collections.tetech.key_rotation.plugins.module_utils.stores.history import History
from ansible_collections.tetech.key_rotation.plugins.module_utils.stores.vault_file import VaultFile
from ansible_collections.tetech.key_rotation.plugins.plugin_utils.key_store import open_store


@pytest.fixture
def env_file(tmp_path: Path, old_keys) -> str:
    path = tmp_path / ".env"
    path.write_text("".join(f"{name}={value}\n" for name, value in old_keys.values.items()))
    path.chmod(0o600)
    return str(path)


@pytest.fixture
def history(store_path, loader):
    """The history that the store holds now."""
    return lambda: open_store({"path": store_path}, {}, loader).load()


@pytest.fixture
def version(run_action):
    def run(state: str, rotation_id: str = "r1", **args):
        return run_action("key_version", state=state, rotation_id=rotation_id, **args)

    return run


def code(result) -> str:
    return result["error"]["code"]


def test_the_application_s_own_keys_are_adopted_once(version, env_file, history, old_keys):
    would = version("adopted", env_file=env_file, check=True)
    assert (would["changed"], would["key_id"]) == (True, old_keys.key_id)
    assert history().versions == []

    done = version("adopted", env_file=env_file, key_id=old_keys.key_id)
    assert (done["changed"], done["key_id"], done["stages"]) == (True, old_keys.key_id, {"current": old_keys.key_id})
    assert history().stage("current").values == old_keys.values

    again = version("adopted", env_file=env_file)
    assert (again["changed"], again["key_id"]) == (False, old_keys.key_id)
    assert len(history().versions) == 1
    for result in (would, done, again):
        assert not any(value in str(result) for value in old_keys.values.values())


def test_keys_other_than_those_that_opened_the_data_are_not_adopted(version, env_file, history, new_keys):
    result = version("adopted", env_file=env_file, key_id=new_keys.key_id)
    assert (result["failed"], code(result)) == (True, "E_KEYS_NOT_PROVED")
    assert history().versions == []


def test_a_later_run_goes_by_the_store_and_not_by_what_opened_the_data(version, env_file, new_keys):
    """After a kill between the switch and the promotion the data opens under either version."""
    version("adopted", env_file=env_file)
    assert version("adopted", env_file=env_file, key_id=new_keys.key_id)["changed"] is False


def test_of_two_hosts_that_adopt_at_once_the_second_is_held_against_the_first(
    version, env_file, history, third_keys, store_path, loader, monkeypatch
):
    """The other host's keys come into the store between the look at it and the change."""
    store = open_store({"path": store_path}, {}, loader)
    with store.change() as first:
        first.adopt(third_keys, "r1")
    load, empty = VaultFile.load, iter([History(store_path)])
    monkeypatch.setattr(VaultFile, "load", lambda self: next(empty, None) or load(self))
    assert code(version("adopted", env_file=env_file)) == "E_KEYS_DIFFER"
    assert [one.key_id for one in history().versions] == [third_keys.key_id]


def test_a_refusal_on_the_host_is_the_result(version, tmp_path, history):
    result = version("adopted", env_file=str(tmp_path / "none"))
    assert (result["failed"], code(result)) == (True, "E_ENV_MISSING")
    assert history().versions == []


@pytest.mark.parametrize(
    ("path", "held", "refused"),
    [
        ("pending", "old", None),
        ("pending", "new", None),  # interrupted in its switch
        ("pending", "third", "E_KEYS_DIFFER"),
        ("promoted", "new", None),
        ("promoted", "old", None),
        ("completed", "new", None),
        ("completed", "old", "E_KEYS_BACK"),
        ("completed", "third", "E_KEYS_DIFFER"),
        ("taken back", "old", None),
        ("taken back", "new", "E_KEYS_DIFFER"),
    ],
)
def test_the_env_file_and_the_store_must_agree(path, held, refused, old_keys, new_keys, third_keys, request):
    history = request.getfixturevalue("begun")
    if path in ("promoted", "completed"):
        history.promote()
    if path == "completed":
        history.close("r1")
    if path == "taken back":
        history.roll_back()
    keys = {"old": old_keys, "new": new_keys, "third": third_keys}[held]
    found = None
    try:
        key_version._refuse_other_keys(history, keys, "/.env")
    except RotationError as exc:
        found = exc.code
    assert found == refused


@pytest.fixture
def begun(stored, history):
    return history()


def test_a_rotation_has_one_new_version_however_often_it_is_asked_for(version, history, env_file, old_keys):
    version("adopted", env_file=env_file)
    would = version("pending", check=True)
    assert (would["changed"], would["key_id"]) == (True, "(made by a real run)")
    assert list(history().stages) == ["current"]

    made = version("pending")
    assert made["changed"] is True
    assert history().stage("pending").key_id == made["key_id"] != old_keys.key_id
    values = history().stage("pending").values
    assert set(values) == {"SECRET_KEY", "ENCRYPTION_SALT"}

    for again in (version("pending"), version("pending", check=True)):
        assert (again["changed"], again["key_id"]) == (False, made["key_id"])
    assert history().stage("pending").values == values
    assert not any(value in str(made) for value in values.values())


def test_the_types_of_the_keys_are_those_asked_for(version, history):
    version("pending", keys=[{"name": "FIELD_KEY", "type": "hex"}, {"name": "SALT"}])
    values = history().stage("pending").values
    assert int(values["FIELD_KEY"], 16) > 0
    assert list(values) == ["FIELD_KEY", "SALT"]


def test_an_unknown_type_is_refused_before_anything_is_made(version, history):
    result = version("pending", keys=[{"name": "FIELD_KEY", "type": "uuid"}])
    assert code(result) == "E_KEY_TYPE"
    assert history().versions == []


def test_a_second_rotation_waits_until_the_open_one_is_ended(version, stored, history):
    for state in ("pending", "current"):
        result = version(state, "r2")
        assert code(result) == "E_ROTATION_OPEN"
        assert "rotation r1 is not finished" in result["msg"]
    assert history().open_rotation == "r1"
    assert "pending" in history().stages


def test_the_pending_version_is_made_current_once(version, stored, history, old_keys, new_keys):
    would = version("current", check=True)
    assert (would["changed"], would["key_id"]) == (True, new_keys.key_id)
    assert history().stage("current").key_id == old_keys.key_id

    done = version("current")
    assert (done["changed"], done["key_id"]) == (True, new_keys.key_id)
    assert history().stages == {"current": new_keys.key_id, "previous": old_keys.key_id}

    again = version("current")
    assert (again["changed"], again["key_id"]) == (False, new_keys.key_id)
    assert history().stages == done["stages"]


def test_the_version_before_is_made_current_again_once(version, stored, history, old_keys):
    would = version("rolled_back", check=True)
    assert would["changed"] is True
    assert "pending" in history().stages

    assert version("rolled_back")["changed"] is True
    assert history().stages == {"current": old_keys.key_id}
    again = version("rolled_back")
    assert (again["changed"], again["key_id"]) == (False, old_keys.key_id)


@pytest.mark.parametrize("check", [False, True])
def test_a_rollback_of_another_rotation_than_the_last_is_refused(version, stored, history, check):
    result = version("rolled_back", "r2", check=check)
    assert (result["failed"], code(result)) == (True, "E_ROTATION_OPEN")
    assert "r1" in result["msg"]
    assert "pending" in history().stages


def test_a_rollback_of_an_earlier_rotation_than_the_last_is_refused(
    version, stored, history, third_keys, store_path, loader
):
    with open_store({"path": store_path}, {}, loader).change() as changed:
        changed.promote()
        changed.close("r1")
        changed.add_pending(third_keys, "r2")
    before = history()
    assert code(version("rolled_back", "r1")) == "E_ROTATION_OPEN"
    assert history() == before
    assert version("rolled_back", "r2")["changed"] is True


def test_what_was_done_is_recorded_with_key_ids_and_no_value(version, stored, tmp_path, new_keys, old_keys):
    version("current")
    record = Record(str(tmp_path / "records"), "r1")
    intent, done = record.events()
    assert (intent["event"], intent["phase"], intent["host"]) == ("key_version", "intent", "web")
    assert intent["asked"] == {"state": "current"}
    assert (done["phase"], done["key_id"], done["changed"]) == ("done", new_keys.key_id, True)
    text = Path(record.path).read_text()
    assert not any(value in text for keys in (old_keys, new_keys) for value in keys.values.values())
