# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.approval import Approval
from ansible_collections.tetech.key_rotation.plugins.module_utils._stores.history import History
from ansible_collections.tetech.key_rotation.plugins.module_utils._system.timestamps import now
from ansible_collections.tetech.key_rotation.tests.expected_errors import expect_error

# What is done after rotation r1 has its version pending.
PATHS = {
    "pending": [],
    "promoted": [lambda history: history.promote()],
    "completed": [lambda history: history.promote(), lambda history: history.close("r1")],
    "pending taken back": [lambda history: history.roll_back()],
    "promoted taken back": [lambda history: history.promote(), lambda history: history.roll_back()],
    "completed taken back": [
        lambda history: history.promote(),
        lambda history: history.close("r1"),
        lambda history: history.roll_back(),
    ],
}


@pytest.fixture
def at(history):
    def go(path: str) -> History:
        for step in PATHS[path]:
            step(history)
        return history

    return go


@pytest.fixture
def third(at, third_keys):
    """Two rotations are completed."""
    history = at("completed")
    history.add_pending(third_keys, "r2")
    history.promote()
    history.close("r2")
    return history


@pytest.fixture
def listed() -> History:
    """Three versions of a list that keeps one old value, and one of a list that keeps none."""
    history = History("/store")
    history.adopt(KeySet({"SALT": "w", "KEYS": "a"}))
    for rotation_id, values in (("r1", "b,a"), ("r2", "c,b"), ("r3", "d")):
        history.add_pending(KeySet({"SALT": rotation_id, "KEYS": values}), rotation_id)
        history.promote()
        history.close(rotation_id)
    return history


def code(call, *args) -> str:
    with pytest.raises(RotationError) as refused:
        call(*args)
    return refused.value.code


def test_the_first_version_is_the_application_s_own(old_keys):
    history = History("/store")
    version = history.adopt(old_keys)
    assert history.stages == {"current": old_keys.key_id}
    assert (version.origin, version.state, version.outcome) == ("adopted", "active", "completed")
    assert version.values == old_keys.values
    assert history.open_rotation is None


def test_a_new_version_waits_next_to_the_current_one(history, old_keys, new_keys):
    assert history.stages == {"current": old_keys.key_id, "pending": new_keys.key_id}
    version = history.stage("pending")
    assert (version.rotation_id, version.origin, version.state) == ("r1", "generated", "pre-activation")
    assert version.keys.values == new_keys.values
    assert history.open_rotation == "r1"


def test_a_promotion_moves_both_stages(history, old_keys, new_keys):
    history.promote()
    assert history.stages == {"previous": old_keys.key_id, "current": new_keys.key_id}
    assert (history.stage("previous").state, history.stage("current").state) == ("deactivated", "active")
    assert history.open_rotation == "r1"


def test_a_version_that_is_compromised_stays_so_in_use_replaced_and_destroyed(history, old_keys, third_keys):
    history.expose()
    assert (history.stage("current").state, history.stage("pending").state) == ("compromised", "pre-activation")
    history.promote()
    history.expose()
    assert (history.stage("previous").state, history.stage("current").state) == ("compromised", "active")
    history.roll_back()
    assert (history.stage("current").key_id, history.stage("current").state) == (old_keys.key_id, "compromised")
    history.add_pending(third_keys, "r2")
    history.promote()
    assert history.stage("previous").state == "compromised"
    history.close("r2")
    assert history.destroy(old_keys.key_id, compromised=False).state == "destroyed compromised"


def test_compromised_keys_stay_so_if_another_list_of_them_is_adopted(old_keys):
    history = History("/store")
    history.adopt(old_keys)
    history.expose()
    longer = KeySet({**old_keys.values, "ANOTHER_KEY": "another-value"})
    assert history.other_list(longer)
    assert history.adopt(longer).state == "compromised"


@pytest.mark.parametrize("path", ["pending taken back", "promoted taken back", "completed taken back"])
def test_a_rollback_makes_the_version_before_current_and_keeps_the_other(at, path, old_keys, new_keys):
    history = at(path)
    assert history.stages == {"current": old_keys.key_id}
    assert history.stage("current").state == "active"
    left = history.version(new_keys.key_id)
    assert (left.state, left.outcome, left.values) == ("deactivated", "rolled back", new_keys.values)
    assert history.open_rotation is None
    assert history.outcome("r1") == "rolled back"


def test_a_completed_rotation_is_closed(at):
    history = at("completed")
    assert history.open_rotation is None
    assert history.outcome("r1") == "completed"


