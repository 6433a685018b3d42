# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The escape hatch: a format that no scheme describes, opened and sealed by two functions of the application.

An application reads its key once, at import or at the first call, and keeps it. So each key set has its own processes
of the application, which were started under it (key_worker.py). One process opens and another one seals. What a process
opens was never sealed by itself, because its caches would prove nothing.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, NamedTuple

from ..._errors.application import FunctionFailed
from ..._errors.base import RotationError
from ..._errors.errors_by_code import build_error
from ..crypto.function_names import Functions
from ..crypto.key_set import KeySet
from ..crypto.tokens import Opened, RowCipher, RowCipherFactory
from . import django_project, function_verdicts, key_worker, process_environment

if TYPE_CHECKING:
    from .guarded_start import StartReport

ANSWER_SECONDS = 120  # for one call; the first one waits for the application to start
_HASHERS = "what hashes its passwords"


class ApplicationProcess:
    """One process of the application under one key set, forked from this one before this one starts Django.

    The fork passes the keys in memory, and in no other way.
    """

    def __init__(
        self,
        place: key_worker.ApplicationLocation,
        keys: KeySet,
        others: Sequence[ApplicationProcess],
        *,
        are_of_now: bool,
    ) -> None:
        self._keys = keys
        self._are_of_now = are_of_now
        self._has_other_keys = django_project.is_started()  # those that this process has started with
        if not self._has_other_keys:  # a fork of it would be of no use
            self._fork(place, [other._connection for other in others])

    def _fork(self, place: key_worker.ApplicationLocation, inherited: Sequence[Connection]) -> None:
        context = multiprocessing.get_context("fork")
        self._connection, theirs = context.Pipe()
        closed = [self._connection, *inherited]
        self._process = context.Process(
            target=key_worker.serve,
            args=(place, key_worker.WorkerKeys(self._keys.values, self._are_of_now), theirs, closed),
            daemon=True,
        )
        self._process.start()
        theirs.close()

    @property
    def answers(self) -> bool:
        """Return whether the process has these keys. It does not have them if Django started before the fork."""
        return not self._has_other_keys

    def call(self, verb: str, function: str, argument: Any, context: function_verdicts.Context = ()) -> Any:
        """Return what ``function`` makes of ``argument``. Raise E_FUNCTION, and what starting the application
        raises."""
        if not self.answers:
            raise RuntimeError("a process of the application was forked after Django had started")
        try:
            self._connection.send((verb, function, argument, context))
            if not self._connection.poll(ANSWER_SECONDS):
                raise self.refusal(function, f"did not answer within {ANSWER_SECONDS} seconds")
            outcome, *answer = self._connection.recv()
        except (EOFError, OSError):
            raise self.refusal(function, "ended the process it ran in") from None
        if outcome == "refused":
            raise self.refusal(function, answer[0])
        if outcome == "failed":
            raise build_error(answer[0], **answer[1])
        return answer[0]

    def started(self) -> StartReport:
        """Return how the application started in it. Raise E_FUNCTION if the process does not answer."""
        report: StartReport = self.call("started", "what the application does at its start", None)
        return report

    def setting(self, name: str) -> bytes:
        """A digest of a setting, or a field's salt, under this key set. Raise what starting the application raises."""
        return bytes(self.call("setting", name, None))

    def members(self, name: str) -> bytes:
        """A digest of the values of a setting under this key set, of whatever type. Raise as ``setting``."""
        return bytes(self.call("members", name, None))

    def read(self, questions: Any) -> Any:
        """Return what attributes of rows read under this key set (trial_row.py). Raise what starting the application
        raises."""
        return self.call("read", "what its models read", questions)

    def write(self, questions: Any) -> Any:
        """Return what attributes would store of a text under this key set (trial_row.py). Raise as ``read``."""
        return self.call("write", "a trial", questions)

    def hash_password(self, password: str, algorithms: Collection[str]) -> dict[str, str]:
        """The hash of a password by each algorithm (password_hashers.py). Raise as ``read``."""
        return dict(self.call("hash", _HASHERS, (password, list(algorithms))))

    def accepts_password(self, password: str, hashes: Mapping[str, str]) -> set[str]:
        """Return the algorithms by whose hash the password is right under this key set. Raise as ``read``."""
        return set(self.call("accept", _HASHERS, (password, dict(hashes))))

    def attempt(self, functions: Functions, token: bytes, frame: bytes) -> bytes:
        """A digest of what one call of the function that decrypts gives, or that it raises."""
        return bytes(self.call("attempt", functions.decrypt, argument_of(functions, token), _context(frame)))

    def refusal(self, function: str, fault: str) -> RotationError:
        """The error that says what a function did."""
        return FunctionFailed(function=function, key_id=self._keys.key_id, fault=fault)

    def close(self) -> None:
        """End the process."""
        if not self.answers:
            return
        self._connection.close()
        self._process.kill()
        self._process.join()
        process_environment.remove_leftovers()


