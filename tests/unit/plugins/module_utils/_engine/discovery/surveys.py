# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Surveys as a walk over a database leaves them, and the key sets and tables of these."""

from __future__ import annotations

import base64
from typing import Any

from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import schemes
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import (
    Keyring,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.tokens import Opened
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery import (
    target_survey,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.columns.column_evidence import (
    SurveyEvidence,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings.findings import Findings
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.catalog import Column, Table

from ..conftest import nothing_set
from ..survey_double import put_finding

FIELD = {"format": "fernet", "key": {"derive": "sha256", "secret": "FIELD_KEY"}}
KEYS = KeySet({"FIELD_KEY": "CANARY"})
KEY = base64.urlsafe_b64encode(b"CANARY-of-thirty-two-bytes-long!").decode()
TEXT = Column("name", "text", None, False)
PROFILE, ARCHIVED = Table("public", "profile", True), Table("archive", "profile", False)
INSIDE = Opened(b"x" * 40, 1_500_000_000)


def keyring(*names: str, stages: dict[str, KeySet] | None = None) -> Keyring:
    described = schemes.parse(dict.fromkeys(names or ("field",), FIELD))
    return Keyring(described, stages or {"current": KEYS}, nothing_set)


def survey(ring: Keyring, *findings: tuple[Any, ...], **found: Any) -> target_survey.Survey:
    """A survey as a walk over a database leaves it. Each of ``findings`` is (kind, column, facts)."""
    made = target_survey.Survey.__new__(target_survey.Survey)
    made._keyring = ring
    made.findings = Findings()
    for kind, column, *facts in findings:
        put_finding(made.findings, kind, column, **(facts[0] if facts else {}))
    made.__dict__.update(
        {"tables": {PROFILE: [TEXT]}, "targets": [], "missing": {}, "evidence": SurveyEvidence(), **found}
    )
    return made
