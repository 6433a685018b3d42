# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import derivation, schemes
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.fernet import AesCbcHmac
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.library_schemes import KNOWN_SCHEMES
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.tokens import Opened
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.columns.column_types import KINDS
from ansible_collections.tetech.key_rotation.tests.key_pairs import key_pair

from .....conftest import CHECKOUT

VECTORS = CHECKOUT / "tests" / "libraries" / "vectors"
# vector: the scheme that opens what that library stored
CASES = {
    "django_fernet_fields_v2__secret_key": "django_fernet_fields",
    "django_fernet_fields_v2__fernet_keys": "django_fernet_fields",
    "django_fernet_fields_v2__no_hkdf": "django_fernet_fields_no_hkdf",
    "djfernet__secret_key": "django_fernet_fields",
    "djfernet__prefix": "djfernet",
    "django_encrypted_model_fields": "django_encrypted_model_fields",
    "django_fernet_encrypted_fields__secret_key": "django_fernet_encrypted_fields",
    "django_fernet_encrypted_fields__both": "django_fernet_encrypted_fields",
    "django_fernet_encrypted_fields__json": "django_fernet_encrypted_fields",
    "django_cryptography_django5__secret_key": "django_cryptography",
    "django_cryptography__secret_key": "django_cryptography",
    "django_cryptography__cryptography_key": "django_cryptography",
    "django_searchable_encrypted_fields": "django_searchable_encrypted_fields",
    "django_secured_fields": "django_secured_fields",
    "django_encrypted_json_fields": "django_encrypted_json_fields",
    "django_mirage_field__ecb": "django_mirage_field_ecb",
    "django_mirage_field__cbc": "django_mirage_field_cbc",
    "django_pgcrypto": "django_pgcrypto",
    "food_ordering": "encryption_manager",
}
IN_LIBRARIES = {  # tests/libraries/test_formats.py
    "awx_format", "defectdojo_formats", "django_ansible_base", "django_fernet", "django_field_encryption",
    "django_nacl_fields", "pulpcore",
}  # fmt: skip
SEARCH_COLUMNS = ("xx", "xZZx")
INSIDE = Opened(b"x", 7)
PADDED = b"x" + b"\x0f" * 15  # what a format without authentication holds
OWN_KEY = b"0123456789abcdef0123456789abcdef"  # of the field ``own`` in django-cryptography's models


def load(vector: str) -> dict[str, Any]:
    found = json.loads((VECTORS / f"{vector}.json").read_text(encoding="utf-8"))
    for which in ("settings_old", "settings_new"):
        for name, value in found.get(which, {}).items():
            if isinstance(value, dict):
                found[which][name] = base64.b64decode(value["__bytes__"])
    return found


def scheme_of(vector: str) -> schemes.Scheme:
    return schemes.parse("auto")[CASES[vector]]


def stored(row: dict[str, Any], which: str) -> list[bytes]:
    """The tokens in a stored value, as the engine reads them."""
    value = row[which]
    if isinstance(value, dict):
        return [base64.b64decode(value["__bytes__"])]
    if value is None or value == "" or value.startswith(SEARCH_COLUMNS):
        return []
    kind = KINDS["json" if value.startswith(("{", "[", '"')) else "text"]
    return kind.tokens(value, b"gAAAAA")


def tokens(vector: str, which: str) -> list[tuple[dict[str, Any], list[bytes]]]:
    rows = [(row, stored(row, which)) for row in load(vector)["rows"] if row.get("field") != "own" and which in row]
    assert any(found for _, found in rows)
    return rows


def test_every_vector_is_tested():
    there = {path.stem for path in Path(VECTORS).glob("*.json")}
    assert there == {
        *CASES,
        *IN_LIBRARIES,
        "variants_app_formats",
        "django_pgcrypto_fields",
    }  # the latter in test_openpgp.py


@pytest.mark.parametrize("name", KNOWN_SCHEMES)
def test_a_known_scheme_is_one_that_a_person_could_have_described(name):
    (checked,) = schemes.parse({name: KNOWN_SCHEMES[name]}).values()
    assert checked.described == schemes.parse("auto")[name].described
    assert checked.settings


