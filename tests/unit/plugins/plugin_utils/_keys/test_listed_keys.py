# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._stores.history import History
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._keys import listed_keys
from ansible_collections.tetech.key_rotation.tests.expected_errors import Containing, expect_error

FIRST, SECOND = {"name": "FIRST"}, {"name": "SECOND", "type": "hex", "destination": "/srv/second.key", "bytes": None}


@pytest.fixture
def rotated() -> History:
    """Two keys after a rotation r1 of both."""
    history = History("/store")
    history.adopt(KeySet({"FIRST": "a", "SECOND": "b"}), [FIRST, SECOND])
    history.add_pending(KeySet({"FIRST": "c", "SECOND": "d"}), "r1", [FIRST, SECOND])
    history.promote()
    history.close("r1")
    return history


def test_the_recorded_keys_are_those_of_the_store_as_they_were_listed(rotated: History) -> None:
    again = History.from_document("/store", rotated.as_document())
    second = {"name": "SECOND", "type": "hex", "destination": "/srv/second.key"}
    assert listed_keys.recorded(again, [FIRST]) == [FIRST, second]
    moved = {"name": "SECOND", "destination": "/srv/elsewhere.key"}
    assert listed_keys.recorded(again, [FIRST, moved, {"name": "LATER"}]) == [FIRST, moved]
    assert listed_keys.recorded(History("/store"), [FIRST]) == [FIRST]


def test_a_store_of_before_has_the_names_of_its_keys_alone(rotated: History) -> None:
    document = rotated.as_document()
    for version in document["versions"]:
        del version["listed"]
    history = History.from_document("/store", document)
    assert listed_keys.recorded(history, [FIRST]) == [FIRST, {"name": "SECOND"}]


def test_a_rotated_key_that_is_not_listed_any_more_is_named_with_its_rotation(rotated: History) -> None:
    listed_keys.refuse_unlisted(rotated, [FIRST, SECOND], [])
    listed_keys.refuse_unlisted(rotated, [FIRST], ["SECOND"])
    with pytest.raises(RotationError) as refused:
        listed_keys.refuse_unlisted(rotated, [FIRST], [])
    assert (refused.value.code, refused.value.where["rotations"]) == ("E_KEY_UNLISTED", "r1")
    assert "key_rotation_former_keys: [SECOND]" in str(refused.value)
    rotated.roll_back()
    with pytest.raises(RotationError, match="E_KEY_UNLISTED"):
        listed_keys.refuse_unlisted(rotated, [FIRST], [])


def test_a_key_is_not_given_up_in_the_middle_of_its_rotation(rotated: History) -> None:
    rotated.add_pending(KeySet({"FIRST": "e", "SECOND": "f"}), "r2", [FIRST, SECOND])
    with expect_error("E_KEY_UNLISTED", names="SECOND", rotations="r2", advice=Containing("SECOND")):
        listed_keys.refuse_unlisted(rotated, [FIRST], ["SECOND"])


def test_keys_that_were_adopted_and_never_rotated_may_be_listed_as_one_likes() -> None:
    history = History("/store")
    history.adopt(KeySet({"FIRST": "a", "SECOND": "b"}))
    listed_keys.refuse_unlisted(history, [FIRST], [])
    listed_keys.refuse_unlisted(History("/store"), [FIRST], [])
