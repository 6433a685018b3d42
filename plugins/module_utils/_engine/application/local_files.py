# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The beginnings of files of an application's models, read directly from the disk and not decrypted."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable, Iterator
from typing import Any

from . import encrypting_attributes, model_fields

MOST = 1 << 16  # bytes that are read of a file
PATIENCE = 2.0  # seconds for the files of one column: a folder may be on a network


def fields(there: model_fields.ModelTables) -> dict[tuple[str, str], Any]:
    """The fields of files, by table and column."""
    from django.db.models import FileField

    pairs = model_fields.of_models(there)
    return {(table, model_fields.column_of(field)): field for table, field in pairs if isinstance(field, FileField)}


def is_local(field: Any) -> bool:
    """Return whether its storage keeps files in a folder."""
    from django.core.files.storage import FileSystemStorage

    return isinstance(field.storage, FileSystemStorage)


def is_encrypted_by_model(field: Any) -> bool:
    """Return whether code of its model that names it reaches code that looks like encryption."""
    return encrypting_attributes.handles(field.model, field.name)


def read(field: Any, names: Iterable[str]) -> Iterator[bytes]:
    """The beginning of each of its files that can be read."""
    ends = time.monotonic() + PATIENCE
    for name in names:
        if time.monotonic() > ends:
            return
        data = _beginning(field.storage, name)
        if data is not None:
            yield data


def _beginning(storage: Any, name: str) -> bytes | None:
    try:
        handle = os.open(storage.path(name), os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except Exception:  # it is not there, or its path is of code that may raise anything
        return None
    try:
        return os.read(handle, MOST) if stat.S_ISREG(os.fstat(handle).st_mode) else None
    except OSError:
        return None
    finally:
        os.close(handle)
