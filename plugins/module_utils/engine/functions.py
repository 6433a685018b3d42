# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The escape hatch: a format nobody knows, opened and sealed by the application's own two functions.

An application reads its key once, at import or at the first call, and keeps it. So each key set has a process of the
application of its own, that was started under it (child.py), and a cipher here is a pair of functions in one of them.
"""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import RotationError
from . import child
from .keysets import KeySet
from .tokens import OneByOne, Opened

ANSWER_SECONDS = 120  # for one call; the first one waits for the application to start


@dataclass(frozen=True)
class Functions:
    """Two functions of the application, by dotted path. ``binary`` is whether they take and give bytes."""

    decrypt: str
    encrypt: str
    binary: bool = False


class Process:
    """One process of the application, under one key set, forked from this one before this one starts Django.

    By fork the keys go over in memory, and nowhere else.
    """

    def __init__(self, place: child.Place, keys: KeySet, others: Sequence[Process]) -> None:
        self._keys = keys
        context = multiprocessing.get_context("fork")
        ours, theirs = context.Pipe()
        self._connection = ours
        inherited = [other._connection for other in others]
        self._process = context.Process(
            target=child.serve, args=(place, keys.values, theirs, [ours, *inherited]), daemon=True
        )
        self._process.start()
        theirs.close()

    def call(self, verb: str, function: str, argument: Any) -> Any:
        """What ``function`` makes of ``argument``. Raises E_FUNCTION, and what starting the application raises."""
        try:
            self._connection.send((verb, function, argument))
            if not self._connection.poll(ANSWER_SECONDS):
                raise self.refusal(function, f"gave no answer in {ANSWER_SECONDS} seconds")
            outcome, *answer = self._connection.recv()
        except (EOFError, OSError):
            raise self.refusal(function, "ended the process it ran in") from None
        if outcome == "refused":
            raise self.refusal(function, answer[0])
        if outcome == "failed":
            raise RotationError(answer[0], **answer[1])
        return answer[0]

    def setting(self, name: str) -> bytes:
        """A digest of a setting, or a field's salt, under this key set. Raises what starting the application raises."""
        return bytes(self.call("setting", name, None))

    def refusal(self, function: str, found: str) -> RotationError:
        """The error that says what a function did."""
        return RotationError("E_FUNCTION", function=function, key_id=self._keys.key_id, found=found)

    def close(self) -> None:
        """End the process."""
        self._connection.close()
        self._process.kill()
        self._process.join()


@contextlib.contextmanager
def processes(place: child.Place, stages: Mapping[str, KeySet]) -> Iterator[dict[str, Process]]:
    """A process for each stage; ended at the end."""
    with contextlib.ExitStack() as stack:
        made: dict[str, Process] = {}
        for stage, keys in stages.items():
            process = Process(place, keys, list(made.values()))
            made[stage] = stack.enter_context(contextlib.closing(process))
        yield made


@dataclass(frozen=True)
class FunctionCipher(OneByOne):
    """A cipher of two functions. The plaintext is what ``decrypt`` gave, with a letter for its type in front of it."""

    process: Process = field(repr=False)
    functions: Functions

    def open(self, token: bytes) -> Opened | None:
        argument = token if self.functions.binary else token.decode("utf-8", "replace")
        found = self.process.call("open", self.functions.decrypt, argument)
        return None if found is None else Opened(found)

    def seal(self, inside: Opened) -> bytes:
        made = self.process.call("seal", self.functions.encrypt, inside.plaintext)
        if not made or made == inside.plaintext[1:]:
            raise self.process.refusal(self.functions.encrypt, "gave back what it was to encrypt, or nothing")
        return bytes(made)
