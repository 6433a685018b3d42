# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings and errors of a census, with the first rows of each class."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from ..._errors.counts import join_first
from ..._errors.errors_by_code import build_error
from ..._errors.values import PlainUnclear, UnsupportedFormat, ValuesEncryptedTwice, ValuesLeftAlone, ValuesNotCurrent
from ..crypto.keyring import Keyring
from ..discovery.columns.layer_classes import NESTED
from ..discovery.columns.target import Target
from ..discovery.findings.finding_facts import LaterKeys, LooseTokens, NestedTokens, StayingPlain, UnsearchedTexts
from ..discovery.findings.findings import Finding, FindingFacts, refuse
from ..discovery.findings.listed_rows import EXAMPLES, ListedRows
from ..discovery.findings.settlements import URLSAFE, Settlements
from ..postgres.catalog import word
from ..value_forms import plain_text_look
from .census_result import RowsNeeding
from .census_tally import Rows, Tally
from .value_classes import INSIDES, KEPT_KEY, OTHER_SCHEME, PLAINTEXT, TOKEN_IN_TEXT, UNOPENED

SHOWN = 12  # in one message
RowFinding = Callable[[int, str], FindingFacts]  # the facts of so many rows, of which the first ones are in a text
IN_STANDARD = "Fernet tokens in standard base64, with + and /, which no Fernet library writes"
STANDARD_ADVICE = (
    "The engine writes - and _ in their place, which base64.b64decode cannot read. Describe the application's own "
    "functions in O(schemes) (application: decrypt, encrypt). If the application reads them with a Fernet library, or "
    'with base64.urlsafe_b64decode, it reads both: settle the column. O(settlements): {{{column}: {{urlsafe: "why"}}}}.'
)


def refuse_unreadable(tallies: Sequence[Tally], classes: Collection[str] = tuple(UNOPENED)) -> None:
    """Raise one error with every column and class of values that open under no key set."""
    refuse(findings(tallies, classes))


def findings(tallies: Sequence[Tally], classes: Collection[str] = tuple(UNOPENED)) -> list[Finding]:
    """Return one finding for each column and class, with the first rows."""
    findings: list[Finding] = []
    for tally in tallies:
        if "unreadable" in classes:
            findings += _of_formats(tally)
        others = _without_formats(tally)
        for value_class in classes:
            count, rows = find_odd([others], value_class.__eq__)
            if count:
                rows += _by_look(tally) if value_class == PLAINTEXT else ""
                listed = list_rows(tally.target, value_class, count, others.examples[value_class])
                findings.append(Finding.of(tally.target.name, _facts_of(value_class, count, rows), listed=listed))
    return findings


def _facts_of(value_class: str, count: int, rows: str) -> FindingFacts:
    """The facts of a finding about a class of values. All errors of these classes have the same two."""
    if value_class == NESTED:
        return NestedTokens(count, rows)
    return build_error(UNOPENED[value_class], count=count, rows=rows)


def list_rows(target: Target, value_class: str, count: int, keys: Sequence[str]) -> ListedRows:
    """Rows of one target for the file of a finding."""
    return ListedRows(target.table.label, word(target.column), value_class, count, keys)


def _without_formats(tally: Tally) -> Tally:
    """Return the tally without the values in recognized formats, which have their own findings."""
    names = {name for rows in tally.formats.values() for name in rows}
    if not names:
        return tally
    examples = {each: [row for row in rows if row not in names] for each, rows in tally.examples.items()}
    return replace(tally, classes=tally.classes - Counter({"unreadable": len(names)}), examples=examples)


def _of_formats(tally: Tally) -> Iterator[Finding]:
    """Yield findings for values in a recognized format that is not the format of their column."""
    for other, names in tally.formats.items():
        shown = ", ".join(f"{tally.target.name}:{name}" for name in names[:SHOWN])
        error = UnsupportedFormat(column=shown, count=len(names), description=other.what, advice=other.todo)
        yield Finding.of(shown, error, listed=list_rows(tally.target, "format", len(names), names))


def left_alone(tallies: Sequence[Tally], settled: Settlements) -> list[Finding]:
    """Return values in ``leave_alone`` that look encrypted and that no person has settled."""
    findings = []
    for tally in tallies:
        rows = [row for row in tally.unsettled if f"{tally.target.name}:{row}" not in settled]
        findings += findings_of_rows(tally.target, Rows(len(rows), rows), _left_alone)
    return findings


def _left_alone(count: int, rows: str) -> FindingFacts:
    return ValuesLeftAlone(count=count, rows=rows)


