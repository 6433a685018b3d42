# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of a page, each with the output that the page shows for it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
LEFT_OUT = "..."  # a line of an output
# What differs from run to run, and the word for it.
DIFFERENT = {
    r"\b\d{8}T\d{6}Z-[0-9a-f]{4}\b": "ID",
    r"\b[0-9a-f]{64}\b|\b[0-9a-f]{16}\b": "KEY",
    r"\b\d{4}-\d\d-\d\d([T ][\d:]+Z?)?|\b\d{1,2} [A-Z][a-z]+ \d{4}\b": "DATE",
    r"\b\d+ min \d+ s\b|\b[\d.]+ s\b": "TIME",
    r"(?<![\w.<])~?/[\w./~-]+": "PATH",
    r"\b[\d,]+ bytes\b": "SIZE",
}


@dataclass(frozen=True)
class Command:
    """What is typed, and the ``output`` below it, empty if the page shows none."""

    typed: str
    output: str = ""

    @property
    def words(self) -> list[str]:
        return shlex.split(self.typed, comments=True)

    @property
    def fails(self) -> bool:
        """Whether the page shows that it ends with an error."""
        return bool(re.search(r"^ *FAILED ", self.output, re.MULTILINE))

    def missing(self, printed: str) -> list[str]:
        """What the page shows and the command has not printed, in this order."""
        rest, left = normalized(printed), []
        for part in re.split(rf"^ *{re.escape(LEFT_OUT)}$", self.output, flags=re.MULTILINE):
            if part.strip():
                _, found, after = rest.partition(normalized(part))
                rest = after if found else rest
                left += [] if found else [part]
        return left


def commands_of(page: str) -> Iterator[Command]:
    """Every ansible-playbook command of a page. An output is the block of ``text`` behind that of its command."""
    last: Command | None = None
    for _indent, language, block in FENCE.findall(page):
        if language == "text" and last:
            yield Command(last.typed, block)
            last = None
            continue
        typed = [line.strip() for line in block.splitlines() if line.strip().startswith("ansible-playbook ")]
        if language or not typed:
            continue
        yield from [last] if last else []
        yield from map(Command, typed[:-1])
        last = Command(typed[-1])
    yield from [last] if last else []


def normalized(text: str) -> str:
    """A text without what differs from run to run, on one line: where lines end depends on it."""
    for pattern, word in DIFFERENT.items():
        text = re.sub(pattern, word, text)
    return " ".join(text.split())