def test_closing_another_rotation_closes_nothing(history):
    history.close("r2")
    assert history.open_rotation == "r1"


def test_a_rotation_that_is_open_or_unknown_has_no_outcome(history):
    assert (history.outcome("r1"), history.outcome("r2")) == (None, None)


def test_a_later_rotation_pushes_out_the_previous_stage_and_loses_no_version(at, third_keys, old_keys, new_keys):
    history = at("completed")
    history.add_pending(third_keys, "r2")
    history.promote()
    assert history.stages == {"previous": new_keys.key_id, "current": third_keys.key_id}
    assert history.version(old_keys.key_id).values == old_keys.values


@pytest.mark.parametrize(
    ("path", "direction", "stage"),
    [
        ("pending", "rotate", "pending"),
        ("promoted", "rotate", "current"),
        ("completed", "rotate", "pending"),
        ("pending taken back", "rotate", "pending"),
        ("completed taken back", "rotate", "pending"),
        ("pending", "rollback", "current"),
        ("promoted", "rollback", "previous"),
        ("completed", "rollback", "previous"),
    ],
)
def test_where_every_value_is_to_go(at, path, direction, stage):
    assert at(path).destination(direction) == stage


@pytest.mark.parametrize("path", ["pending taken back", "promoted taken back", "completed taken back"])
def test_what_was_rolled_back_is_not_rolled_back_again(at, path):
    assert code(at(path).destination, "rollback") == "E_NOTHING_TO_ROLL_BACK"


def test_an_empty_store_rotates_to_a_version_yet_to_be_made_and_has_nothing_to_roll_back():
    assert History("/store").destination("rotate") == "pending"
    assert code(History("/store").destination, "rollback") == "E_NOTHING_TO_ROLL_BACK"


def test_keys_that_were_used_before_are_refused(at, old_keys, new_keys):
    history = at("pending taken back")
    assert code(history.add_pending, new_keys, "r2") == "E_KEY_REUSED"
    assert code(history.add_pending, old_keys, "r2") == "E_KEY_REUSED"


def test_one_value_used_again_under_any_name_is_refused_and_nothing_is_added(history, old_keys):
    salted = KeySet({"SECRET_KEY": "fresh", "ENCRYPTION_SALT": old_keys.values["SECRET_KEY"]})
    before = history.as_document()
    with pytest.raises(RotationError) as refused:
        history.add_pending(salted, "r2")
    assert refused.value.where == {"key_id": old_keys.key_id}
    assert history.as_document() == before


@pytest.mark.parametrize("comma", [",", ", "])
def test_of_a_list_only_the_first_is_new(history, comma):
    history.promote()
    history.close("r1")
    orders = (("second", "first"), ("third", "second"), ("first", "third"))
    lists = [KeySet({"FERNET_KEYS": comma.join(order)}) for order in orders]
    history.add_pending(lists[0], "r2")
    history.promote()
    history.close("r2")
    history.add_pending(lists[1], "r3")
    history.roll_back()
    assert code(history.add_pending, lists[2], "r4") == "E_KEY_REUSED"


@pytest.mark.parametrize(("compromised", "state"), [(False, "destroyed"), (True, "destroyed compromised")])
def test_a_destroyed_version_is_remembered_without_its_values(third, old_keys, compromised, state):
    version = third.destroy(old_keys.key_id, compromised=compromised)
    assert (version.state, version.values, version.outcome) == (state, {}, "completed")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", version.destroyed)
    assert list(third.for_host()["key_sets"]) == ["current", "previous"]
    assert not any(value in str(third.as_document()) for value in old_keys.values.values())
    assert History.from_document("/store", third.as_document()) == third
    assert code(third.add_pending, old_keys, "r3") == "E_KEY_REUSED"


def test_a_version_is_destroyed_once_and_may_turn_out_compromised_later(third, old_keys):
    third.destroy(old_keys.key_id, compromised=False).destroyed = "2026-01-01T00:00:00Z"
    version = third.destroy(old_keys.key_id, compromised=True)
    assert (version.state, version.destroyed) == ("destroyed compromised", "2026-01-01T00:00:00Z")
    third.add_pending(KeySet({"SECRET_KEY": "fourth"}), "r4")
    assert third.destroy(old_keys.key_id, compromised=False).state == "destroyed compromised"


def test_the_previous_version_may_be_destroyed_and_then_a_rollback_says_so(third, new_keys, third_keys):
    third.destroy(new_keys.key_id, compromised=False)
    assert third.stages == {"current": third_keys.key_id}
    assert code(third.destination, "rollback") == "E_PREVIOUS_DESTROYED"


