# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Protect the standard output of a module's process: Ansible takes any JSON in it for the result."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator


class ResultOutput:
    """The standard output, reserved for the result.

    The output of the application is dropped from now on, because it may hold a value. The programs that the application
    starts cannot write to the real output, and neither can its forks: a daemon would keep Ansible waiting.
    """

    def __init__(self) -> None:
        self._private = os.fdopen(os.dup(1), "w", encoding="utf-8")  # os.dup: no program inherits it
        os.register_at_fork(after_in_child=self._private.close)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.close(null)

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Let print() write the result while the block runs. Nothing can be added to the result afterwards."""
        with contextlib.redirect_stdout(self._private), self._private:
            yield
