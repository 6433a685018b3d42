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
    """A history that is loaded as a whole and changed as a whole, by one changer at a time.

    ``path`` names the store in results and errors. ``folder`` is what changers on this control node lock.
    """

    def __init__(self, path: str, folder: str) -> None:
        self.path = path
        self._folder = folder

    @abc.abstractmethod
    def load(self) -> History:
        """The history; an empty one where nothing was stored yet. Raises E_STORE_*."""

    def stage(self, stage: str) -> Version:
        """The version that has ``stage``, whatever has become of the others. Raises E_STORE_*."""
        return self.load().stage(stage)

    @abc.abstractmethod
    def _save(self, history: History, before: HistoryDocument) -> None:
        """Keep ``history``, read it back and compare. ``before`` is the document that it was loaded from."""

    @abc.abstractmethod
    def _catch_up(self, history: History) -> None:
        """Do what an earlier change of ``history`` left undone: whoever read the error types the same command again."""

    @abc.abstractmethod
    def read_values(self, rotation_id: str) -> Mapping[str, str] | None:
        """The values that were put for a rotation, in the history or not yet: what an interrupted put left."""

    @abc.abstractmethod
    def destroy_values(self, rotation_id: str) -> None:
        """Remove the values of a version that the history calls destroyed. Doing it again changes nothing."""

    @abc.abstractmethod
    def anchor(self) -> str | None:
        """The head of the record that was written last, as it was put here. Raises E_STORE_*."""

    @abc.abstractmethod
    def set_anchor(self, head: str) -> None:
        """Keep the head of a record: up to 256 letters, digits, blanks and ``+=._:/@-``. Raises E_STORE_*."""

    @abc.abstractmethod
    def kept_signing_key(self) -> str | None:
        """The key that signs records (``sshsig``); None if there is none yet. Raises E_STORE_*."""

    @abc.abstractmethod
    def signing_key(self) -> str:
        """The same key, which the first call makes. Raises E_STORE_*."""

    def unwritable(self) -> str | None:
        """Why it cannot be written, as far as that shows without a write; None if nothing is seen against it.

        Raises E_STORE_*.
        """
        return None

    @contextlib.contextmanager
    def change(self) -> Iterator[History]:
        """Load, let the caller change, then save and read back.

        Nothing is written where the caller raises, or changes nothing and all is as it is to be. Raises E_STORE_*.
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
