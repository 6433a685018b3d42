# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime
import json
import os
import re
import textwrap
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.action import key_version
from ansible_collections.tetech.key_rotation.plugins.module_utils._destinations import key_generation
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.keys import VersionHeld, VersionUsed
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.options import InvalidOption
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.run import RotationOpen
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.rotation_id import checked
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.writer import Record
from ansible_collections.tetech.key_rotation.plugins.module_utils._stores.history import History
from ansible_collections.tetech.key_rotation.plugins.module_utils._stores.vault_file import VaultFile
from ansible_collections.tetech.key_rotation.plugins.module_utils._system.timestamps import add_days
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._keys import retention
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._keys.ansible_vault import AnsibleVault
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._keys.configured_store import open_store
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._keys.host_keys import KeyFiles, refuse_other_keys
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._screen import lines
from ansible_collections.tetech.key_rotation.tests.key_pairs import KeyPair, key_pair
from ansible_collections.tetech.key_rotation.tests.key_version_fixtures import (  # noqa: F401
    STRONG,
    another_first,
    census,
    code,
    completed,
    history,
    vaulted,
    version,
)


@pytest.fixture
def adopted(store_path, loader, old_keys) -> None:
    with open_store({"path": store_path}, {}, loader).change() as changed:
        changed.adopt(old_keys)


def is_other_request(result, option: str, rotation_id: str) -> bool:
    """Whether it was refused because the option asks for something else than the version of the rotation is."""
    what = result["error"]["what"]
    return (
        code(result) == "E_OPTION" and what.startswith(f"key_rotation_{option} ") and f"rotation {rotation_id}" in what
    )


@pytest.fixture
def begun(stored, history):
    return history()


def test_an_approval_that_another_control_node_used_first_makes_no_version(version, stored, loader, tmp_path):
    """Both had begun with it, neither with a version yet."""
    used = {"plan_hash": "5e" * 32, "environment": "demo", "principal": "ada", "time": "2026-01-02T03:04:05Z"}
    for rotation_id, folder in (("r2", "records"), ("r3", "elsewhere")):
        Record(str(tmp_path / folder), rotation_id).append("rotate", "intent", approval=used)
    version("current")
    keys = [{"name": "SECRET_KEY"}]
    with open_store({"path": stored}, {}, loader).change() as changed:
        changed.close("r1")
    assert not version("pending", "r2", keys=keys).get("failed")
    with open_store({"path": stored}, {}, loader).change() as changed:
        changed.promote()
        changed.close("r2")
    assert code(version("pending", "r3", keys=keys, record_dir=str(tmp_path / "elsewhere"))) == "E_APPROVAL_USED"


@pytest.mark.parametrize("where", ["before", "after the switch", "by a run that resumes"])
def test_the_version_that_leaked_is_marked_as_soon_as_there_is_another(version, adopted, history, where):
    version("pending", compromised=where == "before")
    if where == "after the switch":
        version("current")
    else:
        assert (history().stage("current").state == "compromised") is (where == "before")
    again = version("pending", compromised=True)
    assert (again["changed"], "generated" in again) == (False, False)
    assert [each.state == "compromised" for each in history().versions] == [True, False]


def test_a_rotation_that_is_completed_marks_nothing_any_more(version, completed, history):
    version("pending", compromised=True)
    assert "compromised" not in [each.state for each in history().versions]


def test_of_two_hosts_that_ask_for_new_keys_at_once_the_second_finds_those_of_the_first(
    version, adopted, history, new_keys, another_first
):
    another_first(lambda store: store.add_pending(new_keys, "r1"))
    result = version("pending")
    assert (result["changed"], result["key_id"]) == (False, new_keys.key_id)
    assert len(history().versions) == 2


def test_of_two_hosts_that_promote_at_once_the_second_finds_it_done(version, stored, new_keys, another_first):
    another_first(History.promote)
    result = version("current")
    assert (result["changed"], result["key_id"]) == (False, new_keys.key_id)


