# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a row's attributes with other tokens in its encrypted columns, in any process of the application.

No row is saved, and no cache is written. The answer is digests.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..application.application_errors import APPLICATION_ERRORS
from . import external_acts
from .read_only_transactions import read_only
from .row_tokens import RowTokens
from .value_text import text_of

_UNREAD = object()
RowAnswer = Mapping[str, bytes]  # by attribute, without those that raise


@dataclass(frozen=True)
class RowQuestion:
    """One row of a model, the attributes to read, what to have in the columns ``held``, and the ``tokens`` in that."""

    model: str
    alias: str
    row: Any
    names: Sequence[str]
    held: Mapping[str, object] = field(default_factory=dict, repr=False)
    tokens: Sequence[bytes] = field(default=(), repr=False)
    schema: str = ""  # of a tenant
    acting: Collection[str] = ()  # attributes, as app.Model.name, that may act outside of the database


@dataclass(frozen=True)
class WriteQuestion:
    """An attribute of a model to which a text is given, and the columns that hold its token then."""

    model: str
    alias: str
    name: str
    columns: Sequence[str]
    schema: str = ""  # of a tenant


class KnownTokens(RowTokens):
    """Tokens of which it is known what they are, without the keys."""

    def __init__(self, tokens: Sequence[bytes]) -> None:
        super().__init__(None)
        self._known = tokens

    def _in(self, value: bytes) -> Iterator[bytes]:
        return (token for token in self._known if token in value)


def answer_all(questions: Sequence[RowQuestion]) -> list[RowAnswer | None]:
    return [answer(question) for question in questions]


def answer(question: RowQuestion) -> RowAnswer | None:
    """Return the digests of what the attributes read in this process. Return None if the process cannot build an
    instance of the row, so that nothing was tried."""
    from django.apps import apps

    with contextlib.suppress(*APPLICATION_ERRORS), contextlib.ExitStack() as stack:
        model = apps.get_model(question.model)
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        stack.enter_context(read_only(question.alias, model, question.schema))
        instance = _instance(model, question)
        external_acts.allow(question.acting)
        read = {name: _read(instance, name, question.tokens) for name in question.names}
        return {name: digest for name, digest in read.items() if digest is not None}
    return None


def _instance(model: Any, question: RowQuestion) -> Any:
    """The row as Django makes an instance of it: code of the model that runs then finds what is held in its place. A
    column that its field cannot read is loaded when an attribute asks for it."""
    rows = model._base_manager.using(question.alias).filter(pk=question.row)
    values = {column.attname: _value(rows, column, question.held) for column in model._meta.concrete_fields}
    known = {name: value for name, value in values.items() if value is not _UNREAD}
    return model.from_db(question.alias, list(known), list(known.values()))


def _value(rows: Any, column: Any, held: Mapping[str, object]) -> Any:
    """Return the value of a column for an instance. Raise if the row no longer exists, or for an error of
    PostgreSQL."""
    from django.core.exceptions import ObjectDoesNotExist
    from django.db import DatabaseError, connections

    if column.attname in held:
        convert = getattr(column, "from_db_value", None)
        return convert(held[column.attname], None, connections[rows.db]) if convert else held[column.attname]
    try:
        return rows.values_list(column.attname, flat=True).get()
    except (DatabaseError, ObjectDoesNotExist):
        raise
    except APPLICATION_ERRORS:  # the application's own code, which may find a token under another key
        return _UNREAD


def _read(instance: Any, name: str, tokens: Sequence[bytes]) -> bytes | None:
    try:
        with external_acts.refused_of(type(instance), name):
            text = text_of(getattr(instance, name), KnownTokens(tokens))
    except APPLICATION_ERRORS:  # the application's own code: its text could hold a value
        return None
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def written_all(questions: Sequence[WriteQuestion]) -> list[list[object] | None]:
    return [written(question) for question in questions]


def written(question: WriteQuestion) -> list[object] | None:
    """Return what this process would store of a text that has no meaning. None if the attribute takes none. No row is
    saved."""
    from django.apps import apps

    from .model_readers import ModelReader
    from .round_trips import TEXTS, send

    with contextlib.suppress(*APPLICATION_ERRORS), contextlib.redirect_stdout(io.StringIO()):
        reader = ModelReader(
            apps.get_model(question.model),
            question.alias,
            question.name,
            b"",
            columns=(*question.columns,),
            schema=question.schema,
        )
        with reader.read_only():
            stored = send(reader, TEXTS[0]).stored
        return [bytes(each) if isinstance(each, memoryview) else each for each in stored]
    return None
