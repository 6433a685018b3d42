# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attributes by which the application encrypts a value as the same token each time, so that a search finds its rows.

The engine encrypts with new random bytes. Every value would be readable, but no search would find one. The proof is
that the application makes exactly the stored token of a value that it has read.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Sequence
from typing import Any

from ..._errors.discovery import RepeatedToken
from ..application.application_errors import APPLICATION_ERRORS
from ..crypto.keyring import Keyring
from ..crypto.tokens import Opened, as_bytes
from ..crypto.unusable_key import UnusableKey
from ..discovery.columns.target import Target
from ..discovery.findings.findings import Finding, Findings
from .model_readers import ModelReader, by_model
from .model_reading import instances_of
from .round_trips import send

ROWS = 3  # with a value, of each attribute: a key derivation may take a while
TEXT = b"a block of bytes"  # a whole one, as a format without padding takes it
PLAIN = ("builtins", "datetime", "decimal", "uuid")  # modules of Python with the classes of plain values
LOOKED_AT = 20  # rows in which these are looked for


def find(targets: Sequence[Target], keyring: Keyring) -> list[Finding]:
    """One finding for each target of a known format that the application encrypts so."""
    findings = Findings()
    random = {name for name, scheme in keyring.schemes.items() if not (scheme.functions or _repeats(keyring, name))}
    for readers in by_model([target for target in targets if target.scheme in random], keyring, b""):
        with contextlib.suppress(*APPLICATION_ERRORS):  # those who read all of a model report one that cannot be
            repeated = _repeated([reader for reader in readers if reader.targets], keyring)
            for column, name in {target.name: reader.full_name for reader, target in repeated}.items():
                findings.put(column, RepeatedToken(column=column, name=name))
    return findings.with_text(stops=True)


def _repeats(keyring: Keyring, scheme: str) -> bool:
    """Return whether the engine makes the same token each time too, as a format without random bytes has it."""
    cipher, inside = keyring.cipher(scheme, keyring.base), Opened(TEXT)
    return not isinstance(cipher, UnusableKey) and cipher.seal(inside) == cipher.seal(inside)


def _repeated(readers: Sequence[ModelReader], keyring: Keyring) -> Iterator[tuple[ModelReader, Target]]:
    """The targets of one model of which a token was created again, each with the attribute that does so."""
    left = dict.fromkeys((reader.name for reader in readers), ROWS)
    for row in instances_of(readers, LOOKED_AT) if readers else ():
        for reader in readers:
            if left[reader.name] and reader.has_value(row):
                left[reader.name] -= 1
                yield from ((reader, target) for target in _made_again(reader, row, keyring))


def _made_again(reader: ModelReader, row: Any, keyring: Keyring) -> list[Target]:
    """The targets of which the attribute makes the token that is stored in a row, of what it reads there."""
    value, stored = reader.value(row), reader.stored_tokens(row)
    if reader.is_token(value) or stored.has(value):
        return []
    plain = str.__str__(value) if isinstance(value, str) else value
    if type(plain).__module__ not in PLAIN:  # an object of the library may remember the token
        return []
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            sealed = dict(zip(reader.columns, send(reader, plain).stored))
    except APPLICATION_ERRORS:  # code of the application: its text could hold the value
        return []
    return [
        target
        for column, target, kept in reader.stored(row)
        if _is_same(sealed[column.attname], kept)
        and keyring.stage_of(target.scheme, as_bytes(kept))  # plain text may stay
    ]


def _is_same(token: Any, stored: str | bytes | memoryview) -> bool:
    return isinstance(token, (str, bytes, memoryview)) and as_bytes(token) == as_bytes(stored)
