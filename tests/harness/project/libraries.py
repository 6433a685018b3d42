# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seven libraries of PyPI, the example's own manager, and applications with functions of their own.

What each needs, and how it keeps a text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Env = Mapping[str, str]


@dataclass(frozen=True)
class Library:
    """One library. ``keys`` are entries of key_rotation_keys, ``field`` makes an encrypted text that may be null.
    ``functions`` are those of an application that has no library: decrypt and encrypt, in own.py."""

    name: str
    package: str  # its folder, or "" for the example's own manager, or for functions
    keys: tuple[Mapping[str, Any], ...]
    settings: Callable[[Env], Mapping[str, Any]]
    field: Callable[[], Any]
    functions: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_example(self) -> bool:
        return not self.package and not self.functions


def encrypted_model_fields() -> Any:
    from encrypted_model_fields.fields import EncryptedTextField

    return EncryptedTextField(null=True)


def fernet_encrypted_fields() -> Any:
    from encrypted_fields.fields import EncryptedTextField

    return EncryptedTextField(null=True)


def fernet_fields() -> Any:
    from fernet_fields import EncryptedTextField

    return EncryptedTextField(null=True)


def django_cryptography() -> Any:
    from django.db import models
    from django_cryptography.fields import encrypt

    return encrypt(models.TextField(null=True))


def secured_fields() -> Any:
    from secured_fields import EncryptedTextField

    return EncryptedTextField(null=True)


def searchable_fields() -> Any:
    from encrypted_fields.fields import EncryptedTextField

    return EncryptedTextField(null=True)


def encrypted_text_field() -> Any:
    """It reads None, and writes that, for what it cannot open."""
    from encrypted_text_field.models import EncryptedTextField

    return EncryptedTextField(null=True)


def food_ordering() -> Any:
    """A plain column: the model's property decrypts it."""
    from django.db import models

    return models.TextField(null=True)


SECRET_KEY = {"name": "SECRET_KEY"}
LIBRARIES = (
    Library(
        "encrypted_model_fields",
        "django-encrypted-model-fields",
        ({"name": "FIELD_ENCRYPTION_KEY", "type": "fernet"},),
        lambda env: {"FIELD_ENCRYPTION_KEY": env["FIELD_ENCRYPTION_KEY"]},
        encrypted_model_fields,
    ),
    Library(
        "fernet_encrypted_fields",
        "django-fernet-encrypted-fields",
        (SECRET_KEY, {"name": "SALT_KEY"}),
        lambda env: {"SALT_KEY": env["SALT_KEY"]},
        fernet_encrypted_fields,
    ),
    Library("fernet_fields", "django-fernet-fields-v2", (SECRET_KEY,), lambda env: {}, fernet_fields),
    Library("django_cryptography", "django-cryptography-django5", (SECRET_KEY,), lambda env: {}, django_cryptography),
    Library(
        "secured_fields",
        "django-secured-fields",
        ({"name": "SECURED_FIELDS_KEY", "type": "fernet"},),
        lambda env: {"SECURED_FIELDS_KEY": env["SECURED_FIELDS_KEY"], "SECURED_FIELDS_HASH_SALT": "salt"},
        secured_fields,
    ),
    Library(
        "searchable_fields",
        "django-searchable-encrypted-fields",
        ({"name": "FIELD_ENCRYPTION_KEYS", "type": "hex", "bytes": 32},),
        lambda env: {"FIELD_ENCRYPTION_KEYS": env["FIELD_ENCRYPTION_KEYS"].split(",")},
        searchable_fields,
    ),
    Library(
        "encrypted_text_field",
        "encrypted-text-field",
        ({"name": "ENCRYPTION_KEY", "type": "fernet"},),
        lambda env: {"ENCRYPTION_KEY": env["ENCRYPTION_KEY"]},
        encrypted_text_field,
    ),
    Library(
        "food_ordering",
        "",
        (SECRET_KEY, {"name": "ENCRYPTION_SALT"}),
        lambda env: {"ENCRYPTION_SALT": env["ENCRYPTION_SALT"].encode(), "ENCRYPTION_KEYS": []},
        food_ordering,
    ),
)


def own(name: str, **functions: str) -> Library:
    """An application's own functions behind a field of its own."""

    def make_field() -> Any:
        from own import OwnField

        return OwnField(null=True, **functions)

    return Library(
        name,
        "",
        ({"name": "OWN_KEY"},),
        lambda env: {"OWN_KEY": env["OWN_KEY"]},
        make_field,
        {what: f"own.{function}" for what, function in functions.items()},
    )


OWN = (
    own("hex_raises", decrypt="decrypt_hex", encrypt="encrypt_hex"),
    own("hex_text", decrypt="decrypt_hex_or_text", encrypt="encrypt_hex"),
    own("base64_raises", decrypt="decrypt_base64", encrypt="encrypt_base64"),
    own("base64_text", decrypt="decrypt_base64_or_text", encrypt="encrypt_base64"),
)
BY_NAME = {library.name: library for library in (*LIBRARIES, *OWN)}
