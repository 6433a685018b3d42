# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which keys the application's own functions decrypt with: shown by processes in which one key alone is another.

A key is established if a function, under another value of it, raises or gives something else for a stored token.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence

from ..._errors.base import RotationError
from ..application.custom_functions import ApplicationProcess, FunctionCipher
from ..crypto.key_set import split_list
from ..crypto.keyring import Keyring
from ..discovery.target_survey import Survey, Target
from ..postgres.catalog import row_name
from ..postgres.connection import Database
from .census import frames_of
from .table_pages import PageRequest, by_table, pages

TOKENS = 5  # of each column that are tried
SINGLE = "trial of "  # in place of a stage: the application under another value of one key


def key_sets(current: Mapping[str, str], other: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The current keys with one of them from ``other``, by its name. Of a list only what is new is taken: the rest
    would still decrypt."""
    found = {}
    for name, value in other.items():
        known = {*split_list(current.get(name, ""))}
        fresh = [part for part in split_list(value) if part not in known]
        if fresh and name in current:
            found[name] = {**current, name: ",".join(fresh)}
    return found


def established(
    parts: Sequence[tuple[Database, Survey]],
    keyring: Keyring,
    now: ApplicationProcess,
    singles: Mapping[str, ApplicationProcess],
) -> dict[str, set[str]]:
    """By scheme, the keys that its tokens depend on. Of a scheme without a token that opens under the keys of before
    nothing is known, and of a key under whose other value the application gives no answer."""
    found: dict[str, set[str]] = {}
    for database, survey in parts:
        for target in survey.found:
            cipher = keyring.cipher(target.scheme, keyring.base)
            if not isinstance(cipher, FunctionCipher):
                continue
            functions = cipher.functions
            tried = [each for each in _tokens(database, target, keyring) if _opens(cipher, *each)]
            if not tried:
                continue
            kept = found.setdefault(target.scheme, set())
            for name, process in singles.items():
                try:
                    differs = any(
                        now.attempt(functions, token, frame) != process.attempt(functions, token, frame)
                        for token, frame in tried
                        if now.attempt(functions, token, frame) == now.attempt(functions, token, frame)
                    )
                except RotationError:
                    differs = True
                if differs:
                    kept.add(name)
            kept |= keyring.names - {*singles}
    return found


def _opens(cipher: FunctionCipher, token: bytes, frame: bytes) -> bool:
    """Whether it is under the keys of before: of one that is not, the functions give an error text under any keys."""
    with contextlib.suppress(RotationError):
        return cipher.open_at(token, frame) is not None
    return False


def _tokens(database: Database, target: Target, keyring: Keyring) -> Iterator[tuple[bytes, bytes]]:
    """A few tokens of a column, each with the frame of its row."""
    (group,) = by_table([target])
    left = TOKENS
    for page in pages(database, PageRequest(group)):
        rows, values = [row_name(key) for key, _ in page], [values[0] for _, values in page]
        tokens = target.kind.find(values, keyring.schemes[target.scheme].marker)
        frames = frames_of(target, rows, values, tokens, keyring.context_of(target.scheme)) or [b""] * len(tokens)
        for (_, _, token), frame in zip(tokens[:left], frames):
            yield token, frame
            left -= 1
        if left <= 0:
            return
