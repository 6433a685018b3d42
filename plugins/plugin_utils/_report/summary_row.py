# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One row of a summary: a label and a text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

LABEL = 13  # columns before the text of a row
NO_BREAK = "\N{NO-BREAK SPACE}"  # no line may break here


@dataclass(frozen=True)
class Row:
    """One row. A sentence is wrapped; what a person types or copies stays in one line (``whole``)."""

    label: str
    text: str
    whole: bool = True

    def lines(self, width: int) -> Iterator[str]:
        texts = self.text.splitlines() or [""]
        if not self.whole:
            wrapper = textwrap.TextWrapper(width - LABEL, break_long_words=False, break_on_hyphens=False)
            texts = [text for line in texts for text in wrapper.wrap(line)] or [""]
        for number, text in enumerate(texts):
            yield f"  {'' if number else self.label:<{LABEL - 2}}{text}".rstrip().replace(NO_BREAK, " ")

    def as_line(self) -> str:
        """Return the row as one line of its own. Without a label, the text begins where a label would."""
        return f"  {self.label:<{LABEL - 2}}{self.text}" if self.label else f"  {self.text}"

    def as_sentence(self) -> str:
        return " ".join(f"{self.label} {self.text}".split())