def test_of_two_hosts_that_roll_back_at_once_the_second_goes_no_further_back(
    version, completed, history, third_keys, new_keys, another_first, store_path, loader
):
    with open_store({"path": store_path}, {}, loader).change() as changed:
        changed.add_pending(third_keys, "r2")
        changed.promote()
    another_first(History.roll_back)
    result = version("rolled_back", "r2")
    assert (result["changed"], result["key_id"]) == (False, new_keys.key_id)
    assert history().stages == {"current": new_keys.key_id}
    assert history().outcome("r1") == "completed"


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
        ("taken back", "new", "E_KEYS_LEFT"),
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
        refuse_other_keys(history, keys, KeyFiles("/.env", [{"name": name} for name in keys.values], "dotenv"))
    except RotationError as exc:
        found = exc.code
    assert found == refused


@pytest.mark.parametrize(
    ("path", "refused"),
    [("pending", None), ("promoted", None), ("completed", "E_KEYS_BACK"), ("taken back", "E_KEYS_DIFFER")],
)
@pytest.mark.parametrize("new", ["SECRET_KEY", "ENCRYPTION_SALT"])
def test_files_of_which_only_some_were_switched_are_a_switch_that_was_interrupted(
    path, refused, new, begun, old_keys, new_keys
):
    if path in ("promoted", "completed"):
        begun.promote()
    if path == "completed":
        begun.close("r1")
    if path == "taken back":
        begun.roll_back()
    mixed = KeySet({**old_keys.values, new: new_keys.values[new]})
    apart = [{"name": "SECRET_KEY"}, {"name": "ENCRYPTION_SALT", "destination": "/salt"}]
    for keys, expected in ((apart, refused), ([{"name": name} for name in mixed.values], "E_KEYS_DIFFER")):
        found = None
        try:
            refuse_other_keys(begun, mixed, KeyFiles("/.env", keys, "dotenv"))
        except RotationError as exc:
            found = exc.code
        assert found == expected, "a .env file is switched at once: in one file a mix is somebody else's"


def test_a_key_that_is_no_longer_listed_is_no_switch_that_was_interrupted(begun, old_keys):
    fewer = KeySet({"SECRET_KEY": old_keys.values["SECRET_KEY"]})
    with pytest.raises(RotationError, match="E_KEYS_DIFFER"):
        refuse_other_keys(begun, fewer, KeyFiles("/.env", [{"name": "SECRET_KEY"}], "dotenv"))


def test_a_rotation_has_one_new_version_however_often_it_is_asked_for(version, history, env_file, old_keys):
    version("adopted", env_file=env_file)
    would = version("pending", check=True)
    assert (would["changed"], would["key_id"]) == (True, "(created by a real run)")
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


def test_no_new_keys_are_made_without_a_current_version(version, history):
    """There would be nothing to go back to, and the keys that the data is under would never come into the store."""
    assert code(version("pending")) == "E_STORE_STAGE"
    assert history().versions == []


def test_a_rotation_that_was_rolled_back_makes_no_keys_again(version, stored, history):
    version("rolled_back")
    for check in (False, True):
        assert code(version("pending", check=check)) == "E_ROTATION_ID_USED"


@pytest.mark.parametrize("check", [False, True])
def test_other_keys_than_the_rotation_made_are_not_ignored(version, adopted, history, vaulted, check):
    supplied = vaulted(f"SECRET_KEY: '{STRONG}'")
    made = version("pending", values_file=supplied)
    assert version("pending", values_file=supplied, check=check)["key_id"] == made["key_id"]
    other = version("pending", keys=[{"name": "SECRET_KEY"}], check=check)
    assert (is_other_request(other, "keys", "r1"), "SALT" in other["error"]["what"]) == (True, False)
    keys = [{"name": "SECRET_KEY"}, {"name": "ENCRYPTION_SALT", "type": "fernet"}]
    other = version("pending", keys=keys, values_file=supplied, check=check)
    assert (is_other_request(other, "keys", "r1"), "ENCRYPTION_SALT" in other["error"]["what"]) == (True, True)
    other = version("pending", values_file=vaulted(f"SECRET_KEY: '{STRONG[::-1]}'"), check=check)
    assert is_other_request(other, "values_file", "r1")
    assert "CANARY" not in str(other)


