# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a rotation on the control node: one line of JSON per event, made durable before the step takes effect.

It holds names, counts, paths and key IDs; never a key, a plaintext or a value of a row. Its lines are a chain
(``chain``), and each line's hash goes to syslog too. At the beginning and the end of a run, the whole is signed for
``ssh-keygen -Y verify``, and the store keeps its head. docs/design/record-format.md describes the content and the
reasons.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import IO, Any

from .._errors.record import RecordNotBegun, RecordWrite
from .._system import atomic_file, users
from .._system.timestamps import now
from . import chain, line_signing, page_checksums, sshsig
from .events import Event, LineContent, RunEvent, decode_all
from .rotation_id import checked

FILE_NAME = page_checksums.RECORD
SIGNATURE = "record.jsonl.sig"
NEXT = "record.jsonl.next"  # the private half of the key that signs the next line
SIGNERS = "record_signers"  # a file of allowed signers, ssh-keygen(1)
REFUSED = "refused"  # the record of runs that were refused, which is never signed: it is to change nothing of a store
SIGNER, NAMESPACE = "key_rotation", "tetech.key_rotation.record"
BLOCK = 1 << 14  # bytes, in which most last lines are
ROOM = 1 << 20  # bytes; the record of a rotation takes some tens of thousands
PLACE, MOST = re.compile(r"[A-Za-z0-9+=._:/@-]+"), 256  # what a tag of AWS may hold
SYSLOG = "/dev/log"
PRIORITY = 4 << 3 | 5  # auth.notice, RFC 5424 section 6.2.1


class Record:
    """The record file of one rotation. Raise E_OPTION if the ID is not a plain name."""

    def __init__(self, folder: str, rotation_id: str) -> None:
        self.rotation_id = checked(rotation_id)
        self.path = os.path.join(folder, self.rotation_id, FILE_NAME)

    def append(self, event: str, phase: str, **fields: Any) -> None:
        """Write one event and make it durable. ``phase`` is intent, done or failed. Raise E_RECORD_WRITE."""
        folder = os.path.dirname(self.path)
        about = {"rotation_id": self.rotation_id, "event": event, "phase": phase, **_origin(), **fields}
        with _syslog() as log:
            about |= {} if log else {"syslog": False}
            try:
                atomic_file.private_folder(folder)
                with atomic_file.folder_lock(folder):  # a task writes for several hosts at once
                    line = self._append(about)
                    atomic_file.sync_folder(folder)
            except OSError as exc:
                raise RecordWrite(path=self.path, reason=exc.strerror) from None
            if log:
                _tell(log, f"{chain.head(self.rotation_id, line)} {event} {phase}")

    def sign(self, key: str) -> chain.Head:
        """Sign the current record, name the signer next to it, and return its head. Raise E_RECORD_WRITE."""
        text, folder = self.text(), os.path.dirname(self.path)
        signer = f'{SIGNER} namespaces="{NAMESPACE},{page_checksums.NAMESPACE}" {sshsig.public(key)}\n'
        try:
            atomic_file.replace(os.path.join(folder, SIGNERS), signer.encode("ascii"))
            atomic_file.replace(os.path.join(folder, SIGNATURE), sshsig.sign(key, text, NAMESPACE).encode("ascii"))
        except OSError as exc:
            raise RecordWrite(path=self.path, reason=exc.strerror) from None
        return self._placed(chain.head(self.rotation_id, text, node()))

    def _placed(self, head: chain.Head) -> chain.Head:
        """Return the head with the place of the record, if a tag of AWS can hold it."""
        folder = os.path.abspath(os.path.dirname(os.path.dirname(self.path)))
        placed = replace(head, place=f"{users.name_of(os.getuid())}:{folder}")
        return placed if PLACE.fullmatch(placed.place) and len(str(placed)) <= MOST else head

    def _append(self, about: LineContent) -> bytes:
        """Write the whole line or nothing. An incomplete line of a killed run is removed first.

        Only the last line of a record is read, however long the record is: it holds the hash of everything before it.
        """
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+b", buffering=0) as handle:  # a buffer would write its rest when it is closed
            last, end = _last_line(handle)
            event = chain.read(last) if last else {}
            if event is None:  # a damaged record is not written on
                raise RecordWrite(path=self.path, reason="a line is not valid JSON")
            key, after = self.next_key(), sshsig.new_key()
            signing = functools.partial(line_signing.sign, key) if key else None
            about = {**about, chain.NEXT_KEY: sshsig.raw_public(after)}
            line = chain.link(last if "hash" in event else self.text(), about, signing)
            if not key:  # a line that names one which is not there looks as if others were cut off behind it
                self._keep(after)
            try:
                handle.truncate(end)
                handle.seek(end)
                left = memoryview(line)
                while left:
                    left = left[handle.write(left) :]
                os.fsync(handle.fileno())
                if key:
                    self._keep(after)
            except OSError:
                handle.truncate(end)
                os.fsync(handle.fileno())
                raise
        return line

    def next_key(self) -> str | None:
        """Return the key that signs the next line. None if there is no valid key. Raise OSError."""
        try:
            with open(self._path_next_to(NEXT), encoding="ascii", errors="replace") as handle:
                key = handle.read().strip()
            sshsig.private(key)
        except (FileNotFoundError, ValueError):
            return None
        return key

    def _keep(self, key: str) -> None:
        atomic_file.replace(self._path_next_to(NEXT), f"{key}\n".encode("ascii"))

    def _path_next_to(self, name: str) -> str:
        return os.path.join(os.path.dirname(self.path), name)

    def refuse_full(self) -> None:
        """Raise E_RECORD_WRITE if there is no room for a record, before anything relies on it."""
        above = os.path.dirname(self.path)
        while not os.path.isdir(above):
            above = os.path.dirname(above)
        room = os.statvfs(above)
        if room.f_bavail * room.f_frsize < ROOM:
            raise RecordWrite(path=self.path, reason=f"less than {ROOM} bytes free")

    def begun(self, direction: str) -> RunEvent:
        """Return the event that began the last rotation or rollback. Raise E_RECORD_NOT_BEGUN if there is none."""
        for event in reversed(self.beginnings(direction)):
            return event
        raise RecordNotBegun(path=self.path, direction=direction)

    def beginnings(self, direction: str) -> list[RunEvent]:
        """Return the events that began its rotations and rollbacks, oldest first. Raise E_RECORD_WRITE."""
        events = (event for event in self.decoded() if isinstance(event, RunEvent) and event.is_intent)
        return [event for event in events if event.name == direction]

    def events(self) -> list[LineContent]:
        """Return all events so far, oldest first. Empty if there is no record yet. Raise E_RECORD_WRITE."""
        try:
            events = [json.loads(line) for line in self.text().splitlines()]
        except (ValueError, RecursionError):
            events = [None]
        if not all(isinstance(event, dict) for event in events):
            raise RecordWrite(path=self.path, reason="a line is not valid JSON")
        return events

    def decoded(self) -> list[Event]:
        """Return all events as types. Raise E_RECORD_WRITE."""
        return decode_all(self.events())

    def text(self) -> bytes:
        """Return the complete lines of the record, without an incomplete line of a killed run."""
        text = self.raw()
        return text[: text.rfind(b"\n") + 1]

    def raw(self) -> bytes:
        """Return the content of the file. Raise E_RECORD_WRITE."""
        try:
            with open(self.path, "rb") as handle:
                return handle.read()
        except FileNotFoundError:
            return b""
        except OSError as exc:
            raise RecordWrite(path=self.path, reason=exc.strerror) from None


