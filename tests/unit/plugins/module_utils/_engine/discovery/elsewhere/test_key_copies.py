# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import schemes
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import (
    ApplicationSettings,
    Keyring,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.elsewhere.key_copies import (
    KeyCopies,
)

RANDOM = bytes(range(200, 232))
FERNET = base64.urlsafe_b64encode(RANDOM).decode()
SQL = "pgp_sym_encrypt(NEW.ssn, '{}')"


def copy_in(value: str, sql: str) -> str:
    ring = Keyring(schemes.parse("auto"), {"current": KeySet({"KEY": value})}, ApplicationSettings(lambda name: None))
    return KeyCopies(ring).in_sql(sql)


@pytest.mark.parametrize("value", ["salt", "a1b2", "20261129", "production", "salt-of-customers"])
def test_few_characters_a_short_number_or_a_plain_word_is_no_copy(value: str) -> None:
    assert copy_in(value, SQL.format(value)) == ""


@pytest.mark.parametrize(
    "value", ["a1b2c3", "Passw0rd2026", "1234567890123456", "correct horse battery staple", f"x7-first,{FERNET}"]
)
def test_any_other_value_is_one(value: str) -> None:
    assert copy_in(value, SQL.format(value.rpartition(",")[2])) == "the value of KEY"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (FERNET, "the value of KEY"),
        (FERNET.encode().hex(), "the value of KEY in hex"),
        (RANDOM.hex(), "the bytes of KEY in hex"),
        (base64.b64encode(RANDOM).decode(), "the bytes of KEY in base64"),
    ],
)
def test_the_writings_of_a_value_and_of_its_bytes_are_copies(text: str, what: str) -> None:
    assert copy_in(FERNET, SQL.format(text)) == what
    assert text not in what
