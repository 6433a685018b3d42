# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The progress of a long step, in one small file that is rewritten while the step runs."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TypedDict, Union, final

from . import atomic_file

EVERY_SECONDS = 1.0


@final
class StepNumbers(TypedDict):
    """The progress of a step: what it is doing, and how many bytes or rows are ``done``.

    ``most`` is about how many there are at most, or None if that is unknown.
    """

    doing: str
    done: int | None
    most: int | None
    unit: str
    seconds: int


class RewritePace(TypedDict):
    """The speed of a re-encryption.

    ``seconds_left`` is None while the speed is unknown, and while the re-encryption waits for something.
    """

    values_per_second: int
    seconds_left: int | None


class ColumnNumbers(RewritePace):
    """The number of re-encrypted values of a column."""

    column: str
    done: int
    total: int
    retries: int


@final
class RewriteNumbers(RewritePace):
    """The number of re-encrypted values, in total and by column."""

    rotation_id: str
    key_id: str
    done: int
    total: int
    retries: int
    seconds: int
    waits_for: str
    targets: Sequence[ColumnNumbers]


Numbers = Union[StepNumbers, RewriteNumbers]


class ProgressFile(contextlib.AbstractContextManager["ProgressFile"]):
    """The file with the progress of a step. ``path`` is None if no one watches.

    A file that cannot be written never stops the work.
    """

    def __init__(self, path: str | None = None) -> None:
        self._path = path
        self._doing = ""
        self._begun = self._written = 0.0

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def tell(self, doing: str, done: int | None = None, most: int | None = None, unit: str = "bytes") -> None:
        """Write the current progress."""
        moment = time.monotonic()
        if doing != self._doing:
            self._doing, self._begun, self._written = doing, moment, 0.0
        if self._path is None or moment - self._written < EVERY_SECONDS:
            return
        self._written = moment
        seconds = round(moment - self._begun)
        numbers: StepNumbers = {"doing": doing, "done": done, "most": most, "unit": unit, "seconds": seconds}
        with contextlib.suppress(OSError):
            atomic_file.replace(self._path, json.dumps(numbers).encode(), mode=0o644)

    def end(self) -> None:
        """Remove the file."""
        if self._path is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._path)


SILENT = ProgressFile()