def node() -> str:
    """Return the name of this control node in heads: one word of characters that a tag of AWS can hold."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname()) or "-"


def _last_line(handle: IO[bytes]) -> tuple[bytes, int]:
    """Return the last complete line, and its end."""
    size, span = handle.seek(0, os.SEEK_END), BLOCK
    while True:
        start = max(size - span, 0)
        handle.seek(start)
        tail = handle.read(size - start)
        end = tail.rfind(b"\n") + 1
        begin = tail.rfind(b"\n", 0, max(end - 1, 0)) + 1
        if begin or not start:
            return tail[begin:end], start + end
        span *= 2


def _origin() -> LineContent:
    """Return who wrote the event, from where, and when by two clocks (PCI DSS 10.2.2 and 10.6)."""
    about = {
        "time": now(),
        "monotonic_ns": time.monotonic_ns(),
        "actor": users.name_of(os.getuid()),  # which no variable of the environment changes
        "actor_uid": os.getuid(),
        "login_uid": users.login_uid(),
        "login_user": users.login(),  # by name: the page may be written on a host that does not know the number
        "sudo_user": os.environ.get("SUDO_USER"),
        "control_node": node(),
        "ssh_client": os.environ.get("SSH_CLIENT", "").split(" ")[0] or None,
    }
    return {name: value for name, value in about.items() if value is not None}


@contextlib.contextmanager
def _syslog() -> Iterator[socket.socket | None]:
    """Yield a socket of the syslog for one line. Yield None if there is no syslog; the line of the record then says
    so."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.settimeout(1)
        try:
            log.connect(SYSLOG)
        except OSError:
            there = False
        else:
            there = True
        yield log if there else None


def _tell(log: socket.socket, words: str) -> None:
    """Send a line to the syslog. It has only IDs, numbers and hashes."""
    with contextlib.suppress(OSError):
        log.send(f"<{PRIORITY}>key_rotation: record {words}".encode())
