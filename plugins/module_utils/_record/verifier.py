# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verify that the records of an application are intact: not edited, reordered, cut off, rewritten or signed by another.

Each chain is followed. Each head that the store or the first line of a later run kept must be in its place. Each
signature must be of the store's key, or of a known former one. Each line that no signature covers must be signed with
the key that the previous line names. Each approval is compared with its evidence, and each page with its checksum. What
could not be checked is reported, and does not count as intact.

``python -m`` of this file does the same without the store. The auditor then supplies a head and a key from elsewhere,
such as syslog.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .._errors.base import RotationError
from .._errors.counts import counted
from .._errors.record import RecordWrite
from .._errors.run import RotationRunning
from . import chain, line_signing, page_checksums, sshsig
from .approval import MADE_OF, ApprovalEvidence
from .chain import Head, Problem, RecordLine
from .events import FORMAT, ROLLBACK, ROTATE, Event, NotificationEvent, RestoreEvent, RunEvent
from .reader import StoredRecord, folders, look, names
from .run_lease import Lease
from .writer import FILE_NAME, REFUSED, SIGNERS, node

OF_REFUSED = (" (the record of refused runs, which is not signed)", "")  # what it is, and how it is signed
ENDS = (ROTATE, ROLLBACK, "retire")
AFTER_END = (RunEvent, NotificationEvent)  # all that may follow the end of a run
# What each kind of problem ends `python -m` with, and what it means; 2 is argparse's own.
EXIT_CODES = {
    "edited": (1, "a line was edited"),
    "reordered": (3, "lines were reordered or left out"),
    "cut": (4, "cut off, or missing"),
    "rewritten": (5, "rewritten"),
    "signature": (6, "not signed, or signed by an unknown key"),
    "unreadable": (7, "unreadable, or there is no record"),
    "older": (8, "an older copy"),
    "stale": (9, "the head in the store is older than the records"),
    "approval": (10, "the evidence of its approval is not valid"),
    "unsigned": (13, "unsigned lines after the signed ones: written by a killed run, or by someone else"),
    "page": (14, "a page is missing, or was changed after it was written"),
}
# The codes of checks that were impossible, if there is no problem.
NOT_CHECKED = {
    "elsewhere": (11, "intact, but some records are on another control node"),
    "unchecked": (12, "intact as far as it could be checked: a key, a head or evidence is missing"),
}


@dataclass
class VerifiedRecord:
    """The result of verifying one record.

    ``signed`` is how many lines a signature covers, ``signer`` the fingerprint of its key. ``notes`` are not problems:
    what could not be checked, a former key, a later format, a run that has not ended. ``elsewhere`` is the control node
    that has the record, if that is another one.
    """

    rotation_id: str
    path: str
    lines: int = 0
    signed: int = 0
    signer: str | None = None
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)
    elsewhere: str | None = None

    def __str__(self) -> str:
        notes = [note.found for note in self.notes]
        if self.problems:
            return f"{self.rotation_id}: {'; '.join(problem.found for problem in self.problems)}"
        vouched = self.signed or not any(note.kind == "unchecked" for note in self.notes)
        verdict = "intact" if vouched else "consistent, but nothing proves that it is complete"
        of, signed = OF_REFUSED if self.rotation_id == REFUSED else ("", f", {self.signed} of them signed")
        whole = [f"{verdict}, {counted(self.lines, 'line')}{signed}"] if self.lines else []
        return f"{self.rotation_id}{of}: {'; '.join([*whole, *notes])}"


@dataclass(frozen=True)
class AnchoredHead:
    """A head that was kept outside of its own line. ``where`` is the place, in words for a person.

    ``line`` is the line of a record that keeps it, or 0 if it is not in a record.
    """

    head: Head
    where: str
    line: int = 0


