# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings and errors of a census, with the first rows of each class."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from ..._errors.values import ValuesEncryptedTwice, ValuesNotCurrent
from ..crypto.keyring import Keyring
from ..discovery import plain_text_look
from ..discovery.findings import KINDS, Finding, refuse
from ..discovery.layer_classes import NESTED
from ..discovery.listed_rows import EXAMPLES, ListedRows
from ..discovery.settlements import Settlements
from ..discovery.target import Target
from ..postgres.catalog import word
from .census_result import RowsNeeding
from .census_tally import Rows, Tally
from .value_classes import INSIDES, KEPT_KEY, OTHER_SCHEME, PLAINTEXT, TOKEN_IN_TEXT, UNOPENED

SHOWN = 12  # in one message
IN_STANDARD = "Fernet tokens in standard base64, with + and /, which no Fernet library writes"
STANDARD_ADVICE = (
    "The engine writes - and _ in their place, which base64.b64decode cannot read. Describe the application's own "
    "functions in O(schemes) (application: decrypt, encrypt). If the application reads them with a Fernet library, let "
    "it save them again instead, so that they have - and _."
)
NO_FACTS: Mapping[str, str] = {}


def refuse_unreadable(tallies: Sequence[Tally], classes: Collection[str] = tuple(UNOPENED)) -> None:
    """Raise one error with every column and class of values that open under no key set."""
    refuse(findings(tallies, classes))


def findings(tallies: Sequence[Tally], classes: Collection[str] = tuple(UNOPENED)) -> list[Finding]:
    """What a census has found: for each column one finding a class, with its first rows."""
    found: list[Finding] = []
    for tally in tallies:
        if "unreadable" in classes:
            found += _of_formats(tally)
        others = _without_formats(tally)
        for value_class in classes:
            count, rows = find_odd([others], value_class.__eq__)
            if count:
                rows += _by_look(tally) if value_class == PLAINTEXT else ""
                facts, keys = {"count": count, "rows": rows}, others.examples[value_class]
                listed = list_rows(tally.target, value_class, count, keys)
                found.append(Finding(KINDS[value_class], tally.target.name, facts, listed))
    return found


def list_rows(target: Target, value_class: str, count: int, keys: Sequence[str]) -> ListedRows:
    """Rows of one target for the file of a finding."""
    return ListedRows(target.table.label, word(target.column), value_class, count, keys)


def _without_formats(tally: Tally) -> Tally:
    """The tally less the values in formats that are known by their look, which have findings of their own."""
    names = {name for rows in tally.formats.values() for name in rows}
    if not names:
        return tally
    examples = {each: [row for row in rows if row not in names] for each, rows in tally.examples.items()}
    return replace(tally, classes=tally.classes - Counter({"unreadable": len(names)}), examples=examples)


def _of_formats(tally: Tally) -> Iterator[Finding]:
    """The values in formats that are known by their look, and that are not the format of their column."""
    for other, names in tally.formats.items():
        shown = ", ".join(f"{tally.target.name}:{name}" for name in names[:SHOWN])
        facts = {"count": len(names), "description": other.what, "advice": other.todo}
        yield Finding(KINDS["format"], shown, facts, list_rows(tally.target, "format", len(names), names))


def left_alone(tallies: Sequence[Tally], settled: Settlements) -> list[Finding]:
    """Values that are left alone, look encrypted, and were not settled by a person."""
    found = []
    for tally in tallies:
        rows = [row for row in tally.unsettled if f"{tally.target.name}:{row}" not in settled]
        found += findings_of_rows("left_alone", tally.target, Rows(len(rows), rows))
    return found


def staying_plain(tallies: Sequence[Tally], settled: Settlements) -> list[Finding]:
    """Plain text that stays in columns settled as mixed, by its look. It stops where ciphertext can have that look too,
    until the reason of the settlement names it."""
    found = []
    for tally in tallies if settled else ():
        reason = settled[tally.target.name].reason if tally.target.mixed and tally.target.name in settled else None
        for look, rows in sorted(tally.looks.items() if reason is not None else ()):
            accepted = look not in plain_text_look.UNCLEAR or re.search(rf"\b{look}\b", reason or "", re.IGNORECASE)
            kind = "stays_plain" if accepted else "plain_unclear"
            found += findings_of_rows(kind, tally.target, rows, {"look": look})
    return found


def in_standard_base64(tallies: Sequence[Tally]) -> list[Finding]:
    """Tokens in the standard alphabet of base64: the engine writes the urlsafe one, which their reader may not know."""
    return [
        Finding(
            KINDS["format"],
            tally.target.name,
            {
                "count": tally.standard.count,
                "description": f"{IN_STANDARD}: {format_rows(tally.target.name, tally.standard)}",
                "advice": STANDARD_ADVICE,
            },
            list_rows(tally.target, "format", tally.standard.count, tally.standard.listed),
        )
        for tally in tallies
        if tally.standard.count
    ]


