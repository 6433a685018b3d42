# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import os

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.value_forms.recognized_formats import (
    SIGNATURES,
    identify,
)
from cryptography.fernet import Fernet

TOKEN = Fernet(base64.urlsafe_b64encode(bytes(32)))._encrypt_from_parts(b"x", 0x6A000000, bytes(16))
NONCE = "1b1a0652fb8d857c62379339"


@pytest.mark.parametrize(
    ("stored", "name"),
    [
        (TOKEN, "fernet"),
        (b"enc$" + TOKEN, "fernet"),
        (base64.b64encode(TOKEN), "fernet"),
        (b"\x00\xff" * 8 + TOKEN, "django_fernet"),
        (b"$encrypted$UTF8$AESCBC$" + base64.b64encode(TOKEN), "awx"),
        (f"AES.1:{bytes(16).hex()}:{bytes(16).hex()}", "aes_1"),
        (f"AES.2:{NONCE}:{bytes(20).hex()}", "aes_2"),
        ("enc1:::0a1b", "django_crypto_fields"),
        ("vault:v1:8SDd3WHDOjf7mq69CyCqYjBXAiQQAVZRkFM13ok481zoCmHnSeDX9vyf7w==", "vault_transit"),
        ("ENC[AES256_GCM,data:p673w==,iv:YY=,aad:UQ=,tag:A=]", "sops"),
        ("$ANSIBLE_VAULT;1.1;AES256\n6664", "ansible_vault"),
        (b"age-encryption.org/v1\n-> X25519 ", "age"),
        (
            "eyJhbGciOiJkaXIifQ..48V1_ALb6US04U3b.5eym8TW_c8SuK0ltJ3rpYIzOeDQz7TALvtu6UG9oMo4.XFBoMYUZodetZdvTiFvSkQ",
            "jwe",
        ),
        (b"Salted__\x00\x01\x02\x03\x04\x05\x06\x07", "openssl_enc"),
        ("U2FsdGVkX1+abc", "openssl_enc"),
    ],
)
def test_a_format_is_recognized_by_the_look_of_a_value(stored, name):
    assert identify(stored).name == name


@pytest.mark.parametrize(
    "stored",
    [
        "", "Ada Lovelace", "https://example.com/a/b?c=d", "2026-11-27T12:00:00Z",
        "550e8400-e29b-41d4-a716-446655440000",
        "pbkdf2_sha256$1000000$salt$aGFzaA==", "{}", "a@example.com", "sha256:" + "0f" * 32, "sha1$abc$" + "0" * 40,
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "example.com:8080", b"\x00" * 40, bytes(range(256)),
        "application:a long text with spaces 1A", "key:" + "a" * 48, "AES.2:no:hex", "Žluťoučký kůň",
        # An application's own AES-GCM after a version, and a registration token of Firebase
        "v1:-tzL4Q2-kLZ46VpHmzHr0DnOynj4IkUI33uQmLPQsU7wjTK_cCTWpg==",
        "dGhpcyBpcyBhIDExY2g:APA91b" + "kX9vQ2mB7nR4tL8wZ3cY6hJ1gF5dS0aPqE" * 3 + "kX9vQ2mB7nR4tL8wZ3cY6hJ1gF5dS0aP",
        '{"a": "gAAAAA"}',
    ],
)  # fmt: skip
def test_an_ordinary_value_is_not_taken_for_a_format(stored):
    assert identify(stored) is None


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("nacl_encrypted_fields.fields.NaClCharField", "secretbox"),
        ("django_fernet.fields.FernetTextField", "django_fernet"),
        ("django_field_encryption.fields.BlindIndexField", "django_field_encryption"),
        ("django.db.models.fields.CharField", None),
    ],
)
def test_bytes_without_a_look_are_recognized_by_the_class_of_their_field(field, name):
    found = identify(os.urandom(40), field)
    assert (found.name if found else None) == name


def test_every_signature_says_what_it_is_and_what_to_do():
    assert len({each.name for each in SIGNATURES}) == len(SIGNATURES)
    for each in SIGNATURES:
        assert each.value or each.field
        assert each.todo.endswith(".")
        assert not each.what.endswith(".")
        assert "wrong key" not in each.what + each.todo