def check(
    places: Sequence[str], *, anchor: str | None, key: str | None, former: Sequence[str] = (), only: str | None = None
) -> list[VerifiedRecord]:
    """Verify every record in the folders ``places``, or the ``only`` one asked for.

    ``anchor`` is the head that the store has, ``key`` its public key. ``former`` are keys that may have signed records
    before. Without any key, the one next to each record counts. Raise E_RECORD_WRITE if a record cannot be read,
    ValueError if the anchor is not a head.
    """
    records = [look(place, name) for place in places for name in names(place)]
    last = Head.read(anchor) if anchor else None
    kept = [AnchoredHead(last, "the anchor")] if last else []
    kept += [anchored for record in records for anchored in _follows(record, record.lines)]
    trusted = _trusted(records, key, former)
    first = min((_began(record) for record in records if record.signed), default="")
    sums = {place: _sums(place) for place in places}
    evidence = _Evidence(kept, last, trusted, first)
    checked = [_checked(record, evidence, sums[record.folder]) for record in records]
    checked += _absent(places, records, kept)
    checked += [
        verified for checksums in sums.values() if checksums for verified in _sums_themselves(checksums, trusted)
    ]
    for place in places:
        for name in set(folders(place)) - set(names(place)):
            problem = Problem("unreadable", f"the name of the folder {name} is not a rotation ID")
            checked.append(VerifiedRecord(name, os.path.join(place, name, FILE_NAME), problems=[problem]))
    return [
        verified
        for verified in checked
        if only in (None, verified.rotation_id) or verified.rotation_id == page_checksums.SUMS
    ]


def before_going_on(
    place: str, rotation_id: str, *, anchor: str | None, key: str | None, former: Sequence[str] = ()
) -> tuple[list[Problem], int]:
    """Return what prevents a run from adding to the record and signing all of it, and how many last lines are unsigned.

    A head that names no control node may be of another one's record, and prevents nothing. Raise E_RECORD_WRITE.
    """
    records = [look(place, name) for name in names(place)]
    record = next((candidate for candidate in records if candidate.rotation_id == rotation_id), None)
    if record is None:
        return [], 0
    kept = [anchored for other in records for anchored in _follows(other, other.lines)]
    with contextlib.suppress(ValueError):
        kept.append(AnchoredHead(Head.read(anchor), "the anchor"))
    ours = [anchored for anchored in kept if anchored.head.host and record.is_of(anchored.head)]
    problems = [
        problem for problem in _tampering(record, ours, _trusted(records, key, former)) if problem.kind in EXIT_CODES
    ]
    problems = problems or list(_cut_off(record))
    return problems, len(record.lines) - record.signed


def exit_code(checked: Iterable[VerifiedRecord]) -> int:
    """Return the lowest exit code of the problems. Without a problem, that of the checks that were impossible."""
    every = list(checked)
    problems = [EXIT_CODES[problem.kind][0] for verified in every for problem in verified.problems]
    notes = [NOT_CHECKED[note.kind][0] for verified in every for note in verified.notes if note.kind in NOT_CHECKED]
    return min(problems or notes, default=0)


def signers(place: str) -> list[str]:
    """Return the keys that signed the records in ``place``. Raise E_RECORD_WRITE."""
    return sorted({record.key for record in (look(place, name) for name in names(place)) if record.key})


def known_keys(place: str, key: str, former: Sequence[str] = ()) -> list[str]:
    """Return the keys that may have signed the records in ``place``, with the store's ``key``. Raise E_RECORD_WRITE."""
    return list(_trusted([look(place, name) for name in names(place)], key, former))


def _follows(record: StoredRecord, lines: Iterable[RecordLine]) -> Iterator[AnchoredHead]:
    """The heads that lines of a record have seen."""
    for line in lines:
        for text in (line.event.follows, line.event.follows_refused):
            with contextlib.suppress(ValueError):  # anything else was not written by us, as its signature shows
                yield AnchoredHead(Head.read(text), f"line {line.number} of {record.rotation_id}", line.number)