def test_what_is_in_use_or_may_be_rolled_back_to_is_not_destroyed(at, third_keys, old_keys, new_keys):
    history = at("completed")
    assert code(history.version, "0" * 16) == "E_VERSION_UNKNOWN"
    for needed, open_rotation in ((new_keys, False), (third_keys, True), (old_keys, True)):
        if open_rotation and "pending" not in history.stages:
            history.add_pending(third_keys, "r2")
        before = history.as_document()
        with pytest.raises(RotationError) as refused:
            history.destroy(needed.key_id, compromised=False)
        assert refused.value.code == "E_VERSION_NEEDED"
        assert history.as_document() == before


def test_a_version_is_not_destroyed_while_the_list_of_one_with_a_stage_keeps_its_value(listed):
    first, second, third, _ = [version.key_id for version in listed.versions]
    before = listed.as_document()
    with pytest.raises(RotationError) as refused:
        listed.destroy(second, compromised=False)
    assert (refused.value.code, refused.value.where["reason"]) == (
        "E_VERSION_NEEDED",
        f"its value for KEYS is still in the list of version {third}",
    )
    assert listed.as_document() == before
    assert [(name, holder.key_id) for name, holder in listed.listed_by(first)] == [("KEYS", second)]
    for gone in (third, second, first):
        listed.destroy(gone, compromised=False)
    assert '"a"' not in str(listed.as_document()).replace("'", '"')


def test_lists_that_keep_one_value_for_ever_do_not_keep_every_version():
    history = History("/store")
    history.adopt(KeySet({"KEYS": "k0"}))
    for number in range(1, 12):
        history.add_pending(KeySet({"KEYS": f"k{number},k{number - 1}"}), f"r{number}")
        history.promote()
        history.close(f"r{number}")
    old = [version.key_id for version in history.versions][:-3]
    for key_id in reversed(old):
        history.destroy(key_id, compromised=False)
    assert [bool(version.destroyed) for version in history.versions] == [True] * 9 + [False] * 3


def test_what_a_list_keeps_of_older_versions_does_not_hold_its_own(listed):
    """The one that was rolled back goes, although its list has the value of the one before it."""
    listed.add_pending(KeySet({"SALT": "x", "KEYS": "e,d"}), "r4")
    left = listed.stage("pending").key_id
    listed.roll_back()
    assert listed.destroy(left, compromised=False).state == "destroyed"


def test_an_empty_member_of_a_list_is_nobody_s_value():
    history = History("/store")
    history.adopt(KeySet({"SALT": "a", "KEYS": ",z"}))
    history.add_pending(KeySet({"SALT": "b", "KEYS": "y,,"}), "r1")
    history.promote()
    history.close("r1")
    assert history.destroy(history.stage("previous").key_id, compromised=False).values == {}


@pytest.mark.parametrize("member", ["destroyed", "listed"])
def test_a_history_of_an_earlier_version_is_read_and_written(history, member):
    """A store is compared with what it reads back."""
    document = history.as_document()
    for version in document["versions"]:
        del version[member]
    found = History.from_document("/store", document)
    assert found == history
    assert json.loads(json.dumps(found.as_document())) == found.as_document()


def test_a_stage_that_nobody_has_is_refused_with_what_to_do(history):
    assert code(history.stage, "previous") == "E_STORE_STAGE"
    for stage in ("current", "previous"):
        with pytest.raises(RotationError) as refused:
            History("/store").stage(stage)
        assert (refused.value.code, refused.value.where["stage"]) == ("E_STORE_STAGE", stage)


def test_a_version_that_is_not_there_is_refused(history):
    assert code(history.version, "0000000000000000") == "E_VERSION_UNKNOWN"


def test_only_a_pending_version_is_promoted(at):
    assert code(at("promoted").promote) == "E_STORE_STAGE"


def test_key_sets_are_all_versions_by_stage_with_the_current_first(at, third_keys, old_keys, new_keys):
    history = at("completed")
    history.add_pending(third_keys, "r2")
    history.promote()
    given = history.for_host()
    assert given["key_set_ids"] == {stage: KeySet(values).key_id for stage, values in given["key_sets"].items()}
    assert given["base"] == history.base
    found = given["key_sets"]
    assert found == {
        "current": third_keys.values,
        "previous": new_keys.values,
        f"older-{old_keys.key_id}": old_keys.values,
    }
    assert next(iter(found)) == "current"


