# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find what attributes are made of: of the ciphertext itself, such as an ETag over a token, which a rotation changes;
or of the plaintext, and not only of whether there is a value.

They are read of a few rows once more with other tokens, of the same or of other plaintexts, sealed under the same keys.
No row is saved.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from typing import Any

from ..application.application_errors import APPLICATION_ERRORS, is_error
from ..crypto.keyring import Keyring
from ..crypto.tokens import Opened
from ..discovery.columns.target import Target
from .model_readers import ModelReader
from .row_tokens import RowTokens, cannot_be_resealed
from .value_text import text_of

ROWS = 3  # with tokens, of each attribute
LOOKED_AT = 20  # rows in which these are looked for


def is_of_ciphertext(reader: ModelReader, keyring: Keyring) -> bool:
    """Return whether some row shows that the attribute is computed from the ciphertext.

    Then it reads another value with each token, and the same value with the same token.

    An attribute that fails with other tokens, or always reads one text, may fail to decrypt, which shows nothing.
    """
    if not reader.targets or any(cannot_be_resealed(target, keyring) for target in reader.targets):
        return False
    with contextlib.redirect_stdout(io.StringIO()), reader.read_only(), contextlib.suppress(*APPLICATION_ERRORS):
        return any(_shows_it(reader, row, keyring) for row in _rows(reader))
    return False


def is_of_plaintext(reader: ModelReader, keyring: Keyring) -> bool:
    """Return whether some row shows that the attribute depends on a plaintext, and not only on the length of its token.

    Then it reads another value, or fails, with a token of another plaintext of the same length. The answer is yes for
    a column itself, and if no such token can be sealed.
    """
    if reader.bare or any(cannot_be_resealed(target, keyring) for target in reader.targets):
        return True
    with contextlib.redirect_stdout(io.StringIO()), reader.read_only(), contextlib.suppress(*APPLICATION_ERRORS):
        rows = [*_rows(reader)]
        return not rows or any(_read(reader, row, keyring, _change) != _read(reader, row, None) for row in rows)
    return True


def _rows(reader: ModelReader) -> Iterator[Any]:
    query = reader.model._base_manager.using(reader.alias).order_by("pk").annotate(**dict(reader.stored_columns()))
    yielded = 0
    for row in query[:LOOKED_AT]:
        if yielded < ROWS and reader.stored_tokens(row):
            yielded += 1
            yield row


def _shows_it(reader: ModelReader, row: Any, keyring: Keyring) -> bool:
    before = _read(reader, row, None)
    first = _read(reader, row, keyring)
    if None in (before, first) or first == before:
        return False
    second = _read(reader, row, keyring)
    return second not in (None, before, first) and _read(reader, row, None) == before


def _same(inside: Opened) -> Opened:
    return inside


def _change(inside: Opened) -> Opened:
    """Return another plaintext of the same length. One of digits has other digits."""
    return inside._replace(plaintext=bytes(byte ^ 1 for byte in inside.plaintext))


def _read(
    reader: ModelReader, row: Any, keyring: Keyring | None, change: Callable[[Opened], Opened] = _same
) -> str | None:
    """Return what the attribute reads of a row, as text without tokens; with other tokens if there is a keyring, of the
    plaintexts that ``change`` returns. Return None if it fails."""
    from django.db import connections

    instance, tokens = reader.model._base_manager.using(reader.alias).get(pk=row.pk), RowTokens(reader.keyring)
    for column, target, stored in reader.stored(row):
        held = stored if keyring is None else _with_other_tokens(target, stored, keyring, change)
        tokens.add(target, held)
        if keyring is not None:
            convert = getattr(column, "from_db_value", None)
            instance.__dict__[column.attname] = convert(held, None, connections[reader.alias]) if convert else held
    value = reader.value(instance)
    failed = is_error(value)
    with reader.refusing_acts():
        return None if failed or reader.is_token(value) else text_of(value, tokens)


def _with_other_tokens(target: Target, stored: Any, keyring: Keyring, change: Callable[[Opened], Opened]) -> Any:
    """A stored value with another token instead of each that opens."""
    tokens = target.kind.tokens(stored, keyring.schemes[target.scheme].marker)
    opened = [
        (token, opening)
        for token, opening in zip(tokens, keyring.stages_of(target.scheme, tokens))
        if opening is not None
    ]
    fresh = [keyring.cipher(target.scheme, stage).seal(change(inside)) for _, (stage, inside) in opened]
    return target.kind.put(stored, [token for token, _ in opened], fresh) if opened else stored