def _trusted(records: Sequence[StoredRecord], key: str | None, former: Iterable[str]) -> dict[str, str]:
    """The keys that may have signed a record, each with who says so; nothing for the store's own.

    What is signed by one of them may name those before it: the run that first met a store without the key did.
    """
    known = dict.fromkeys(former, "which is listed as a former key") | ({key: ""} if key else {})
    while True:
        more = {
            str(former_key): f"which line {line.number} of {record.rotation_id} lists as a former key"
            for record in records
            if record.key in known
            for line in record.lines[: record.signed]
            if isinstance(line.event, RunEvent) and line.event.is_intent
            for former_key in line.event.former_signers
            if str(former_key) not in known
        }
        if not more:
            return known
        known.update(more)


def _runs(lines: Iterable[RecordLine]) -> list[RunEvent]:
    """The beginnings and ends of the runs of a rotation."""
    return [line.event for line in lines if isinstance(line.event, RunEvent)]


def _began(record: StoredRecord) -> str:
    """Return when its first line was written. A line without a time counts as later than all others."""
    return record.lines[0].event.time or "~"


class _Evidence(NamedTuple):
    """The evidence that every record is compared with.

    ``kept`` are the heads that are kept elsewhere, ``last`` is the last head of all, and ``trusted`` are the trusted
    signers. ``first`` is the time at which the oldest signed record began.
    """

    kept: Sequence[AnchoredHead]
    last: Head | None
    trusted: Mapping[str, str]
    first: str


def _checked(record: StoredRecord, evidence: _Evidence, sums: page_checksums.PageChecksums | None) -> VerifiedRecord:
    """Verify a record. ``sums`` are the checksums of the pages."""
    kept, last, trusted, first = evidence
    lines = record.lines
    ours = [anchored for anchored in kept if record.is_of(anchored.head)]
    problems = list(_stale(record, last) if last else ())
    notes: list[Problem] = []
    planted = _planted(record, first) if last and trusted else ()
    for group in (_tampering(record, ours, trusted), _unsigned_ends(record), planted, _approvals(record)):
        for problem in group:
            (problems if problem.kind in EXIT_CODES else notes).append(problem)
    problems = problems or list(_cut_off(record))
    notes += [*_not_kept(record, ours), *_later_format(record)]
    for note in (*_not_ended(record), *_pages(record, sums)):
        (problems if note.kind in EXIT_CODES and not problems else notes).append(note)
    signer = sshsig.fingerprint(record.key) if record.key else None
    return VerifiedRecord(
        rotation_id=record.rotation_id,
        path=record.record.path,
        lines=len(lines),
        signed=record.signed,
        signer=signer,
        problems=problems,
        notes=notes,
    )


def _tampering(record: StoredRecord, ours: Sequence[AnchoredHead], trusted: Mapping[str, str]) -> Iterator[Problem]:
    """Yield the contradictions of chain, heads and signature with the record."""
    yield from chain.problems(record.lines)
    yield from chain.foreign(record.lines, record.rotation_id)
    for anchored in ours:
        yield from _missing(record, anchored, trusted)
    yield from _signature(record, bool(ours), trusted)


def _cut_off(record: StoredRecord) -> Iterator[Problem]:
    """Yield a problem if lines were cut off that no head and no signature covers yet."""
    open_end = record.signed < len(record.lines) or any(event.is_intent for event in _runs(record.lines)[-1:])
    yield from line_signing.cut_off(record.lines, record.signed, record.next_key, needed=open_end)


def _missing(record: StoredRecord, kept: AnchoredHead, trusted: Mapping[str, str]) -> Iterator[Problem]:
    """Yield how the record contradicts a head. A record that ends earlier and is signed to its end was complete
    once."""
    whole = 0 < record.signed == len(record.lines) and (not trusted or record.key in trusted)
    for problem in chain.missing(record.lines, kept.head, kept.where):
        if whole and problem.kind == "cut":
            ends = f"it is an older copy, intact and signed up to line {record.signed}"
            yield Problem("older", f"{ends}, but {kept.where} has seen line {kept.head.seq}")
        else:
            yield problem


