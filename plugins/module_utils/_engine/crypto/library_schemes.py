# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schemes that ``auto`` tries, as data: what each library stores (docs/design/django-encryption.md).

A scheme is tried if its settings have values. It counts for a column only if one of its tokens authenticates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .scheme_description import CompositeSource, KeyDescription, SchemeDescription


MIRAGE_KEY: KeyDescription = {
    "derive": "base64_first_bytes",
    "secret": {"first": ["MIRAGE_SECRET_KEY", "SECRET_KEY"]},
    "length": 32,
}
FERNET_FIELDS: KeyDescription = {"derive": "hkdf_sha256", "secret": {"first": ["FERNET_KEYS", "SECRET_KEY"]}}

# The key of data from versions older than 0.8.
DJFERNET_PREFIX: CompositeSource = {"setting": "DJFERNET_PREFIX", "default": "djfernet"}

# Settings that are mappings of keys, and how the entry with which is written is found among them.
MAPPINGS: dict[str, CompositeSource] = {
    "DATA_PROTECTION_KEYS": {"entries": ["DATA_PROTECTION_KEYS", "DATA_PROTECTION_ACTIVE_KEY_ID"]},
}

KNOWN_SCHEMES: dict[str, SchemeDescription] = {
    # the runbook's application and its relatives
    "encryption_manager": {
        "format": "fernet",
        "key": {"derive": "pbkdf2_sha256", "secret": "SECRET_KEY", "salt": "ENCRYPTION_SALT", "iterations": 100_000},
    },
    "sha256_of_secret_key": {"format": "fernet", "key": {"derive": "sha256", "secret": "SECRET_KEY"}},
    "eda_server": {
        "format": "fernet_256",
        "key": {"derive": "hkdf_sha256", "secret": "SECRET_KEY", "length": 64},
        "prefix": "$encrypted$fernet-256$",
    },
    "django_ansible_base": {  # AWX's look: there each row has a key of its own (recognized_formats.py)
        "format": "fernet_256",
        "key": {"derive": "sha512", "secret": "SECRET_KEY"},
        "base64": True,
        "prefix": "$encrypted$UTF8$AESCBC$",
    },
    "defectdojo": {
        "format": "aes_gcm_hex",
        "key": {
            "derive": "sha256_hex",
            "secret": {"first": ["DD_CREDENTIAL_AES_256_KEY", "CREDENTIAL_AES_256_KEY"]},
            "length": 32,
        },
        "prefix": "AES.2:",
    },
    "pulpcore": {"format": "fernet", "key": {"derive": "direct", "secret": "DB_ENCRYPTION_KEY"}},  # a key file
    # libraries
    "django_fernet_fields": {
        "format": "fernet",
        "key": {
            **FERNET_FIELDS,
            "salt": {"text": "django-fernet-fields-hkdf-salt"},
            "info": {"text": "django-fernet-fields"},
        },
    },
    "django_fernet_fields_no_hkdf": {"format": "fernet", "key": {"derive": "direct", "secret": "FERNET_KEYS"}},
    "djfernet": {
        "format": "fernet",
        "key": {
            **FERNET_FIELDS,
            "salt": {"join": [DJFERNET_PREFIX, {"text": "-hkdf-salt"}]},
            "info": DJFERNET_PREFIX,
        },
    },
    "django_encrypted_model_fields": {
        "format": "fernet",
        "key": {"derive": "direct", "secret": "FIELD_ENCRYPTION_KEY"},
    },
    "django_fernet_encrypted_fields": {
        "format": "fernet",
        "key": {
            "derive": "pbkdf2_sha256",
            "secret": {"all": ["SECRET_KEY", "SECRET_KEY_FALLBACKS"]},
            "salt": "SALT_KEY",
            "iterations": 100_000,
        },
    },
    "django_cryptography": {
        "format": "aes_cbc_hmac",
        "key": {
            "derive": "pbkdf2_sha256",
            "secret": {"first": ["CRYPTOGRAPHY_KEY", "SECRET_KEY"]},
            "salt": {"setting": "CRYPTOGRAPHY_SALT", "default": "django-cryptography"},
            "iterations": 30_000,
        },
        "signing_key": {"derive": "raw", "secret": "SECRET_KEY"},
    },
    "django_searchable_encrypted_fields": {
        "format": "aes_gcm",
        "key": {"derive": "hex", "secret": "FIELD_ENCRYPTION_KEYS"},
    },
    "django_secured_fields": {
        "format": "fernet",
        "key": {"derive": "direct", "secret": "SECURED_FIELDS_KEY"},
        "hash_salt": {"setting": "SECURED_FIELDS_HASH_SALT", "default": ""},
    },
    "django_encrypted_json_fields": {"format": "fernet", "key": {"derive": "direct", "secret": "EJF_ENCRYPTION_KEYS"}},
    "django_field_encryption": {
        "format": "field_encryption",
        "key": {
            "derive": "field_encryption",
            "secret": MAPPINGS["DATA_PROTECTION_KEYS"],
        },
    },
    "django_nacl_fields": {"format": "secretbox", "key": {"derive": "base85", "secret": "NACL_FIELDS_KEY"}},
    "django_pgcrypto_fields": {"format": "openpgp", "key": {"derive": "raw", "secret": "PGCRYPTO_KEY"}},
    "django_pgcrypto_fields_pair": {
        "format": "openpgp_pair",
        "key": {"derive": "raw", "secret": "PRIVATE_PGP_KEY"},
        "public_key": {"derive": "raw", "secret": "PUBLIC_PGP_KEY"},
    },
    # without a MAC: tried if the model's field says so
    "django_mirage_field_ecb": {"format": "aes_ecb", "key": MIRAGE_KEY, "base64": True, "nested": True},
    "django_mirage_field_cbc": {
        "format": "aes_cbc_fixed_iv",
        "key": MIRAGE_KEY,
        "iv": {"derive": "raw", "secret": {"setting": "MIRAGE_CIPHER_IV", "default": "1234567890abcdef"}},
        "base64": True,
        "nested": True,
    },
    "django_pgcrypto": {
        "format": "aes_cbc_fixed_iv",
        "key": {"derive": "padded", "secret": {"first": ["PGCRYPTO_DEFAULT_KEY", "SECRET_KEY"]}},
        "iv": {"derive": "raw", "secret": {"text": "\0" * 16}},
        "armor": True,
    },
}

