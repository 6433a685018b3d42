# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the new entries in the journal of one systemd unit, in little memory and with a time limit.

journalctl's export format is used because a message may hold anything, even newlines and binary data. A field is
``NAME=text``. Or it is ``NAME`` in a line, its length in 8 bytes, its bytes and a newline. An empty line ends an entry.
"""

from __future__ import annotations

import subprocess
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from .._system.program_environment import OF_SYSTEMD, clean_environment, run_program
from .log_lines import PIECE, Lines, Patterns

MESSAGE, CURSOR = b"MESSAGE", b"__CURSOR"
# The message of journalctl, with exit code 0, if it does not show entries of other users.
BLIND = (b"not seeing messages from other users", b"insufficient permissions")

NOTHING = Patterns(())
SECONDS = 10.0  # for what systemd knows of a unit


@dataclass
class JournalReading:
    """The result of reading a journal: the ``matches``, and the ``cursor`` for the next reading.

    ``refused`` is why it could not be read; it is empty otherwise. ``cut_off`` is whether the time was too short to
    read everything.
    """

    cursor: str = ""
    matches: Counter[str] = field(default_factory=Counter)
    refused: str = ""
    cut_off: bool = False


def read(unit: str, after: str, patterns: Patterns, seconds: float) -> JournalReading:
    """Return what the unit logged ``after``, an option of journalctl. Raise OSError if there is no journalctl."""
    argv = ["journalctl", f"--unit={unit}", after, "--output=export", "--output-fields=MESSAGE", "--all", "--no-pager"]
    done, over = JournalReading(), threading.Event()
    with tempfile.TemporaryFile() as said:
        with subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said, env=clean_environment()
        ) as process:
            limit = threading.Timer(seconds, _end, (process, over))
            limit.start()
            try:
                for done.cursor, matches in _entries(process.stdout, patterns):  # type: ignore[arg-type]
                    done.matches += matches
                code = process.wait()
            finally:
                limit.cancel()
                process.kill()
        said.seek(0)
        shown = said.read(PIECE)
        blind = any(words in shown for words in BLIND)
    done.cut_off = over.is_set() and bool(done.cursor)
    if blind:
        done.refused = "this user may not read the journal"
    elif over.is_set() and not done.cursor:
        done.refused = f"journalctl did not answer within {seconds:g} seconds"
    elif code and not over.is_set():
        done.refused = f"journalctl ended with {code}"
    return done


def unknown(unit: str) -> bool:
    """Return whether systemd reports that there is no such unit. False if it does not answer."""
    argv = ["systemctl", "show", "--property=LoadState", "--value", "--", unit]
    try:
        states = run_program(argv, *OF_SYSTEMD, seconds=SECONDS).stdout.split()
    except (OSError, subprocess.TimeoutExpired):
        return False
    return bool(states) and set(states) == {"not-found"}


def _end(process: subprocess.Popen[bytes], over: threading.Event) -> None:
    over.set()
    process.kill()


def _entries(stream: BinaryIO, patterns: Patterns) -> Iterator[tuple[str, Counter[str]]]:
    """Yield the cursor of each complete entry, and the lines of its message that count."""
    cursor, lines = "", Lines(patterns)
    while head := stream.readline(PIECE):
        if head == b"\n":
            yield cursor, lines.found
            cursor, lines = "", Lines(patterns)
            continue
        name, is_text, text = head.partition(b"=")
        if not is_text:
            wanted = lines if head.rstrip(b"\n") == MESSAGE else Lines(NOTHING)
            wanted.take(stream, int.from_bytes(stream.read(8), "little"))
            stream.read(1)
        elif name == CURSOR:
            cursor = text.decode("ascii", "replace").strip()
        else:
            wanted = lines if name == MESSAGE else Lines(NOTHING)
            wanted.add(text)
            while not head.endswith(b"\n") and (head := stream.readline(PIECE)):
                wanted.add(head)
