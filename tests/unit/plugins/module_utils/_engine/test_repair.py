# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a value that a person named cannot be repaired: what is said must be true."""

from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine import repair
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings import settlements

TARGETS = {"users._name"}
COLUMNS = {"users._name", "users._email", "users._phone"}
SETTLED = settlements.parse({"users._name": {"mixed": "why"}, "users._email": {"unreadable": "its key is lost"}})


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("users._name:99", "there is no such row"),
        ("users._email:1", "its column is settled as unreadable in key_rotation_settlements: remove it there, and "),
        ("users._phone:1", "its column is not among the encrypted columns that were found: list all encrypted columns"),
        ("users._emails:1", "there is no such column"),
        ("users._email", "there is no such column"),  # it has no key
    ],
)
def test_why_a_value_that_was_named_is_in_no_row_of_the_targets(value, reason):
    left = repair.missing(value, TARGETS, COLUMNS, SETTLED)
    assert (left.value, left.named, left.by_name) == (value, True, False)
    assert left.reason.startswith(reason)
    assert ("in key_rotation_targets" in left.reason) == ("its column" in reason)
