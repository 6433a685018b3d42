# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run several tasks in parallel, and stop all of them if one fails."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

T = TypeVar("T")


class Cancellation:
    """A request to parallel tasks to stop. Registered calls, such as the kill of a process, are made once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_cancelled = False
        self._calls: list[Callable[[], object]] = []

    def on_cancel(self, call: Callable[[], object]) -> None:
        """Call this when the tasks are to stop; at once if they are to stop already."""
        with self._lock:
            if not self._is_cancelled:
                self._calls.append(call)
                return
        call()

    def cancel(self) -> None:
        """Tell the tasks to stop."""
        with self._lock:
            self._is_cancelled = True
        for call in self._calls:
            call()


def run_all(works: Sequence[Callable[[Cancellation], T]], most: int = 0) -> list[T]:
    """Run tasks in parallel and return their results in the same order. ``most`` limits how many run at once.

    If one fails, the ``Cancellation`` tells the others to stop. The first error is raised when all have ended.
    """
    over = Cancellation()
    if len(works) == 1:
        return [works[0](over)]
    with ThreadPoolExecutor(most or max(len(works), 1)) as pool:
        futures = [pool.submit(work, over) for work in works]
        try:
            for future in as_completed(futures):
                future.result()
        except BaseException:
            over.cancel()
            raise
    return [future.result() for future in futures]
