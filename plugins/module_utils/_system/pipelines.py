# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run programs in a pipeline without a shell. The exit code of each one counts."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, cast

from .._errors.base import RotationError
from .task_group import Cancellation

CHUNK = 1 << 20
LINE_CHARACTERS = 200  # of what a program complained of
Failed = Callable[[int, IO[bytes]], RotationError]  # from the exit code and what the program complained of


@dataclass(frozen=True)
class Program:
    """A program to start: its arguments, its whole environment, what it reads, and the descriptors that it inherits."""

    argv: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    stdin: Any = subprocess.DEVNULL
    descriptors: Sequence[int] = ()


@contextlib.contextmanager
def output_of(program: Program, failed: Failed, over: Cancellation | None = None) -> Iterator[IO[bytes]]:
    """Yield the output of a program. After the block, the rest of the output is read, and the exit code is checked.

    Raise the error that ``failed`` returns. If the block raises, or if ``over`` is announced, the program is killed.
    """
    with (
        tempfile.TemporaryFile() as complaints,
        subprocess.Popen(
            program.argv,
            stdin=program.stdin,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env=program.environment,
            pass_fds=tuple(program.descriptors),
        ) as process,
    ):
        output = cast("IO[bytes]", process.stdout)
        if over:
            over.on_cancel(process.kill)
        try:
            yield output
            while output.read(CHUNK):
                pass
        except BaseException:
            process.kill()
            raise
        if process.wait():
            raise failed(process.returncode, complaints)


def format_exit(code: int) -> str:
    """Return how a program ended. The exit code is that of subprocess, which is negative after a signal."""
    if code >= 0:
        return f"ended with exit code {code}"
    names = {member.value: member.name for member in signal.Signals}
    return f"was killed ({names.get(-code, f'signal {-code}')})"


def first_line(complaints: IO[bytes]) -> str:
    """Return the first line of a program's error messages."""
    complaints.seek(0)
    return complaints.readline().decode("utf-8", "replace").strip()[:LINE_CHARACTERS] or "no message"
