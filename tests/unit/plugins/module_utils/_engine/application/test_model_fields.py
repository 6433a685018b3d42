# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application import model_fields
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import schemes


def has(column: str, *classes: tuple[str, str], **attributes: Any) -> Any:
    """A field whose class and its ancestors have these modules and names."""
    base: type = object
    for module, name in reversed(classes):
        base = type(name, (base,), {"__module__": module})
    made = base()
    made.__dict__.update(attributes, column=column)
    return made


@pytest.fixture
def models(monkeypatch):
    """These fields are those of the application's models."""

    def there(*found: Any) -> None:
        monkeypatch.setattr(model_fields, "of_models", lambda alias: iter([("profile", one) for one in found]))

    return there


@pytest.fixture
def hashes(models, monkeypatch):
    """Columns that hash something under no key, of a search column with this salt; settings have SEARCH_FIELD_SALT."""
    settings = SimpleNamespace(SEARCH_FIELD_SALT="of the settings")
    monkeypatch.setitem(sys.modules, "django.conf", SimpleNamespace(settings=settings))

    def asked(**salt: Any) -> Any:
        one = has("search", ("encrypted_fields.fields", "SearchField"), encrypted_field_name="_name", **salt)
        monkeypatch.setattr(type(one), "__str__", lambda self: "shop.Profile.search", raising=False)
        models(one, has("name", ("json", "TextField")))
        return model_fields.hash_columns("default", {"of the key set", "of the settings"})

    return asked


DJANGO = ("django.db.models.fields", "TextField")


@pytest.mark.parametrize("column", ["a.b", "Name"])
def test_a_column_that_the_model_has_in_quotes_is_the_one_without(models, column):
    models(has(f'"{column}"', ("encrypted_fields.fields", "EncryptedCharField")))
    assert list(model_fields.encrypting("default")) == [("profile", column)]
    models(has(f'"{column}"', DJANGO, crypto=SimpleNamespace(cipher=type("ECBCipher", (), {"key": b"k"})())))
    assert model_fields.unauthenticated("default") == {("profile", column): "django_mirage_field_ecb"}


@pytest.mark.parametrize(
    ("classes", "name"),
    [
        ([("encrypted_fields.fields", "EncryptedCharField"), DJANGO], "encrypted_fields.fields.EncryptedCharField"),
        ([("django_cryptography.fields", "Text"), DJANGO], "django_cryptography.fields.Text"),
        ([("shop.fields", "FernetText"), DJANGO], "shop.fields.FernetText"),
        ([("shop.fields", "Name"), ("lib", "CipherField"), DJANGO], "shop.fields.Name"),
        ([("pgcrypto.fields", "TextPGPSymmetricKeyField")], "pgcrypto.fields.TextPGPSymmetricKeyField"),
        ([("shop.crypto", "ShortText"), DJANGO], "shop.crypto.ShortText"),
        ([("shop.fields", "CryptoText"), DJANGO], "shop.fields.CryptoText"),
        ([("shop.encryptor", "ShortText"), DJANGO], "shop.encryptor.ShortText"),
        ([("cryptowallet.fields", "AddressField"), DJANGO], None),
        ([("cryptocurrency_rates.fields", "RateField"), DJANGO], None),
        ([("shop.fields", "ShortText"), DJANGO], None),
        ([DJANGO], None),
        ([("django.contrib.encrypted", "Field")], None),
    ],
)
def test_a_field_that_encrypts_is_known_by_its_class_or_an_ancestor(models, classes, name):
    models(has("name", *classes))
    assert model_fields.encrypting("default") == ({("profile", "name"): name} if name else {})


def test_a_search_column_does_not_encrypt(models):
    models(has("search", ("encrypted_fields.fields", "SearchField"), encrypted_field_name="name"))
    assert model_fields.encrypting("default") == {}


def test_a_key_in_the_code_is_a_scheme_of_its_own(models):
    models(
        has("own", DJANGO, key=b"k" * 32, ttl=None),
        has("none", DJANGO, key=None, ttl=None),
        has("text", DJANGO, key="k" * 32, ttl=None),
        has("other", DJANGO, key=b"k" * 32),
    )
    (place, described), *rest = model_fields.own_schemes("default").items()
    assert (place, rest) == (("profile", "own"), [])
    scheme = schemes.Scheme("own", described)
    assert scheme.settings == {"SECRET_KEY"}
    assert scheme.cipher({"SECRET_KEY": "s"}.get) is not None


@pytest.mark.parametrize(
    "salt",
    [
        {"hash_key": "of the key set"},
        {"hash_key": lambda: "of the key set"},
        {"salt": "of the key set"},
        {"salt": ""},
        {},
    ],
    ids=["searchable", "callable", "json", "empty", "settings"],
)
def test_a_search_column_under_a_key_is_not_taken_at_its_model_s_word(hashes, salt):
    assert hashes(**salt) == {}


@pytest.mark.parametrize("salt", [{"hash_key": "somebody else's"}, {"salt": lambda: "somebody else's"}])
def test_a_search_column_whose_salt_is_no_key_is_no_riddle(hashes, salt):
    assert hashes(**salt) == {("profile", "search"): "shop.Profile.search"}


@pytest.mark.parametrize(
    ("written", "table"),
    [("profile", "profile"), ('archive"."profile', "archive.profile"), ('"archive"."profile"', "archive.profile")],
)
def test_a_schema_in_the_name_of_a_table_is_read(written, table):
    assert model_fields.table_of(SimpleNamespace(_meta=SimpleNamespace(db_table=written))) == table
