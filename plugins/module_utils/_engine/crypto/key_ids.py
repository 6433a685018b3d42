# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ID of a key set: safe to print, and slow to compute, so that it is useless to guess from."""

from __future__ import annotations

import hashlib
import hmac
import mmap
import secrets

LABEL = b"tetech.key_rotation key id v1"
# PBKDF2 is iterated HMAC: guessing a weak key by its printed id costs more than guessing it by a stored token.
# The count is OWASP's for PBKDF2-HMAC-SHA256 (Password Storage Cheat Sheet).
ITERATIONS = 600_000


class _KeyIdCache:
    """Key IDs that this process computed, or a process forked from it. Computing one takes a tenth of a second or two,
    and Ansible forks a process for each task.

    An entry is a key ID after its HMAC, under a key that only this process has. An entry that is cut short does not
    count, nor one that two processes wrote at once.
    """

    MAC, SIZE, ENTRIES = 32, 40, 512  # bytes, bytes, and how many key sets

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._shared = mmap.mmap(-1, self.SIZE * self.ENTRIES)

    def of(self, canonical: bytes) -> str:
        empty = None
        for place in range(0, len(self._shared), self.SIZE):
            entry = self._shared[place : place + self.SIZE]
            if not any(entry):
                empty = place
                break
            if hmac.compare_digest(entry, self._entry(canonical, entry[self.MAC :])):
                return entry[self.MAC :].hex()
        key_id = hashlib.pbkdf2_hmac("sha256", canonical, LABEL, ITERATIONS, 8)
        if empty is not None:
            self._shared[empty : empty + self.SIZE] = self._entry(canonical, key_id)
        return key_id.hex()

    def _entry(self, canonical: bytes, key_id: bytes) -> bytes:
        return hmac.digest(self._key, canonical + key_id, "sha256") + key_id


of = _KeyIdCache().of
