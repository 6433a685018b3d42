# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The memory of monitoring on a host between checks: a folder with two small files of counts, times and key IDs.

``baseline.json`` has the earlier response times. ``seen.json`` has how far the logs were read, who checked when, and
what the key store last reported about versions and dates.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypedDict, cast

from .._errors.base import RotationError
from .._errors.monitoring import MonitorDir
from .._system import atomic_file, users
from .._system.state_folder import STATE_FOLDER, folder_name
from .response_times import Baseline

if TYPE_CHECKING:
    from .._result_types.monitoring_types import CensusSnapshot, ErrorCounts, RotationFacts
    from .log_watch import LogMemory

HOME = f"{STATE_FOLDER}/monitoring"
FORMAT = 1
MemoryContent = dict[str, Any]  # of a file, from its JSON


class LastLook(TypedDict):
    time: str
    totals: ErrorCounts


class SeenBefore(TypedDict, total=False):
    """The content of ``seen.json``, the memory of earlier checks."""

    logs: LogMemory
    rotation: RotationFacts
    census: CensusSnapshot
    lookers: dict[str, LastLook]
    told: dict[str, str]


class ProbeMemory:
    """The folder of one application on this host."""

    def __init__(self, folder: str | None, application: str) -> None:
        self.unwritten: RotationError | None = None  # why this check is not remembered
        self.folder = os.path.abspath(os.path.expanduser(folder or os.path.join(HOME, folder_name(application))))

    @contextlib.contextmanager
    def changed(self, *, kept: bool) -> Iterator[SeenBefore]:
        """Yield ``seen.json`` for the block to change, one check at a time. It is written if it is ``kept``.

        Raise E_MONITOR_DIR if it cannot be read. If it cannot be written, the check continues.
        """
        with contextlib.ExitStack() as held:
            if kept:
                try:
                    atomic_file.private_folder(self.folder)
                    held.enter_context(atomic_file.folder_lock(self.folder))
                except OSError as exc:
                    raise self._error(exc.strerror) from None
            remembered = cast(SeenBefore, self._read("seen.json"))
            yield remembered
            if kept:
                self._write("seen.json", remembered)

    def baseline(self) -> Baseline:
        """Return the baseline. Empty before the first check. Raise E_MONITOR_DIR."""
        return self._read("baseline.json")

    def keep_baseline(self, baseline: Baseline) -> None:
        """Keep this as the baseline from now on. Raise E_MONITOR_DIR."""
        try:
            atomic_file.private_folder(self.folder)
        except OSError as exc:
            raise self._error(exc.strerror) from None
        self._write("baseline.json", baseline)

    def _read(self, name: str) -> MemoryContent:
        path = os.path.join(self.folder, name)
        try:
            with open(path, encoding="utf-8") as handle:
                content = json.load(handle)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as exc:
            raise self._error(exc.strerror) from None
        except ValueError:
            content = None
        if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
            raise self._error(f"{name} was not written by this collection")
        return content

    def _write(self, name: str, content: Mapping[str, object]) -> None:
        text = json.dumps({"format": FORMAT, **content}, sort_keys=True) + "\n"
        try:
            atomic_file.replace(os.path.join(self.folder, name), text.encode("utf-8"))
        except OSError as exc:
            self.unwritten = self._error(exc.strerror)

    def _error(self, reason: str | None) -> RotationError:
        return MonitorDir(path=self.folder, reason=reason, user=users.own_name())
