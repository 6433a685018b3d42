# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exchange data with a command through pipes until it ends, even if a process that it started keeps the output open.

A file without a name would keep the output for as long as that process runs. A command that opens /dev/stderr would
also truncate it.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import subprocess
import time

POLL = 0.02  # seconds between two looks at a command that has not ended
CAPACITY = 1 << 20  # bytes: more than a pipe can hold (fs.pipe-max-size), so that one read empties it


def communicate(process: subprocess.Popen[bytes], data: bytes, seconds: float) -> tuple[bytes, bytes]:
    """Write ``data`` to a command that has three pipes. Return its output and its errors when it has ended.

    Raise subprocess.TimeoutExpired after ``seconds``. The pipes are closed in any case.
    """
    end = time.monotonic() + seconds
    output, errors = bytearray(), bytearray()
    parts = (
        (process.stdin, selectors.EVENT_WRITE, bytearray(data)),
        (process.stdout, selectors.EVENT_READ, output),
        (process.stderr, selectors.EVENT_READ, errors),
    )
    with selectors.DefaultSelector() as selector, contextlib.ExitStack() as pipes:
        for pipe, event, part in parts:
            if pipe:
                pipes.enter_context(pipe)
                os.set_blocking(pipe.fileno(), False)
                selector.register(pipe, event, part)
        has_ended = False
        while selector.get_map() and not has_ended and time.monotonic() < end:
            has_ended = process.poll() is not None  # asked first: then all that it printed is in the pipes
            for key, events in selector.select(0 if has_ended else POLL):
                move = _give if events & selectors.EVENT_WRITE else _take
                if not move(key.fd, key.data):
                    selector.unregister(key.fileobj)
                    key.fileobj.close()  # type: ignore[union-attr]
        process.wait(max(0.0, end - time.monotonic()))
    return bytes(output), bytes(errors)


def _give(descriptor: int, left: bytearray) -> bool:
    """Write what fits into the pipe, and return whether anything is left."""
    try:
        del left[: os.write(descriptor, left)]
    except BrokenPipeError:  # it does not want the rest
        return False
    return bool(left)


def _take(descriptor: int, received: bytearray) -> bool:
    """Read what is in the pipe, and return whether more may come."""
    chunk = os.read(descriptor, CAPACITY)
    received += chunk
    return bool(chunk)
