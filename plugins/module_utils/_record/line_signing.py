# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A key for each line of a record, used once. It shows that lines were cut off even before a run has signed them.

Each line names the public half of the key that signs the next one. Only the private half is next to the record, and
each line replaces it. Whoever cuts off lines finds the key for the line after them. No remaining line names that key,
so the cut shows, and no other line can be written in that place.

The store's key is not used for that. Each step is a process of its own, and would need the store for each line, even if
the store is down. The store's key signs the whole record when a run begins and ends. It shows who wrote the record,
which a key next to a record cannot.
"""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterable, Iterator, Sequence

from . import sshsig
from .chain import NEXT_KEY, SIGNATURE, Problem, RecordLine, signed_part

with contextlib.suppress(ImportError):  # the control node has it
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def sign(key: str, text: bytes) -> str:
    """The signature of a line under its key, in base64."""
    return base64.b64encode(sshsig.private(key).sign(text)).decode("ascii")


def cut_off(lines: Sequence[RecordLine], signed: int, kept: str | None, *, needed: bool) -> Iterator[Problem]:
    """Yield what these keys show against the end of a record. Its first ``signed`` lines are signed as a whole.

    ``kept`` is the public half of the key next to it. It may be gone if it is not ``needed``: the record ends with the
    signed end of a run.
    """
    for number in range(max(signed, 1), len(lines)):
        before = lines[number - 1].members.get(NEXT_KEY)
        # A run that was killed between a line and its key has signed two with the same one.
        named = [line.members.get(NEXT_KEY) for line in lines[max(number - 2, 0) : number]]
        if before and not _signed_by(lines[number], filter(None, named)):
            gone = "lines were cut off, or someone else wrote it"
            yield Problem("cut", f"line {number + 1} is not signed with the key that the previous line names: {gone}")
            return
    if kept and not lines:
        yield Problem("cut", "all its lines were cut off: the key for the next line is still next to it")
        return
    names = {line.members.get(NEXT_KEY) for line in lines} - {None}
    if not names or kept in names:  # a line that was written since it was read has another
        return
    if kept:
        yield Problem(
            "cut", f"lines after line {len(lines)} were cut off: the key next to the record belongs to a later line"
        )
    elif needed:
        yield Problem("cut", f"the key for the line after line {len(lines)} is missing, as if lines were cut off")


def _signed_by(line: RecordLine, keys: Iterable[object]) -> bool:
    for key in keys:
        with contextlib.suppress(ValueError, TypeError, AttributeError, InvalidSignature):
            signature = base64.b64decode(line.members.get(SIGNATURE, ""), validate=True)
            Ed25519PublicKey.from_public_bytes(_raw(key)).verify(signature, signed_part(line.members))
            return True
    return False


def _raw(key: object) -> bytes:
    return base64.b64decode(str(key), validate=True)
