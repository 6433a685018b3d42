# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was found about an application: one row of ``KINDS`` for each kind, which plan, checklist and error all read.

To add a kind, add a row: ``stop(name, code)`` takes its text from the catalogue of errors, ``warn(name, what, todo)``
has it in the row. Then ``put`` findings of that name. A kind without a text is known and needs no attention.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import CATALOGUE, RotationError


@dataclass(frozen=True)
class FindingKind:
    """One kind. ``what`` follows the column's name; it and ``todo`` are filled with the facts of a finding."""

    name: str
    stops: bool
    code: str  # of the catalogue; empty if it stops nothing
    what: str
    todo: str


def stop(name: str, code: str) -> FindingKind:
    """A kind that stops a rotation, with the text of the catalogue."""
    what, todo = CATALOGUE[code]
    for begin in ("{column}: ", "{column} "):
        what = what[len(begin) :] if what.startswith(begin) else what
    return FindingKind(name, True, code, what, todo)


def warn(name: str, what: str = "", todo: str = "") -> FindingKind:
    """A kind that stops nothing, and that a person should know of if it has a text."""
    return FindingKind(name, False, "", what, todo)


# In the order in which they are reported.
_ROWS = (
    stop("nowhere", "E_TABLE"),
    stop("missed", "E_TARGET_MISSED"),
    stop("paired", "E_KEY_PAIR"),
    stop("unwritable", "E_COLUMN_TYPE"),
    stop("unproved", "E_UNPROVED"),
    stop("wrong_key", "E_WRONG_KEY"),
    stop("silent", "E_FIELD_UNPROVED"),
    stop("plain", "E_COLUMN_PLAIN"),
    stop("keyless", "E_TABLE_KEY"),
    stop("guarded", "E_ROW_SECURITY"),
    stop("tied", "E_COLUMN_TIED"),
    stop("encoded", "E_FIELD_ENCODED"),
    stop("unexplained", "E_UNEXPLAINED"),
    stop("other_keys", "E_OTHER_KEYS"),
    stop("no_targets", "E_NO_TARGETS"),
    stop("key_without_value", "E_KEY_WITHOUT_VALUE"),
    warn(
        "ignored",
        "in key_rotation_ignore",
        "It stays unchanged: check that nothing in it is under the keys that are to be rotated.",
    ),
    warn(
        "ignored_open",
        "in key_rotation_ignore, and under the keys that are to be rotated",
        "The application cannot read it after the rotation: check that nothing does, or take it out of "
        "key_rotation_ignore.",
    ),
    warn(
        "copy",
        "a copy of tokens in a materialized view",
        "REFRESH MATERIALIZED VIEW after the rotation, or drop it: it keeps tokens under the old keys.",
    ),
    warn(
        "digest",
        "a hash next to tokens or of their rows, and it is not known of what and under which key: it stays",
        "Find out what makes it. If a key does that is rotated, have the application recreate it after the rotation, "
        "or searches by it find nothing.",
    ),
    warn(
        "blank",
        "made of an empty value in rows without a token: there it stays under the old keys",
        "Have the application recreate it there after the rotation, or a search for an empty value finds none of "
        "those rows.",
    ),
    warn(
        "unseen",
        "{why}: not looked at",
        "Check whether it holds tokens. If it does, rotate as a role that may read and write them.",
    ),
    warn(
        "other_database",
        "a database of {vendor}: not looked at",
        "Check whether it holds tokens under these keys. They would not open after the rotation.",
    ),
    warn(
        "secret_name",
        "named like a secret, and nothing in it is a token of a known scheme",
        "Check whether something else encrypts it. If not, there is nothing to rotate.",
    ),
    warn("fixed"),  # under settings that these keys do not feed: {scheme}
    warn("empty"),  # a {field} that encrypts, and has no value yet
    warn("kept"),  # a hash under a {setting}, or the salt of a field, that the keys do not feed
)
KINDS = {kind.name: kind for kind in _ROWS}
_ORDER = {name: place for place, name in enumerate(KINDS)}


@dataclass(frozen=True)
class Finding:
    """One finding about a column as table.column, or a table. ``facts`` fill the text: names and numbers only."""

    kind: FindingKind
    column: str
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def what(self) -> str:
        return self.kind.what.format(column=self.column, **self.facts)

    @property
    def todo(self) -> str:
        return self.kind.todo.format(column=self.column, **self.facts)

    def as_notice(self) -> dict[str, str]:
        """As the plan shows it."""
        return {"column": self.column, "notice": self.what, "todo": self.todo}

    def as_error(self) -> RotationError:
        """As an error of the catalogue, if it stops."""
        return RotationError(self.kind.code, column=self.column, **self.facts)


class Findings:
    """The findings of one walk over a database."""

    def __init__(self) -> None:
        self._found: list[Finding] = []

    def put(self, kind: str, column: str, **facts: Any) -> None:
        self._found.append(Finding(KINDS[kind], column, facts))

    def drop(self, kind: str, columns: Collection[str]) -> None:
        """Take back findings of a kind about columns that something else explains."""
        self._found = [each for each in self._found if each.kind.name != kind or each.column not in columns]

    def of(self, *kinds: str) -> list[Finding]:
        return [each for each in self._found if each.kind.name in kinds]

    def columns(self, *kinds: str) -> list[str]:
        """The columns that findings of these kinds are about; without a kind, of all of them."""
        return [each.column for each in (self.of(*kinds) if kinds else self._found)]

    def told(self, *, stops: bool) -> list[Finding]:
        """Those with a text that stop, or that do not, in the order of the table."""
        return in_order(each for each in self._found if each.kind.stops is stops and each.kind.what)


def in_order(found: Iterable[Finding]) -> list[Finding]:
    return sorted(found, key=lambda each: _ORDER[each.kind.name])


def refuse(found: Sequence[Finding]) -> None:
    """Raise the error of the first finding that stops."""
    for each in in_order(found):
        if each.kind.stops:
            raise each.as_error()
