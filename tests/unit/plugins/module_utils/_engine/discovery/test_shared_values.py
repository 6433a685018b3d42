# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import (
    ApplicationSettings,
    Keyring,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery import shared_values

KEYS = [{"name": "FIELD_KEY", "type": "fernet", "keep": 1, "destination": {"file": "/etc/app.env"}}]


def ring(**values: str) -> Keyring:
    return Keyring({}, {"current": KeySet(values)}, ApplicationSettings(lambda name: None))


@pytest.mark.parametrize(
    ("value", "other", "advice"),
    [
        (
            "CANARY-x",
            "CANARY-x",
            r"list both, .*\[\{name: FIELD_KEY, .*\}, \{name: TOKEN_KEY, type: fernet, keep: 1\}\]",
        ),
        ("CANARY-n,CANARY-x", "CANARY-x", "or take the value out of FIELD_KEY"),
        ("CANARY-n, CANARY-x", "CANARY-y,CANARY-x", "or take the value out of FIELD_KEY"),
        ("CANARY-x", "CANARY-y", None),
        ("CANARY-x", "", None),
        ("CANARY-x,", "CANARY-y,", None),
    ],
)
def test_a_variable_with_a_value_of_a_rotated_key_is_named_with_what_to_do(value, other, advice):
    found = list(shared_values.of_variables(ring(FIELD_KEY=value), {"FIELD_KEY": value, "TOKEN_KEY": other}, KEYS))
    assert [each.column for each in found] == (["TOKEN_KEY"] if advice else [])
    for each in found:
        error = str(each.as_error())
        assert "E_SHARED_VALUE: TOKEN_KEY, a variable of the env file, has a value of FIELD_KEY" in error
        assert re.search(advice, error)
        assert "CANARY" not in error


NEW = {"FIELD_KEY": "n", "TOKEN_KEY": "n"}


@pytest.mark.parametrize(
    ("values", "others", "stops"),
    [
        ({"FIELD_KEY": "x", "TOKEN_KEY": "x"}, [], False),
        ({"FIELD_KEY": "x", "TOKEN_KEY": "x"}, [NEW], False),
        ({"FIELD_KEY": "x", "TOKEN_KEY": "x"}, [NEW, {**NEW, "TOKEN_KEY": "m"}], True),
        ({"FIELD_KEY": "y,x", "TOKEN_KEY": "x"}, [], True),
        ({"FIELD_KEY": "y", "TOKEN_KEY": "x"}, [], False),
    ],
)
def test_two_keys_with_one_value_must_have_one_under_every_version(values, others, stops):
    found = list(shared_values.of_keys(ring(**values), map(KeySet, others)))
    assert [(each.kind.code, each.column) for each in found] == ([("E_SHARED_VALUE", "TOKEN_KEY")] if stops else [])


def test_a_key_that_is_one_with_a_used_one_is_used():
    keyring = ring(FIELD_KEY="x", TOKEN_KEY="x", OTHER_KEY="y")
    assert shared_values.with_twins(keyring, ["FIELD_KEY"]) == {"FIELD_KEY", "TOKEN_KEY"}
    assert shared_values.with_twins(keyring, []) == set()