def _stale(record: StoredRecord, last: Head) -> Iterator[Problem]:
    """Yield a problem if the record was signed again after the head that the store has: each head is put there at
    once."""
    if record.holds(last):
        later = record.signed if record.signed > last.seq else 0
    else:
        heads = _follows(record, record.lines[: record.signed])
        later = next(
            (anchored.line for anchored in heads if _same(anchored.head, last) and anchored.head.seq >= last.seq), 0
        )
    if later:
        behind = f"the anchor is line {last.seq} of {last.rotation_id}, but line {later} of {record.rotation_id}"
        yield Problem("stale", f"{behind} was signed after it")


def _same(head: Head, other: Head) -> bool:
    return head.rotation_id == other.rotation_id and (head.host == other.host or "" in (head.host, other.host))


def _signature(record: StoredRecord, known: bool, trusted: Mapping[str, str]) -> Iterator[Problem]:
    """Yield what is wrong with the signature of a record.

    ``known`` is whether a head of the record was kept, which happens only when it is signed.
    """
    if not record.armored:
        if known and record.rotation_id != REFUSED:
            yield Problem("signature", "its signature is missing")
        return
    if not record.key:
        yield Problem("signature", "its signature does not match these lines")
        return
    signer = sshsig.fingerprint(record.key)
    if trusted and record.key not in trusted:
        yield Problem("signature", f"it is signed by {signer}, an unknown key")
    elif record.key != " ".join((record.signers or "").split()[2:4]):
        yield Problem("signature", f"it is not signed by the key in the {SIGNERS} next to it")
    elif not trusted:
        yield Problem("unchecked", f"it is signed by {signer}, and there is no key to verify it with")
    elif trusted[record.key]:
        yield Problem("former", f"signed by {signer}, {trusted[record.key]}")


def _unsigned_ends(record: StoredRecord) -> Iterator[Problem]:
    """Yield the lines that someone else must have added, because the step that writes them also signs them.

    These are unsigned ends of runs, and steps of a rotation between the end of the last run and the beginning of
    another. The drop of what a restore kept is a run of its own that may have been killed, and is excepted.
    """
    ended = False
    for line in record.lines:
        event = line.event
        if isinstance(event, RunEvent):
            ended = not event.is_intent
        if line.number <= record.signed:
            continue
        if event.name in ENDS and event.is_done:
            yield Problem("signature", f"line {line.number} says that the {event.name} is done, but it is not signed")
        elif ended and event.name and not isinstance(event, AFTER_END) and not _drops(event):
            yield Problem("signature", f"line {line.number}, {event.name}, was added after the end of the run")


def _drops(event: Event) -> bool:
    return isinstance(event, RestoreEvent) and event.state == "dropped"


def _planted(record: StoredRecord, first: str) -> Iterator[Problem]:
    """Yield a problem if someone else created the record. A run that began and ended here has signed its record.

    Two kinds of refused runs have no signature. Some belong to a rotation that began on another control node. Others
    came before the ``first`` signed one, when the store had no key yet.
    """
    runs = _runs(record.lines)
    began = any(event.name == ROTATE and event.is_intent and not event.resumed for event in runs)
    keyless = began and not runs[-1].versions and _began(record) < first
    if began and not keyless and not record.armored and runs[-1].is_failed:
        yield Problem("signature", "it says that its run has ended, but it is not signed")


def _approvals(record: StoredRecord) -> Iterator[Problem]:
    """Yield each approval that its evidence contradicts. Only the beginning of a rotation has an approval."""
    for line in record.lines:
        approval, required = line.members.get("approval"), line.members.get("require_approval") is True
        if not approval and not required:
            continue
        principal = approval.get("principal") if isinstance(approval, dict) else "nobody"
        who = f"the approval by {principal} in line {line.number}"
        begins = line.event.name == ROTATE and line.event.is_intent
        bare = not isinstance(approval, dict) or not MADE_OF & set(approval)
        if not begins:
            yield Problem("approval", f"{who} is not valid: that line does not start a rotation")
        elif bare and not required and not chain.chained([line]):
            yield Problem("unchecked", f"{who} was recorded without its signature, by an earlier version")
        elif bare:
            yield Problem("approval", f"{who} has no signature next to it")
        else:
            yield _approval(approval, who)


