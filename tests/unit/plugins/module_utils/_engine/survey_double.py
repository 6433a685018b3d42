# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A database and its survey, in place of real ones."""

from __future__ import annotations

from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.columns.column_evidence import (
    ColumnEvidence,
    SurveyEvidence,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings import finding_facts
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings.finding_kinds import KINDS
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings.findings import (
    Finding,
    Findings,
)

FACTS = {
    each.kind: each
    for each in vars(finding_facts).values()
    if isinstance(each, type) and issubclass(each, finding_facts.TypedFacts) and hasattr(each, "kind")
}


def facts_of(kind, column, **facts):
    """The facts as the code has them: an instance of the class of the kind, or of its error."""
    if kind in FACTS:
        return FACTS[kind](**facts)
    error = KINDS[kind].error
    return error(**{**facts, **({"column": column} if "column" in error.__annotations__ else {})})


def put_finding(findings, kind, column, **facts):
    """A finding as the code adds it. Without facts, it has none, whatever its kind needs."""
    needs = facts or (KINDS[kind].stops and set(KINDS[kind].error.__annotations__) <= {"column"})
    findings.add(Finding(KINDS[kind], column, facts_of(kind, column, **facts) if needs else None))


class Part:
    """Both in one object."""

    def __init__(self, **found):
        self.alias = "default"
        self.targets = found.get("targets", [])
        self.tables = {}
        self.evidence = SurveyEvidence()
        for column, facts in found.get("evidence", {}).items():
            self.evidence[column] = ColumnEvidence(**facts)
        self.missing = {}
        self.every_column = lambda: self.tables
        self.findings = Findings()
        for column in found.get("fixed", ()):
            put_finding(self.findings, "fixed", column, scheme=found.get("scheme", "theirs"))
        for column in (name for name, each in self.evidence.items() if each.samples):
            put_finding(self.findings, "unproved", column, tokens=1, field="", look=" as a whole", advice="")

    def rows(self, *asked, **more):
        """Its catalog names nothing, and no trigger."""
        return []
