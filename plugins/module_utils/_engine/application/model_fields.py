# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts about fields that only the classes of the application's models show, not the data."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..crypto.library_schemes import KNOWN_SCHEMES
from .django_project import same_database

if TYPE_CHECKING:
    from ..crypto.scheme_description import KeyDescription, SchemeDescription

# Classes of encrypting fields, in any library: no such column may be passed over in silence.
# The name of a package such as cryptowallet says nothing of the kind.
_ENCRYPTING = re.compile(r"(?i:(?:en|de)crypt|cipher|fernet|pgp)|(?i:crypt)(?!o(?!graph|fields?)[a-z])")


@dataclass(frozen=True)
class ModelTables:
    """The tables of one database, by all names that models may have for them; without names, if they are unknown."""

    alias: str
    names: Collection[str] | None = None


def tables() -> set[str]:
    """The tables of all models, as these name them."""
    from django.apps import apps

    return {table_of(model) for model in apps.get_models(include_auto_created=True)}


def packages_of(tables: Collection[str]) -> set[str]:
    """The top packages of the applications whose models have one of these ``tables``."""
    from django.apps import apps

    models = apps.get_models(include_auto_created=True) if tables else ()
    owners = (model._meta.app_config for model in models if not model._meta.proxy and table_of(model) in tables)
    return {owner.name.partition(".")[0] for owner in owners}


def relations(there: ModelTables) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    """The columns that a relation of the models joins, each as table and column: with or without a constraint."""
    for model in _models(there):
        for field in model._meta.local_fields:
            for own, other in getattr(field, "related_fields", ()):
                yield (table_of(own.model), column_of(own)), (table_of(other.model), column_of(other))


def of_models(there: ModelTables) -> Iterator[tuple[str, Any]]:
    """Every concrete field of every model that has a table in a database, with the table as the model names it."""
    for model in _models(there):
        for field in model._meta.local_concrete_fields:
            yield table_of(model), field


def _models(there: ModelTables) -> Iterator[Any]:
    """Yield the models of these tables. A router may send a model to a database of each tenant. It is asked only if
    several models have one table, or if the tables are unknown."""
    from django.apps import apps

    by_table: dict[str, list[Any]] = {}
    for model in apps.get_models(include_auto_created=True):
        if not model._meta.proxy and (there.names is None or table_of(model) in there.names):
            by_table.setdefault(table_of(model), []).append(model)
    for models in by_table.values():
        routed = [model for model in models if _is_routed_to(model, there.alias)]
        yield from routed if routed or there.names is None else models


def _is_routed_to(model: Any, alias: str) -> bool:
    from django.db import router

    with contextlib.suppress(Exception):  # the application's own code: it may need a request
        return router.db_for_write(model) in same_database(alias)
    return False


def table_of(model: Any) -> str:
    """A model's table; some applications name a schema by a quoted dot in it."""
    return str(model._meta.db_table).replace('"."', ".").strip('"')


def column_of(field: Any) -> str:
    """A field's column; a name that is in quotes already Django leaves as it is."""
    return str(field.column).removeprefix('"').removesuffix('"')


def own_schemes(there: ModelTables) -> dict[tuple[str, str], SchemeDescription]:
    """Schemes of fields that may have been given a key of their own (``key=``), by table and column.

    Such a key is in the code and does not rotate. django-cryptography still signs with SECRET_KEY.
    """
    schemes: dict[tuple[str, str], SchemeDescription] = {}
    for table, field in of_models(there):
        known = _unauthenticated(field)
        if isinstance(getattr(field, "key", None), bytes) and hasattr(field, "ttl"):
            signing_key: KeyDescription = {"derive": "raw", "secret": "SECRET_KEY"}
            schemes[table, column_of(field)] = {
                "format": "aes_cbc_hmac",
                "key": _own(field.key),
                "signing_key": signing_key,
            }
        elif known is not None:
            name, key = known
            schemes[table, column_of(field)] = {**KNOWN_SCHEMES[name], "key": _own(key)}
    return schemes


def _own(key: bytes) -> KeyDescription:
    return {"derive": "raw", "secret": {"bytes": key}}


def unauthenticated(there: ModelTables) -> dict[tuple[str, str], str]:
    """Return, by table and column, the scheme of each field whose values prove nothing. Only the model shows what they
    are."""
    known = {(table, column_of(field)): _unauthenticated(field) for table, field in of_models(there)}
    return {place: scheme[0] for place, scheme in known.items() if scheme is not None}


def _unauthenticated(field: Any) -> tuple[str, bytes] | None:
    """Scheme and key of a field of django-mirage-field or django-pgcrypto; None of any other."""
    cipher: Any = getattr(getattr(field, "crypto", None), "cipher", None)
    if isinstance(getattr(cipher, "key", None), bytes):
        return f"django_mirage_field_{type(cipher).__name__[:3].lower()}", cipher.key
    if isinstance(getattr(field, "cipher_key", None), bytes) and hasattr(field, "check_armor"):
        return "django_pgcrypto", field.cipher_key
    return None


def _salt(field: Any) -> Any:
    from django.conf import settings

    own = getattr(field, "hash_key", None) or getattr(field, "salt", None)
    salt = own or getattr(settings, "SEARCH_FIELD_SALT", None)
    return salt() if callable(salt) else salt


def _is_hash(field: Any) -> bool:
    """Search columns of django-searchable-encrypted-fields and django-encrypted-json-fields, which have a salt of their
    own, and the digests of django-pgcrypto-fields, which depend on no key (docs/design/django-encryption.md)."""
    return hasattr(field, "encrypted_field_name") or (hasattr(field, "original") and hasattr(field, "get_encrypt_sql"))


def hash_columns(there: ModelTables, keys: Collection[str]) -> dict[tuple[str, str], str]:
    """Return, by table and column, the columns of hashes that use none of these keys, as the model says. The value is
    the field that has the salt, as ``salt_of`` takes it, or nothing."""
    known = ((table, field) for table, field in of_models(there) if _is_hash(field) and _salt(field) not in keys)
    return {
        (table, column_of(field)): str(field) if hasattr(field, "encrypted_field_name") else ""
        for table, field in known
    }


def salt_of(name: str) -> Any:
    """The salt of a field, by its name as app.Model.field."""
    from django.apps import apps

    model, _, field = name.rpartition(".")
    return _salt(apps.get_model(model)._meta.get_field(field))


def encrypting(there: ModelTables) -> dict[tuple[str, str], str]:
    """Columns of fields whose class, or an ancestor of it outside Django, says that it encrypts: the class's name."""
    classes = {}
    for table, field in of_models(there):
        for ancestor in type(field).__mro__:
            if not ancestor.__module__.startswith("django.") and _ENCRYPTING.search(
                f"{ancestor.__module__} {ancestor.__name__}"
            ):
                if not _is_hash(field):
                    classes[(table, column_of(field))] = f"{type(field).__module__}.{type(field).__name__}"
                break
    return classes