# Libraries that raise for a value that they cannot decrypt (docs/design/django-encryption.md). All
# others return the stored text, an empty value or a text of their own, and so may code that an application has by hand:
# a process under other keys then saves what it has read, encrypted a second time or lost.
RAISE_ERRORS = frozenset(
    {
        "eda_server",
        "pulpcore",
        "django_fernet_fields",
        "django_fernet_fields_no_hkdf",
        "djfernet",
        "django_cryptography",
        "django_searchable_encrypted_fields",
        "django_pgcrypto_fields",
        "django_pgcrypto_fields_pair",
        "django_field_encryption",
        "django_nacl_fields",
    }
)


def swallows_errors(scheme: str) -> bool:
    """Return whether code that reads a value of this scheme under other keys may continue without an error."""
    return scheme.split()[0] not in RAISE_ERRORS


# Of those that can read several keys (docs/design/django-encryption.md), the setting that is then a list.
READ_SEVERAL = {
    "django_fernet_fields": "FERNET_KEYS",
    "django_fernet_fields_no_hkdf": "FERNET_KEYS",
    "djfernet": "FERNET_KEYS",
    "django_encrypted_model_fields": "FIELD_ENCRYPTION_KEY",
    "django_fernet_encrypted_fields": "SALT_KEY",
    "django_searchable_encrypted_fields": "FIELD_ENCRYPTION_KEYS",
    "django_secured_fields": "SECURED_FIELDS_KEY",
    "django_encrypted_json_fields": "EJF_ENCRYPTION_KEYS",
}

# By the module of a model's field, the schemes of which its library says that every value must open under one.
OF_FIELDS = {
    "fernet_fields": ("django_fernet_fields", "django_fernet_fields_no_hkdf", "djfernet"),
    "encrypted_model_fields": ("django_encrypted_model_fields",),
    "django_cryptography": ("django_cryptography",),
    "secured_fields": ("django_secured_fields",),
    "encrypted_json_fields": ("django_encrypted_json_fields",),
}


def schemes_of_field(field: str) -> tuple[str, ...]:
    """The schemes of the library of a field, by the dotted path of its class; none if the library is not known."""
    return OF_FIELDS.get(field.partition(".")[0], ())
