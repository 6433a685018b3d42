# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Formats that the look of a stored value or the class of its field identifies, each with advice.

A signature proves nothing about a key. It gives a true reason for a value that no known scheme opens.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..crypto.tokens import as_bytes

_FUNCTIONS = "describe the application's own functions in O(schemes) (application: decrypt, encrypt)"
_FOREIGN = (
    "It looks encrypted under a key of that system. If it is under none of O(keys), settle the column, with this "
    "reason. If the application itself encrypts it with one of them, " + _FUNCTIONS + "."
)


@dataclass(frozen=True)
class Signature:
    """One format. ``what`` completes "the value is ..."; ``todo`` is a sentence of advice.

    ``value`` matches the beginning of a stored value, as bytes. ``field`` matches the dotted path of a model field's
    class.
    """

    name: str
    what: str
    todo: str
    value: re.Pattern[bytes] | None = None
    field: re.Pattern[str] | None = None
    foreign: bool = False  # under a key of another system, and never under one that is rotated here


def _looks(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern, re.DOTALL)


FERNET = rb"gAAAAA[\w-]{70,}={0,2}"

# The first one that fits counts. Sources: the stored values in tests/libraries/vectors, otherwise as named.
SIGNATURES = (
    Signature(
        "awx",
        "in the format of AWX and django-ansible-base. In AWX each row has a key of its own, "
        "derived from SECRET_KEY, the row's primary key and the field's name",
        "For AWX, " + _FUNCTIONS + " with context: [pk, member] or [pk, column]. For django-ansible-base, "
        "name SECRET_KEY in O(keys).",
        _looks(rb"\$encrypted\$(?:UTF8\$)?AES(?:CBC)?\$"),
    ),
    Signature(
        "aes_1",
        "in the format AES.1 of DefectDojo: AES-OFB without authentication, which nothing can prove",
        _FUNCTIONS[0].upper() + _FUNCTIONS[1:] + ". Or, if the application reads it decrypted, let it save the value "
        "again, as AES.2. If it does not, what it saves is lost.",
        _looks(rb"AES\.1:[\da-fA-F]{32}:(?:[\da-fA-F]{2})+\Z"),
    ),
    Signature(
        "aes_2",
        "in the format AES.2 of DefectDojo: AES-256-GCM in hex, there under the SHA-256 of a setting",
        "For DefectDojo, name the setting (DD_CREDENTIAL_AES_256_KEY) in O(keys). If the key is listed, the "
        "application derives another one from it: " + _FUNCTIONS + ".",
        _looks(rb"AES\.2:[\da-fA-F]{24}:(?:[\da-fA-F]{2}){16,}\Z"),
    ),
    Signature(
        "django_fernet",
        "in the format of django-fernet: a Fernet token whose key is derived, for each row, from a salt in the "
        "value and a secret that the application passes at run time",
        "The secret is in no setting: " + _FUNCTIONS + " that know it, with binary: true.",
        _looks(rb".{16}" + FERNET + rb"\Z"),
        re.compile(r"^django_fernet\."),
    ),
    Signature(
        "django_field_encryption",
        "in the format of django-field-encryption: the ID of a key, a colon, AES-256-GCM",
        "Name the value of that ID in DATA_PROTECTION_KEYS in O(keys), and keep its ID.",
        field=re.compile(r"^django_field_encryption\."),
    ),
    Signature(
        "secretbox",
        "in the format of django-nacl-fields: a secretbox of libsodium (XSalsa20-Poly1305)",
        "Name NACL_FIELDS_KEY in O(keys), and have PyNaCl in the application's environment.",
        field=re.compile(r"^nacl_encrypted_fields\."),
    ),
    Signature(
        "django_crypto_fields",
        "a hash of django-crypto-fields. The encrypted value is in django_crypto_fields_crypt, under key files",
        "Rotate it with that library's own tools, or leave its key files out of the rotation.",
        _looks(rb"enc[12]:::"),
        re.compile(r"^django_crypto_fields\."),
    ),
    Signature(  # https://developer.hashicorp.com/vault/docs/secrets/transit
        "vault_transit",
        "encrypted by the transit engine of HashiCorp Vault or OpenBao, whose key never leaves it",
        "Rotate that key in Vault (rewrap). " + _FOREIGN,
        _looks(rb"vault:v\d+:[\w+/=]+\Z"),
        foreign=True,
    ),
    Signature(  # https://github.com/getsops/sops
        "sops", "encrypted by SOPS", _FOREIGN, _looks(rb"ENC\[AES256_GCM,data:"), foreign=True
    ),
    Signature(  # https://docs.ansible.com/projects/ansible/latest/vault_guide
        "ansible_vault", "a text of Ansible Vault", _FOREIGN, _looks(rb"\$ANSIBLE_VAULT;"), foreign=True
    ),
    Signature(  # https://age-encryption.org/v1
        "age",
        "encrypted by age",
        _FOREIGN,
        _looks(rb"age-encryption\.org/v1\n|-----BEGIN AGE ENCRYPTED FILE-----"),
        foreign=True,
    ),
    Signature(  # RFC 7516, section 7.1: five parts, the first one is the base64 of {"
        "jwe",
        "a JSON Web Encryption token",
        _FUNCTIONS[0].upper() + _FUNCTIONS[1:] + ".",
        _looks(rb"eyJ[\w-]+\.[\w-]*\.[\w-]+\.[\w-]+\.[\w-]+\Z"),
    ),
    Signature(  # openssl-enc(1): Salted__, in base64 or not
        "openssl_enc",
        "in the format of openssl enc: each value has a key of its own, derived from a salt and a passphrase",
        _FUNCTIONS[0].upper() + _FUNCTIONS[1:] + ".",
        _looks(rb"Salted__.{8}|U2FsdGVkX1[\w+/]"),
    ),
    Signature(
        "fernet",
        "a Fernet token that no available key decrypts under a known derivation",
        "If its key is one of these, describe how it is derived in O(schemes), or "
        + _FUNCTIONS
        + ". Otherwise name its setting in O(keys).",
        _looks(rb"(?:[!-~]{0,40}?)(?:" + FERNET + rb"|Z0FBQUFB[\w+/=-]{90,})"),
    ),
)


def of_another_format(stored: bytes, field: str = "") -> Signature | None:
    """Return the format of a value that no known scheme opens, if a key that is rotated may open it.

    None for a Fernet token: only its key is in question.
    """
    signature = identify(stored, field)
    return None if signature is None or signature.foreign or signature.name == "fernet" else signature


def identify(stored: str | bytes, field: str = "") -> Signature | None:
    """Return the format of a stored value, by its appearance or its field's dotted class path. None if unknown."""
    value = as_bytes(stored)
    for signature in SIGNATURES:
        if (signature.value and signature.value.match(value)) or (
            field and signature.field and signature.field.search(field)
        ):
            return signature
    return None