@pytest.mark.parametrize("name", KNOWN_SCHEMES)
def test_a_known_scheme_makes_a_key_of_its_settings(name):
    if name == "django_nacl_fields":
        pytest.importorskip("nacl")
    fernet, digits = base64.urlsafe_b64encode(bytes(32)).decode(), "00" * 32
    values = {
        setting: digits if "hex" in str(KNOWN_SCHEMES[name]) else fernet
        for setting in schemes.parse("auto")[name].settings
    }
    values.update({"DATA_PROTECTION_KEYS": {"v1": fernet}, "DATA_PROTECTION_ACTIVE_KEY_ID": "v1"})
    values = {**values, **dict(zip(("PUBLIC_PGP_KEY", "PRIVATE_PGP_KEY"), key_pair()))}
    values = {setting: value[:16] if setting.endswith("_IV") else value for setting, value in values.items()}
    scheme = schemes.parse({name: KNOWN_SCHEMES[name]})[name]
    cipher = scheme.cipher(values.get)
    inside = INSIDE
    if not scheme.format.authenticated:
        inside = inside._replace(plaintext=PADDED)
    token = cipher.seal(inside)
    assert token.startswith(scheme.marker)
    assert cipher.open(token).plaintext == inside.plaintext
    assert scheme.cipher({}.get) is None


@pytest.mark.parametrize("vector", CASES)
def test_what_a_library_stored_opens_under_its_own_settings_and_under_no_other(vector):
    scheme, settings = scheme_of(vector), load(vector)
    old, new = (scheme.cipher(settings[which].get) for which in ("settings_old", "settings_new"))
    for row, found in tokens(vector, "stored_old"):
        assert [old.open(token) is not None for token in found] == [True] * len(found), row["pk"]
        assert [new.open(token) for token in found] == [None] * len(found), row["pk"]


@pytest.mark.parametrize("vector", CASES)
def test_what_is_inside_is_what_the_library_put_there(vector):
    scheme, settings = scheme_of(vector), load(vector)
    old = scheme.cipher(settings["settings_old"].get)
    compared = 0
    for row, found in tokens(vector, "stored_old"):
        inside = [old.open(token).plaintext for token in found]
        if "plaintext" in row:
            expected = [row["plaintext"].encode()]
        elif isinstance(row["stored_old"], str) and row["stored_old"].startswith(("{", "[", '"')):
            expected = [leaf.encode() for leaf in json.loads(base64.b64decode(row["inner_plaintext_bytes_b64"]))]
        elif "inner_plaintext_bytes_b64" in row:
            expected = [base64.b64decode(row["inner_plaintext_bytes_b64"])]
        else:
            continue
        if vector.startswith("django_mirage_field"):  # its vectors are without the padding
            inside = [plaintext[: -plaintext[-1]] for plaintext in inside]
        if found:
            assert sorted(inside) == sorted(expected), row["pk"]
            compared += 1
    assert compared


# djfernet's vectors were written by the library itself, under its old settings alone.
@pytest.mark.parametrize("vector", [vector for vector in CASES if not vector.startswith("djfernet")])
def test_what_the_library_read_after_a_rotation_opens_under_the_new_settings_only(vector):
    scheme, settings = scheme_of(vector), load(vector)
    old, new = (scheme.cipher(settings[which].get) for which in ("settings_old", "settings_new"))
    for row, found in tokens(vector, "stored_new"):
        before = [old.open(token) for token in stored(row, "stored_old")]
        assert None not in before
        assert [new.open(token) for token in found] == before, row["pk"]
        assert [old.open(token) for token in found] == [None] * len(found), row["pk"]


def test_a_search_hash_after_a_token_is_the_one_that_the_library_makes():
    vector = load("django_secured_fields")
    scheme = scheme_of("django_secured_fields")
    old, new = (scheme.cipher(vector[which].get) for which in ("settings_old", "settings_new"))
    hashed = [row for row in vector["rows"] if "$" in (row["stored_old"] or "")]
    assert hashed
    for row in hashed:
        fresh = new.seal(old.open(row["stored_old"].encode()))
        assert fresh.partition(b"$")[2] == row["stored_new"].encode().partition(b"$")[2]
        assert (
            old.seal(old.open(row["stored_old"].encode())).partition(b"$")[2]
            == (row["stored_old"].encode().partition(b"$")[2])
        )


