# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the records of an application are whole: nothing edited, reordered, cut off, rewritten or signed by another.

Each record's chain is followed; each head that was kept elsewhere, by the store or by the first line of a later run,
must be where it was; each signature must be of the key that the store has. ``python -m`` of this file does the same
without the store, with a head and a key that the auditor has from elsewhere, such as syslog.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from . import chain, sshsig
from .chain import Head, Problem
from .errors import RotationError
from .record import FILE_NAME, NAMESPACE, SIGNATURE, SIGNERS, Record
from .rotation_id import is_plain

# By kind of problem, for `python -m`; 2 is argparse's own.
ENDS = ("rotate", "rollback", "retire")
RUNS = ("rotate", "rollback")
AFTER_END = ("notification",)  # all that is written between the end of a run and the beginning of another
EXIT_CODES = {"edited": 1, "reordered": 3, "cut": 4, "rewritten": 5, "signature": 6, "unreadable": 7}


@dataclass
class Checked:
    """What was found of one record. ``signed`` is how many of its lines a signature covers."""

    rotation_id: str
    path: str
    lines: int
    chained: bool
    signed: int
    problems: list[Problem]

    def __str__(self) -> str:
        if self.problems:
            return f"{self.rotation_id}: {'; '.join(problem.found for problem in self.problems)}"
        if not self.chained:
            return f"{self.rotation_id}: {self.lines} lines of an earlier version that made no chain: nothing to check"
        rest = (
            ""
            if self.signed in (0, self.lines)
            else ", the rest by nobody yet: a run goes on, or did not reach its end"
        )
        return f"{self.rotation_id}: whole, {self.lines} lines, {self.signed} of them signed{rest}"


def check(folder: str, *, anchor: str | None, key: str | None, only: str | None = None) -> list[Checked]:
    """Every record in ``folder``, or the ``only`` one asked for. ``anchor`` is the head that the store has, ``key`` its
    public key; without it, the one that lies beside each record. Raises E_RECORD_WRITE where one cannot be read."""
    records = [Record(folder, name) for name in names(folder)]
    texts = {record.rotation_id: record.text() for record in records}
    kept = list(_kept(records, anchor))
    missing = {head.rotation_id for head, _ in kept} - set(texts)
    checked = [_checked(record, texts[record.rotation_id], kept, key) for record in records]
    for rotation_id in sorted(missing):
        where = next(where for head, where in kept if head.rotation_id == rotation_id)
        problem = Problem("cut", f"its record is not in {folder}, and {where} has seen it")
        checked.append(Checked(rotation_id, os.path.join(folder, rotation_id, FILE_NAME), 0, True, 0, [problem]))
    for name in set(_folders(folder)) - set(names(folder)):
        problem = Problem("unreadable", f"the folder {name} is not named as a rotation is")
        checked.append(Checked(name, os.path.join(folder, name, FILE_NAME), 0, True, 0, [problem]))
    return [each for each in checked if only in (None, each.rotation_id)]


def names(folder: str) -> list[str]:
    """The rotations that have a record in ``folder``. Raises E_RECORD_WRITE."""
    return [name for name in _folders(folder) if is_plain(name)]


def _folders(folder: str) -> list[str]:
    try:
        found = sorted(os.listdir(folder))
    except FileNotFoundError:
        return []
    except OSError as exc:
        raise RotationError("E_RECORD_WRITE", path=folder, reason=exc.strerror) from None
    return [name for name in found if os.path.lexists(os.path.join(folder, name, FILE_NAME))]


def _kept(records: Iterable[Record], anchor: str | None) -> Iterator[tuple[Head, str]]:
    """Heads that were kept elsewhere, and where."""
    if anchor:
        yield Head.read(anchor), "the anchor"
    for record in records:
        try:
            events = record.events()
        except RotationError:  # which the chain says too, by line
            continue
        for number, event in enumerate(events, 1):
            with contextlib.suppress(ValueError):  # what is none was not written by us, as its signature says
                yield Head.read(event.get("follows")), f"line {number} of {record.rotation_id}"


