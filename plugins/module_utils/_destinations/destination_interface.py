# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interface of all places in which an application keeps its keys, and the common switch of all of them."""

from __future__ import annotations

import abc
import contextlib
import enum
import os
from collections.abc import Callable, Mapping, Sequence

from .._errors.base import RotationError

WRITTEN = "Already written, unless a power failure undoes it"


class Delivery(enum.Enum):
    """The ways in which the keys of a place reach the application."""

    FILE = enum.auto()  # it reads the file
    ENVIRONMENT = enum.auto()  # what starts it puts them into the environment of its process
    CREDENTIAL = enum.auto()  # systemd copies them into files in the folder $CREDENTIALS_DIRECTORY


class DestinationChange(abc.ABC):
    """New values for one place. A rollback is another change, to the values of the previous version."""

    @property
    @abc.abstractmethod
    def place(self) -> str:
        """Return the name of the place for a person."""

    @property
    def leftovers(self) -> Sequence[str]:
        """Files with the old values that the switch could not remove."""
        return ()

    @abc.abstractmethod
    def rehearse(self) -> None:
        """Do all that a switch does but the switch itself, and leave nothing behind."""

    @abc.abstractmethod
    def prepared(self) -> contextlib.AbstractContextManager[Callable[[], None]]:
        """Prepare everything that can fail. The block calls the function that it gets, which switches in one step."""

    @abc.abstractmethod
    def refuse_difference(self) -> None:
        """Read the place back. Raise an error unless it has the new values."""


class Destination(abc.ABC):
    """One place with keys of the application. ``place`` is its name for a person.

    ``names`` are its keys, which are always switched together. ``path`` is its file on this host, if it is one.
    ``delivery`` is how the application gets the keys. ``is_env_file`` is whether an application may also read it
    itself.
    """

    is_env_file = False

    def __init__(
        self, place: str, names: Sequence[str], path: str | None = None, delivery: Delivery = Delivery.FILE
    ) -> None:
        self.place = place
        self.names = names
        self.path = path
        self.delivery = delivery

    @property
    def changed_at(self) -> float:
        """Return when the place was last changed, in seconds since 1970. Raise OSError."""
        return os.stat(self.path).st_ctime if self.path else 0.0

    def rewritten_by(self) -> str:
        """Return what may write the previous values again when a person runs it; empty if nothing is known to."""
        return ""

    @abc.abstractmethod
    def read(self, *, every: bool = True) -> dict[str, str]:
        """The values of its keys. Without ``every``, keys that are not set are left out if the others can be read."""

    @abc.abstractmethod
    def refuse_unwritable(self) -> None:
        """Raise an error if a switch would fail: asked before anything else is changed."""

    @abc.abstractmethod
    def change(self, values: Mapping[str, str]) -> DestinationChange | None:
        """Return the change that gives its keys these values, or None if it has them. Raise the errors of ``read``."""


def rehearse(changes: Sequence[DestinationChange]) -> None:
    """Do everything that ``write`` does except the switch. Raise the errors of ``write``."""
    for change in changes:
        change.rehearse()


def write(changes: Sequence[DestinationChange]) -> None:
    """Switch all places, and read them back. All of them are prepared before the first is switched.

    An error says which places have the new values by then. The caller holds the files (``editor.held``).
    """
    switched: list[str] = []
    try:
        with contextlib.ExitStack() as stack:
            for change, switch in [(change, stack.enter_context(change.prepared())) for change in changes]:
                switch()
                switched.append(change.place)
        for change in changes:
            change.refuse_difference()
    except RotationError as exc:
        left = "" if exc.changed_nothing else f" {exc.changed}"
        raise (exc.with_changed(f"{WRITTEN}: {', '.join(switched)}.{left}") if switched else exc) from None