def test_the_types_of_the_keys_are_those_asked_for(version, adopted, history):
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
        assert result["error"] == RotationOpen(open_id="r1", requested="r2").parts
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
    assert (result["failed"], result["error"]) == (True, RotationOpen(open_id="r1", requested="r2").parts)
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


def test_keys_that_an_interrupted_run_put_aside_are_taken_and_none_made_next_to_them(
    version, adopted, history, new_keys, monkeypatch
):
    """As a store on a server finds them, whose values and history are two writes."""
    monkeypatch.setattr(VaultFile, "read_values", lambda self, rotation_id: {"r1": new_keys.values}.get(rotation_id))
    for check in (False, True):
        other = version("pending", keys=[{"name": "SECRET_KEY"}], check=check)
        assert is_other_request(other, "keys", "r1")
    assert version("pending", check=True)["changed"] is True
    assert version("pending")["key_id"] == new_keys.key_id
    assert history().stage("pending").values == new_keys.values


def test_values_from_elsewhere_are_taken_from_a_file_that_ansible_vault_encrypted(version, adopted, history, vaulted):
    made = version("pending", values_file=vaulted(f"SECRET_KEY: '{STRONG}'"))
    assert made["changed"] is True
    values = history().stage("pending").values
    assert values["SECRET_KEY"] == STRONG
    assert len(values["ENCRYPTION_SALT"]) == 32
    assert "CANARY" not in str(made)


@pytest.mark.parametrize("check", [False, True])
def test_an_openpgp_key_pair_is_taken_with_its_lines(version, adopted, history, vaulted, check):
    keys = [{"name": name, "type": "openpgp", "destination": f"/k/{name}"} for name in KeyPair._fields]
    text = "".join(f"{name}: |\n{textwrap.indent(key, '  ')}" for name, key in key_pair()._asdict().items())
    made = version("pending", keys=[{"name": "SECRET_KEY"}, *keys], values_file=vaulted(text), check=check)
    assert made["changed"] is True
    if not check:
        values = dict(history().stage("pending").values)
        assert len(values.pop("SECRET_KEY")) == 51
        assert values == {name: key.strip() for name, key in key_pair()._asdict().items()}
        rng = {each["name"]: each["rng"] for each in made["generated"]}
        assert rng == {"SECRET_KEY": "os.urandom", "public": "supplied", "private": "supplied"}


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("SECRET_KEY: CANARY-short", "E_KEY_WEAK"),
        (f"SALT: {STRONG}", "E_KEY_WEAK"),
        ("- CANARY", "E_KEY_FILE"),
        ("SECRET_KEY: [CANARY", "E_KEY_FILE"),
        ("SECRET_KEY: 42", "E_KEY_FILE"),
    ],
)
def test_values_from_elsewhere_that_are_no_good_are_refused_without_showing_them(
    version, history, vaulted, text, refused, check
):
    result = version("pending", values_file=vaulted(text), check=check)
    assert code(result) == refused
    assert "CANARY" not in str(result)
    assert history().versions == []


@pytest.mark.parametrize(
    ("text", "which"),
    [
        (f"SECRET_KEY: {STRONG}\nENCRYPTION_SALT: {'7' * 64}", "ENCRYPTION_SALT"),
        (f"ENCRYPTION_SALT: {STRONG}\nSECRET_KEY: 2026-11-26", "SECRET_KEY"),
        (f"SECRET_KEY: {STRONG}\n{STRONG[::-1]}: yes", "entry 2"),
    ],
)
def test_a_value_that_is_no_text_for_yaml_is_to_be_quoted(version, vaulted, text, which):
    result = version("pending", values_file=vaulted(text))
    assert code(result) == "E_KEY_FILE"
    assert f" {which} " in result["error"]["what"]
    assert not [word for word in ("CANARY", STRONG, STRONG[::-1], "7777", "2026-11") if word in result["error"]["what"]]


@pytest.mark.parametrize("check", [False, True])
def test_a_file_with_values_for_names_shows_none_of_them(version, adopted, vaulted, check, tmp_path):
    result = version("pending", values_file=vaulted(f"{STRONG}: SECRET_KEY"), check=check)
    assert (code(result), "entry 1" in result["msg"]) == ("E_KEY_WEAK", True)
    record = Record(str(tmp_path / "records"), "r1").text().decode()
    assert ("E_KEY_WEAK" in record) is not check
    assert "CANARY" not in str(result) + record


