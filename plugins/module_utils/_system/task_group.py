# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several pieces of work at once, which all stop when one has failed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

T = TypeVar("T")


class Cancellation:
    """Whether the others are to end: what was to be called then, such as the kill of a process, is called once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._said = False
        self._calls: list[Callable[[], object]] = []

    def then(self, call: Callable[[], object]) -> None:
        """Have it called when it is over, at once where it is by now."""
        with self._lock:
            if not self._said:
                self._calls.append(call)
                return
        call()

    def say(self) -> None:
        """From now on it is so."""
        with self._lock:
            self._said = True
        for call in self._calls:
            call()


def all_of(works: Sequence[Callable[[Cancellation], T]], most: int = 0) -> list[T]:
    """What each returns, in their order; ``most`` is how many work at once, all of them without it.

    The first error is raised when all have ended, which they hear of by Over.
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
            over.say()
            raise
    return [future.result() for future in futures]
