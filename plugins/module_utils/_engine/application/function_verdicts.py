# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide whether a function of the application has read a token, or returned what it returns for an unreadable one.

A function may raise, or return a fixed text, None, the token, a text made of the token, or the value of another token.
The result does not decide it: a fixed text may be a true plaintext too. So the reader learns from tokens with known
values, and from damaged copies of them. It learns which lines a function runs when it reads, and which when it fails.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import secrets
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..crypto.tokens import as_bytes
from .application_errors import APPLICATION_ERRORS
from .application_values import are_equal

Context = tuple[tuple[str, Any], ...]  # what a function receives about the row: names and values, in this order
Decrypt = Callable[[Any, Context], Any]
Way = frozenset[tuple[str, str, int]]  # the lines that a call has run: file, function, line; below 0 if it raised
CHANGED = 8  # characters of a token that are changed at a time
ECHOED = 16  # characters of a token that are found again in its result
PART = 6  # the same, if the texts of all failures have so many of their tokens
_RUN = re.compile(r"[0-9A-Za-z+/_-]+")


class Result(NamedTuple):
    """The result of one call. ``value`` is None if the call raised an error."""

    raised: bool
    value: Any
    way: Way


@dataclass(frozen=True)
class Verdict:
    """``read`` is whether the token was read, and ``value`` what was in it; None if a round trip has to decide."""

    read: bool | None
    value: Any = None


UNREAD = Verdict(False)


class FunctionReader:
    """One decrypt function, and what is known of how it reads and fails. ``learn`` first, then ``read``."""

    def __init__(self, decrypt: Decrypt) -> None:
        self._decrypt = decrypt
        self._failures: list[tuple[Any, list[Any]]] = []  # known values, each with what failures at its tokens gave
        self._errors: list[Any] = []  # what damaged tokens of different values gave alike
        self._reads: set[Way] = set()
        self._fails: set[Way] = set()
        self._parts: list[int] = []  # characters of its token that each text of a failure has in a row
        self._swallows = False  # whether anything but an exception comes of a token that cannot be read
        self._settled: dict[bytes, bool] = {}  # by digest of the token: a cache may hide the way of the next call

    def learn(self, value: Any, token: Any, context: Context = ()) -> bool:
        """Check whether a known token decrypts to its known plaintext."""
        calls = [
            (each, _call(self._decrypt, each, context)) for each in damaged(token)
        ]  # before a cache knows the token
        sound = _call(self._decrypt, token, context)
        if sound.raised or not same(sound.value, value):
            return False
        self._reads.add(sound.way)
        self._take(value, calls)
        return True

    def learn_foreign(self, value: Any, token: Any, context: Context = ()) -> None:
        """Take a token that was sealed under other keys."""
        self._take(value, [(token, _call(self._decrypt, token, context))])

    def _take(self, value: Any, results: list[tuple[Any, Result]]) -> None:
        """Take failures. The token's own value does not count: the damage was no damage, or the keys fit."""
        failed = [(token, result) for token, result in results if result.raised or not same(result.value, value)]
        self._fails |= {result.way for _, result in failed}
        texts = [result.value for token, result in failed if not (result.raised or echoes(result.value, token))]
        for known, others in self._failures:
            if not same(known, value):
                self._errors += [text for text in texts if _among(text, others) and not _among(text, self._errors)]
        self._failures.append((value, texts))
        self._parts += [_common(result.value, token) for token, result in failed if not result.raised]
        self._swallows |= any(not result.raised for _, result in failed)

    @property
    def _varies(self) -> bool:
        """Return whether the function returns different texts for different tokens that it cannot read."""
        texts = [text for _, texts in self._failures for text in texts]
        return any(not same(text, texts[0]) for text in texts)

    def _echoes_a_part(self, value: Any, token: Any) -> bool:
        """Return whether a result has as much of the token as the text of each failure has.

        If the function decrypts in an earlier thread, its lines do not distinguish these from reads.
        """
        least = min(self._parts, default=0)
        return least >= PART and _common(value, token) >= least

    def read(self, token: Any, context: Context = (), *, final: bool = False) -> Verdict:
        """Return the verdict on a token. ``final`` follows the round trip of a token that was in doubt."""
        if not self._reads:
            return self._read_unlearned(token, context)
        if not self._swallows:
            return self._judge(token, _call(self._decrypt, token, context, traced=False))
        place = hashlib.blake2b(as_bytes(token) + repr(context).encode("utf-8"), digest_size=16).digest()
        result = _call(self._decrypt, token, context)
        if place in self._settled:
            return Verdict(True, result.value) if self._settled[place] else UNREAD
        verdict = self._judge(token, result)
        if verdict.read is None and final:
            verdict = Verdict(True, result.value) if self._differs(token, context, result) else UNREAD
        if verdict.read is not None:
            self._settled[place] = verdict.read
        return verdict

    def _judge(self, token: Any, result: Result) -> Verdict:
        if result.raised or echoes(result.value, token) or self._echoes_a_part(result.value, token):
            return UNREAD
        as_reads, as_fails = result.way in self._reads, result.way in self._fails
        if self._swallows and as_fails and not as_reads:
            return UNREAD
        if not self._swallows or (as_reads and not as_fails):
            return Verdict(True, result.value)
        unknown = not as_reads and self._varies and not self._reads & self._fails
        return Verdict(None if unknown or _among(result.value, self._errors) else True, result.value)

    def _read_unlearned(self, token: Any, context: Context) -> Verdict:
        """``read`` for functions that seal nothing from which to learn: damaged copies of the token have to do."""
        copies = [_call(self._decrypt, each, context) for each in damaged(token)]
        result = _call(self._decrypt, token, context)
        alike = any(not copy.raised and same(copy.value, result.value) for copy in copies)
        ways = {frozenset(), *(copy.way for copy in copies)}
        unread = result.raised or echoes(result.value, token) or (alike and result.way in ways)
        return UNREAD if unread else Verdict(True, result.value)

    def _differs(self, token: Any, context: Context, result: Result) -> bool:
        """Return whether no damaged copy of the token runs the same lines, and every error is one that reads raise."""
        ways = {_call(self._decrypt, each, context).way for each in damaged(token)}
        raised = {line for line in result.way if line[2] < 0}
        return bool(result.way) and result.way not in ways and raised <= frozenset().union(*self._reads)


