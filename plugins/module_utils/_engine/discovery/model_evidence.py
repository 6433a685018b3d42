# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evidence from the models: a field that reads another value than the stored one is encrypted or encoded.

Every field whose class is not Django's own reads a few stored values of its column. It does so as the application
would, in a read-only transaction. What it reads is compared with what is stored, and never leaves this module.
"""

from __future__ import annotations

import contextlib
import datetime
import decimal
import io
import json
import uuid
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..application import encrypting_attributes, model_fields
from ..application.application_errors import APPLICATION_ERRORS
from ..application.application_values import are_equal, as_python
from ..application.tenant_schemas import use_schema
from ..postgres import sql
from ..postgres.catalog import Table
from ..value_forms import addresses
from ..value_forms.plain_text_look import is_wordy
from ..value_forms.value_look import ENCODED
from .columns import row_samples, unexplained

SAMPLE = 5  # stored values that a field reads of the first rows, and of the last ones
BETWEEN = 15  # from all over the table
# Values that have no form of their own: if they differ from what is stored, the field has decoded it.
_SIMPLE = (str, bytes, memoryview, bool, int, float, decimal.Decimal, datetime.date, datetime.time, uuid.UUID)
# Explanations of a stored text that is another writing of what is read.
_WRITINGS = (ENCODED, "compressed data", "a pickled object", "a data URI")
# Attributes by which value objects keep the text that is stored: enumerations, files, phone numbers, countries, keys.
_TEXTS = ("value", "name", "raw_input", "code", "key", "zone", "pk", "amount", "hex", "pattern", "raw", "source")
# Packages whose fields store a plain form of what they read, under no key, by the first part of their class's path.
PACKAGES: Mapping[str, str] = {
    "autoslug": "a slug",
    "bitfield": "flags",
    "ckeditor": "rich text",
    "cloudinary": "a picture",
    "colorfield": "a color",
    "django_countries": "a country",
    "django_enumfield": "an enumeration",
    "django_extensions": "a slug or JSON",
    "django_fsm": "a state",
    "djmoney": "an amount of money",
    "enumfields": "an enumeration",
    "imagekit": "a picture",
    "jsonfield": "JSON",
    "localflavor": "a local format",
    "model_utils": "a status or slug",
    "mptt": "a place in a tree",
    "multiselectfield": "a list of choices",
    "opaque_keys": "a key of Open edX",
    "pgvector": "a vector",
    "phonenumber_field": "a phone number",
    "picklefield": "a pickled object",
    "recurrence": "a recurrence",
    "sorl": "a picture",
    "taggit": "tags",
    "timezone_field": "a time zone",
    "tinymce": "rich text",
    "versatileimagefield": "a picture",
}


@dataclass(frozen=True)
class ModelEvidence:
    """Evidence from a field: it reads stored values in a way that only an encrypted or encoded column explains."""

    field: str  # the dotted path of its class
    evidence: str


def of_fields(
    there: model_fields.ModelTables, wanted: Collection[tuple[Table, str]]
) -> dict[tuple[Table, str], ModelEvidence]:
    """Return the evidence of the fields of the ``wanted`` columns, for a tenant's model in each schema."""
    from django.db import connections, transaction

    from ..application.session_limits import lift_in_transaction

    alias = there.alias
    fields = {
        (name, model_fields.column_of(field)): field for name, field in model_fields.of_models(there) if _is_own(field)
    }
    own = {
        (table, column): (fields[name, column], table.schema_for(name))
        for table, column in wanted
        for name in reversed(table.names)
        if (name, column) in fields
    }
    if not own:
        return {}
    evidence_by_place = {}
    with transaction.atomic(using=alias):
        with connections[alias].cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
            lift_in_transaction(cursor)
        for place, (field, schema) in own.items():
            with use_schema(connections[alias], schema), connections[alias].cursor() as cursor:
                evidence = next(_of_field(field, alias, cursor), None)
            if evidence is not None:
                evidence_by_place[place] = evidence
    connections[alias].close()
    return evidence_by_place


def _is_own(field: Any) -> bool:
    """Return whether a field has a class of its own, not Django's, an alias of one, or one of a known package."""
    module = type(field).__module__
    return not module.startswith("django.") and module.partition(".")[0] not in PACKAGES


def _of_field(field: Any, alias: str, cursor: Any) -> Iterator[ModelEvidence]:
    """Yield the evidence that the stored values of a field show, the first one of each value."""
    from django.db import Error, transaction

    path = f"{type(field).__module__}.{type(field).__name__}"
    try:
        stored = _stored(field, cursor)
    except Error:  # a missing table, or one that the role may not read: the survey reports those
        return
    for value in stored:
        try:
            with transaction.atomic(using=alias), contextlib.redirect_stdout(io.StringIO()):
                read = _read(field, alias, value)
        except APPLICATION_ERRORS as exc:  # the application's own code: its text could hold a value
            yield ModelEvidence(path, f"raises {type(exc).__name__} for a stored value")
            continue
        if read is None:
            yield ModelEvidence(path, "reads nothing where a value is stored")
        elif encrypting_attributes.is_in(read) and not _is_plain(_text(value)):
            yield ModelEvidence(path, "reads an object whose code looks like encryption")
        elif not _is_same(value, read) and not _is_explained(value, read):
            yield ModelEvidence(path, "reads another value than the stored one")


