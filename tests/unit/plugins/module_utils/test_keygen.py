# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils import keygen
from ansible_collections.tetech.key_rotation.plugins.module_utils.errors import RotationError
from cryptography.fernet import Fernet


@pytest.mark.parametrize(
    ("key_type", "form"),
    [
        ("token_urlsafe", r"[A-Za-z0-9_-]{86}"),
        ("fernet", r"[A-Za-z0-9_-]{43}="),
        ("hex", r"[0-9a-f]{64}"),
    ],
)
def test_each_type_has_its_length_and_an_alphabet_that_every_reader_gives_back(key_type, form):
    made = {keygen.generate([{"name": "A", "type": key_type}])["A"] for _ in range(50)}
    assert len(made) == 50
    assert all(re.fullmatch(form, value) for value in made)


def test_every_type_is_tested_above():
    assert list(keygen.TYPES) == ["token_urlsafe", "fernet", "hex"]


def test_a_fernet_key_is_one():
    Fernet(keygen.generate([{"name": "A", "type": "fernet"}])["A"])


def test_each_name_gets_a_value_of_its_own():
    made = keygen.generate(keygen.DEFAULT_KEYS)
    assert list(made) == ["SECRET_KEY", "ENCRYPTION_SALT"]
    assert made["SECRET_KEY"] != made["ENCRYPTION_SALT"]


def test_a_key_without_a_type_is_urlsafe():
    assert re.fullmatch(r"[A-Za-z0-9_-]{86}", keygen.generate([{"name": "A"}])["A"])


@pytest.mark.parametrize(
    ("keys", "code", "where"),
    [
        ([], "E_KEY_SPEC", {"index": 0}),
        ([{"name": "A"}, {"type": "hex"}], "E_KEY_SPEC", {"index": 1}),
        ([{"name": ""}], "E_KEY_SPEC", {"index": 0}),
        ([{"name": "A", "type": "uuid"}], "E_KEY_TYPE", {"name": "A", "type": "uuid"}),
    ],
)
def test_a_wrong_entry_is_refused_and_named(keys, code, where):
    with pytest.raises(RotationError) as refused:
        keygen.generate(keys)
    assert refused.value.code == code
    assert where.items() <= refused.value.where.items()
