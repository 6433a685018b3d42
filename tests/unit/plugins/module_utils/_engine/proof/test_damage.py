# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof import damage, damage_words

from ..odd_values import Numbers, Uncomparable, UncomparableText

READER = SimpleNamespace(targets=(SimpleNamespace(type="text"),), is_token=lambda value: False)


@pytest.mark.parametrize("value", [Uncomparable(), UncomparableText("a text"), Numbers(1.5, 2.25), [Uncomparable()]])
def test_a_value_that_cannot_be_compared_is_not_damaged(value: Any) -> None:
    assert damage._reads(READER, value, "cannot be read", set()) == ""


def test_a_text_that_is_read_in_place_of_a_value_is_damage() -> None:
    value = UncomparableText("cannot be read")
    assert damage._reads(READER, value, "cannot be read", set()) == damage_words.TEXT
    assert damage._reads(READER, UncomparableText(""), "cannot be read", set()) == damage_words.NOTHING
