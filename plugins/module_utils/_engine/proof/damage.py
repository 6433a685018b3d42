# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What another process made of values during a rotation, as the application reads them now.

A process that still has other keys cannot decrypt. It may save what it read instead: an error text, a token, nothing.
That a value was changed is known from the digests of the rows. That it was damaged is said only of what the
application reads as it reads a value that it cannot decrypt.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..crypto.keyring import Keyring
from ..discovery.target_survey import Target
from ..postgres.catalog import word
from . import census
from .damage_words import NOTHING, RAISES, TEXT, TOKEN, build_overwritten_error
from .model_readers import ModelReader, by_model
from .row_digests import TableComparison

ALIKE = 3  # tokens of functions that are broken: a text that all of them give is not in any of them
CHUNK = 500  # rows asked for at once
_STORED = "tetech_key_rotation_stored"  # what a row has in the column, by this name


class DamagedValue(NamedTuple):
    """A value as table.column:key, and what the application reads in its place."""

    value: str
    reads: str


def find_damaged(
    written: Mapping[str, Sequence[str]], targets: Sequence[Target], keyring: Keyring
) -> list[DamagedValue]:
    """Of values that another process changed, those that the application cannot read, or reads as nothing.

    ``written`` has the keys of the rows by column, as table.column. Of a table whose rows are named by another key than
    the primary key of its model nothing is known.
    """
    from .read_only import read_only

    found: dict[str, str] = {}
    for readers in by_model(targets, keyring, b""):
        own = [reader for reader in readers if _is_of_one(reader, written) and _has_key(reader)]
        if not own:
            continue
        with contextlib.redirect_stdout(io.StringIO()), read_only(own[0].alias):
            for reader in own:
                for value, reads in _of_column(reader, written[reader.targets[0].name], keyring):
                    found.setdefault(value, reads)
    return [DamagedValue(value, reads) for value, reads in found.items()]


def refuse_overwritten(
    tallies: Sequence[census.Tally], classes: Collection[str], looks: Mapping[str, TableComparison]
) -> None:
    """Raise E_VALUES_OVERWRITTEN if another process wrote all the values of these classes, since the census before."""
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
    """Whether it is made from one of these columns alone: of several, nobody can say which one it fails for."""
    return len(reader.targets) == 1 and reader.targets[0].name in written


def _has_key(reader: ModelReader) -> bool:
    return reader.targets[0].key.columns == (reader.model._meta.pk.column,)


def _of_column(reader: ModelReader, rows: Sequence[str], keyring: Keyring) -> Iterator[tuple[str, str]]:
    """The odd ones among the values of one column, as one attribute reads them. Nothing if it does not decrypt."""
    target, failing = reader.targets[0], _failing(reader, keyring)
    if reader.name in reader.columns and not hasattr(reader.field, "from_db_value"):
        return
    plain = reader.model._base_manager.using(reader.alias)
    for start in range(0, len(rows), CHUNK):
        page = {reader.model._meta.pk.to_python(row): row for row in rows[start : start + CHUNK]}
        for instance in plain.filter(pk__in=list(page)).annotate(**{_STORED: _raw(reader)}).only("pk"):
            if reads := _judge(reader, instance, failing, keyring):
                yield f"{target.name}:{page[instance.pk]}", reads


def _judge(reader: ModelReader, instance: Any, failing: str | bytes | None, keyring: Keyring) -> str:
    """In which way the attribute of a row reads no value; empty if it reads one. Where nothing is stored, no decryption
    failed."""
    reads, stored = _reads(reader, reader.value(instance), failing), getattr(instance, _STORED)
    if reads and stored in (None, "", b""):
        return NOTHING
    return "" if reads == NOTHING and not _is_empty(reader, stored, keyring) else reads


def _is_empty(reader: ModelReader, stored: Any, keyring: Keyring) -> bool:
    """Whether an attribute that reads nothing shows that nothing is encrypted: what is made of a value may be empty by
    design."""
    if reader.name in reader.columns:
        return True
    target = reader.targets[0]
    scheme = keyring.schemes[target.scheme]
    tokens = target.kind.tokens(_plain(stored), scheme.marker)
    opened = [one for one in keyring.stages_of(target.scheme, tokens) if one is not None]
    return any(not scheme.text_of(inside) for _, inside in opened)


def _reads(reader: ModelReader, value: Any, failing: str | bytes | None) -> str:
    if isinstance(value, type) and issubclass(value, Exception):
        return RAISES
    if value in (None, "", b""):
        return NOTHING
    text = _plain(value)
    if reader.is_token(text):
        return TOKEN
    return TEXT if text is not None and text == failing else ""


def _plain(value: Any) -> str | bytes | None:
    """A text, or the bytes of a bytea column, which drivers wrap; None if it is neither."""
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    return value if isinstance(value, (str, bytes)) else None


def _failing(reader: ModelReader, keyring: Keyring) -> str | bytes | None:
    """The text that the application reads in place of a token that no key opens; None if it has none, or if the format
    cannot tell such a token. Of functions of the application nobody knows what they authenticate: it is what they give
    for tokens of several values alike."""
    scheme = keyring.schemes[reader.targets[0].scheme]
    if not (scheme.format.authenticated or scheme.functions):
        return None
    stored = (
        reader.model._base_manager.using(reader.alias)
        .exclude(**{f"{_name_of(reader)}__isnull": True})
        .values_list(_raw(reader), flat=True)[:CHUNK]
    )
    different = {_plain(each): each for each in stored}.values()
    broken = [each for each in map(_broken, different) if each is not None]
    tried = broken[: ALIKE if scheme.functions else 1]
    texts = {_read_broken(reader, each) for each in tried}
    return texts.pop() if len(texts) == 1 and (len(tried) == ALIKE or not scheme.functions) else None


def _read_broken(reader: ModelReader, broken: Any) -> str | bytes | None:
    try:
        text = _plain(_read_stored(reader, broken))
    except Exception:
        return None
    return text if text and text != _plain(broken) else None


def _name_of(reader: ModelReader) -> str:
    column = reader.columns[0]
    return str(next(each.name for each in reader.model._meta.concrete_fields if each.attname == column))


def _raw(reader: ModelReader) -> Any:
    from django.db.models import BinaryField, F, TextField
    from django.db.models.functions import Cast

    return Cast(F(_name_of(reader)), BinaryField() if reader.targets[0].type == "bytea" else TextField())


def _broken(token: Any) -> Any:
    """A token as the driver has it, with one place in its second half made another one; None if it has none to change.

    Of text that is a digit, which no alphabet takes for the same.
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

    if reader.name in reader.columns:
        return reader.field.from_db_value(stored, None, connections[reader.alias])
    return getattr(reader.model(**{reader.columns[0]: stored}), reader.name)