def _checked(record: Record, text: bytes, kept: Iterable[tuple[Head, str]], key: str | None) -> Checked:
    problems = [*chain.problems(text), *chain.foreign(text, record.rotation_id)]
    known = [(head, where) for head, where in kept if head.rotation_id == record.rotation_id]
    for head, where in known:
        problems += chain.missing(text, head, where)
    signed = 0
    armoured = _beside(record, SIGNATURE)
    if armoured:
        signed, key_found = _signature(armoured, text)
        if not signed:
            problems.append(Problem("signature", "its signature is not of these lines"))
        elif key and key_found != key:
            problems.append(Problem("signature", "it is signed by another key"))
        elif key_found != _signer(record):
            problems.append(Problem("signature", f"it is signed by another key than {SIGNERS} beside it names"))
    elif known:  # which it was signed with
        problems.append(Problem("signature", "its signature is missing"))
    problems += _unsigned_ends(text, signed)
    lines = text.count(b"\n")
    return Checked(record.rotation_id, record.path, lines, chain.chained(text), signed, problems)


def _signature(armoured: str, text: bytes) -> tuple[int, str | None]:
    """How many lines a signature covers, and whose it is: lines that came later are signed at the end of their run."""
    number, end = text.count(b"\n"), text.rfind(b"\n") + 1
    while end:
        if key := sshsig.signer(armoured, text[:end], NAMESPACE):
            return number, key
        number, end = number - 1, text.rfind(b"\n", 0, end - 1) + 1
    return 0, None


def _unsigned_ends(text: bytes, signed: int) -> Iterator[Problem]:
    """How a run ended is signed in the same step that writes it: a line that says so without was added by another. So
    was a step of a rotation after the end of the last run, and before the beginning of another."""
    ended = False
    for number, line in enumerate(text.splitlines(), 1):
        with contextlib.suppress(ValueError, AttributeError, RecursionError):  # what is no event is told by the chain
            event = json.loads(line)
            name, phase = event.get("event"), event.get("phase")
            if name in RUNS:
                ended = phase != "intent"
            if number <= signed:
                continue
            if name in ENDS and phase == "done":
                yield Problem("signature", f"line {number} says that the {name} is done, and nobody signed it")
            elif ended and name and name not in (*RUNS, *AFTER_END):
                yield Problem("signature", f"line {number}, {name}, was added after the end of the run")


def _signer(record: Record) -> str:
    """The key that the file beside a record names."""
    return " ".join((_beside(record, SIGNERS) or "").split()[2:4])


def _beside(record: Record, name: str) -> str | None:
    try:
        with open(os.path.join(os.path.dirname(record.path), name), encoding="ascii", errors="replace") as handle:
            return handle.read()
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise RotationError("E_RECORD_WRITE", path=record.path, reason=exc.strerror) from None


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Check the records of rotations without the store.",
        epilog="Exit codes: 0 whole, 2 wrong usage, "
        + ", ".join(f"{code} {kind}" for kind, code in EXIT_CODES.items())
        + " (of several the lowest).",
    )
    parser.add_argument("folder", help="the folder of the records (key_rotation_record_dir)")
    parser.add_argument("--rotation-id", help="this one alone")
    parser.add_argument("--anchor", help="the newest head, 'ROTATION_ID SEQ HASH', from the store or from syslog")
    parser.add_argument("--key", help="the public key, 'ssh-ed25519 AAAA...'; without it, the one beside each record")
    asked = parser.parse_args(argv)
    if not sshsig.usable():
        print(f"{sys.executable} has no package cryptography, which signatures need.", file=sys.stderr)
        return EXIT_CODES["unreadable"]
    try:
        checked = check(asked.folder, anchor=asked.anchor, key=asked.key, only=asked.rotation_id)
    except ValueError:
        parser.error("--anchor is no head")
    except RotationError as exc:
        print(exc, file=sys.stderr)
        return EXIT_CODES["unreadable"]
    if not checked:
        print(f"There is no record in {asked.folder}.", file=sys.stderr)
        return EXIT_CODES["unreadable"]
    for each in checked:
        print(each)
    return min((EXIT_CODES[problem.kind] for each in checked for problem in each.problems), default=0)


if __name__ == "__main__":
    sys.exit(main())
