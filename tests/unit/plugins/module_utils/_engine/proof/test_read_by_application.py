# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof import read_by_application

from ..odd_values import Numbers, Uncomparable, UncomparableText


@pytest.mark.parametrize("value", [Uncomparable(), UncomparableText("a text"), Numbers(1.5, 2.25)])
def test_a_value_that_cannot_be_compared_shows_that_the_application_reads_what_no_key_opens(
    monkeypatch: pytest.MonkeyPatch, value: Any
) -> None:
    monkeypatch.setattr(read_by_application, "row_of", lambda readers, row: None)
    stored = SimpleNamespace(has=lambda value: False, is_kept_as=lambda value: False, hide_text=str)
    reader = SimpleNamespace(
        value=lambda instance: value, stored_tokens=lambda instance: stored, is_token=lambda value: False
    )
    assert len([*read_by_application._values(reader, ["1", "2"])]) == 2
