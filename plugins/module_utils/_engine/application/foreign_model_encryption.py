# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Code of the application that encrypts what another package's model stores, such as the tokens of django-allauth.

It may be a signal, an adapter, a property, or a proxy of the model. It is found without calling it. Code that encrypts
elsewhere, such as a task or a view, is not found.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterator
from types import FunctionType
from typing import Any

from . import encrypting_attributes
from .model_fields import column_of, table_of

_ADAPTERS = ("SOCIALACCOUNT_ADAPTER", "ACCOUNT_ADAPTER")  # settings of django-allauth: classes of the application
_SIGNALS = ("pre_init", "post_init", "pre_save", "post_save")


def is_there(tables: Collection[str], column: str) -> bool:
    """Return whether code of the application that names a column of one of these ``tables`` reaches encryption."""
    from django.apps import apps

    models = [model for model in apps.get_models() if table_of(model) in tables]
    fields = [field for model in models for field in model._meta.concrete_fields if column_of(field) == column]
    names = {name for field in fields for name in (field.name, field.attname)}
    return any(_seals(function, model, names) for model in models for function in _functions(model))


def _functions(model: Any) -> Iterator[FunctionType]:
    """Functions that run when a row of a model is created, read or saved, but for those of the model's own package."""
    package = model._meta.concrete_model.__module__.partition(".")[0]
    functions = [
        *_receivers(model),
        *_members(model),
        *(member for name in _ADAPTERS for member in _members(_setting(name))),
    ]
    for function in functions:
        inner = inspect.unwrap(function) if callable(function) else function
        if isinstance(inner, FunctionType) and inner.__module__.partition(".")[0] != package:
            yield inner


def _seals(function: FunctionType, model: Any, names: set[str]) -> bool:
    reach = encrypting_attributes.of_function(function, model)
    return reach.encrypts and bool(reach.names & names)


def _members(cls: Any) -> Iterator[Any]:
    """The methods and getters of a class, as functions."""
    for _, member in encrypting_attributes.members(cls) if cls else ():
        yield getattr(member, "fget", None) or getattr(member, "func", None) or getattr(member, "__func__", member)


def _receivers(model: Any) -> Iterator[Any]:
    """Yield the receivers of a model's signals, including those of all models."""
    from django.db.models import signals

    for name in _SIGNALS:
        live = getattr(signals, name)._live_receivers(model)
        for group in live if isinstance(live, tuple) else (live,):  # Django 5 has those of coroutines apart
            yield from (getattr(receiver, "__func__", receiver) for receiver in group)


def _setting(name: str) -> Any:
    """The class that a setting names; None if it names no class that can be imported."""
    from django.conf import settings
    from django.utils.module_loading import import_string

    path = getattr(settings, name, None)
    try:
        return import_string(path) if isinstance(path, str) else None
    except ImportError:  # the application's own start would have failed: it is not in use
        return None
