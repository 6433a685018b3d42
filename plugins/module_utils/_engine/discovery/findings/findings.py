# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings about an application, of the kinds in finding_kinds.py, and all that stop as one error."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TypedDict, TypeVar, Union

from ...._errors.base import NOTHING_CHANGED, RotationError
from ...._errors.counts import counted, fill
from ...._errors.discovery import SeveralFindings
from ...._errors.option_names import spell_options
from .finding_facts import TypedFacts
from .finding_kinds import KINDS, FindingKind, KindName
from .listed_rows import ListedRows, as_results
from .settlements import Settlements

_ORDER = {name: place for place, name in enumerate(KINDS)}
_KINDS_OF: Mapping[type[RotationError] | None, Sequence[KindName]] = {
    error: [kind.name for kind in KINDS.values() if kind.error is error] for error in {k.error for k in KINDS.values()}
}
_Facts = TypeVar("_Facts", bound=TypedFacts)
FindingFacts = Union[RotationError, TypedFacts]


class Notice(TypedDict, total=False):
    """A finding in a plan: its kind and column with the ``facts`` that a person approves, and its text. One that stops
    has a ``code``."""

    kind: str
    column: str
    notice: str
    todo: str
    code: str
    facts: Mapping[str, str]


@dataclass(frozen=True)
class Finding:
    """One finding about a column as table.column, or a table. If it stops, its ``facts`` are its error."""

    kind: FindingKind
    column: str
    facts: FindingFacts | None = None
    listed: ListedRows | None = None  # all rows that it is about, if it is about rows

    @classmethod
    def of(
        cls, column: str, facts: FindingFacts, *, kind: KindName | None = None, listed: ListedRows | None = None
    ) -> Finding:
        """Return the finding with these facts. ``kind`` is needed if several kinds have one class of error."""
        return cls(KINDS[kind or _kind_of(facts)], column, facts, listed)

    @property
    def fields(self) -> dict[str, object]:
        """The facts by the names that the texts have for them, without the column."""
        if self.facts is None:
            return {}
        named = self.facts.where if isinstance(self.facts, RotationError) else asdict(self.facts)
        return {name: value for name, value in named.items() if name != "column"}

    @property
    def what(self) -> str:
        return self._fill(self.kind.what)

    @property
    def todo(self) -> str:
        return self._fill(self.kind.todo)

    def _fill(self, text: str) -> str:
        return spell_options(fill(text, column=self.column, **self.fields))

    def as_notice(self) -> Notice:
        """The finding as the plan has it."""
        notice: Notice = {"kind": self.kind.name, "column": self.column, "notice": self.what, "todo": self.todo}
        if self.kind.stops:
            notice["code"] = self.kind.code
        if isinstance(self.facts, TypedFacts) and self.facts.approved:
            notice["facts"] = {name: str(getattr(self.facts, name)) for name in self.facts.approved}
        return notice

    def as_result(self) -> dict[str, str]:
        """The finding in the result of a failed module."""
        code = {"code": self.kind.code} if self.kind.stops else {}
        return {"kind": self.kind.name, "column": self.column, "what": self.what, "todo": self.todo, **code}

    def as_error(self) -> RotationError:
        """The error of a finding that stops. Raise TypeError if it has none."""
        if not isinstance(self.facts, RotationError):
            raise TypeError(f"a finding {self.kind.name} has no error")
        return self.facts


def _kind_of(facts: FindingFacts) -> KindName:
    if isinstance(facts, TypedFacts):
        return facts.kind
    (kind,) = _KINDS_OF[type(facts)]
    return kind


class Findings:
    """The findings of one walk over a database."""

    def __init__(self) -> None:
        self._findings: list[Finding] = []

    def copied(self) -> Findings:
        """Return a copy of the findings, to which others can be added."""
        other = Findings()
        other._findings = [*self._findings]
        return other

    def put(self, column: str, facts: FindingFacts, *, kind: KindName | None = None) -> None:
        """Add a finding with its facts. ``kind`` is needed if several kinds have one class of error."""
        self.add(Finding.of(column, facts, kind=kind))

    def put_kind(self, kind: KindName, column: str) -> None:
        """Add a finding of a kind that has no facts."""
        self.add(Finding(KINDS[kind], column))

    def add(self, finding: Finding) -> None:
        self._findings.append(finding)

    def typed(self, facts: type[_Facts]) -> list[tuple[str, _Facts]]:
        """The columns with facts of this class, each with its facts."""
        return [(finding.column, finding.facts) for finding in self._findings if isinstance(finding.facts, facts)]

    def drop(self, kind: KindName, columns: Collection[str]) -> None:
        """Remove findings of a kind about columns that something else explains."""
        self._findings = [
            finding for finding in self._findings if finding.kind.name != kind or finding.column not in columns
        ]

    def of(self, *kinds: KindName) -> list[Finding]:
        return [finding for finding in self._findings if finding.kind.name in kinds]

    def columns(self, *kinds: KindName) -> list[str]:
        """The columns that findings of these kinds are about; without a kind, of all of them."""
        return [each.column for each in (self.of(*kinds) if kinds else self._findings)]

    def with_text(self, *, stops: bool) -> list[Finding]:
        """The findings with a text that stop, or that do not, in the order of the table."""
        return sort_findings(finding for finding in self._findings if finding.kind.stops is stops and finding.kind.what)


def unsettled(findings: Iterable[Finding], settled: Settlements) -> list[Finding]:
    """The findings that no person has settled by a decision that counts for their kind."""
    return [
        finding
        for finding in findings
        if finding.column not in settled or settled[finding.column].decision not in finding.kind.settled_by
    ]


def sort_findings(findings: Iterable[Finding]) -> list[Finding]:
    """The findings in the order of the table of kinds."""
    return sorted(findings, key=lambda each: _ORDER[each.kind.name])


SHOWN = 12  # findings in one error; the plan and the result have all of them


class FindingsError(RotationError):
    """All findings that stop, as one error: that of the catalog if they have one code, otherwise E_FINDINGS."""

    def __init__(self, findings: Sequence[Finding], *, changed: str = NOTHING_CHANGED) -> None:
        self.findings = list(findings)
        errors = [finding.as_error() for finding in self.findings[:SHOWN]]
        super().__init__(changed=changed)
        self.code, self.where = errors[0].code, errors[0].where
        whats, todos = [error.what for error in errors], [error.todo for error in errors]
        if len({finding.kind.code for finding in self.findings}) > 1:
            self.code = SeveralFindings.code
            whats = [f"{error.code}: {error.what}" for error in errors]
            todos = [f"{error.code}: {error.todo}" for error in errors]
        more = len(self.findings) - len(errors)
        number = f"{counted(len(self.findings), 'finding')}: " if len(self.findings) > 1 else ""
        self.what = number + "; ".join(whats) + (f"; and {more} more, which the plan playbook shows" if more else "")
        self.todo = " ".join(dict.fromkeys(todos))
        self.args = (str(self),)

    def with_changed(self, changed: str) -> FindingsError:
        return FindingsError(self.findings, changed=changed)

    def as_result(self) -> dict[str, object]:
        listed = as_results(finding.listed for finding in self.findings)
        findings = {"findings": [finding.as_result() for finding in self.findings]}
        return {**super().as_result(), **findings, **({"listed": listed} if listed else {})}


def refuse(findings: Iterable[Finding]) -> None:
    """Raise FindingsError with all findings that stop, in the order of the table."""
    stops = sort_findings(finding for finding in findings if finding.kind.stops)
    if stops:
        raise FindingsError(stops)
