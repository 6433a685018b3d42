# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The look of plain text, so that a person can decide whether a value is plain text.

Ciphertext of a few bytes looks like a code or, as an integer, like a number. Such a value cannot be judged. Words can.
"""

from __future__ import annotations

import re

from . import addresses, json_text
from .known_forms import form_of

WORDS = "words"  # and what is of a known form, such as an e-mail address or a URL
NUMBERS = "numbers"
JSON = "JSON"
CODES = "codes"  # such as short base64 or hex
UNCLEAR = (NUMBERS, JSON, CODES)  # what ciphertext can look like too

WORD = 24  # characters of a plain word, at most: keys are longer
_LETTERS = re.compile(r"[^\W\d_]+")
_BASE32 = 7  # capitals in a row that are a word yet
_WORD_SIGNS = re.compile(r"[^\W\d_]+(?:['\u2019.,;:!?()-]*[^\W\d_]*)*")


def look_of(text: str) -> str:
    """Return WORDS, NUMBERS, JSON or CODES for a text that does not look encrypted."""
    text = text.strip()
    if json_text.parse(text) is not None:
        return JSON
    if form_of(text) or addresses.form_of(text)[0]:
        return WORDS
    lettered = [each for each in text.split() if _LETTERS.search(each)]
    if not lettered:
        return NUMBERS if any(map(str.isdigit, text)) else CODES
    return WORDS if 2 * sum(map(len, filter(_has_words_alone, lettered))) > sum(map(len, lettered)) else CODES


def is_wordy(text: str) -> bool:
    """Return whether most letters and digits of a text are in words. Ciphertext is not, in any encoding."""
    runs = re.split(r"[\W_]+", text)
    bare = sum(map(len, runs))
    return bare > 0 and 2 * sum(len(run) for run in runs if run.isalpha() and len(run) > 1 and _is_cased(run)) > bare


def is_word(text: str) -> bool:
    """Return whether a value is a plain word, such as an environment's name, which others may equal by chance."""
    return len(text) <= WORD and is_wordy(text)


def _has_words_alone(text: str) -> bool:
    """Return whether all letters of a text are in words, without digits between them."""
    bare = text.strip("'\"()[].,;:!?")
    return bool(_WORD_SIGNS.fullmatch(bare)) and all(map(_is_cased, _LETTERS.findall(bare)))


def _is_cased(letters: str) -> bool:
    """Return whether letters are lowercase, with or without a capital at the beginning, or a few capitals."""
    return letters[1:].islower() or letters.islower() or len(letters) == 1 or _is_short_capitals(letters)


def _is_short_capitals(letters: str) -> bool:
    return letters == letters.upper() and (len(letters) <= _BASE32 or not letters.isascii())
