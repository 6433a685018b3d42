# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import decimal
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application import (
    application_values,
    encrypting_attributes,
    function_verdicts,
)

from ..odd_values import Numbers, Uncomparable, UncomparableText

SECRET, NUMBERS = Uncomparable(), Numbers(1.5, 2.25)
MAX = NUMBERS


class Anything:
    """Answers a comparison with something that is neither True nor False."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> Any:
        return "yes"


@pytest.mark.parametrize(
    ("value", "other", "equal"),
    [
        (1, 1.0, True),
        ("a", "b", False),
        (None, "", False),
        (SECRET, SECRET, True),
        (SECRET, Uncomparable(), False),
        (None, SECRET, False),
        (UncomparableText("a"), "a", True),
        (UncomparableText("a"), UncomparableText("b"), False),
        (NUMBERS, Numbers(1.5, 2.25), True),
        (NUMBERS, Numbers(1.5, 2.5), False),
        ([1.5, 2.25], NUMBERS, True),
        ([NUMBERS], [Numbers(1.5, 2.25)], False),
        (NUMBERS, "", False),
        (Anything(), "", False),
        (decimal.Decimal("sNaN"), decimal.Decimal(1), False),
    ],
)
def test_values_are_compared_whatever_their_classes_do(value: Any, other: Any, equal: bool) -> None:
    assert application_values.are_equal(value, other) is equal


@pytest.mark.parametrize(
    ("value", "is_one"), [(None, True), ("", True), (UncomparableText(""), True), (SECRET, False), (NUMBERS, False)]
)
def test_only_what_is_equal_is_one_of_several_values(value: Any, is_one: bool) -> None:
    assert application_values.is_one_of(value, (None, "")) is is_one


def test_results_of_a_function_are_compared_with_their_types() -> None:
    assert function_verdicts.same(NUMBERS, Numbers(1.5, 2.25))
    assert not function_verdicts.same(SECRET, Uncomparable())
    assert not function_verdicts.same(1, True)


class Person:
    @property
    def most(self) -> float:
        return max(MAX)


def test_code_that_names_an_array_of_its_module_is_followed() -> None:
    assert not encrypting_attributes.is_dated(Person, "most")