def _by_look(tally: Tally) -> str:
    """How many values in plain text there are by their look, for a message."""
    told = ", ".join(f"{look} {rows.count}" for look, rows in sorted(tally.looks.items()))
    return f" (by their look: {told})" if told else ""


def notable(tallies: Sequence[Tally]) -> list[Finding]:
    """Values that open, and of which a person should know: with a token that not every library reads, or with more that
    looks like a token than was searched."""
    return [
        finding
        for tally in tallies
        for kind, rows in (("loose", tally.loose), ("unsearched", tally.unsearched))
        for finding in findings_of_rows(kind, tally.target, rows)
    ] + [
        Finding(KINDS["later_keys"], tally.target.name, {"found": format_later_keys(tally.later_keys)})
        for tally in tallies
        if tally.later_keys
    ]


def format_later_keys(counts: Mapping[int, int]) -> str:
    """How many values are under which later key of a list."""
    return ", ".join(f"{count} under key {number}" for number, count in sorted(counts.items()))


def findings_of_rows(kind: str, target: Target, rows: Rows, facts: Mapping[str, str] = NO_FACTS) -> list[Finding]:
    """One finding with the count of rows and the first ones; none if there are no rows."""
    if not rows.count:
        return []
    listed = list_rows(target, " ".join((kind, *facts.values())), rows.count, rows.listed)
    shown = {"count": rows.count, "rows": format_rows(target.name, rows), **facts}
    return [Finding(KINDS[kind], target.name, shown, listed)]


def format_rows(column: str, rows: Rows) -> str:
    """The first rows of a column and how many more there are, for a message."""
    more = f" and {rows.count - EXAMPLES} more" if rows.count > EXAMPLES else ""
    return ", ".join(f"{column}:{row}" for row in rows.first) + more


def refuse_nested(tallies: Sequence[Tally]) -> None:
    """Raise E_ENCRYPTED_TWICE if a plaintext is a token again. After the engine's work there is none."""
    count, rows = find_odd(tallies, NESTED.__eq__)
    if count:
        raise ValuesEncryptedTwice(count=count, rows=rows)


def refuse_other_than(stage: str, tallies: Sequence[Tally], keyring: Keyring) -> None:
    """Raise E_NOT_CURRENT if a value is neither empty nor a token of ``stage``."""
    count, rows = find_odd(tallies, lambda name: name not in (stage, "empty"))
    if count:
        raise ValuesNotCurrent(count=count, rows=rows, key_id=keyring.key_id(stage))


def needing(tallies: Sequence[Tally], keyring: Keyring, leaving: Collection[str]) -> list[RowsNeeding]:
    """The values that an application may be unable to read once it loses the versions of the ``leaving`` stages, by
    column and class, with the first rows of each.

    A value that did not open counts if its scheme is functions of the application: their verdict is no proof. It counts
    if it opens under another scheme than its column's and a version that is leaving. Any other opens under no version,
    and so needs none. If the token in a value does not open, the value itself does. With no stage that is leaving, only
    those count that re-encryption cannot bring back.
    """

    def needs(tally: Tally, name: str) -> bool:
        if name in INSIDES:
            return True
        if name in (OTHER_SCHEME, TOKEN_IN_TEXT, KEPT_KEY):
            return False  # see below, by version; and the key of the last one stays
        if name in UNOPENED:
            return keyring.schemes[tally.target.scheme].functions is not None
        return name in leaving if name in keyring.stages else bool(leaving) and name != "empty"

    return [
        _needing(tally, name, count, tally.examples.get(name, ()))
        for tally in tallies
        for name, count in tally.classes.items()
        if count and needs(tally, name)
    ] + [
        _needing(tally, name, rows.count, rows.first)
        for tally in tallies
        for name, by_stage in ((OTHER_SCHEME, tally.others), (TOKEN_IN_TEXT, tally.in_text))
        for stage, rows in by_stage.items()
        if stage in (*leaving, NESTED)
    ]


def _needing(tally: Tally, name: str, count: int, rows: Sequence[str]) -> RowsNeeding:
    column = tally.target.name
    return {"column": column, "class": name, "count": count, "rows": [f"{column}:{row}" for row in rows[:EXAMPLES]]}


def find_odd(tallies: Sequence[Tally], is_odd: Callable[[str], bool]) -> tuple[int, str]:
    """How many values are of the odd classes, and the first of them as the option ``leave_alone`` names them."""
    count = sum(number for tally in tallies for name, number in tally.classes.items() if is_odd(name))
    rows = [
        f"{tally.target.name}:{row}"
        for tally in tallies
        for name, examples in tally.examples.items()
        if is_odd(name)
        for row in examples[:EXAMPLES]
    ]
    more = count - len(rows[:SHOWN])
    return count, ", ".join(rows[:SHOWN]) + (f" and {more} more" if more else "")
