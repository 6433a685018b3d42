# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of a host are adopted: read there by a module, and kept by the store."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.keys import KeysDiffer
from ansible_collections.tetech.key_rotation.plugins.module_utils._record import verifier
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._keys.configured_store import open_store
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
def adopted(version, env_file) -> None:
    version("adopted", env_file=env_file)


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


def test_the_record_is_signed_as_soon_as_the_store_has_a_first_version(version, env_file, store_path, loader, tmp_path):
    version("adopted", env_file=env_file)
    store = open_store({"path": store_path}, {}, loader)
    (found,) = verifier.check([str(tmp_path / "records")], anchor=store.anchor(), key=None)
    assert (found.problems, found.signed) == ([], found.lines)
    version("adopted", env_file=env_file)
    (found,) = verifier.check([str(tmp_path / "records")], anchor=store.anchor(), key=None)
    assert ([problem.kind for problem in found.problems], found.signed < found.lines) == (["unsigned"], True)


def test_keys_other_than_those_that_opened_the_data_are_not_adopted(version, env_file, history, new_keys):
    result = version("adopted", env_file=env_file, key_id=new_keys.key_id)
    assert (result["failed"], code(result)) == (True, "E_KEYS_NOT_PROVED")
    assert history().versions == []


def test_a_later_run_goes_by_the_store_and_not_by_what_opened_the_data(version, env_file, new_keys):
    """After a kill between the switch and the promotion the data opens under either version."""
    version("adopted", env_file=env_file)
    assert version("adopted", env_file=env_file, key_id=new_keys.key_id)["changed"] is False


def test_who_changed_a_key_by_hand_learns_which_version_to_put_back(version, adopted, env_file, store_path, old_keys):
    Path(env_file).write_text("SECRET_KEY=CANARY-by-hand\nENCRYPTION_SALT=CANARY-by-hand\n")
    by_hand = KeySet(dict.fromkeys(old_keys.values, "CANARY-by-hand")).key_id
    differ = KeysDiffer(env_file=env_file, key_id=by_hand, store=store_path, current=old_keys.key_id)
    assert version("adopted", env_file=env_file)["error"] == differ.parts


def test_a_key_that_is_listed_or_no_longer_listed_is_adopted_with_the_others(
    version, adopted, history, env_file, old_keys
):
    path = Path(env_file)
    path.write_text(path.read_text() + "THIRD_KEY=CANARY-third\n")
    three = [{"name": name} for name in (*old_keys.values, "THIRD_KEY")]
    proved = old_keys.key_id  # the census knows those in the store; the third is the application's own
    assert version("adopted", env_file=env_file, keys=three, key_id="0" * 16)["error"]["code"] == "E_KEYS_NOT_PROVED"
    grown = version("adopted", env_file=env_file, keys=three, key_id=proved)
    assert (grown["changed"], grown["stages"]) == (True, {"current": grown["key_id"]})
    assert history().stage("current").values == {**old_keys.values, "THIRD_KEY": "CANARY-third"}
    assert version("adopted", env_file=env_file, keys=three)["changed"] is False

    shrunk = version("adopted", env_file=env_file)
    assert (shrunk["changed"], shrunk["key_id"]) == (True, old_keys.key_id)
    assert [(one.key_id, one.state) for one in history().versions] == [
        (old_keys.key_id, "active"),
        (grown["key_id"], "deactivated"),
    ]


def test_a_list_of_other_keys_with_another_value_is_somebody_else_s(version, adopted, history, env_file):
    path = Path(env_file)
    path.write_text("SECRET_KEY=CANARY-another-secret\nTHIRD_KEY=CANARY-third\n")
    keys = [{"name": "SECRET_KEY"}, {"name": "THIRD_KEY"}]
    assert code(version("adopted", env_file=env_file, keys=keys)) == "E_KEYS_DIFFER"
    assert len(history().versions) == 1


def test_of_two_hosts_that_adopt_at_once_the_second_is_held_against_the_first(
    version, env_file, history, third_keys, another_first
):
    another_first(lambda store: store.adopt(third_keys))
    assert code(version("adopted", env_file=env_file)) == "E_KEYS_DIFFER"
    assert [one.key_id for one in history().versions] == [third_keys.key_id]


def test_a_refusal_on_the_host_is_the_result(version, tmp_path, history):
    result = version("adopted", env_file=str(tmp_path / "none"))
    assert (result["failed"], code(result)) == (True, "E_ENV_MISSING")
    assert history().versions == []


def test_a_dry_run_before_anything_was_adopted_refuses_the_application_s_own_keys(version, history, vaulted, tmp_path):
    env_file = tmp_path / ".env"
    env_file.touch(mode=0o600)
    env_file.write_text(f"SECRET_KEY={STRONG}\nENCRYPTION_SALT=x\n")
    own = {"values_file": vaulted(f"SECRET_KEY: {STRONG}"), "env_file": str(env_file)}
    assert code(version("pending", check=True, **own)) == "E_KEY_REUSED"
    assert history().versions == []


def test_a_rotation_by_the_modules_alone_is_open_until_its_record_is_completed(
    version, run_action, env_file, history, census, old_keys
):
    """The sequence of the module's notes."""

    def record(state: str) -> dict[str, object]:
        return run_action("rotation_record", state=state, rotation_id="r1", environment="demo")

    def switched(stage: str) -> dict[str, object]:
        keys = [{"name": name} for name in old_keys.values]
        return run_action("env_file", path=env_file, stage=stage, keys=keys, rotation_id="r1")

    assert version("adopted", env_file=env_file)["changed"] is True
    assert version("pending")["changed"] is True
    assert switched("pending")["changed"] is True
    assert version("current")["changed"] is True
    assert code(switched("pending")) == "E_STORE_STAGE"
    assert switched("current")["changed"] is False
    assert code(record("completed")) == "E_RECORD_NOT_BEGUN"
    assert code(version("pending", "r2")) == "E_ROTATION_OPEN"
    assert code(version("destroyed", key_id=old_keys.key_id, census=census())) == "E_VERSION_NEEDED"
    assert record("opened")["resumed"] is True
    assert history().open_rotation == "r1"
    record("completed")
    assert history().open_rotation is None
    assert version("pending", "r2")["changed"] is True
