# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The embedded store: one file in Ansible Vault's format, which ``ansible-vault view`` shows."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from typing import Protocol

from .._errors.base import NOTHING_CHANGED, RotationError
from .._errors.store import StoreFormat, StorePassword, StoreRead, StoreReadback, StoreWrite
from .._record import sshsig
from .._system import atomic_file
from .history import History, HistoryDocument
from .store_interface import UNKNOWN, Store


class Vault(Protocol):
    """Ansible Vault with the secrets Ansible was started with (given by the controller's side)."""

    def encrypt(self, plaintext: bytes, before: bytes | None) -> bytes:
        """Return the text in Vault's format. If there is a text ``before``, its secret and vault ID are used."""

    def decrypt(self, text: bytes) -> bytes | None:
        """The plaintext, or None if no secret opens it."""

    def describe(self) -> str:
        """Return the source of the secrets, for a person."""

    def refuse_without_password(self) -> None:
        """Raise E_VAULT_PASSWORD_FILE if nothing could be encrypted."""


class VaultFile(Store):
    """A key store in one Vault file, 0600, replaced in one step and read back after every write.

    If ``path`` is a symbolic link, the file that it points to is replaced.
    """

    def __init__(self, path: str, vault: Vault) -> None:
        self._file = os.path.realpath(path)
        super().__init__(path, os.path.dirname(self._file))
        self._vault = vault

    def load(self) -> History:
        text = self._text()
        if text is None:
            return History(self.path)
        if not text.startswith(b"$ANSIBLE_VAULT;"):
            raise StoreFormat(path=self.path, reason="not encrypted by Ansible Vault")
        plaintext = self._vault.decrypt(text)
        if plaintext is None:
            raise StorePassword(path=self.path, tried=self._vault.describe())
        try:
            document = json.loads(plaintext)
        except ValueError as exc:
            line = getattr(exc, "lineno", 1)
            raise StoreFormat(path=self.path, reason=f"invalid JSON at decrypted line {line}") from None
        return History.from_document(self.path, document)

    def read_values(self, rotation_id: str) -> Mapping[str, str] | None:
        """Return None: values and history are in one file, so neither is ever there without the other."""
        return None

    def _catch_up(self, history: History) -> None:
        """Do nothing: only the file shows the history, so nothing can differ from it."""

    def destroy_values(self, rotation_id: str) -> None:
        """Do nothing: the file was already replaced by one without the values."""

    def anchor(self) -> str | None:
        return self.load().record.get("head")

    def set_anchor(self, head: str) -> None:
        with self.change() as history:
            history.record["head"] = head

    def kept_signing_key(self) -> str | None:
        return self.load().record.get("signing_key")

    def signing_key(self) -> str:
        key = self.kept_signing_key()
        if key is None:
            with self.change() as history:
                key = history.record.setdefault("signing_key", sshsig.new_key())
        return key

    def unwritable(self) -> str | None:
        self._vault.refuse_without_password()
        folder = self._folder
        while not os.path.exists(folder):
            folder = os.path.dirname(folder)
        return None if os.access(folder, os.W_OK) else f"{folder} cannot be written"

    def _text(self) -> bytes | None:
        try:
            return atomic_file.read(self._file)
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise StoreRead(path=self.path, reason=exc.strerror) from None

    def _save(self, history: History, before: HistoryDocument) -> None:
        document = history.as_document()
        text = self._vault.encrypt(json.dumps(document, indent=2).encode("utf-8") + b"\n", self._text())
        try:
            atomic_file.replace(self._file, text, most=0o600)
        except OSError as exc:
            failure = StoreWrite(path=self.path, reason=exc.strerror)
            as_it_was = self.load().as_document() == before  # false if only the fsync after the rename failed
            raise failure.with_changed(NOTHING_CHANGED if as_it_was else UNKNOWN) from None
        with contextlib.suppress(RotationError):
            if self.load().as_document() == document:
                return
        raise StoreReadback(path=self.path, changed=UNKNOWN)
