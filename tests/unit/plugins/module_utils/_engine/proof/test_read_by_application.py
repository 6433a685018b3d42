# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.columns.target import Target
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof import read_by_application
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof.row_tokens import RowTokens

from ..discovery.surveys import keyring
from ..odd_values import Numbers, Uncomparable, UncomparableText


@pytest.mark.parametrize("value", [Uncomparable(), UncomparableText("a text"), Numbers(1.5, 2.25)])
def test_a_value_that_cannot_be_compared_shows_that_the_application_reads_what_no_key_opens(
    monkeypatch: pytest.MonkeyPatch, value: Any
) -> None:
    monkeypatch.setattr(read_by_application, "row_of", lambda readers, row: None)
    stored = SimpleNamespace(is_kept_as=lambda value: False, hide_text=str)
    reader = SimpleNamespace(
        value=lambda instance: value, stored_tokens=lambda instance: stored, is_token=lambda value: False
    )
    assert len([*read_by_application._values(reader, ["1", "2"])]) == 2


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_that_are_read_as_they_are_stored_are_under_no_key(
    monkeypatch: pytest.MonkeyPatch, target: Target, kind: Any
) -> None:
    """Pictures that nobody encrypted, next to tokens."""
    pictures = {row: b"\xff\xd8\xff\xe0 JFIF " + row.encode() for row in ("1", "2")}
    monkeypatch.setattr(read_by_application, "row_of", lambda readers, row: row)

    def stored_tokens(row: str) -> RowTokens:
        tokens = RowTokens(keyring())
        tokens.add(replace(target, type="bytea", scheme="field"), pictures[row])
        return tokens

    reader = SimpleNamespace(
        value=lambda row: kind(pictures[row]), stored_tokens=stored_tokens, is_token=lambda value: False
    )
    assert [*read_by_application._values(reader, ["1", "2"])] == []
