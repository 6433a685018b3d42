# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery import model_evidence

from ..odd_values import Numbers, Uncomparable, UncomparableText


@pytest.mark.parametrize(
    ("module", "is_own"), [("cloudinary.models", False), ("django.db.models", False), ("shop.cloudinary", True)]
)
def test_a_field_of_a_package_that_stores_a_plain_form_is_no_evidence(module: str, is_own: bool) -> None:
    """The value object of Cloudinary signs URLs, which looks like encryption."""
    field = type("CloudinaryField", (), {"__module__": module})()
    assert model_evidence._is_own(field) is is_own


STORED = Numbers(1.5, 2.25)


@pytest.mark.parametrize(
    ("stored", "read", "is_same"),
    [
        (memoryview(STORED.tobytes()), STORED, True),
        ([1.5, 2.25], STORED, True),
        ("[1.5, 2.25]", STORED, True),
        ("1.5,2.25", STORED, True),
        ("[1.5, 2.5]", STORED, False),
        (memoryview(STORED.tobytes()), Numbers(1.5, 2.5), False),
        ("a secret", UncomparableText("a secret"), True),
        ("a secret", Uncomparable(), False),
        ('{"a": 1}', Uncomparable(), False),
    ],
)
def test_what_cannot_be_compared_itself_is_compared_by_its_forms(stored: Any, read: Any, is_same: bool) -> None:
    assert model_evidence._is_same(stored, read) is is_same


class Hidden(Uncomparable):
    def __str__(self) -> str:
        raise TypeError("secrets are not shown")


def test_an_object_that_cannot_be_shown_may_have_the_stored_text() -> None:
    hidden = Hidden()
    hidden.value = "a secret"
    assert model_evidence._is_same("a secret", hidden)
    assert not model_evidence._is_same("another one", hidden)