def test_values_from_elsewhere_unencrypted_are_refused(version, tmp_path):
    (tmp_path / "clear.yml").write_text(f"SECRET_KEY: {STRONG}")
    assert code(version("pending", values_file=str(tmp_path / "clear.yml"))) == "E_KEY_FILE"
    assert code(version("pending", values_file=str(tmp_path / "none.yml"))) == "E_KEY_FILE"
    os.mkfifo(tmp_path / "fifo.yml")  # at which a read would wait for ever
    assert code(version("pending", values_file=str(tmp_path / "fifo.yml"))) == "E_KEY_FILE"


@pytest.mark.parametrize("check", [False, True])
def test_values_from_elsewhere_that_were_used_before_are_refused(version, history, vaulted, store_path, loader, check):
    with open_store({"path": store_path}, {}, loader).change() as adopted:
        adopted.adopt(KeySet({"SECRET_KEY": f"{STRONG[::-1]},{STRONG}"}))
    for used in (STRONG, STRONG[::-1]):
        assert code(version("pending", values_file=vaulted(f"SECRET_KEY: {used}"), check=check)) == "E_KEY_REUSED"
    assert list(history().stages) == ["current"]


@pytest.mark.parametrize("check", [False, True])
def test_values_from_elsewhere_that_were_a_destroyed_version_are_refused(
    version, completed, history, vaulted, store_path, loader, check
):
    """Of a destroyed version the key id alone is left: that of all the values together."""
    given = {"SECRET_KEY": STRONG, "ENCRYPTION_SALT": STRONG[::-1]}
    with open_store({"path": store_path}, {}, loader).change() as changed:
        changed.add_pending(KeySet(given), "r2")
        changed.roll_back()
        changed.destroy(KeySet(given).key_id, compromised=False)
    again = vaulted("".join(f"{name}: {value}\n" for name, value in given.items()))
    assert code(version("pending", "r3", values_file=again, check=check)) == "E_KEY_REUSED"


@pytest.mark.parametrize("check", [False, True])
def test_values_from_elsewhere_that_the_env_file_could_not_hold_are_refused(version, adopted, vaulted, history, check):
    given = {"values_file": vaulted(f"SECRET_KEY: ${STRONG}"), "dialect": "django-environ", "check": check}
    result = version("pending", **given)
    assert code(result) == "E_KEY_WEAK"
    assert [name for name in ("SECRET_KEY", "django-environ") if name not in result["error"]["what"]] == []
    assert "CANARY" not in str(result)
    assert list(history().stages) == ["current"]
    keys = [{"name": "SECRET_KEY", "destination": "/keys"}, {"name": "ENCRYPTION_SALT"}]
    assert version("pending", keys=keys, **given)["changed"] is True


def test_a_dry_run_before_anything_was_adopted_makes_no_keys(version, history, vaulted, monkeypatch):
    monkeypatch.setattr(key_generation, "TYPES", dict.fromkeys(key_generation.TYPES))
    would = version("pending", values_file=vaulted(f"SECRET_KEY: {STRONG}"), check=True)
    assert (would["changed"], would["key_id"]) == (True, "(created by a real run)")
    assert history().versions == []


def test_a_list_continues_from_the_current_one(version, history, store_path, loader):
    with open_store({"path": store_path}, {}, loader).change() as adopted:
        adopted.adopt(KeySet({"FERNET_KEYS": "second,first"}))
    version("pending", keys=[{"name": "FERNET_KEYS", "type": "fernet", "keep": 1}])
    new, old = history().stage("pending").values["FERNET_KEYS"].split(",")
    assert (len(new), old) == (44, "second")


