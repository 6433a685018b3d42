# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of keys in SQL, which no rotation changes: a value itself, its usual writings, and keys derived from it.

Findings describe a copy and never show it. A text may have a plain word or a short number by chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...crypto.derivation import members
from ...crypto.key_fingerprints import LEAST, RANDOM, decoded, written
from ...crypto.key_set import split_list
from ...crypto.keyring import Keyring
from ...value_forms.plain_text_look import is_word


class KeyCopies:
    """The copies of the available keys, of every stage, and of the keys that some ``schemes`` derive from them."""

    def __init__(self, keyring: Keyring, schemes: Iterable[str] = ()) -> None:
        self._copies: dict[str, str] = {}  # what each of them is, by its text
        for stage in keyring.stages.values():
            for name, value in stage.values.items():
                for secret in dict.fromkeys([*members(value), *(part.encode() for part in split_list(value))]):
                    self._add(_of_setting(name, secret))
        for names, key in dict.fromkeys(each for scheme in schemes for each in keyring.raw_keys(scheme)):
            self._add(_of_bytes(f"the key derived from {names}", key))

    def _add(self, copies: Iterable[tuple[str, str]]) -> None:
        for text, what in copies:
            self._copies.setdefault(text, what)

    def in_sql(self, text: str) -> str:
        """Return which part of a key a text holds. Empty if it holds nothing of one."""
        return next((what for copy, what in self._copies.items() if copy in text), "")


def _of_setting(name: str, secret: bytes) -> Iterator[tuple[str, str]]:
    title = f"the value of {name}"
    if not _may_be_chance(secret):
        yield from ((text, title) for text in _in_sql(secret.decode("utf-8")))
    yield from _of_bytes(title, secret)
    for data in decoded(secret):
        yield from _of_bytes(f"the bytes of {name}", data)


def _of_bytes(title: str, data: bytes) -> Iterator[tuple[str, str]]:
    if not _may_be_chance(data):
        yield from ((each.text, each.what) for each in written(title, data))


def _may_be_chance(data: bytes) -> bool:
    """Return whether a text may have these bytes by chance: a few bytes, a short number, or a plain word."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return len(data) < LEAST
    return len(text) < LEAST or is_word(text) or (text.isdigit() and len(text) < RANDOM)


def _in_sql(text: str) -> set[str]:
    """Return a text as SQL has it, in a body between dollar signs or in a literal of either kind.

    A text no longer than many names counts only as a whole literal.
    """
    doubled = text.replace("'", "''")
    forms = {text, doubled, doubled.replace("\\", "\\\\")}
    return forms if len(text) >= RANDOM else {f"'{form}'" for form in forms}
