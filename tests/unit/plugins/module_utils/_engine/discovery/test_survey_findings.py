# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import schemes
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import (
    ApplicationSettings,
    Keyring,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery import survey_findings
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings import settlements
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings.findings import refuse
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.tests.expected_errors import expect_error

from ..conftest import nothing_set
from .surveys import FIELD, KEY, KEYS, keyring, survey

FIELD_OF = {"field": "lib.EncryptedField"}
TOKENS = {"tokens": 3, "field": "", "look": "", "advice": ""}


@pytest.mark.parametrize(
    ("findings", "found", "code"),
    [
        ([], {"missing": {0: ("profile", "phone")}}, "E_TABLE"),
        ([("missed", "profile.phone")], {}, "E_TARGET_MISSED"),
        ([("unproved", "profile.phone", TOKENS)], {}, "E_UNPROVED"),
        ([("unwritable", "profile.phone", {"type": "hstore", "types": "text"})], {}, "E_COLUMN_TYPE"),
        ([("silent", "profile.phone", FIELD_OF)], {}, "E_FIELD_UNPROVED"),
        ([("plain", "profile.phone_encrypted")], {}, "E_COLUMN_PLAIN"),
    ],
)
def test_a_survey_that_is_not_good_enough_is_refused_though_there_are_targets(target, findings, found, code):
    ring = keyring()
    with pytest.raises(RotationError) as refused:
        refuse(survey_findings.findings_of([survey(ring, *findings, targets=[target], **found)], ring, "/srv/app/.env"))
    assert refused.value.code == code
    assert "profile" in str(refused.value)
    assert "CANARY" not in str(refused.value)


@pytest.mark.parametrize(
    ("findings", "code", "named"),
    [
        ([("unproved", "profile.name", TOKENS)], "E_UNPROVED", "/srv/app/.env"),
        ([], "E_NO_TARGETS", "1 table "),
        ([("plain", "profile.name_encrypted")], "E_NO_TARGETS", "FIELD_KEY"),
    ],
)
def test_without_a_target_it_is_said_why(findings, code, named):
    ring = keyring()
    with pytest.raises(RotationError) as refused:
        refuse(survey_findings.findings_of([survey(ring, *findings)], ring, "/srv/app/.env"))
    assert refused.value.code == code
    assert named in str(refused.value)


def test_all_that_stops_is_in_one_error_of_bounded_length(target):
    ring = keyring()
    columns = [("unproved", f"profile.c{number}", TOKENS) for number in range(30)]
    with pytest.raises(RotationError) as refused:
        refuse(
            survey_findings.findings_of(
                [survey(ring, *columns, ("missed", "profile.x"), targets=[target])], ring, "/.env"
            )
        )
    error = refused.value
    assert error.code == "E_FINDINGS"
    assert "E_TARGET_MISSED: profile.x" in str(error)
    assert "E_UNPROVED: profile.c0: no known key or scheme decrypts any of the 3" in str(error)
    assert "and 19 more, which the plan playbook shows" in str(error)
    assert len(str(error)) < 4000
    assert len(error.as_result()["findings"]) == 31


def test_one_code_for_several_columns_stays_that_code(target):
    ring = keyring()
    columns = [("plain", f"profile.{name}_encrypted") for name in "ab"]
    with pytest.raises(RotationError) as refused:
        refuse(survey_findings.findings_of([survey(ring, *columns, targets=[target])], ring, "/.env"))
    assert refused.value.code == "E_COLUMN_PLAIN"
    assert refused.value.what.startswith("2 findings: profile.a_encrypted is listed as encrypted")
    assert str(refused.value).count("encrypt them through the application") == 1


LIBRARY = "encrypted_model_fields.fields.EncryptedCharField"


@pytest.mark.parametrize(
    ("field", "others", "code"),
    [
        ("", [], "E_UNPROVED"),  # a Fernet token of any application: a format or a derivation may be missing as well
        (LIBRARY, [], "E_WRONG_KEY"),
        (LIBRARY, ["django_encrypted_model_fields"], "E_UNPROVED"),  # the key is right: another column opens under it
    ],
)
def test_a_key_is_wrong_only_if_its_library_says_that_it_must_fit_and_it_fits_nowhere(target, field, others, code):
    ring = Keyring(schemes.parse("auto"), {"current": KeySet({"FIELD_ENCRYPTION_KEY": KEY})}, nothing_set)
    found = [replace(target, scheme=scheme) for scheme in others]
    unproved = ("unproved", "profile.name", {**TOKENS, "field": field})
    with pytest.raises(RotationError) as refused:
        refuse(survey_findings.findings_of([survey(ring, unproved, targets=found)], ring, "/srv/app/.env"))
    assert refused.value.code == code
    assert ("FIELD_ENCRYPTION_KEY" in str(refused.value)) is (code == "E_WRONG_KEY")


@pytest.mark.parametrize(
    ("kind", "facts", "decision", "stops"),
    [
        ("ignored_open", {}, "unreadable", False),
        ("ignored_open", {}, "not_ours", True),  # its values are under the rotated keys: that is established
        ("ignored_tokens", {}, "not_ours", False),
        ("ignored_tokens", {}, "unreadable", False),
        ("ignored_tokens", {}, None, True),
        ("unproved", TOKENS, "not_ours", False),
        ("missed", {}, "not_ours", True),
    ],
)
def test_what_loses_data_wants_a_decision_that_says_so(target, kind, facts, decision, stops):
    ring = keyring()
    settled = {} if decision is None else settlements.parse({"profile.x": {decision: "a reason"}})
    looked = survey(ring, (kind, "profile.x", facts), targets=[target])
    found = survey_findings.findings_of([looked], ring, "/.env", settled)
    assert bool(found) is stops
    if stops and kind == "ignored_open":
        assert "would make them unreadable" in found[0].todo
        assert 'key_rotation_settlements: {"table.column": {unreadable: "why"}}' in found[0].todo


def test_tokens_under_other_keys_alone_are_reported_with_their_settings():
    described = schemes.parse({"field": FIELD})
    ring = Keyring(
        described, {"current": KeySet({"SECRET_KEY": "x"})}, ApplicationSettings({"FIELD_KEY": "CANARY"}.get)
    )
    fixed = [("fixed", name, {"scheme": "field"}) for name in ("profile.name", "profile.phone")]
    with expect_error("E_OTHER_KEYS", count=2, settings="FIELD_KEY"):
        refuse(survey_findings.findings_of([survey(ring, *fixed)], ring, "/srv/app/.env"))


@pytest.mark.parametrize(
    "findings", [[], [("empty", "profile.b", {"field": "lib.F"})], [("fixed", "profile.b", {"scheme": "field"})]]
)
def test_a_survey_that_is_good_enough_is_not_refused(target, findings):
    ring = keyring()
    assert refuse(survey_findings.findings_of([survey(ring, *findings, targets=[target])], ring, "/.env")) is None


def test_a_listed_target_may_be_in_any_one_of_several_databases(target):
    ring = keyring()
    here, there = survey(ring, targets=[target]), survey(ring, missing={0: ("profile", "name")})
    assert refuse(survey_findings.findings_of([here, there], ring, "/.env")) is None
    here.missing = {0: ("profile", "name")}
    with pytest.raises(RotationError, match="E_TABLE"):
        refuse(survey_findings.findings_of([here, there], ring, "/.env"))


def test_a_salt_that_has_a_default_is_not_proposed_as_a_key():
    described = {**FIELD, "key": {**FIELD["key"], "derive": "pbkdf2_sha256", "iterations": 1}}
    described["key"]["salt"] = {"setting": "FIELD_SALT", "default": "salt"}
    ring = Keyring(schemes.parse({"field": described}), {"current": KEYS}, ApplicationSettings(str.lower))
    found = [SimpleNamespace(scheme="field", derived=())]
    assert survey_findings.settings_of([survey(ring, targets=found)], ring) == {"FIELD_KEY": [b"field_key"]}
