# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A database and its survey, in place of real ones."""

from __future__ import annotations

from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings import (
    Findings,
    TypedFacts,
)

TYPED = {each.kind: each for each in TypedFacts.__subclasses__()}


def put_finding(findings, kind, column, **facts):
    """As the code does, by the class of its facts if the kind has one, and facts are given."""
    if facts and kind in TYPED:
        findings.put_typed(column, TYPED[kind](**facts))
    else:
        findings.put(kind, column, **facts)


class Part:
    """Both in one object."""

    def __init__(self, **found):
        self.alias = "default"
        self.found = found.get("found", [])
        self.fixed = []
        self.closed = self.ignored = []
        self.tables = {}
        self.unopened = found.get("unopened", {})
        self.hashes = found.get("hashes", [])
        self.inside = found.get("inside", {})
        self.besides = found.get("besides", {})
        self.missing = {}
        self.every_column = lambda: self.tables
        self.findings = Findings()
        for column in found.get("fixed", ()):
            put_finding(self.findings, "fixed", column, scheme=found.get("scheme", "theirs"))
        for column in self.unopened:
            put_finding(self.findings, "unproved", column, tokens=1, field="", look=" as a whole", advice="")

    def rows(self, *asked, **more):
        """Its catalogue names nothing, and no trigger."""
        return []
