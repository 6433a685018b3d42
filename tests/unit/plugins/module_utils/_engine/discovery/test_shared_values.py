# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application.key_uses import Use
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import (
    ApplicationSettings,
    Keyring,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery import shared_values
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings import settlements
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings.findings import unsettled

KEYS = [{"name": "FIELD_KEY", "type": "fernet", "keep": 1, "destination": {"file": "/etc/app.env"}}]


def unread(names):
    return {}


def ring(**values: str) -> Keyring:
    return Keyring({}, {"current": KeySet(values)}, ApplicationSettings(lambda name: None))


@pytest.mark.parametrize(
    ("value", "other", "advice"),
    [
        (
            "CANARY-7d2f90x1",
            "CANARY-7d2f90x1",
            r"list both, .*\[\{name: FIELD_KEY, .*\}, \{name: TOKEN_KEY, type: fernet, keep: 1\}\]",
        ),
        ("CANARY-7d2f90n1,CANARY-7d2f90x1", "CANARY-7d2f90x1", "or remove the value from FIELD_KEY"),
        ("CANARY-7d2f90n1, CANARY-7d2f90x1", "CANARY-7d2f90y1,CANARY-7d2f90x1", "or remove the value from FIELD_KEY"),
        ("CANARY-7d2f90x1", "CANARY-7d2f90y1", None),
        ("CANARY-7d2f90x1", "", None),
        ("CANARY-7d2f90x1,", "CANARY-7d2f90y1,", None),
    ],
)
def test_a_variable_with_a_value_of_a_rotated_key_is_named_with_what_to_do(value, other, advice):
    found = list(
        shared_values.of_variables(ring(FIELD_KEY=value), {"FIELD_KEY": value, "TOKEN_KEY": other}, KEYS, unread)
    )
    assert [each.column for each in found] == (["TOKEN_KEY"] if advice else [])
    for each in found:
        error = str(each.as_error())
        assert "E_SHARED_VALUE: TOKEN_KEY, a variable of the .env file, shares a value with FIELD_KEY" in error
        assert re.search(advice, error)
        assert "CANARY" not in error


@pytest.mark.parametrize(
    ("file", "function", "kind"),
    [("site/settings.py", "", "shared_word"), ("core/encryption.py", "make", "shared_value")],
)
def test_a_plain_word_that_a_variable_has_too_stops_only_if_code_that_encrypts_reads_it(file, function, kind):
    """As a salt that is the name of an environment: who lists that one gets a random text in its place."""
    env = {"FIELD_KEY": "production", "DJANGO_ENV": "production", "ALLOWED": "a,production"}
    read = {name: [Use(file, 1, function, "reads the variable")] for name in env}
    found = list(shared_values.of_variables(ring(FIELD_KEY="production"), env, KEYS, lambda names: read))
    assert [(each.column, each.kind.name) for each in found] == [("ALLOWED", kind), ("DJANGO_ENV", kind)]
    assert not any("name: DJANGO_ENV" in each.todo or "list both" in each.todo for each in found)
    settled = settlements.parse({name: {"not_a_key": "a test"} for name in ("ALLOWED", "DJANGO_ENV")})
    assert [each for each in unsettled(found, settled) if each.kind.stops] == []


NEW = {"FIELD_KEY": "n", "TOKEN_KEY": "n"}


@pytest.mark.parametrize(
    ("values", "others", "stops"),
    [
        ({"FIELD_KEY": "x", "TOKEN_KEY": "x"}, [], False),
        ({"FIELD_KEY": "x", "TOKEN_KEY": "x"}, [NEW], False),
        ({"FIELD_KEY": "x", "TOKEN_KEY": "x"}, [NEW, {**NEW, "TOKEN_KEY": "m"}], True),
        ({"FIELD_KEY": "x", "TOKEN_KEY": "x"}, [NEW, {"FIELD_KEY": "v"}], False),  # a version from before it was listed
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