def _approval(approval: Any, who: str) -> Problem:
    try:
        if ApprovalEvidence.borne_out(approval):
            return Problem("approved", f"{who} is signed by {approval['fingerprint']}")
    except FileNotFoundError:
        return Problem("unchecked", f"{who} was not checked: ssh-keygen is not installed here")
    return Problem("approval", f"{who} was changed after it was signed, or was signed by someone else")


def _sums(place: str) -> page_checksums.PageChecksums | None:
    try:
        return page_checksums.look(place)
    except OSError as exc:
        raise RecordWrite(path=os.path.join(place, page_checksums.SUMS), reason=exc.strerror) from None


def _sums_themselves(sums: page_checksums.PageChecksums, trusted: Mapping[str, str]) -> Iterator[VerifiedRecord]:
    problems = [*page_checksums.signed_wrongly(sums, trusted), *sums.changed(page_checksums.INDEX)]
    notes = list(sums.unknown_pages())
    if problems or notes:
        yield VerifiedRecord(
            page_checksums.SUMS, os.path.join(sums.folder, page_checksums.SUMS), problems=problems, notes=notes
        )


def _pages(record: StoredRecord, sums: page_checksums.PageChecksums | None) -> Iterator[Problem]:
    """Yield what is wrong with the pages of a record.

    A run that keeps checksums of the pages says so in its first line.
    """
    promised = any(event.pages == page_checksums.SUMS for event in _runs(record.lines[: record.signed]))
    ends = (number for number, line in enumerate(record.lines, 1) if _ends(line.event))
    lines, ended = record.record.raw().splitlines(keepends=True), max(ends, default=0)
    known = sums or page_checksums.PageChecksums(record.folder, {}, None)
    yield from known.problems(record.rotation_id, promised=promised, lines=lines, ended=ended)


def _not_kept(record: StoredRecord, ours: Sequence[AnchoredHead]) -> Iterator[Problem]:
    """Yield why a cut would not show. In a record without a chain, no cut shows."""
    lines, kept = len(record.lines), max((anchored.head.seq for anchored in ours), default=0)
    if not lines:
        yield Problem("unchecked", "it has no lines")
    elif not chain.chained(record.lines):
        yield Problem(
            "unchecked", f"{counted(lines, 'line')} from an earlier version without a hash chain: nothing to check"
        )
    elif kept < record.signed:
        yield Problem("unchecked", f"truncation after line {kept} could not be detected")
    elif not record.signed and record.rotation_id != REFUSED:
        yield Problem("unchecked", "it is not signed")


def _later_format(record: StoredRecord) -> Iterator[Problem]:
    """Yield a note if a later version of the collection wrote the record. Its chain and signatures are still
    verified."""
    latest = max((event.format for event in _runs(record.lines)), default=1)
    if latest > FORMAT:
        yield Problem("later", f"it has format {latest}; this version of the collection knows formats up to {FORMAT}")


def _not_ended(record: StoredRecord) -> Iterator[Problem]:
    """Yield the unsigned lines and the incomplete line that a current or killed run leaves.

    Anyone could have written lines after the signed ones, unless the lease says that a run of this machine continues.
    """
    lines, rest = record.lines, len(record.lines) - record.signed
    last = lines[-1].event if lines else Event()
    began = next((event for event in (*_runs(lines)[-1:], last) if event.is_intent), None)
    goes_on = _goes_on(record)
    kind = "unsigned" if rest and record.signed and not goes_on else "open"
    if began:
        who = f"{began.name} by {began.actor} on {began.control_node}"
        unsigned = f", not signed from line {record.signed + 1} on" if rest else ""
        what = "it is running" if goes_on else "it was killed, is running elsewhere, or someone else wrote this"
        yield Problem(kind, f"a run that has not ended, since {began.time} ({who}){unsigned}: {what}")
    elif rest and record.signed:
        came = "they were written after the end of a run, or that end could not be signed, or someone else wrote them"
        yield Problem(kind, f"its lines from {record.signed + 1} on are not signed: {came}")
    if record.ends_incomplete:
        after = f", after {last.time}" if last.time else ""
        yield Problem("open", f"an incomplete last line, from a run that was killed while it wrote{after}")


