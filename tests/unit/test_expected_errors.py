# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A test that expects an error fails with any other error, and without one."""

from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.database import ConnectionLost
from ansible_collections.tetech.key_rotation.tests.expected_errors import Containing, expect_error


@pytest.mark.parametrize(
    "expected",
    [
        {},
        {"table": "profile"},
        {"table": Containing("pro", "file"), "changed_nothing": False},
        {"changed": Containing("3 values"), "todo": Containing("PostgreSQL")},
    ],
)
def test_an_error_with_the_code_and_the_fields_is_the_expected_one(expected):
    with expect_error("E_DB_LOST", **expected) as raised:
        raise ConnectionLost(changed="3 values were re-encrypted.", table="profile")
    assert isinstance(raised.value, ConnectionLost)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("E_DB", {}),
        ("E_DB_LOST_", {}),
        ("E_DB_LOST", {"table": "pro"}),
        ("E_DB_LOST", {"table": Containing("pro", "fill")}),
        ("E_DB_LOST", {"rows": None}),
        ("E_DB_LOST", {"changed_nothing": False}),
    ],
)
def test_an_error_with_another_code_or_field_fails_the_test(code, expected):
    with pytest.raises(AssertionError, match="got E_DB_LOST"), expect_error(code, **expected):
        raise ConnectionLost(table="profile")


def test_no_error_and_one_without_a_code_fail_the_test():
    with pytest.raises(pytest.fail.Exception), expect_error("E_DB_LOST"):
        pass
    with pytest.raises(ValueError, match="another"), expect_error("E_DB_LOST"):
        raise ValueError("another")