class _Tracer:
    """The lines that one call at a time runs, also in other threads.

    A thread that a call has started, such as one of a pool, stays traced. A thread from before is traced from Python
    3.12 on.
    """

    def __init__(self) -> None:
        self.lines: set[tuple[str, str, int]] = set()

    def see(self, frame: Any, event: str, _: Any) -> Any:
        line = -frame.f_lineno if event == "exception" else frame.f_lineno
        self.lines.add((frame.f_code.co_filename, frame.f_code.co_name, line))
        return self.see

    @contextlib.contextmanager
    def tracing(self) -> Iterator[None]:
        before, of_threads = sys.gettrace(), getattr(threading, "_trace_hook", None)
        of_all: Callable[[Any], None] = getattr(threading, "settrace_all_threads", threading.settrace)
        self.lines = set()
        of_all(self.see)
        sys.settrace(self.see)
        try:
            yield
        finally:
            of_all(of_threads)
            sys.settrace(before)


_TRACER = _Tracer()


def _call(function: Decrypt, token: Any, context: Context, *, traced: bool = True) -> Result:
    with _TRACER.tracing() if traced else contextlib.nullcontext():
        try:
            raised, value = False, function(token, context)
        except APPLICATION_ERRORS:
            raised, value = True, None
    return Result(raised, value, frozenset(_TRACER.lines if traced else ()))


def same(value: Any, other: Any) -> bool:
    """Return whether two values are alike, and of one type: 1 is not True."""
    return type(value) is type(other) and are_equal(value, other)


def _among(value: Any, others: list[Any]) -> bool:
    return any(same(value, other) for other in others)


def echoes(value: Any, token: Any) -> bool:
    """Return whether a result is the token, or holds a part of it that is too long for a coincidence."""
    if not isinstance(value, (str, bytes, bytearray, memoryview)):
        return False
    result, sought = as_bytes(value), as_bytes(token)
    if result == sought:
        return True
    begin, end = _longest_run(token)
    half = (begin + end) // 2  # tokens of one second begin alike, and one may be in another
    parts = [sought[place : place + ECHOED] for place in range(half, end - ECHOED + 1, ECHOED)]
    return any(part in result for part in parts)


def _common(value: Any, token: Any) -> int:
    """Return how many consecutive characters of a token a text has, up to ECHOED."""
    if not isinstance(value, (str, bytes, bytearray, memoryview)):
        return 0
    result, sought = as_bytes(value), as_bytes(token)
    most = 0
    for start in range(len(sought)):
        while most < ECHOED and start + most < len(sought) and sought[start : start + most + 1] in result:
            most += 1
    return most


def damaged(token: Any) -> list[Any]:
    """Return copies of a token that decode to other bytes in hex, base32, base64 and similar encodings, in either case.
    They have the same length, except for one that is cut short."""
    begin, end = _longest_run(token)
    length = end - begin
    starts = [begin + length * part // 4 for part in (0, 1, 2)] + [max(begin, end - 2 * CHANGED)]
    copies = [_changed(token, start, min(start + CHANGED, end)) for start in starts]
    return list(dict.fromkeys([*copies, _changed(token, begin, end), token[: len(token) * 2 // 3]]))


def _longest_run(token: Any) -> tuple[int, int]:
    """Return the range of the longest part in one encoding, which is not a format name, a separator or a padding."""
    if isinstance(token, bytes) and not token.isascii():
        return 0, len(token)
    text = token.decode("ascii") if isinstance(token, bytes) else token
    runs = [match.span() for match in _RUN.finditer(text)]
    return max(runs, key=lambda span: span[1] - span[0], default=(0, len(text)))


def _changed(token: Any, start: int, end: int) -> Any:
    if isinstance(token, bytes):
        if not token.isascii():
            return token[:start] + bytes(byte ^ 0x5A for byte in token[start:end]) + token[end:]
        return _changed(token.decode("ascii"), start, end).encode("ascii")
    return token[:start] + "".join(map(_other, token[start:end])) + token[end:]


def _other(sign: str) -> str:
    """Another sign of the same alphabet and case, that no decoder takes for this one (as 0 and O, 1 and I)."""
    if sign.isdigit():
        return "5" if sign == "3" else "3"
    other = "e" if sign in "cC" else "c"
    return other.upper() if sign.isupper() else other


def probes() -> Iterator[list[Any]]:
    """Values to seal, from which a reader learns: pairs of one type, of the types that applications encrypt."""
    yield [f"probe {secrets.token_hex(9)}" for _ in range(2)]
    yield [{"probe": secrets.token_hex(9)} for _ in range(2)]
    yield [b"probe " + secrets.token_bytes(9) for _ in range(2)]
    yield [secrets.randbelow(1 << 30) for _ in range(2)]