def _goes_on(record: StoredRecord) -> bool:
    """Return whether a run of this rotation is in progress on this machine. Runs of others cannot be seen here."""
    try:
        Lease(os.path.dirname(os.path.dirname(record.record.path))).refuse_other(0)
    except RotationRunning as exc:
        return (exc.rotation_id, exc.host) == (record.rotation_id, socket.gethostname())
    return False


def _ends(event: Event) -> bool:
    return isinstance(event, RunEvent) and (event.is_done or event.is_failed)


def _absent(
    places: Sequence[str], records: Sequence[StoredRecord], kept: Iterable[AnchoredHead]
) -> Iterator[VerifiedRecord]:
    """Yield the records that a head mentions and that no folder here contains.

    They are missing if the other records of the control node that wrote the head are here. Otherwise they are on that
    one.
    """
    here = {"", node()}.union(*(record.nodes for record in records))
    gone: dict[tuple[str, str], AnchoredHead] = {}
    for anchored in kept:
        if not any(record.is_of(anchored.head) for record in records):
            gone.setdefault((anchored.head.rotation_id, anchored.head.host), anchored)
    for (rotation_id, host), anchored in sorted(gone.items()):
        path = os.path.join(places[0], rotation_id, FILE_NAME)
        there = f" in {anchored.head.place}" if anchored.head.place else ""
        summary = f"is not in {', '.join(places)}, but {anchored.where} has seen it{there}"
        if host in here:
            yield VerifiedRecord(rotation_id, path, problems=[Problem("cut", f"its record {summary}")])
        else:
            where = f"its record is on the control node {host}: it {summary}"
            yield VerifiedRecord(rotation_id, path, elsewhere=host, notes=[Problem("elsewhere", where)])


def main(argv: Sequence[str] | None = None) -> int:
    codes = [f"{code} {words}" for code, words in (*EXIT_CODES.values(), *NOT_CHECKED.values())]
    parser = argparse.ArgumentParser(
        description="Verify the records of rotations without the key store.",
        epilog=(
            f"Exit codes: 0 intact; 2 wrong usage; {'; '.join(codes)}. With several problems, the lowest code counts."
        ),
    )
    parser.add_argument("folders", nargs="+", help="folders of records (key_rotation_record_dir of each control node)")
    parser.add_argument("--rotation-id", help="verify only this record")
    parser.add_argument("--anchor", help="the newest head, 'ROTATION_ID SEQ HASH [CONTROL_NODE]', from store or syslog")
    parser.add_argument(
        "--key", help="the public key, 'ssh-ed25519 AAAA...'; the default is the key next to each record"
    )
    parser.add_argument(
        "--former-key", action="append", default=[], help="a former key that signed records; may be repeated"
    )
    asked = parser.parse_args(argv)
    if not sshsig.usable():
        print(f"{sys.executable} has no package cryptography, which signatures need.", file=sys.stderr)
        return EXIT_CODES["unreadable"][0]
    try:
        checked = check(
            asked.folders, anchor=asked.anchor, key=asked.key, former=asked.former_key, only=asked.rotation_id
        )
    except ValueError:
        parser.error("--anchor is not a head")
    except RotationError as exc:
        print(exc, file=sys.stderr)
        return EXIT_CODES["unreadable"][0]
    if not checked:
        print(f"There is no record in {', '.join(asked.folders)}.", file=sys.stderr)
        return EXIT_CODES["unreadable"][0]
    for verified in checked:
        print(verified)
    return exit_code(checked)


if __name__ == "__main__":
    sys.exit(main())
