# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which stored values an attribute may decrypt, by what it reads.

An attribute that signs or hashes depends on a key too, and loses nothing. Its values show what is stored, or they are a
code although words or a date are stored. Ciphertext may look like words or dates, so their look alone proves nothing.
An attribute that fails at words or dates shows nothing either.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from ..application.application_errors import is_error
from ..value_forms.plain_text_look import WORD, is_wordy

_DATE = r"\d{4,6}-\d\d-\d\d"
# A date, a time or a duration as PostgreSQL writes it.
_MOMENT = re.compile(
    rf"(?=.)(?:{_DATE})?[ T]?(?:-?\d+ (?:years?|mons?|days?) ?)*"
    r"(?:[+-]?\d+:\d\d(?::\d\d(?:\.\d+)?)?(?:[+-]\d\d(?::\d\d)*)?)?"
)
_MINUTE = re.compile(rf"(?P<date>{_DATE})(?: \d\d:\d\d)?")
_DAY_TIME = re.compile(r"(?<![A-SU-Za-z\d])\d{1,2}:\d\d(?![A-Za-z\d])")
_NUMBERS = re.compile(r"(?<![A-SU-Za-z\d])\d+(?![A-SU-Za-z\d])")  # a T is between a date and a time
_SEPARATORS = re.compile(r"[\W_]+")
_CODE = re.compile(r"[\w.:=+/$?&%~-]+", re.ASCII)
_CODE_RUN = re.compile(r"[A-Za-z0-9_-]{20,}")  # longer than a date and a time


def is_hidden(stored: str, value: Any, text: str) -> bool:
    """Return whether a value that was read, which is also a ``text`` with its type, may be a stored one decrypted."""
    shown = value if isinstance(value, str) else text
    if not stored or stored in shown:
        return False
    if _MOMENT.fullmatch(stored):
        return not (is_error(value) or _is_code(value) or _shows_moment(stored, value, shown))
    if _is_prose(stored):
        return not (is_error(value) or _is_code(value) or _fold(stored) in _fold(unquote(shown)))
    return True


def _shows_moment(stored: str, value: Any, shown: str) -> bool:
    """Return whether all numbers of a date, time or duration are read, in any format. In a text without a time, the
    date suffices, and in one with a time, the minutes."""
    minute = _MINUTE.match(stored)
    if not (minute and isinstance(value, str)):
        return _numbers_in(stored) <= _numbers_in(shown)
    if _DAY_TIME.search(shown):
        return _numbers_in(minute.group()) <= _numbers_in(shown)
    date = minute["date"]
    return _numbers_in(date) <= _numbers_in(shown) or date.replace("-", "") in shown


def _numbers_in(text: str) -> set[int]:
    return {*map(int, _NUMBERS.findall(text))} - {0}


def _is_prose(text: str) -> bool:
    """Return whether a text is words, none of them as long as a key or ciphertext in letters."""
    return is_wordy(text) and all(len(word) <= WORD for word in _SEPARATORS.split(text))


def _is_code(value: Any) -> bool:
    """Return whether a value is a digest, a signature, or a link with one: words and dates do not decrypt to it."""
    is_code = isinstance(value, str) and _CODE.fullmatch(value) and _CODE_RUN.search(value)
    return bool(is_code) and not is_wordy(value)


def _fold(text: str) -> str:
    return _SEPARATORS.sub("", text).casefold()
