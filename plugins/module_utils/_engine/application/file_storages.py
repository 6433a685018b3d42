# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of an application's models that its own code reads and writes: it may encrypt them, and no rotation does."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from . import key_uses, model_fields

# Packages whose storages keep files as they are, by the first part of their class's path.
PLAIN = frozenset(
    [
        *("builtins", "django", "storages", "whitenoise", "cloudinary_storage", "minio_storage", "easy_thumbnails"),
        *("filer", "imagekit", "pulpcore", "sorl", "stdimage", "versatileimagefield", "django_resized"),
    ]
)
# What a class that encrypts files must do in its own way.
_METHODS = frozenset(("open", "_open", "save", "_save", "read", "_read", "write", "file", "file_class", "_get_file"))


@dataclass(frozen=True)
class FileStorage:
    """The dotted path of a class that reads or writes files in its own way, and whether its code reads a key."""

    path: str
    reads: str = ""  # the name of the key


def of_models(there: model_fields.ModelTables, keys: Collection[str]) -> Iterator[tuple[tuple[str, str], FileStorage]]:
    """The columns of files that such a class reads or writes, by table and column. ``keys`` are names of keys."""
    from django.db.models import FileField

    for table, field in model_fields.of_models(there):
        for handler in _classes(field) if isinstance(field, FileField) else ():
            own = [each for each in handler.__mro__ if each.__module__.partition(".")[0] not in PLAIN]
            if any(_METHODS & {*vars(each)} for each in own):
                reads = next((name for each in own for name in _read_by(each, keys)), "")
                yield (table, model_fields.column_of(field)), FileStorage(path_of(handler), reads)
                break


def path_of(handler: type) -> str:
    """A class by its dotted path."""
    return f"{handler.__module__}.{handler.__qualname__}"


def _classes(field: Any) -> Iterator[type]:
    """The class of a field's storage, also of one that is created at its first use, and of the files of the field."""
    yield field.storage.__class__
    yield field.attr_class


def _read_by(handler: type, keys: Collection[str]) -> Iterator[str]:
    """The keys that the module of a class reads, or one from which it has something."""
    module = sys.modules.get(handler.__module__)
    modules = {handler.__module__, *(_module_of(each) for each in vars(module).values())} if module else set()
    for name in sorted(modules):
        if name.partition(".")[0] in PLAIN or name not in sys.modules:
            continue
        try:
            path = inspect.getsourcefile(sys.modules[name])
        except TypeError:  # a module of Python itself
            continue
        yield from (key for key, _ in key_uses.of_file(path, name, keys)) if path else ()


def _module_of(value: Any) -> str:
    return value.__name__ if isinstance(value, ModuleType) else str(getattr(value, "__module__", ""))
