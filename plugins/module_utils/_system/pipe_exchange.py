# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a command reads from us and prints until it ends: what it leaves running may keep its output open much longer.

Pipes, since a file without a name would keep the output for as long as that runs, and a command that opens /dev/stderr
would cut it off.
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
    """Give ``data`` to a command with three pipes, and return its output and its errors when it has ended.

    Raises subprocess.TimeoutExpired after so many ``seconds``. The pipes are closed in any case.
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
    """Write what the pipe has room for, and say whether more is to come."""
    try:
        del left[: os.write(descriptor, left)]
    except BrokenPipeError:  # it does not want the rest
        return False
    return bool(left)


def _take(descriptor: int, found: bytearray) -> bool:
    """Read what is in the pipe, and say whether more may come."""
    chunk = os.read(descriptor, CAPACITY)
    found += chunk
    return bool(chunk)
