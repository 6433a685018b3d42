# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof import reading_digest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof.reading_digest import (
    FAILED,
    READ,
    TOKEN,
    ReadingDigest,
)

KEY = b"key"
BEFORE = [("1", "a", READ), ("2", "error", FAILED), ("3", "b", READ), ("4", "token", TOKEN)]


def taken(rows: list[tuple[str, str, str]], before: dict[str, Any] | None = None) -> dict[str, Any]:
    digest, reading = ReadingDigest(KEY, (before or {}).get("unread_rows", {})), {}
    for row in rows:
        digest.add(*row)
    digest.add_to(reading)
    return reading


def with_rows(**changes: tuple[str, str] | None) -> list[tuple[str, str, str]]:
    new = {f"row_{name}": (text, outcome) for name, text, outcome in BEFORE} | changes
    return [(name.removeprefix("row_"), *found) for name, found in new.items() if found]


def test_no_row_is_named_if_all_are_read_and_the_name_of_one_is_not_its_key():
    assert set(taken([("1", "a", READ)])) == {"digest"}
    named = taken(BEFORE)["unread_rows"]
    assert list(named.values()) == [FAILED, TOKEN]
    assert not {"2", "4"} & set(named)


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({}, True),
        ({"row_2": ("now read", READ)}, True),
        ({"row_2": ("now read", READ), "row_4": ("now read", READ)}, True),
        ({"row_2": ("another error", FAILED)}, True),
        ({"row_1": ("other", READ)}, False),
        ({"row_1": ("error", FAILED)}, False),
        ({"row_1": ("error", FAILED), "row_2": ("now read", READ)}, False),
        ({"row_1": None}, False),
        ({"row_5": ("new", READ)}, False),
        ({"row_4": ("error", FAILED), "row_2": ("now read", READ)}, False),  # one makes up for no other
        ({"row_2": ("token", TOKEN)}, False),
    ],
)
def test_only_rows_that_were_not_read_may_be_read_otherwise(changes, same):
    before = taken(BEFORE)
    after = taken(with_rows(**changes), before)
    assert (after["read_before_digest"] == before["read_digest"]) is same


def test_of_many_rows_none_is_named(monkeypatch):
    monkeypatch.setattr(reading_digest, "NAMED", 1)
    assert set(taken(BEFORE)) == {"digest"}
    assert set(taken(BEFORE[:2])) == {"digest", "unread_rows", "read_digest"}
