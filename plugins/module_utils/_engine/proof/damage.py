# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that another process damaged during a rotation, as the application reads them now.

A process that still has other keys cannot decrypt. It may save what it read instead: an error text, a token, nothing.
The digests of the rows show that a value was changed. It counts as damaged only if the application reads it as it reads
a value that it cannot decrypt.
"""

from __future__ import annotations

import contextlib
import io
import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..application.application_errors import APPLICATION_ERRORS, is_error
from ..application.application_values import EMPTY, as_python, is_one_of
from ..crypto.keyring import Keyring
from ..crypto.tokens import as_bytes
from ..discovery.columns.column_types import ArrayCodec
from ..discovery.columns.target import Target
from ..postgres import sql
from ..postgres.catalog import key_of, word
from .census_tally import Tally
from .damage_words import NOTHING, RAISES, TEXT, TOKEN, build_overwritten_error
from .model_readers import ModelReader, by_model
from .row_digests import TableComparison

_HOLDERS = (dict, list, tuple, set, frozenset)
ALIKE = 3  # tokens of functions that are broken: a text that all of them give is not in any of them
CHUNK = 500  # rows asked for at once
_STORED = "tetech_key_rotation_stored"  # what a row has in the column, by this name
_PLACE = "tetech_key_rotation_place"  # of a row among those that are asked for


class DamagedValue(NamedTuple):
    """A value as table.column:key, and what the application reads in its place."""

    value: str
    reads: str


def find_damaged(
    written: Mapping[str, Sequence[str]], targets: Sequence[Target], keyring: Keyring
) -> list[DamagedValue]:
    """Return the changed values that the application cannot read, or reads as nothing.

    ``written`` has the keys of the changed rows by column, as table.column.
    """
    damaged: dict[str, str] = {}
    for readers in by_model(targets, keyring, b""):
        own = [reader for reader in readers if _is_of_one(reader, written)]
        if not own:
            continue
        with contextlib.redirect_stdout(io.StringIO()), own[0].read_only():
            for reader in own:
                for value, reads in _of_column(reader, written[reader.targets[0].name], keyring):
                    damaged.setdefault(value, reads)
    return [DamagedValue(value, reads) for value, reads in damaged.items()]


def refuse_overwritten(
    tallies: Sequence[Tally], classes: Collection[str], looks: Mapping[str, TableComparison]
) -> None:
    """Raise E_VALUES_OVERWRITTEN if another process wrote all values of these classes since the previous census."""
    odd = [
        (value_class, tally.target, row)
        for tally in tallies
        for value_class in classes
        for row in tally.examples.get(value_class, ())
    ]
    theirs = [
        (value_class, f"{target.name}:{row}")
        for value_class, target, row in odd
        if target.table.label in looks and looks[target.table.label].is_theirs(word(target.column), row)
    ]
    if theirs and len(theirs) == sum(tally.classes[value_class] for tally in tallies for value_class in classes):
        raise build_overwritten_error(theirs)


def _is_of_one(reader: ModelReader, written: Mapping[str, Sequence[str]]) -> bool:
    """Return whether an attribute is computed from one of these columns alone.

    If it is computed from several columns, it is unknown for which one it fails.
    """
    return len(reader.targets) == 1 and reader.targets[0].name in written


def _of_column(reader: ModelReader, rows: Sequence[str], keyring: Keyring) -> Iterator[tuple[str, str]]:
    """Yield the damaged values of one column, as one attribute reads them. Nothing if it does not decrypt."""
    target, failing = reader.targets[0], _failing(reader, keyring)
    if reader.name in reader.columns and not hasattr(reader.field, "from_db_value"):
        return
    for start in range(0, len(rows), CHUNK):
        page = rows[start : start + CHUNK]
        for instance in _instances(reader, page):
            if reads := _judge(reader, instance, failing, keyring):
                yield f"{target.name}:{page[getattr(instance, _PLACE) - 1]}", reads


def _instances(reader: ModelReader, rows: Sequence[str]) -> Any:
    """Return the rows by the key of the table, which may not be the primary key of the model."""
    from django.db import connections
    from django.db.models import BooleanField, IntegerField
    from django.db.models.expressions import RawSQL

    key = reader.targets[0].key
    names = [key_of(row) if len(key.columns) > 1 else [row] for row in rows]
    values = [list(part) for part in zip(*names)]
    table = connections[reader.alias].ops.quote_name(_field(reader).model._meta.db_table)
    same = sql.SQL(" AND ").join(
        sql.SQL("{}.{} = {}::{}").format(sql.verbatim(table), sql.Identifier(column), sql.Identifier("v", name), cast)
        for column, name, cast in zip(key.columns, key.names, key.casts)
    )
    source = sql.SQL("FROM {} WITH ORDINALITY AS v({}, place) WHERE {}").format(
        sql.unnest(["text"] * len(values)), sql.identifiers(key.names), same
    )
    with connections[reader.alias].cursor() as cursor:
        matching = sql.text(source, cursor.connection)
    # Composed: hence no S611.
    there = RawSQL(f"(EXISTS (SELECT {matching}))", values, BooleanField())  # noqa: S611
    place = RawSQL(f"(SELECT v.place {matching})", values, IntegerField())  # noqa: S611
    every = reader.model._base_manager.using(reader.alias)
    return every.filter(there).annotate(**{_PLACE: place, _STORED: _raw(reader)}).only("pk")


def _judge(reader: ModelReader, instance: Any, failing: str | bytes | None, keyring: Keyring) -> str:
    """Return in which way the attribute of a row reads no value; empty if it reads one.

    If nothing is stored, no decryption failed.
    """
    stored = getattr(instance, _STORED)
    reads = _reads(reader, reader.value(instance), failing, _handed_on(reader, stored, keyring))
    if reads and stored in EMPTY:
        return NOTHING
    return "" if reads == NOTHING and not _is_empty(reader, stored, keyring) else reads


def _is_empty(reader: ModelReader, stored: Any, keyring: Keyring) -> bool:
    """Return whether an attribute that reads nothing shows that nothing is encrypted.

    An attribute that is computed from a value may be empty by design.
    """
    if reader.name in reader.columns:
        return True
    target = reader.targets[0]
    scheme = keyring.schemes[target.scheme]
    tokens = target.kind.tokens(_plain(stored), scheme.marker)
    opened = [opening for opening in keyring.stages_of(target.scheme, tokens) if opening is not None]
    return any(not scheme.text_of(inside) for _, inside in opened)


def _handed_on(reader: ModelReader, stored: Any, keyring: Keyring) -> set[bytes]:
    """Return the tokens of a document or an array that open: the application may return them as they are stored."""
    target = reader.targets[0]
    if target.kind.whole or not stored:
        return set()
    tokens = target.kind.tokens(stored, keyring.schemes[target.scheme].marker)
    return {token for token, opening in zip(tokens, keyring.stages_of(target.scheme, tokens)) if opening is not None}


def _reads(reader: ModelReader, value: Any, failing: str | bytes | None, handed_on: set[bytes]) -> str:
    """Return in which way a value is not read; of a document or an array, the way of its first unread leaf.

    An empty leaf in a document is what people write, and does not count.
    """
    if is_error(value):
        return RAISES
    if not isinstance(value, _HOLDERS):
        return _reads_leaf(reader, value, failing)
    leaf_ways = {_reads_leaf(reader, leaf, failing) for leaf in _leaves(value) if _bytes_of(leaf) not in handed_on}
    ways = (TOKEN, TEXT, NOTHING) if reader.targets[0].type.endswith("[]") else (TOKEN, TEXT)
    return next((way for way in ways if way in leaf_ways), "")


def _reads_leaf(reader: ModelReader, value: Any, failing: str | bytes | None) -> str:
    if is_one_of(value, EMPTY):
        return NOTHING
    text = _plain(value)
    if reader.is_token(text):
        return TOKEN
    return TEXT if text is not None and text == failing else ""


def _leaves(value: Any) -> Iterator[Any]:
    """Yield the leaves of a document or an array, names of members included; any other value itself."""
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, _HOLDERS):
        for member in value:
            yield from _leaves(member)
    else:
        yield value


def _plain(value: Any) -> str | bytes | None:
    """Return a text, or the bytes of a bytea column, which drivers wrap. None for any other value."""
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    return as_python(value) if isinstance(value, (str, bytes)) else None


def _bytes_of(leaf: Any) -> bytes:
    return as_bytes(_plain(leaf) or b"")


def _failing(reader: ModelReader, keyring: Keyring) -> str | bytes | None:
    """Return the text that the application reads instead of a token that no key opens.

    None if there is no such text, or if the format cannot tell such a token. It is unknown what functions of the
    application authenticate. Their text is the one that they return for broken tokens of several values.
    """
    scheme = keyring.schemes[reader.targets[0].scheme]
    if not (scheme.format.authenticated or scheme.functions):
        return None
    stored = (
        reader.model._base_manager.using(reader.alias)
        .exclude(**{f"{_field(reader).name}__isnull": True})
        .values_list(_as_held(reader), flat=True)[:CHUNK]
    )
    different = {tuple(value) if isinstance(value, list) else _plain(value): value for value in stored}.values()
    broken = ((value, _break(reader, value, keyring)) for value in different)
    whole = reader.targets[0].kind.whole
    wanted = 1 if whole and not scheme.functions else ALIKE
    tried = list(itertools.islice((pair for pair in broken if pair[1] is not None), wanted))
    texts = {_read_broken(reader, *pair) for pair in tried}
    texts -= set() if whole else {None}  # what is in one of the documents may be such a text already
    return texts.pop() if len(texts) == 1 and (len(tried) == ALIKE or not scheme.functions) else None


def _read_broken(reader: ModelReader, stored: Any, broken: Any) -> str | bytes | None:
    """Return the text shown instead of a broken token; for a document, the text that differs from the intact one."""
    whole = reader.targets[0].kind.whole
    texts = _texts_of(reader, broken) - {_plain(broken)} - (set() if whole else _texts_of(reader, stored))
    if not whole:
        held = [member for member in (broken if isinstance(broken, list) else [broken]) if member]
        texts = {text for text in texts if isinstance(text, str) and not any(text in member for member in held)}
    return texts.pop() if len(texts) == 1 else None


def _texts_of(reader: ModelReader, stored: Any) -> set[Any]:
    """Return all that is read of a stored value, as texts; empty if it raises."""
    try:
        value = _read_stored(reader, stored)
    except APPLICATION_ERRORS:
        return set()
    return {text for text in map(_plain, _leaves(value)) if text}


def _break(reader: ModelReader, stored: Any, keyring: Keyring) -> Any:
    """Return a value as the driver has it, with its token broken, or with the first token in it that opens broken.

    None if it has no such token.
    """
    target = reader.targets[0]
    if target.kind.whole:
        return _broken(stored)
    members = stored if isinstance(stored, list) else [stored]
    kind = target.kind.member if isinstance(target.kind, ArrayCodec) else target.kind
    for place, member in enumerate(members):
        for token in kind.tokens(member, keyring.schemes[target.scheme].marker) if member else ():
            other = _broken_text(token.decode("utf-8"))
            if other is not None and keyring.stage_of(target.scheme, token) is not None:
                fresh = kind.put(member, [token], [other.encode("utf-8")])
                return [*members[:place], fresh, *members[place + 1 :]] if members is stored else fresh
    return None


def _field(reader: ModelReader) -> Any:
    """Return the field of the one column that it is computed from."""
    return next(column for column in reader.model._meta.concrete_fields if column.attname == reader.columns[0])


def _as_held(reader: ModelReader) -> Any:
    """Return the stored value of its column as the driver passes it to the field: of an array, its members."""
    from django.contrib.postgres.fields import ArrayField
    from django.db.models import F, TextField
    from django.db.models.functions import Cast

    if reader.targets[0].type.endswith("[]"):
        return Cast(F(_field(reader).name), ArrayField(TextField()))
    return _raw(reader)


def _raw(reader: ModelReader) -> Any:
    from django.db.models import BinaryField, F, TextField
    from django.db.models.functions import Cast

    return Cast(F(_field(reader).name), BinaryField() if reader.targets[0].type == "bytea" else TextField())


def _broken(token: Any) -> Any:
    """Return a token as the driver has it, with one place in its second half changed. None if no place can be changed.

    In text the place is a digit, which every alphabet distinguishes.
    """
    if isinstance(token, str):
        return None if token.startswith("\\x") else _broken_text(token)
    raw = bytes(token)
    if not raw.isascii():
        return type(token)(_broken_bytes(raw))
    text = _broken_text(raw.decode("ascii"))
    return None if text is None else type(token)(text.encode("ascii"))


def _broken_bytes(raw: bytes) -> bytes:
    place = len(raw) * 3 // 4
    return raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]


def _broken_text(text: str) -> str | None:
    places = [place for place in range(len(text) // 2, len(text)) if text[place] in "234567"]
    if not places:
        return None
    place = places[0]
    return f"{text[:place]}{'3' if text[place] != '3' else '6'}{text[place + 1 :]}"


def _read_stored(reader: ModelReader, stored: Any) -> Any:
    from django.db import connections

    convert = getattr(_field(reader), "from_db_value", None)
    held = convert(stored, None, connections[reader.alias]) if convert else stored
    return held if reader.name in reader.columns else getattr(reader.model(**{reader.columns[0]: held}), reader.name)