def test_a_pending_version_that_nothing_is_under_is_discarded_once(
    version, stored, history, census, old_keys, new_keys
):
    empty = census(current=7)
    would = version("discarded", census=empty, check=True)
    assert (would["changed"], would["key_id"]) == (True, new_keys.key_id)
    assert "pending" in history().stages

    assert version("discarded", census=empty)["changed"] is True
    assert history().stages == {"current": old_keys.key_id}
    assert (history().open_rotation, history().outcome("r1")) == (None, "rolled back")
    for check in (False, True):
        again = version("discarded", check=check)
        assert (again["changed"], again["key_id"]) == (False, new_keys.key_id)


@pytest.mark.parametrize("check", [False, True])
def test_a_pending_version_is_not_discarded_while_a_value_is_under_it_or_nobody_looked(
    version, stored, history, census, check
):
    used = version("discarded", census=census(current=6, pending=1), check=check)
    under = history().stage("pending").key_id
    assert used["error"] == VersionUsed(column="profile.phone", count=1, key_id=under).parts
    elsewhere = {**census(), "key_ids": {"current": "0" * 16}}
    for looked in (None, {}, elsewhere):
        assert code(version("discarded", census=looked, check=check)) == "E_CENSUS_INCOMPLETE"
    assert "pending" in history().stages


def test_what_is_current_or_another_rotation_s_is_not_discarded(version, stored, history, census):
    assert code(version("discarded", "r2", census=census())) == "E_ROTATION_OPEN"
    version("current")
    assert code(version("discarded", census=census())) == "E_STORE_STAGE"
    assert "previous" in history().stages


def test_a_version_that_nothing_needs_is_destroyed_once_and_remembered(
    version, completed, history, census, old_keys, new_keys, store_path, loader, tmp_path
):
    asked = {"key_id": old_keys.key_id, "census": census(current=7)}
    would = version("destroyed", "r2", check=True, **asked)
    assert (would["changed"], would["key_id"]) == (True, old_keys.key_id)
    assert history().stage("previous").values == old_keys.values

    said = {"reason": "policy", "authorization": {"who": "Zoe", "on": datetime.date(2026, 1, 2)}, "operator": "bob"}
    done = version("destroyed", "r2", compromised=True, **asked, **said)
    record = Record(str(tmp_path / "records"), "r2")
    intent = record.events()[0]
    assert "unsigned_before" not in intent
    assert {name: intent["asked"][name] for name in said} == {
        **said,
        "authorization": {"who": "Zoe", "on": "2026-01-02"},
    }
    assert (done["changed"], done["stages"]) == (True, {"current": new_keys.key_id})
    kept = history().version(old_keys.key_id)
    assert (kept.values, kept.state) == ({}, "destroyed compromised")
    assert (
        old_keys.values["SECRET_KEY"]
        not in AnsibleVault(loader, None, None).decrypt(Path(store_path).read_bytes()).decode()
    )
    for check in (False, True):
        again = version("destroyed", "r2", key_id=old_keys.key_id, check=check)
        assert again["changed"] is False
    record.append("key_version", "intent")  # by a run that was killed
    version("destroyed", "r2", key_id=old_keys.key_id)
    assert [event["unsigned_before"] for event in record.events() if "unsigned_before" in event] == [1]


