# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interface of a key store: the class that each kind of store implements, and that everyone else uses."""

from __future__ import annotations

import abc
import contextlib
from collections.abc import Iterator, Mapping

from .._errors.store import StoreWrite
from .._system import atomic_file
from .history import History, HistoryDocument, Version

UNKNOWN = "The store may have saved the change or not. Run the same command again: it checks first."


class Store(abc.ABC):
    """A history that is loaded and changed as a whole, by one process at a time.

    ``path`` is the store's name in results and errors. ``folder`` is what processes on this control node lock.
    """

    def __init__(self, path: str, folder: str) -> None:
        self.path = path
        self._folder = folder

    @abc.abstractmethod
    def load(self) -> History:
        """Return the history. It is empty if nothing was stored yet. Raise E_STORE_*."""

    def stage(self, stage: str) -> Version:
        """Return the version that has ``stage``, even if others are damaged. Raise E_STORE_*."""
        return self.load().stage(stage)

    @abc.abstractmethod
    def _save(self, history: History, before: HistoryDocument) -> None:
        """Keep ``history``, read it back and compare. ``before`` is the document that it was loaded from."""

    @abc.abstractmethod
    def _catch_up(self, history: History) -> None:
        """Complete an earlier change of ``history``: whoever got its error types the same command again."""

    @abc.abstractmethod
    def read_values(self, rotation_id: str) -> Mapping[str, str] | None:
        """Return the values that were put for a rotation, even if an interrupted put left them out of the history."""

    @abc.abstractmethod
    def destroy_values(self, rotation_id: str) -> None:
        """Remove the values of a version that the history calls destroyed. Doing it again changes nothing."""

    @abc.abstractmethod
    def anchor(self) -> str | None:
        """Return the head of the record that was written last, as it was put here. Raise E_STORE_*."""

    @abc.abstractmethod
    def set_anchor(self, head: str) -> None:
        """Keep the head of a record: up to 256 letters, digits, blanks and ``+=._:/@-``. Raise E_STORE_*."""

    @abc.abstractmethod
    def kept_signing_key(self) -> str | None:
        """Return the key that signs records (``sshsig``), or None if there is none yet. Raise E_STORE_*."""

    @abc.abstractmethod
    def signing_key(self) -> str:
        """Return the key that signs records. The first call creates it. Raise E_STORE_*."""

    def unwritable(self) -> str | None:
        """Return why the store cannot be written, as far as this shows without a write, or None. Raise E_STORE_*."""
        return None

    @contextlib.contextmanager
    def change(self) -> Iterator[History]:
        """Load the history, let the caller change it, then save it and read it back. Raise E_STORE_*.

        Nothing is written if the caller raises, or if it changes nothing and nothing is left to complete.
        """
        with contextlib.ExitStack() as held:
            try:
                atomic_file.private_folder(self._folder)
                held.enter_context(atomic_file.folder_lock(self._folder))
            except OSError as exc:
                raise StoreWrite(path=self._folder, reason=exc.strerror) from None
            history = self.load()
            before = history.as_document()
            yield history
            if history.as_document() != before:
                self._save(history, before)
            else:
                self._catch_up(history)
