# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SHA-256 of each page of the records, as ``sha256sum`` writes and checks them.

They are in one file next to the records, which is signed with the store's key like the records. The record of a page
has its checksum too, so that an older page cannot be put back together with its checksum.
"""

from __future__ import annotations

import glob
import hashlib
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from .._system import atomic_file
from . import sshsig
from .chain import Problem

SUMS, SIGNATURE, NAMESPACE = "pages.sha256", "pages.sha256.sig", "tetech.key_rotation.pages"
RECORD, PAGE, INDEX = "record.jsonl", "report.html", "index.html"
PAGES = (PAGE, "report.md", "rotation.log", "reminders.ics")  # of each rotation
_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")


@dataclass(frozen=True)
class PageChecksums:
    """The checksums in a folder of records, by the name of each page, and the key that signed them.

    The key is None if the signature is invalid.
    """

    folder: str
    of: Mapping[str, str]
    key: str | None

    def problems(
        self, rotation_id: str, *, promised: bool, lines: Sequence[bytes] = (), ended: int = 0
    ) -> Iterator[Problem]:
        """Yield the pages of a rotation that have changed.

        ``promised`` is whether its runs have written checksums. ``lines`` are those of its record, of which the first
        ``ended`` are up to the end of its last run.
        """
        names = [f"{rotation_id}/{name}" for name in PAGES]
        if promised and names[0] not in self.of:
            yield Problem("page", f"{SUMS} has no checksum of its page: the file is missing, or was started again")
        elif names[0] not in self.of and _sum(self.folder, names[0]):
            yield Problem("unchecked", f"its page has no recorded checksum in {SUMS}")
        elif names[0] in self.of and not self._made_of(rotation_id, lines, ended):
            yield Problem("page", "its page is older than the end of its last run")
        for name in names:
            yield from self.changed(name)

    def _made_of(self, rotation_id: str, lines: Sequence[bytes], ended: int) -> bool:
        """Return whether the page is of these lines, or of those up to the end of its last run, if any run has
        ended."""
        digest, recorded = hashlib.sha256(), self.of.get(f"{rotation_id}/{RECORD}")
        for number, line in enumerate(lines, 1):
            digest.update(line)
            if number >= ended and digest.hexdigest() == recorded:
                return True
        return not ended

    def changed(self, name: str) -> Iterator[Problem]:
        checksum = _sum(self.folder, name)
        if name in self.of and checksum != self.of[name]:
            yield Problem("page", f"its page {name} {'was changed after it was written' if checksum else 'is missing'}")

    def unknown_pages(self) -> Iterator[Problem]:
        """Yield the pages in the folder that no run has recorded. A rotation's own page is checked with its record."""
        for pattern in ("*.html", "*/*.html"):
            for path in sorted(glob.glob(os.path.join(glob.escape(self.folder), pattern))):
                name = os.path.relpath(path, self.folder)
                in_record = os.path.lexists(os.path.join(os.path.dirname(path), RECORD))
                if name not in self.of and not (os.path.basename(name) == PAGE and in_record):
                    yield Problem("unchecked", f"{name} is a page that was not written by any run")


def look(folder: str) -> PageChecksums | None:
    """Return the checksums in ``folder``, or None if there are none. Raise OSError."""
    try:
        text = _read(folder, SUMS)
    except FileNotFoundError:
        return None
    try:
        armored = _read(folder, SIGNATURE).decode("ascii", "replace")
    except FileNotFoundError:
        armored = ""
    lines = filter(None, map(_LINE.fullmatch, text.decode("utf-8", "replace").splitlines()))
    return PageChecksums(folder, {line[2]: line[1] for line in lines}, sshsig.signer(armored, text, NAMESPACE))


def note(folder: str, rotations: Iterable[str], key: str, former: Collection[str] = ()) -> bool:
    """Write the current checksums of the pages of these rotations and of the index, signed with the ``key`` for
    records.

    Return False if neither this key nor a ``former`` one signed what was there; then the file begins again. Raise
    OSError.
    """
    with atomic_file.folder_lock(folder):
        before = look(folder)
        ours = before is None or before.key in (sshsig.public(key), *former)
        of_each = (RECORD, *PAGES)
        names = [INDEX, *(f"{rotation_id}/{name}" for rotation_id in rotations for name in of_each)]
        kept = {**(before.of if before and ours else {}), **{name: _sum(folder, name) for name in names}}
        text = "".join(f"{kept[name]}  {name}\n" for name in sorted(kept) if kept[name]).encode("utf-8")
        atomic_file.replace(os.path.join(folder, SUMS), text)
        atomic_file.replace(os.path.join(folder, SIGNATURE), sshsig.sign(key, text, NAMESPACE).encode("ascii"))
    return ours


def signed_wrongly(sums: PageChecksums, trusted: Collection[str]) -> Iterator[Problem]:
    """Yield why the signature is wrong. ``trusted`` are the keys that may have signed; without any, it cannot be
    checked."""
    if not sums.key:
        yield Problem("page", f"{SUMS} was changed after it was signed")
    elif trusted and sums.key not in trusted:
        yield Problem("page", f"{SUMS} is signed by {sshsig.fingerprint(sums.key)}, an unknown key")


def _sum(folder: str, name: str) -> str | None:
    try:
        return hashlib.sha256(_read(folder, name)).hexdigest()
    except FileNotFoundError:
        return None


def _read(folder: str, name: str) -> bytes:
    with open(os.path.join(folder, name), "rb") as handle:
        return handle.read()