class ProcessPair(NamedTuple):
    """The two processes of one key set."""

    opener: ApplicationProcess
    sealer: ApplicationProcess


@contextlib.contextmanager
def processes(
    place: key_worker.ApplicationLocation, stages: Mapping[str, KeySet], now: Mapping[str, str]
) -> Iterator[dict[str, ProcessPair]]:
    """The processes of each stage; ended at the end. ``now`` are the keys that the application has."""
    with contextlib.ExitStack() as stack:
        started: list[ApplicationProcess] = []
        for keys in stages.values():
            are_of_now = all(now.get(name) == value for name, value in keys.values.items())
            for _each in ProcessPair._fields:
                process = ApplicationProcess(place, keys, started, are_of_now=are_of_now)
                started.append(stack.enter_context(contextlib.closing(process)))
        yield {stage: ProcessPair(*started[2 * place : 2 * place + 2]) for place, stage in enumerate(stages)}


@dataclass(frozen=True)
class FunctionCipher(RowCipher):
    """A cipher of two functions of the application.

    The plaintext is what ``decrypt`` returned, after a letter for its type. The frame of an inside is the context, as
    JSON. ``others`` seal under the other key sets. A function that cannot read their tokens shows what it does then.
    """

    pair: ProcessPair = field(repr=False)
    functions: Functions
    others: Sequence[ApplicationProcess] = field(default=(), repr=False)
    _ready: list[bool] = field(default_factory=list, repr=False)

    def open(self, token: bytes) -> Opened | None:
        return None if self.functions.context else self.open_at(token, b"")

    def open_at(self, token: bytes, frame: bytes) -> Opened | None:
        """``open`` for a token of the row that ``frame`` describes."""
        context = _context(frame)
        if not self._ready:
            self._learn(context)
            self._ready.append(True)
        argument = self._argument(token)
        read, plaintext = self._opener("open", argument, context)
        if read is None:  # it gave what it gives for a token that it cannot read, too
            with contextlib.suppress(RotationError):  # what cannot be sealed was not read
                self._opener(
                    "learn", (plaintext, self._argument(self._sealed(self.pair.sealer, plaintext, context))), context
                )
            read, plaintext = self._opener("decide", argument, context)
        return Opened(plaintext, frame=frame) if read else None

    def seal(self, inside: Opened) -> bytes:
        token = self._sealed(self.pair.sealer, inside.plaintext, _context(inside.frame))
        if not token or token == inside.plaintext[1:]:
            raise self._refusal(self.functions.encrypt, "returned its input, or nothing")
        return token

    def same_keys_error(self) -> RotationError:
        fault = "decrypts a value encrypted under other keys, so it does not use the keys of the key set"
        return self._refusal(self.functions.decrypt, fault)

    def _refusal(self, function: str, fault: str) -> RotationError:
        return self.pair.opener.refusal(function, fault)

    def _learn(self, context: function_verdicts.Context) -> None:
        """Have the opener learn from tokens of known values, of the first type that the functions encrypt."""
        for values in function_verdicts.probes():
            probes = [key_worker.preserved(value) for value in values]
            with contextlib.suppress(RotationError):
                for probe in probes:
                    if not self._learned("learn", self.pair.sealer, probe, context):
                        break
                else:
                    for other in self.others:
                        for probe in probes:
                            self._learned("learn_foreign", other, probe, context)
                    return

    def _learned(self, verb: str, sealer: ApplicationProcess, probe: bytes, context: function_verdicts.Context) -> Any:
        return self._opener(verb, (probe, self._argument(self._sealed(sealer, probe, context))), context)

    def _opener(self, verb: str, argument: Any, context: function_verdicts.Context) -> Any:
        return self.pair.opener.call(verb, self.functions.decrypt, argument, context)

    def _sealed(self, sealer: ApplicationProcess, plaintext: bytes, context: function_verdicts.Context) -> bytes:
        return bytes(sealer.call("seal", self.functions.encrypt, plaintext, context))

    def _argument(self, token: bytes) -> str | bytes:
        return argument_of(self.functions, token)


def row_cipher_factory(processes: Mapping[str, ProcessPair]) -> RowCipherFactory:
    """Return what builds the cipher of two functions in the processes of a stage."""

    def build(functions: Functions, stage: str) -> RowCipher:
        sealers = [pair.sealer for other, pair in processes.items() if other != stage]
        return FunctionCipher(processes[stage], functions, sealers)

    return build


def argument_of(functions: Functions, token: bytes) -> str | bytes:
    """A token as the functions take it."""
    return token if functions.binary else token.decode("utf-8", "replace")


def frame_of(context: Mapping[str, object]) -> bytes:
    """The context of a token as the frame of what is inside."""
    return json.dumps(list(context.items())).encode("utf-8")


def _context(frame: bytes) -> function_verdicts.Context:
    return tuple((name, value) for name, value in json.loads(frame)) if frame else ()