def staying_plain(tallies: Sequence[Tally], settled: Settlements) -> list[Finding]:
    """Return plain text that stays in columns settled as mixed, by its appearance. If ciphertext can look the same, the
    finding stops the rotation until the reason of the settlement names that look."""
    findings = []
    for tally in tallies if settled else ():
        reason = settled[tally.target.name].reason if tally.target.mixed and tally.target.name in settled else None
        for look, rows in sorted(tally.looks.items() if reason is not None else ()):
            accepted = look not in plain_text_look.UNCLEAR or re.search(rf"\b{look}\b", reason or "", re.IGNORECASE)
            findings += findings_of_rows(tally.target, rows, _plain(tally.target.name, look, bool(accepted)), look)
    return findings


def _plain(column: str, look: str, accepted: bool) -> RowFinding:
    if accepted:
        return lambda count, rows: StayingPlain(count, rows, look)
    return lambda count, rows: PlainUnclear(column=column, count=count, rows=rows, look=look)


def in_standard_base64(tallies: Sequence[Tally], settled: Settlements) -> Iterator[Finding]:
    """Yield findings for tokens in standard base64: the engine writes the urlsafe form, which may not be readable.

    A person may have settled that the application reads that form.
    """
    for tally in tallies:
        column, rows = tally.target.name, tally.standard
        if rows.count and not (column in settled and settled[column].decision == URLSAFE):
            what = f"{IN_STANDARD}: {format_rows(column, rows)}"
            advice = STANDARD_ADVICE.format(column=column)
            error = UnsupportedFormat(column=column, count=rows.count, description=what, advice=advice)
            yield Finding.of(column, error, listed=list_rows(tally.target, "format", rows.count, rows.listed))


def _by_look(tally: Tally) -> str:
    """Return how many values in plain text there are by their appearance, for a message."""
    counts = ", ".join(f"{look} {rows.count}" for look, rows in sorted(tally.looks.items()))
    return f" (by appearance: {counts})" if counts else ""


def notable(tallies: Sequence[Tally]) -> list[Finding]:
    """Return readable values that a person should know of: tokens that not every library reads, and values with more
    possible tokens than were searched."""
    return [
        finding
        for tally in tallies
        for facts, rows in ((LooseTokens, tally.loose), (UnsearchedTexts, tally.unsearched))
        for finding in findings_of_rows(tally.target, rows, facts)
    ] + [
        Finding.of(tally.target.name, LaterKeys(format_later_keys(tally.later_keys)))
        for tally in tallies
        if tally.later_keys
    ]


def format_later_keys(counts: Mapping[int, int]) -> str:
    """Return how many values are under which later key of a list."""
    return ", ".join(f"{count} under key {number}" for number, count in sorted(counts.items()))


def findings_of_rows(target: Target, rows: Rows, facts_of: RowFinding, detail: str = "") -> list[Finding]:
    """Return one finding with the count of rows and the first ones, or an empty list if there are no rows. The file of
    rows names the ``detail`` after the kind."""
    if not rows.count:
        return []
    finding = Finding.of(target.name, facts_of(rows.count, format_rows(target.name, rows)))
    value_class = f"{finding.kind.name} {detail}".rstrip()
    return [replace(finding, listed=list_rows(target, value_class, rows.count, rows.listed))]


def format_rows(column: str, rows: Rows) -> str:
    """The first rows of a column and how many more there are, for a message."""
    return join_first([f"{column}:{row}" for row in rows.first], EXAMPLES, count=rows.count)


def refuse_nested(tallies: Sequence[Tally]) -> None:
    """Raise E_ENCRYPTED_TWICE if a plaintext is a token itself. The engine never leaves such a value."""
    count, rows = find_odd(tallies, NESTED.__eq__)
    if count:
        raise ValuesEncryptedTwice(count=count, rows=rows)


def refuse_other_than(stage: str, tallies: Sequence[Tally], keyring: Keyring) -> None:
    """Raise E_NOT_CURRENT if a value is neither empty nor a token of ``stage``."""
    count, rows = find_odd(tallies, lambda name: name not in (stage, "empty"))
    if count:
        raise ValuesNotCurrent(count=count, rows=rows, key_id=keyring.key_id(stage))


def needing(tallies: Sequence[Tally], keyring: Keyring, leaving: Collection[str]) -> list[RowsNeeding]:
    """Return the values that an application may be unable to read without the versions of the ``leaving`` stages. They
    are counted by column and class, with the first rows.

    A value that did not open counts if its scheme is functions of the application: their verdict is not a proof. It
    also counts if it opens under another scheme than its column's and a leaving version. Any other unreadable value
    needs no version. If the token in a value does not open, the value itself may. With no leaving stage, only values
    that re-encryption cannot restore count.
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
    """Return how many values are of the odd classes, and the first of them as the option ``leave_alone`` names them."""
    count = sum(number for tally in tallies for name, number in tally.classes.items() if is_odd(name))
    rows = [
        f"{tally.target.name}:{row}"
        for tally in tallies
        for name, examples in tally.examples.items()
        if is_odd(name)
        for row in examples[:EXAMPLES]
    ]
    return count, join_first(rows, SHOWN, count=count)