@pytest.mark.parametrize("vector", [name for name, scheme in CASES.items() if scheme == "django_cryptography"])
def test_a_field_with_a_key_of_its_own_is_signed_by_the_secret_key_anyway(vector):
    described = load(vector)
    old, new = (
        AesCbcHmac(OWN_KEY, described[which]["SECRET_KEY"].encode()) for which in ("settings_old", "settings_new")
    )
    found = [token for row in described["rows"] if row["field"] == "own" for token in stored(row, "stored_old")]
    assert found
    for token in found:
        assert old.open(token) is not None
        assert new.open(token) is None


@pytest.mark.parametrize(
    ("place", "scheme", "prefix", "doubled"),
    [
        (0, "encryption_manager", "", True),
        (1, "sha256_of_secret_key", "", False),
        (2, "sha256_of_secret_key", "enc$", 0),
    ],
)
def test_what_applications_of_their_own_stored_opens(place, scheme, prefix, doubled):
    variants = load("variants_app_formats")
    row = variants["rows"][place]
    known = schemes.parse("auto")[scheme]
    dressed = known.around(prefix, bool(doubled)) if prefix or doubled else known
    cipher = dressed.cipher(variants["settings"].get)
    assert cipher.open(row["stored"].encode()).plaintext == row["plaintext"].encode()
    assert dressed.cipher({**variants["settings"], "SECRET_KEY": "another"}.get).open(row["stored"].encode()) is None


def test_another_prefix_is_found_in_front_of_the_same_token():
    variants = load("variants_app_formats")
    row = variants["rows"][3]
    cipher = (
        schemes.parse("auto")["sha256_of_secret_key"].around("enc::", doubled=False).cipher(variants["settings"].get)
    )
    assert cipher.open(row["stored"].encode()).plaintext == row["plaintext"].encode()


def test_a_vault_of_tokens_is_described_in_a_few_lines():
    variants = load("variants_app_formats")
    row = variants["rows"][4]
    salt = {"setting": "TOKENIZATION_SALT", "default": "hamsukypay_tokenization_salt"}
    key = {"derive": "pbkdf2_sha256", "secret": "SECRET_KEY", "salt": salt, "iterations": 100_000}
    described = {"vault": {"format": "fernet", "key": key, "base64": True, "prefix": "tok_1_"}}
    cipher = schemes.parse(described)["vault"].cipher(variants["settings"].get)
    assert json.loads(cipher.open(row["stored"].encode()).plaintext) == row["plaintext"]


@pytest.mark.parametrize("which", [0, 1])
def test_of_several_keys_the_first_one_writes_and_all_read(which):
    row = load("variants_app_formats")["rows"][5]
    keys = row["keys"].split(",")
    scheme = schemes.parse("auto")["django_encrypted_model_fields"]
    several = scheme.cipher({"FIELD_ENCRYPTION_KEY": keys if which else keys[::-1]}.get)
    inside = several.open(base64.b64decode(row["stored_bytea_b64"]))
    assert inside.plaintext == row["plaintext"].encode()
    fresh = several.seal(inside)
    first, second = (scheme.cipher({"FIELD_ENCRYPTION_KEY": key}.get) for key in (keys if which else keys[::-1]))
    assert first.open(fresh) == inside
    assert second.open(fresh) is None


def test_eda_server_has_fernet_with_aes_256_after_its_prefix():
    """No vector of it is at hand: the frame is Fernet's, the keys are HKDF's 64 bytes."""
    cipher = schemes.parse("auto")["eda_server"].cipher({"SECRET_KEY": "s"}.get)
    token = cipher.seal(INSIDE)
    assert token.startswith(b"$encrypted$fernet-256$gAAAAA")
    raw = base64.urlsafe_b64decode(token.removeprefix(b"$encrypted$fernet-256$"))
    keys = derivation.hkdf_sha256(b"s", length=64)
    assert AesCbcHmac(keys[32:], keys[:32]).open(raw) == INSIDE


def test_a_salt_or_an_iv_with_a_default_is_no_secret():
    known = schemes.parse("auto")
    assert known["django_mirage_field_cbc"].optional == {"MIRAGE_CIPHER_IV"}
    assert known["django_cryptography"].optional == {"CRYPTOGRAPHY_SALT"}
    assert known["encryption_manager"].optional == set()
    secret = {"secret": {"setting": "VAULT_KEY", "default": "x"}, "derive": "sha256"}
    assert schemes.parse({"vault": {"format": "fernet", "key": secret}})["vault"].optional == set()
