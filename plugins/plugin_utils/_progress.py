# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show the progress of a module while it runs: a moving line on a terminal, and a line from time to time elsewhere."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import threading
from types import TracebackType
from typing import Any, cast

from ansible.utils.display import Display

from ..module_utils._system.progress_file import Numbers
from ._report import progress_text
from ._screen import lines

display = Display()
ON_TERMINAL, ELSEWHERE = 1.0, 10.0  # seconds between two looks
WIDTH = 80  # of a terminal that does not say
TERMINALS = ("/dev/pts/", "/dev/tty", "/dev/console")
UNATTENDED = ("CI", "AWX_ISOLATED_DATA_DIR", "JENKINS_URL")  # what CI systems and ansible-runner (AWX) set


class ProgressLine(contextlib.AbstractContextManager[None]):
    """A line with the progress of a module, from the progress file on the host.

    The file is read over the existing connection, as the user who connects. With a ``host``, several hosts are at work
    at once: no line moves, and each host prints a line from time to time.
    """

    def __init__(self, connection: Any, path: str, host: str = "") -> None:
        self._host = host
        self._connection = connection
        self._command = f"cat {shlex.quote(path)} 2>/dev/null"
        self._width = 0 if host else _columns() - 1  # a full line would break
        self._moving = self._width > 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._shown = False

    def __enter__(self) -> None:
        # Handlers run only in the main thread, which does not wake if the other thread receives the signal.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        try:
            self._thread.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        if self._shown and self._moving and not lines.by_steps:
            display.display(f"\r{'':{self._width}}\r", newline=False, screen_only=True)

    def _look(self) -> None:
        while not self._over.wait(ON_TERMINAL if self._moving else ELSEWHERE):
            numbers = self._numbers()
            if numbers and not self._over.is_set():
                self._show(numbers)

    def _numbers(self) -> Numbers | None:
        """Return the numbers; None before the first ones, or if they cannot be read. Progress is never worth an
        error."""
        with contextlib.suppress(Exception):
            code, text, _ = self._connection.exec_command(self._command, sudoable=False)
            if code == 0 and text:
                return cast(Numbers, json.loads(text))
        return None

    def _show(self, numbers: Numbers) -> None:
        self._shown = True
        if lines.by_steps:
            host = f"{self._host}: about " if self._host else ""
            display.display(f"\r{host}{progress_text.moving(numbers).strip()}", newline=False, screen_only=True)
            return
        if self._moving:
            display.display(
                f"\r{progress_text.moving(numbers)[: self._width]:{self._width}}", newline=False, screen_only=True
            )
            return
        if self._host:
            display.display(f"  {self._host}: about {progress_text.moving(numbers).strip()}")
            return
        for line in progress_text.progress(numbers):
            display.display(line)


def _columns() -> int:
    """Return the width of the terminal that ansible-playbook, our parent, writes to. It is 0 if no person watches one.

    This process has no terminal itself.
    """
    if any(os.environ.get(name) for name in UNATTENDED) or os.environ.get("TERM", "dumb") == "dumb":
        return 0
    place = f"/proc/{os.getppid()}/fd/1"
    with contextlib.suppress(OSError):
        if os.readlink(place).startswith(TERMINALS):
            return _width_of(place) or WIDTH
    return 0


def _width_of(place: str) -> int:
    with contextlib.suppress(OSError), open(place, "wb", buffering=0) as terminal:
        return os.get_terminal_size(terminal.fileno()).columns
    return 0
