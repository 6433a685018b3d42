# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import copy
import functools
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils.engine import reading
from ansible_collections.tetech.key_rotation.plugins.module_utils.errors import RotationError

NAME = {"name": "people.Person.name", "column": "person._name", "read": 5, "failed": 0, "digest": "ab"}
PICTURE: dict[str, Any] = {
    "readings": [NAME],
    "round_trips": [{"name": "people.Person.name", "outcome": "well"}],
    "unread": [],
    "check": {"security.W004": 1, "exit code": 0},
    "verify_encryption": {"exit code": 0, "errors": 2},
}


def picture(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(PICTURE), **changes}


@pytest.mark.parametrize(
    "after",
    [
        picture(),
        picture(check={"exit code": 0}),
        picture(verify_encryption={"exit code": 0, "errors": 0}),
    ],
)
def test_the_same_or_better_is_well(after):
    reading.refuse_worse(PICTURE, after)


@pytest.mark.parametrize(
    ("after", "shown"),
    [
        (
            picture(readings=[{**NAME, "digest": "cd"}]),
            "E_APPLICATION_READS: .* people.Person.name .*5 values, and 5 values",
        ),
        (picture(readings=[{**NAME, "read": 3, "failed": 2}]), "E_APPLICATION_READS: .*3 values, 2 not, and 5 values"),
        (picture(readings=[]), "E_APPLICATION_READS: .*nothing, and 5 values"),
        (
            picture(round_trips=[{"name": "people.Person.name", "outcome": "encrypts under other keys"}]),
            "E_ROUND_TRIP: .*people.Person.name encrypts under other keys",
        ),
        (
            picture(round_trips=[{"name": "people.Person.name", "outcome": "not tried"}]),
            "E_ROUND_TRIP: .*people.Person.name does not go in any more",
        ),
        (
            picture(check={"security.W004": 1, "security.W009": 1, "exit code": 0}),
            "E_APPLICATION_CHECK: .*security.W009",
        ),
        (picture(check={"exit code": 1}), "E_APPLICATION_CHECK: .*exit code"),
        (picture(verify_encryption={"exit code": 0, "errors": 3}), "E_VERIFY_ENCRYPTION: .*errors"),
    ],
)
def test_what_is_worse_is_told(after, shown):
    with pytest.raises(RotationError, match=shown):
        reading.refuse_worse(PICTURE, after)


WRITTEN = {"person": {"changed": 1, "inserted": 0, "deleted": 1}}


@pytest.mark.parametrize(
    "found", [{"digest": "cd"}, {"digest": "cd", "read": 3}, {"digest": "cd", "read": 900}, {"digest": "cd", "read": 5}]
)
def test_where_another_process_wrote_the_digest_may_be_another(found):
    reading.refuse_worse(PICTURE, picture(readings=[{**NAME, **found}]), WRITTEN)


@pytest.mark.parametrize(
    ("found", "meanwhile"),
    [
        ({"digest": "cd", "read": 2}, WRITTEN),
        ({"digest": "cd", "failed": 1}, WRITTEN),
        ({"digest": "cd"}, {"pet": WRITTEN["person"]}),
    ],
)
def test_what_it_wrote_does_not_explain_is_told(found, meanwhile):
    with pytest.raises(RotationError, match="E_APPLICATION_READS"):
        reading.refuse_worse(PICTURE, picture(readings=[{**NAME, **found}]), meanwhile)


def test_without_a_picture_from_before_only_the_round_trips_count():
    reading.refuse_worse({}, picture(check={"exit code": 1}))
    with pytest.raises(RotationError, match="E_ROUND_TRIP"):
        reading.refuse_worse({}, picture(round_trips=[{"name": "a.B.c", "outcome": "does not give back what went in"}]))


class Descriptor:
    def __init__(self, column: str) -> None:
        self.column = column

    def __get__(self, instance: Any, owner: Any = None) -> str:
        raise AssertionError("nothing is called to find out")


class Person:
    _name = ""
    phone = Descriptor("_phone")
    other = Descriptor("_other")

    @property
    def name(self) -> str:
        return self._name

    @functools.cached_property
    def shown(self) -> str:
        return getattr(self, "_phone", "")

    @property
    def age(self) -> int:
        raise AssertionError("nothing is called to find out")


@pytest.mark.parametrize(("column", "made"), [("_name", ["name"]), ("_phone", ["phone", "shown"]), ("_email", [])])
def test_attributes_that_are_made_from_a_column_are_found_by_their_code(column, made):
    assert reading._names(Person, column) == [column, *made]
