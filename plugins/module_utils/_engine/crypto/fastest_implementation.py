# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The choice of the faster of two implementations: it depends on the releases of Python, OpenSSL and
``cryptography``."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
TURNS = 3


def choose_fastest(implementations: Sequence[T], work: Callable[[T], Any]) -> T:
    """Return the implementation that needs the least processor time for a sample of the work; if all are equal, the
    first one."""

    def turn(implementation: T) -> float:
        started = time.thread_time()
        work(implementation)
        return time.thread_time() - started

    return min(implementations, key=lambda implementation: min(turn(implementation) for _ in range(TURNS)))