def test_a_stored_history_reads_back_the_same(at):
    history = at("promoted")
    again = History.from_document("/store", history.as_document())
    assert again == history
    assert again.open_rotation == "r1"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda document: document.update(format=2), "format 2"),
        (lambda document: document.update(format="CANARY"), "members missing"),
        (lambda document: document.pop("format"), "members missing"),
        (lambda document: document.pop("versions"), "members missing"),
        (lambda document: document.pop("stages"), "members missing"),
        (lambda document: document.update(versions=None), "members missing"),
        (lambda document: document.update(stages=["current"]), "members missing"),
        (lambda document: document["versions"][0].pop("values"), "members missing"),
        (lambda document: document["versions"][0].update(CANARY=1), "members missing"),
        (lambda document: document["versions"][0].update(created=7), "members missing"),
        *(
            (lambda document, values=values: document["versions"][0].update(values=values), "not texts by name")
            for values in (
                None,
                "CANARY",
                ["CANARY"],
                {"SECRET_KEY": 7},
                {"SECRET_KEY": None},
                {"SECRET_KEY": ["CANARY"]},
            )
        ),
        (lambda document: document["versions"].append(document["versions"][0]), "two versions of one key_id"),
        (lambda document: document["stages"].update(current="0" * 16), "do not belong to the same number"),
        (
            lambda document: document["stages"].update(pending=document["stages"]["current"]),
            "do not belong to the same number",
        ),
    ],
)
def test_a_document_of_another_form_is_refused(history, change, found):
    document = history.as_document()
    change(document)
    with pytest.raises(RotationError) as refused:
        History.from_document("/store", document)
    assert refused.value.code == "E_STORE_FORMAT"
    assert found in refused.value.where["reason"]
    assert "CANARY" not in str(refused.value)


def test_values_that_are_not_those_that_were_put_are_reported(at, new_keys):
    history = at("completed")
    history.refuse_damaged()
    history.stage("previous").values = {**history.stage("previous").values, "SECRET_KEY": "CANARY"}
    with expect_error("E_STORE_DAMAGED", key_id=history.stages["previous"]) as refused:
        history.refuse_damaged()
    assert "CANARY" not in str(refused.value)
    history.destroy(history.stages["previous"], compromised=False)
    history.refuse_damaged()


@pytest.mark.parametrize("document", [None, [], "CANARY", 7])
def test_what_is_no_document_is_refused(document):
    assert code(History.from_document, "/store", document) == "E_STORE_FORMAT"


def test_no_value_shows(third_keys):
    history = History("/store")
    history.adopt(third_keys)
    assert "CANARY" not in repr(history)


def test_the_time_is_utc_to_the_second():
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", now())


def test_no_version_is_pending_without_a_current_version(new_keys):
    history = History("/store")
    assert code(history.add_pending, new_keys, "r1") == "E_STORE_STAGE"
    assert history.versions == []


@pytest.mark.parametrize("rotation_id", ["", "../r2", "a/b", "adopted r1"])
def test_an_id_that_is_no_plain_name_comes_into_no_store(at, third_keys, rotation_id):
    history = at("completed")
    before = history.as_document()
    assert code(history.add_pending, third_keys, rotation_id) == "E_OPTION"
    assert history.as_document() == before


def test_an_approval_that_was_used_is_kept_and_serves_no_other_rotation(history):
    approval = Approval("5e" * 32, "demo", "ada@example.org", "2026-01-02T03:04:05Z")
    history.use_approval(approval, "r1")
    kept = History.from_document("/store", history.as_document())
    assert kept == history
    kept.use_approval(approval, "r1")
    kept.use_approval(replace(approval, time="2026-01-02T03:04:06Z"), "r2")
    for refuse in (kept.refuse_used, kept.use_approval):
        with pytest.raises(RotationError, match="E_APPROVAL_USED"):
            refuse(approval, "r2")


@pytest.mark.parametrize("path", ["pending", "promoted", "completed"])
def test_between_two_versions_a_list_has_both_keys_the_one_that_encrypts_first(at, path, old_keys, new_keys):
    found = at(path).transitions
    assert [*found] == ["readable", "primary"]
    for name, old in old_keys.values.items():
        assert found["readable"].values[name] == f"{old},{new_keys.values[name]}"
        assert found["primary"].values[name] == f"{new_keys.values[name]},{old}"


def test_a_list_that_keeps_old_keys_has_the_new_one_once(listed):
    assert listed.transitions["readable"].values["KEYS"] == "c,b,d"
    assert listed.transitions["primary"].values["KEYS"] == "d,c,b"


def test_with_one_version_there_is_nothing_between(old_keys):
    history = History("/store")
    history.adopt(old_keys)
    assert history.transitions == {}
