# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils.engine import fields, schemes

LIBRARY = "a_library"


@pytest.fixture
def library(monkeypatch) -> ModuleType:
    made = ModuleType(LIBRARY)
    monkeypatch.setitem(sys.modules, LIBRARY, made)
    return made


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
        monkeypatch.setattr(fields, "of_models", lambda alias: iter([("profile", one) for one in found]))

    return there


DJANGO = ("django.db.models.fields", "TextField")


@pytest.mark.parametrize("column", ["a.b", "Name"])
def test_a_column_that_the_model_has_in_quotes_is_the_one_without(models, column):
    models(has(f'"{column}"', ("encrypted_fields.fields", "EncryptedCharField")))
    assert list(fields.encrypting("default")) == [("profile", column)]
    models(has(f'"{column}"', DJANGO, crypto=SimpleNamespace(cipher=type("ECBCipher", (), {"key": b"k"})())))
    assert fields.unauthenticated("default") == {("profile", column): "django_mirage_field_ecb"}


@pytest.mark.parametrize(
    ("classes", "name"),
    [
        ([("encrypted_fields.fields", "EncryptedCharField"), DJANGO], "encrypted_fields.fields.EncryptedCharField"),
        ([("django_cryptography.fields", "Text"), DJANGO], "django_cryptography.fields.Text"),
        ([("shop.fields", "FernetText"), DJANGO], "shop.fields.FernetText"),
        ([("shop.fields", "Name"), ("lib", "CipherField"), DJANGO], "shop.fields.Name"),
        ([("pgcrypto.fields", "TextPGPSymmetricKeyField")], "pgcrypto.fields.TextPGPSymmetricKeyField"),
        ([("shop.fields", "ShortText"), DJANGO], None),
        ([DJANGO], None),
        ([("django.contrib.encrypted", "Field")], None),
    ],
)
def test_a_field_that_encrypts_is_known_by_its_class_or_an_ancestor(models, classes, name):
    models(has("name", *classes))
    assert fields.encrypting("default") == ({("profile", "name"): name} if name else {})


def test_a_search_column_does_not_encrypt(models):
    models(has("search", ("encrypted_fields.fields", "SearchField"), encrypted_field_name="name"))
    assert fields.encrypting("default") == {}


def test_a_key_in_the_code_is_a_scheme_of_its_own(models):
    models(
        has("own", DJANGO, key=b"k" * 32, ttl=None),
        has("none", DJANGO, key=None, ttl=None),
        has("text", DJANGO, key="k" * 32, ttl=None),
        has("other", DJANGO, key=b"k" * 32),
    )
    (place, described), *rest = fields.own_schemes("default").items()
    assert (place, rest) == (("profile", "own"), [])
    scheme = schemes.Scheme("own", described)
    assert scheme.settings == {"SECRET_KEY"}
    assert scheme.cipher({"SECRET_KEY": "s"}.get) is not None


@pytest.fixture
def searched(models, library, monkeypatch):
    """A search column whose salt is this; one in the settings is SEARCH_FIELD_SALT."""
    settings = SimpleNamespace(SEARCH_FIELD_SALT="of the settings")
    monkeypatch.setitem(sys.modules, "django.conf", SimpleNamespace(settings=settings))
    library.SEARCH_HASH_PREFIX = "xx"
    meta = SimpleNamespace(get_field=lambda name: SimpleNamespace(column=f"{name}_column"))

    def search(salt: Any, module: str = LIBRARY) -> Any:
        model = SimpleNamespace(_meta=meta)
        one = has("search", (module, "SearchField"), encrypted_field_name="_name", hash_key=salt, model=model)
        models(one, has("name", ("json", "TextField")))
        return fields.search_columns("default", {"SECRET_KEY": "s", "SALT": "of the key set", "S": "of the settings"})

    return search


@pytest.mark.parametrize(
    ("salt", "name"),
    [("of the key set", "SALT"), (lambda: "of the key set", "SALT"), (None, "S"), ("", "S")],
    ids=["value", "callable", "settings", "empty"],
)
def test_a_search_column_is_known_by_its_salt_and_named_by_its_token(searched, salt, name):
    assert searched(salt) == {("profile", "_name_column"): [fields.Derived("search", "xx", name)]}


def test_a_search_column_whose_salt_is_no_key_stays_as_it_is(searched):
    assert searched("somebody else's") == {}


def test_a_field_of_a_library_without_a_prefix_is_no_search_column(searched):
    assert searched("of the key set", module="sys") == {}


@pytest.mark.parametrize(
    ("written", "table"),
    [("profile", "profile"), ('archive"."profile', "archive.profile"), ('"archive"."profile"', "archive.profile")],
)
def test_a_schema_in_the_name_of_a_table_is_read(written, table):
    assert fields.table_of(SimpleNamespace(_meta=SimpleNamespace(db_table=written))) == table
