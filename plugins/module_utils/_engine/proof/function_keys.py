# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys with which the application's own functions decrypt, shown by processes in which only one key differs.

A key is established if a function raises or returns something different for a stored token under another value of it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..._errors.base import RotationError
from ..application.custom_functions import ApplicationProcess, FunctionCipher
from ..crypto.key_set import split_list
from ..crypto.keyring import Keyring
from ..discovery.columns.target import Target
from ..discovery.target_survey import Survey
from ..postgres.catalog import row_name
from ..postgres.connection import Database
from .page_tokens import ColumnPage, frames_of
from .table_pages import PageRequest, by_table, pages

TOKENS = 5  # of each column that are tried if nothing asks for more
MOST_CLOSED = 100  # that do not open, before one that does: a rotation was interrupted, and all are under new keys
MOST_SECONDS = 20  # after these, if no token of a column depends on a key that nothing else needs
SINGLE = "trial of "  # instead of a stage: the application under another value of one key


def key_sets(current: Mapping[str, str], other: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return the current keys with one of them from ``other``, by its name. Only the new members of a list are taken,
    because the rest would still decrypt."""
    changed = {}
    for name, value in other.items():
        known = {*split_list(current.get(name, ""))}
        fresh = [part for part in split_list(value) if part not in known]
        if fresh and name in current:
            changed[name] = {**current, name: ",".join(fresh)}
    return changed


def established(
    parts: Sequence[tuple[Database, Survey]],
    keyring: Keyring,
    now: ApplicationProcess,
    singles: Mapping[str, ApplicationProcess],
    signing: Collection[str],
) -> dict[str, set[str]]:
    """Return, by scheme, the keys that its tokens depend on. A scheme without a token that the previous keys open is
    left out. Keys that are ``signing`` are not looked for."""
    keys_by_scheme: dict[str, set[str]] = {}
    schemes = {target.scheme for _, survey in parts for target in survey.targets}
    needed = {*signing, *keyring.keys_of(name for name in schemes if not keyring.schemes[name].functions)}
    for database, survey in parts:
        for target in survey.targets:
            cipher = keyring.cipher(target.scheme, keyring.base)
            if isinstance(cipher, FunctionCipher):
                trial = _Trial(cipher, now, {**singles}, needed | keys_by_scheme.get(target.scheme, set()))
                trial.run(_tokens(database, target, keyring))
                if trial.is_of_base:
                    keys_by_scheme.setdefault(target.scheme, keyring.names - {*singles}).update(trial.used)
    return keys_by_scheme


@dataclass
class _Trial:
    """The trial of one column: ``unused`` are the keys on which no token so far depends, ``used`` the others. Those
    that are ``known_used`` need not be shown."""

    cipher: FunctionCipher
    now: ApplicationProcess
    unused: dict[str, ApplicationProcess]
    known_used: Collection[str]
    used: set[str] = field(default_factory=set)
    is_of_base: bool = False

    def run(self, tokens: Iterable[tuple[bytes, bytes]]) -> None:
        """Try tokens, each with the frame of its row, until each key is shown. The first ones may be from an old
        version of the application, which had other keys."""
        end, tried = 0.0, 0
        for number, (token, frame) in enumerate(tokens):
            if tried >= TOKENS and (not self.unused.keys() - {*self.known_used} or time.monotonic() > end):
                return
            if number >= MOST_CLOSED and not tried:
                return
            if _opens(self.cipher, token, frame):
                self.is_of_base, tried = True, tried + 1
                self._try(token, frame)
            if tried == TOKENS and not end:
                end = time.monotonic() + MOST_SECONDS

    def _try(self, token: bytes, frame: bytes) -> None:
        functions = self.cipher.functions
        here = self.now.attempt(functions, token, frame)
        if here != self.now.attempt(functions, token, frame):
            return
        for name, process in [*self.unused.items()]:
            try:
                differs = process.attempt(functions, token, frame) != here
            except RotationError:  # the application does not answer under this value
                differs = True
            if differs:
                self.used.add(name)
                del self.unused[name]


def _opens(cipher: FunctionCipher, token: bytes, frame: bytes) -> bool:
    """Return whether a token is under the previous keys. For any other token, the functions return an error text under
    any keys."""
    with contextlib.suppress(RotationError):
        return cipher.open_at(token, frame) is not None
    return False


def _tokens(database: Database, target: Target, keyring: Keyring) -> Iterator[tuple[bytes, bytes]]:
    """The tokens of a column, each with the frame of its row."""
    (group,) = by_table([target])
    for page in pages(database, PageRequest(group)):
        rows, values = [row_name(key) for key, _ in page], [values[0] for _, values in page]
        tokens = target.kind.find(values, keyring.schemes[target.scheme].marker)
        frames = frames_of(ColumnPage(target, rows, values), tokens, keyring.context_of(target.scheme))
        yield from ((token, frame) for (_, _, token), frame in zip(tokens, frames or [b""] * len(tokens)))
