# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that no key at hand opens and that the application reads: they are under one of its keys that is not listed.

A library may return a fixed text for a value that it cannot decrypt. So a reading counts only if other rows read other
texts.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..application.application_errors import APPLICATION_ERRORS, is_error
from ..crypto.keyring import Keyring
from ..discovery.findings import KINDS, Finding
from ..discovery.target import Target
from .model_readers import ModelReader, by_model
from .model_reading import row_of
from .value_text import text_of

ROWS = 5  # of those that a finding names
UNREADABLE = "unreadable"


def explain(found: Sequence[Finding], targets: Sequence[Target], keyring: Keyring) -> list[Finding]:
    """Return the findings. Those about unreadable values have the true reason if the application reads them."""
    by_name = {target.name: target for target in targets}
    return [
        replace(each, kind=KINDS["unlisted_key"])
        if each.kind.name == UNREADABLE and each.listed and _reads(by_name[each.column], each.listed.keys, keyring)
        else each
        for each in found
    ]


def _reads(target: Target, rows: Sequence[str], keyring: Keyring) -> bool:
    """Return whether an attribute made of the column reads several of these rows, each another value."""
    if len(target.key.columns) > 1:
        return False
    for readers in by_model([target], keyring, b""):
        for reader in (each for each in readers if each.targets):
            with (
                contextlib.suppress(*APPLICATION_ERRORS),
                contextlib.redirect_stdout(io.StringIO()),
                reader.read_only(),
            ):
                read = list(_values(reader, rows))
                if len(read) > 1 and len({*read}) == len(read):
                    return True
    return False


def _values(reader: ModelReader, rows: Sequence[str]) -> Iterator[str]:
    for row in rows[:ROWS]:
        instance = row_of([reader], row)
        value, stored = reader.value(instance), reader.stored_tokens(instance)
        if not (is_error(value) or value in (None, "") or reader.is_token(value) or stored.has(value)):
            yield text_of(value, stored)
