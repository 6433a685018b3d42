# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stored record with its signature data, not yet verified."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass

from .._errors.record import RecordWrite
from . import chain, sshsig
from .chain import Head, RecordLine
from .rotation_id import is_plain
from .writer import FILE_NAME, NAMESPACE, SIGNATURE, SIGNERS, Record


@dataclass(frozen=True)
class StoredRecord:
    """A record as it is stored.

    ``signed`` is how many of its lines its signature covers, ``key`` the key that signed. ``ends_incomplete`` is
    whether an incomplete line follows. ``armored`` and ``signers`` are the files next to it, or None. ``next_key`` is
    the public half of the key there for its next line.
    """

    record: Record
    lines: Sequence[RecordLine]
    ends_incomplete: bool
    armored: str | None
    signers: str | None
    signed: int
    key: str | None
    next_key: str | None

    @property
    def rotation_id(self) -> str:
        return self.record.rotation_id

    @property
    def folder(self) -> str:
        """Return the folder that has this and the other records."""
        return os.path.dirname(os.path.dirname(self.record.path))

    @property
    def nodes(self) -> set[str]:
        """The control nodes that wrote it."""
        return {line.event.control_node for line in self.lines if line.event.control_node}

    def is_of(self, head: Head) -> bool:
        """Return whether the head is of this record. A rotation that resumed on another control node has a head there,
        too."""
        of_node = not head.host or not self.nodes or head.host in self.nodes
        return head.rotation_id == self.rotation_id and of_node

    def holds(self, head: Head) -> bool:
        """Return whether its line is the one of the head."""
        return self.is_of(head) and not any(chain.missing(self.lines, head, ""))


def look(folder: str, rotation_id: str) -> StoredRecord:
    """Return the record of a rotation in ``folder``. Raise E_RECORD_WRITE if it cannot be read."""
    record = Record(folder, rotation_id)
    next_key = _next_key(record)  # before the lines: a current run may add more of them
    raw = record.raw()
    end = raw.rfind(b"\n") + 1
    lines = chain.lines(raw[:end])
    armored = _read_next_to(record, SIGNATURE)
    signed, key = _signature(armored, lines) if armored else (0, None)
    return StoredRecord(
        record=record,
        lines=lines,
        ends_incomplete=end < len(raw),
        armored=armored,
        signers=_read_next_to(record, SIGNERS),
        signed=signed,
        key=key,
        next_key=next_key,
    )


def names(folder: str) -> list[str]:
    """Return the rotations that have a record in ``folder``. Raise E_RECORD_WRITE."""
    return [name for name in folders(folder) if is_plain(name)]


def folders(folder: str) -> list[str]:
    """Whatever has a record in ``folder``, by any name."""
    try:
        entries = sorted(os.listdir(folder))
    except FileNotFoundError:
        return []
    except OSError as exc:
        raise RecordWrite(path=folder, reason=exc.strerror) from None
    return [name for name in entries if os.path.lexists(os.path.join(folder, name, FILE_NAME))]


def _signature(armored: str, lines: Sequence[RecordLine]) -> tuple[int, str | None]:
    """Return how many lines a signature covers, and its key. Later lines are signed at the end of their run."""
    so_far, digests = hashlib.sha512(), []
    for line in lines:
        so_far.update(line.raw)
        digests.append(so_far.digest())
    for number in range(len(lines), 0, -1):
        if key := sshsig.signer_of(armored, digests[number - 1], NAMESPACE):
            return number, key
    return 0, None


def _next_key(record: Record) -> str | None:
    try:
        key = record.next_key()
    except OSError as exc:
        raise RecordWrite(path=record.path, reason=exc.strerror) from None
    return sshsig.raw_public(key) if key else None


def _read_next_to(record: Record, name: str) -> str | None:
    try:
        with open(os.path.join(os.path.dirname(record.path), name), encoding="ascii", errors="replace") as handle:
            return handle.read()
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise RecordWrite(path=record.path, reason=exc.strerror) from None