@pytest.mark.parametrize("check", [False, True])
def test_a_version_that_something_needs_is_not_destroyed(
    version, completed, history, census, old_keys, new_keys, check
):
    def refusal(keys, **asked) -> str:
        return code(version("destroyed", "r2", check=check, key_id=keys.key_id, **asked))

    before = history()
    assert refusal(old_keys, census=census(current=6, previous=1)) == "E_VERSION_USED"
    inside = census(current=6, nested=1)
    inside["targets"][0]["layers"] = {"current": 1, "previous": 1}
    assert refusal(old_keys, census=inside) == "E_VERSION_USED", "a token inside a token needs it"
    assert refusal(old_keys) == "E_CENSUS_INCOMPLETE"
    stale = {"code": "E_PROCESS_STALE", "what": "one (pid 7) is older", "todo": "Restart one."}
    processes = {"app1": {"processes": []}, "app2": {"failed": True, "error": stale}, "app3": {"skipped": True}}
    late = version("destroyed", "r2", check=check, key_id=old_keys.key_id, census=census(), processes=processes)
    assert code(late) == "E_VERSION_IN_PROCESS"
    assert ("app2" in late["msg"], "one (pid 7) is older" in late["msg"], late["error"]["todo"]) == (
        True,
        True,
        "Restart one.",
    )
    unchecked = {"app1": {"failed": True, "msg": "no result"}}
    assert refusal(old_keys, census=census(), processes=unchecked) == "E_VERSION_IN_PROCESS"
    several = version(
        "destroyed",
        "r2",
        check=check,
        key_id=old_keys.key_id,
        census=census(current=6, previous=1),
        processes=processes,
    )
    assert code(several) == "E_VERSION_KEPT"
    assert re.findall("E_[A-Z_]+", several["error"]["what"]) == [
        "E_VERSION_USED",
        "E_VERSION_IN_PROCESS",
        "E_PROCESS_STALE",
    ]
    backups = [
        {"manifest": f"/backups/r{number}.json", "key_ids": [keys.key_id]}
        for number, keys in enumerate((old_keys, new_keys))
    ]
    needed = version("destroyed", "r2", check=check, key_id=old_keys.key_id, census=census(), kept_backups=backups)
    assert code(needed) == "E_VERSION_NEEDED"
    assert re.findall(r"/backups/r\d.json", needed["msg"]) == ["/backups/r0.json"], "each backup is named"
    aside = {"before_r1_app": [new_keys.key_id, old_keys.key_id]}
    kept = version("destroyed", "r2", check=check, key_id=old_keys.key_id, census={**census(), "kept_aside": aside})
    assert code(kept) == "E_VERSION_NEEDED"
    drop = ("before_r1_app", "-e key_rotation_restore_drop=true", "-e key_rotation_restore_alias=")
    assert [each for each in drop if each not in kept["error"]["what"]] == []
    assert refusal(new_keys, census=census()) == "E_VERSION_NEEDED"
    assert refusal(old_keys, census={"key_ids": census()["key_ids"]}) == "E_CENSUS_INCOMPLETE"
    assert code(version("destroyed", "r2", check=check, census=census())) == "E_OPTION"
    assert code(version("destroyed", "r2", check=check, key_id="0" * 16)) == "E_VERSION_UNKNOWN"
    assert history() == before


def test_a_version_is_held_so_many_days_after_the_rotation_that_replaced_it(
    version, completed, history, census, old_keys, monkeypatch, tmp_path
):
    asked = {"key_id": old_keys.key_id, "census": census(current=7), "hold_days": 30}
    held = version("destroyed", "r2", **asked)
    until = add_days(history().stage("current").created, 30)
    assert held["error"] == VersionHeld(key_id=old_keys.key_id, until=until, days=30).parts
    assert "-e key_rotation_hold_days=0" in held["error"]["todo"]
    assert history().stage("previous").values == old_keys.values
    monkeypatch.setattr(retention, "now", lambda: add_days(history().stage("current").created, 31))
    assert version("destroyed", "r2", check=True, **asked)["changed"] is True


def test_the_versions_are_listed_without_their_values(run_action, completed, old_keys, new_keys):
    listed = run_action("key_version_info")
    assert (listed["key_id"], listed["changed"]) == (old_keys.key_id, False)
    assert [(each["key_id"], each["stage"]) for each in listed["versions"]] == [
        (old_keys.key_id, "previous"),
        (new_keys.key_id, "current"),
    ]
    assert old_keys.values["SECRET_KEY"] not in json.dumps(listed)
    assert run_action("key_version_info", key_id=new_keys.key_id)["key_id"] == new_keys.key_id


@pytest.mark.parametrize("check", [True, False])
def test_the_table_of_versions_is_that_of_after_a_destruction(
    version, run_action, completed, census, old_keys, monkeypatch, capsys, check
):
    monkeypatch.setattr(lines, "by_steps", True)
    run_action("key_version_info", check=check)
    version("destroyed", "r2", check=check, key_id=old_keys.key_id, census=census(current=7))
    (shown,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith(f"  {old_keys.key_id}  "))
    assert (", destroyed 2" in shown) is not check