def _stored(field: Any, cursor: Any) -> list[Any]:
    """Return a few values of a column as Django's database backend returns them, of a view the first ones."""
    from django.db import connections, transaction

    quoted = connections[cursor.db.alias].ops.quote_name
    # By Django, which knows a db_table with quotes of its own.
    table, column = quoted(field.model._meta.db_table), sql.verbatim(f"t.{quoted(field.column)}")
    where = sql.SQL("{column} IS NOT NULL AND {column}::text <> ''").format(column=column)
    rows = row_samples.RowSource(column, sql.verbatim(table), where)
    with transaction.atomic(using=cursor.db.alias):
        cursor.execute(row_samples.SIZE, [table])
        sizes = [row_samples.Size(*row) for row in cursor.fetchall()]
        if sizes and sizes[0].is_table:
            parts = row_samples.parts(sizes[0], rows, SAMPLE, BETWEEN)
        else:
            first = f"SELECT {{chosen}} FROM {{source}} AS t WHERE {{where}} LIMIT {SAMPLE}"
            parts = [sql.SQL(first).format(**rows._asdict())]
        cursor.execute(sql.text(sql.SQL(" UNION ALL ").join(parts), cursor.connection, parameters=False))
        return [value for (value,) in cursor.fetchall()]


def _read(field: Any, alias: str, stored: Any) -> Any:
    """Return what the application reads for a stored value: by the field's converters, then by its descriptor."""
    from django.db import connections

    connection = connections[alias]
    column = field.get_col(field.model._meta.db_table)
    value = stored
    for convert in (*connection.ops.get_db_converters(column), *column.get_db_converters(connection)):
        value = convert(value, column, connection)
    with contextlib.suppress(Exception):  # a descriptor or a signal may need the whole row: the converters count then
        return getattr(field.model.from_db(alias, [field.attname], [value]), field.attname)
    return value


def _is_plain(text: str) -> bool:
    """Return whether a stored text is of words, or an address that explains itself: it needs no decryption."""
    return is_wordy(text) or addresses.form_of(text)[1]


def _is_same(stored: Any, read: Any) -> bool:
    """Return whether the value that is read has the stored text, or a plain form of it."""
    if are_equal(read, stored):
        return True
    text = _text(stored)
    return any(_even(text) == _even(form) for form in _forms(read)) or _is_document_of(text, read)


def _forms(read: Any) -> Iterator[str]:
    with contextlib.suppress(*APPLICATION_ERRORS):
        yield _text(read)
    for name in _TEXTS:
        with contextlib.suppress(*APPLICATION_ERRORS):
            yield _text(getattr(read, name))
    with contextlib.suppress(*APPLICATION_ERRORS):  # an array of numbers has the bytes that are stored
        yield _text(memoryview(read))
    with contextlib.suppress(*APPLICATION_ERRORS):
        members = as_python(read)
        if isinstance(members, (list, tuple, set, frozenset)):
            yield ",".join(map(_text, members))
    if isinstance(read, (datetime.date, datetime.time)):
        yield read.isoformat()


def _text(value: Any) -> str:
    if isinstance(value, (bytes, memoryview)):
        return bytes(value).decode("latin-1")
    return str(value)


def _even(text: str) -> str:
    """Return a text without differences that fields remove: case, blanks, and the zeros of numbers."""
    with contextlib.suppress(decimal.InvalidOperation):
        return str(decimal.Decimal(text).normalize())
    return "".join(text.split()).casefold()


def _is_document_of(text: str, read: Any) -> bool:
    with contextlib.suppress(ValueError, RecursionError):
        return are_equal(json.loads(text), read)
    return False


def _is_explained(stored: Any, read: Any) -> bool:
    """Return whether a stored value that is read differently is a plain encoding, or plain text of a value object."""
    if not isinstance(stored, (str, bytes, memoryview)):
        return not isinstance(read, _SIMPLE)
    explanation = unexplained.classify([stored], "")
    if not isinstance(read, _SIMPLE):
        return explanation.verdict in (unexplained.EXPLAINED, unexplained.PLAIN)
    if explanation.verdict != unexplained.EXPLAINED:
        return False
    # The form of a text, such as a path or a token, does not explain that the field reads another one.
    return not isinstance(stored, str) or explanation.what in _WRITINGS or _even(stored) in _even(_text(read))
