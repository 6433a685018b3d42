# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What attributes of one row read with other tokens in its encrypted columns, asked of any process of the application.

No row is saved, and no cache is written. The answer is digests.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import external_acts
from .read_only import read_only
from .row_tokens import RowTokens
from .value_text import text_of

Answer = Mapping[str, bytes]  # by attribute; without those that raise, or whose row cannot be read


@dataclass(frozen=True)
class RowQuestion:
    """One row of a model, the attributes to read, what to have in the columns ``held``, and the ``tokens`` in that."""

    model: str
    alias: str
    row: Any
    names: Sequence[str]
    held: Mapping[str, Any] = field(default_factory=dict, repr=False)
    tokens: Sequence[bytes] = field(default=(), repr=False)
    schema: str = ""  # of a tenant
    acting: Collection[str] = ()  # attributes, as app.Model.name, that may act outside of the database


class KnownTokens(RowTokens):
    """Tokens of which it is known what they are, without the keys."""

    def __init__(self, tokens: Sequence[bytes]) -> None:
        super().__init__(None)
        self._known = tokens

    def _in(self, value: bytes) -> Iterator[bytes]:
        return (token for token in self._known if token in value)


def answer_all(questions: Sequence[RowQuestion]) -> list[Answer]:
    return [answer(question) for question in questions]


def answer(question: RowQuestion) -> Answer:
    """What the attributes read in this process, as digests."""
    from django.apps import apps

    with contextlib.suppress(Exception), contextlib.ExitStack() as stack:
        model = apps.get_model(question.model)
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        stack.enter_context(read_only(question.alias, model, question.schema))
        instance = _instance(model, question)
        external_acts.allow(question.acting)
        read = {name: _read(instance, name, question.tokens) for name in question.names}
        return {name: digest for name, digest in read.items() if digest is not None}
    return {}


def forget_caches() -> None:
    """Have Django's caches keep nothing from now on: what is read under other keys must not stay in one."""
    from django.core.cache import caches
    from django.core.cache.backends.dummy import DummyCache

    path = f"{DummyCache.__module__}.{DummyCache.__name__}"
    caches.__dict__["settings"] = {alias: {"BACKEND": path} for alias in caches.settings}
    for alias in caches.settings:
        caches[alias] = DummyCache("", {})


def _instance(model: Any, question: RowQuestion) -> Any:
    """The row as an instance that loads a column when it is read, but for those that are held."""
    from django.db import connections

    instance = model._base_manager.using(question.alias).only("pk").get(pk=question.row)
    for column in model._meta.concrete_fields:
        if column.attname in question.held:
            convert, held = getattr(column, "from_db_value", None), question.held[column.attname]
            value = convert(held, None, connections[question.alias]) if convert else held
            instance.__dict__[column.attname] = value
    return instance


def _read(instance: Any, name: str, tokens: Sequence[bytes]) -> bytes | None:
    is_column = any(name == column.attname for column in instance._meta.concrete_fields)
    try:
        with contextlib.nullcontext() if is_column else external_acts.refused(f"{instance._meta.label}.{name}"):
            text = text_of(getattr(instance, name), KnownTokens(tokens))
    except Exception:  # the application's own code: its text could hold a value
        return None
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