def test_nothing_is_destroyed_while_a_rotation_is_open(version, completed, history, census, old_keys):
    version("pending", "r2")
    result = version("destroyed", "r2", key_id=old_keys.key_id, census=census())
    assert (code(result), "rotation r2 " in result["error"]["what"]) == ("E_VERSION_NEEDED", True)
    assert history().stage("previous").values == old_keys.values


@pytest.mark.parametrize("check", [False, True])
def test_a_version_that_was_promoted_is_not_promoted_again_in_check_mode_either(version, completed, new_keys, check):
    again = version("current", check=check)
    assert (again["changed"], again["key_id"]) == (False, new_keys.key_id)


def test_what_was_done_is_recorded_with_key_ids_and_no_value(version, stored, tmp_path, new_keys, old_keys):
    version("current")
    record = Record(str(tmp_path / "records"), "r1")
    intent, done = record.events()
    assert (intent["event"], intent["phase"], intent["host"]) == ("key_version", "intent", "web")
    assert intent["asked"] == {"state": "current"}
    assert (done["phase"], done["key_id"], done["changed"]) == ("done", new_keys.key_id, True)
    text = Path(record.path).read_text()
    assert not any(value in text for keys in (old_keys, new_keys) for value in keys.values.values())


@pytest.mark.parametrize("rotation_id", ["", "../../outside", "a/b", "a b", "a?b", "a#b", ".", "..", "a\nb", None])
@pytest.mark.parametrize("check", [False, True])
def test_a_rotation_id_that_is_no_plain_name_reaches_neither_record_nor_store(
    version, stored, history, tmp_path, rotation_id, check
):
    before = history()
    result = version("pending", rotation_id, check=check)
    with pytest.raises(InvalidOption) as refused:
        checked(rotation_id)
    assert refused.value.where["option"] == "id"
    assert result["error"] == refused.value.parts
    assert history() == before
    assert not (tmp_path / "records").exists()


def test_the_home_folder_is_that_of_the_host_s_user(version, run_action, monkeypatch):
    """Controller and host are one machine here: what is sent is looked at."""
    sent = []

    def on_host(self, module, args):
        sent.append(args)
        return {"failed": True}

    monkeypatch.setattr(key_version.ActionModule, "on_host", on_host)
    keys = [{"name": "SECRET_KEY"}, {"name": "FIELD_KEY", "destination": "~/keys"}]
    version("adopted", env_file="~/.env", keys=keys)
    assert sent[0]["env_file"] == "~/.env"
    assert [key["destination"] for key in sent[0]["keys"]] == [None, "~/keys"]


@pytest.mark.parametrize("check", [False, True])
def test_new_keys_that_the_env_file_could_not_hold_are_not_stored(version, history, store_path, loader, check):
    with open_store({"path": store_path}, {}, loader).change() as adopted:
        adopted.adopt(KeySet({"KEYS": "CANARY$(x)'\"\\"}))
    result = version("pending", keys=[{"name": "KEYS", "keep": 1}], dialect="shell", check=check)
    assert code(result) == "E_KEY_DIALECT"
    assert list(history().stages) == ["current"]


def test_how_new_keys_are_made_goes_into_the_record_once(version, adopted, tmp_path):
    version("pending", keys=[{"name": "FIELD_KEY", "type": "hex"}])
    version("pending", keys=[{"name": "FIELD_KEY", "type": "hex"}])
    made = [event["generated"] for event in Record(str(tmp_path / "records"), "r1").events() if "generated" in event]
    assert made == [[{"name": "FIELD_KEY", "rng": "os.urandom", "type": "hex", "bits": 256}]]


@pytest.mark.parametrize("given", [{}, {"reason": "spring"}, {"authorization": {"who": "Ada"}}])
def test_in_production_nothing_is_destroyed_without_a_reason_and_an_authorization(version, tmp_path, given):
    refused = version("destroyed", key_id="a" * 16, environment="production", **given)
    assert code(refused) == "E_AUTHORIZATION"
    assert not (tmp_path / "records").exists()
    both = {"reason": "spring", "authorization": {"who": "Ada"}}
    for allowed in ({"environment": "production", **both}, {"environment": "demo", **given}):
        assert code(version("destroyed", key_id="a" * 16, **allowed)) != "E_AUTHORIZATION"
