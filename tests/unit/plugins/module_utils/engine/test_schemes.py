# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils.engine import schemes
from ansible_collections.tetech.key_rotation.plugins.module_utils.engine.formats import Opened
from ansible_collections.tetech.key_rotation.plugins.module_utils.engine.keysets import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils.errors import RotationError

PROFILE = {
    "format": "fernet",
    "key": {"derive": "pbkdf2_sha256", "secret": "SECRET_KEY", "salt": "ENCRYPTION_SALT", "iterations": 100_000},
}
DIRECT = {"format": "fernet", "key": {"derive": "direct", "secret": "FIELD_KEY"}}
FIELD_KEY = KeySet({"FIELD_KEY": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="})


def changed(scheme: dict[str, Any], **key: Any) -> dict[str, Any]:
    """The scheme with other members of ``key``; None takes one away."""
    other = copy.deepcopy(scheme)
    other["key"] = {name: value for name, value in {**other["key"], **key}.items() if value is not None}
    return other


@pytest.fixture(scope="module")
def ciphers(old_keys, new_keys):
    scheme = schemes.parse("auto")["encryption_manager"]
    return scheme.cipher(old_keys), scheme.cipher(new_keys)


@pytest.mark.parametrize("row", range(4))
def test_stored_values_of_the_real_application_open_under_their_own_keys_only(vectors, ciphers, row):
    old, new = ciphers
    stored = vectors["rows"][row]
    plaintext = stored["plaintext"].encode()
    assert old.open(stored["stored_old"]).plaintext == plaintext
    assert new.open(stored["stored_new"]).plaintext == plaintext
    assert old.open(stored["stored_new"]) is None
    assert new.open(stored["stored_old"]) is None


def test_a_value_goes_to_the_new_keys_with_its_time_and_its_bytes(vectors, ciphers):
    old, new = ciphers
    for row in vectors["rows"]:
        inside = old.open(row["stored_old"])
        fresh = new.seal(inside)
        assert new.open(fresh) == inside
        assert inside.timestamp > 0
        assert len(fresh) == len(row["stored_new"])


def test_a_scheme_in_yaml_is_the_known_one(old_keys, vectors):
    scheme = schemes.parse({"profile": PROFILE})["profile"]
    assert scheme.settings == ("SECRET_KEY", "ENCRYPTION_SALT")
    assert scheme.cipher(old_keys).open(vectors["rows"][0]["stored_old"]) is not None


def test_a_direct_key_needs_one_setting():
    scheme = schemes.parse({"field": DIRECT})["field"]
    assert scheme.settings == ("FIELD_KEY",)
    cipher = scheme.cipher(FIELD_KEY)
    assert cipher.open(cipher.seal(Opened(b"x", 7))) == Opened(b"x", 7)


def test_a_prefix_is_put_before_each_token_and_asked_of_each():
    bare = schemes.parse({"field": DIRECT})["field"].cipher(FIELD_KEY)
    scheme = schemes.parse({"field": {**DIRECT, "prefix": "enc$"}})["field"]
    cipher = scheme.cipher(FIELD_KEY)
    token = cipher.seal(Opened(b"x", 7))
    assert scheme.marker == "enc$gAAAAA"
    assert token.startswith(scheme.marker)
    assert cipher.open(token) == Opened(b"x", 7)
    assert bare.open(token.removeprefix("enc$")) == Opened(b"x", 7)
    assert bare.open(token) is None
    assert cipher.open(token.removeprefix("enc$")) is None
    assert cipher.open("enc$" + token) is None
    assert cipher.open("tok$" + token.removeprefix("enc$")) is None


@pytest.mark.parametrize(
    ("described", "found"),
    [
        ("automatic", "neither 'auto' nor a mapping"),
        ({}, "neither 'auto' nor a mapping"),
        ([PROFILE], "neither 'auto' nor a mapping"),
        (None, "neither 'auto' nor a mapping"),
        ({"profile": "fernet"}, "is not a mapping"),
        ({"profile": {**PROFILE, "encoding": "b64"}}, "has the unknown member encoding"),
        ({"profile": {**PROFILE, "format": "rot13"}}, "has no format of: fernet"),
        ({"profile": {"key": PROFILE["key"]}}, "has no format of: fernet"),
        ({"profile": {"format": "fernet"}}, "has no key.derive of: direct, pbkdf2_sha256"),
        ({"profile": {"format": "fernet", "key": "SECRET_KEY"}}, "has no key.derive of"),
        ({"profile": changed(PROFILE, derive="md5")}, "has no key.derive of"),
        ({"profile": changed(PROFILE, salt=None)}, "wants for pbkdf2_sha256 exactly: secret, salt, iterations"),
        ({"profile": changed(DIRECT, salt="B")}, "wants for direct exactly: secret"),
        ({"profile": changed(PROFILE, iterations=0)}, "has iterations that are no positive number"),
        ({"profile": changed(PROFILE, iterations=-1)}, "has iterations that are no positive number"),
        ({"profile": changed(PROFILE, iterations="100000")}, "has iterations that are no positive number"),
        ({"profile": changed(PROFILE, iterations=1.5)}, "has iterations that are no positive number"),
    ],
)
def test_a_wrong_description_is_refused_and_told(described, found):
    with pytest.raises(RotationError, match="key_rotation_schemes") as refused:
        schemes.parse(described)
    assert refused.value.code == "E_SCHEME"
    assert found in refused.value.where["found"]


def test_a_setting_that_the_key_set_lacks_is_named():
    scheme = schemes.parse({"profile": PROFILE})["profile"]
    with pytest.raises(RotationError) as refused:
        scheme.cipher(KeySet({"SECRET_KEY": "CANARY"}))
    assert refused.value.code == "E_SCHEME"
    assert "needs ENCRYPTION_SALT" in str(refused.value)
    assert "CANARY" not in str(refused.value)


def test_a_setting_that_is_no_key_is_named_without_its_value():
    scheme = schemes.parse({"field": DIRECT})["field"]
    with pytest.raises(RotationError) as refused:
        scheme.cipher(KeySet({"FIELD_KEY": "CANARY"}))
    assert refused.value.code == "E_SCHEME"
    assert "cannot make a key from FIELD_KEY" in str(refused.value)
    assert "CANARY" not in str(refused.value)
