# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An animated last line of the terminal while a step works."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator

UNATTENDED = ("CI", "AWX_ISOLATED_DATA_DIR", "JENKINS_URL")  # set by CI systems and ansible-runner (AWX)
FRAMES = "|/-\\"
PACE = 0.5  # seconds between two frames


def attended() -> bool:
    """Return whether standard output is a terminal that a person is watching."""
    if any(os.environ.get(name) for name in UNATTENDED) or os.environ.get("TERM", "dumb") == "dumb":
        return False
    return sys.stdout.isatty()


class MovingLine:
    """A line that shows what ``text`` returns. A thread draws it until it is closed.

    Print other output inside ``out_of_the_way``.
    """

    def __init__(self, text: Callable[[], str]) -> None:
        self._text = text
        self._lock = threading.RLock()
        self._closed = threading.Event()
        self._drawn = False
        self._frames = itertools.cycle(FRAMES)
        # Python handles signals in the main thread: the new thread must not receive them.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        try:
            threading.Thread(target=self._move, daemon=True).start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def close(self) -> None:
        self._closed.set()
        with self.out_of_the_way():
            pass

    @contextlib.contextmanager
    def out_of_the_way(self) -> Iterator[None]:
        """Remove the line while something else is printed."""
        with self._lock:
            self._erase()
            yield

    def _erase(self) -> None:
        if self._drawn:
            self._write(f"\r{'':{self._width()}}\r")
        self._drawn = False

    def _move(self) -> None:
        while not self._closed.wait(PACE):
            with self._lock:
                self._draw(self._text() if not self._closed.is_set() else "")

    def _draw(self, text: str) -> None:
        if not text:
            self._erase()
            return
        width = self._width()
        self._write(f"\r{f'  {next(self._frames)}     {text}'[:width]:{width}}")
        self._drawn = True

    @staticmethod
    def _width() -> int:
        return shutil.get_terminal_size().columns - 1  # a full line would break

    @staticmethod
    def _write(text: str) -> None:
        """Write without Python's buffer: a task process must not be forked while its lock is held."""
        with contextlib.suppress(OSError):
            os.write(sys.stdout.fileno(), text.encode("utf-8", "replace"))
