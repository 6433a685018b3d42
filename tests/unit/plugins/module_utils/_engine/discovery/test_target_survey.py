# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import schemes
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.formats import Opened
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import (
    ApplicationSettings,
    Keyring,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery import settlements, target_survey
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings import Findings
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.catalog import Column, Table
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError

from .....statements import shown
from ..conftest import nothing_set

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
        made.findings.put(kind, column, **(facts[0] if facts else {}))
    made.__dict__.update({"tables": {PROFILE: [TEXT]}, "found": [], "missing": {}, **found})
    return made


@pytest.fixture
def token() -> bytes:
    return keyring().cipher("field", "current").seal(INSIDE)


@pytest.mark.parametrize(
    "entry",
    [
        "profile.name",
        {},
        {"table": "profile"},
        {"table": "profile", "column": "name", "schema": "public"},
        {"table": "profile", "column": "name", "scheme": "unknown"},
        {"table": "profile", "column": "name"},  # which of two schemes?
    ],
)
def test_a_wrong_target_is_refused_by_its_index_before_the_database_is_asked(entry):
    with pytest.raises(RotationError) as refused:
        survey(keyring("one", "two")).take(entry, 3)
    assert (refused.value.code, refused.value.where["index"]) == ("E_TARGET", 3)


@pytest.mark.parametrize("described", ["auto", ["auto"], [], "tool.password"])
def test_functions_of_the_application_need_a_column(described, monkeypatch):
    monkeypatch.setattr(target_survey, "Survey", lambda *given: SimpleNamespace())
    functions = SimpleNamespace(tried=[SimpleNamespace(functions=True)])
    with pytest.raises(RotationError, match="entry 0 is missing"):
        target_survey.find(None, described, (), functions)


def test_a_target_that_is_not_here_is_missing_by_its_index():
    one = survey(keyring())
    one.take({"table": "profile", "column": "Name"}, 3)
    assert one.missing == {3: ("profile", "Name")}


def test_a_target_is_named_by_table_and_column(target):
    assert target.name == "profile.name"


@pytest.mark.parametrize(
    ("table", "label"),
    [
        (PROFILE, "profile"),
        (ARCHIVED, "archive.profile"),
        (Table("public", "profile", True, "reports"), "reports:profile"),
        (Table("archive", "profile", False, "reports"), "reports:archive.profile"),
    ],
)
def test_how_a_person_calls_a_table(table, label):
    assert table.label == label


def test_a_table_stays_one_name_in_a_statement_and_as_a_parameter():
    odd = Table("my schema", '100% "x"', True)
    assert shown(odd.identifier) == '"my schema"."100% ""x"""'
    assert odd.regclass == '"my schema"."100% ""x"""'


@pytest.mark.parametrize("prefix", ["enc$", "enc::", "tok_1_", "", "v1:aes:"])
@pytest.mark.parametrize("doubled", [True, False])
def test_what_an_application_puts_around_its_tokens_is_found_out(prefix, doubled):
    ring = keyring()
    dressed = ring.schemes["field"].around(prefix, doubled)
    ring.add(dressed)
    value = ring.cipher(dressed.name, "current").seal(INSIDE).decode()
    ring.remove(dressed) if prefix or doubled else None
    found = target_survey._proved([value], TEXT, ring, ())
    assert found == dressed.name
    assert ring.schemes[found].marker == dressed.marker


def test_a_scheme_is_proved_by_one_token_of_many_values(token):
    assert target_survey._proved(["gAAAAAbroken", "x", token.decode()], TEXT, keyring(), ()) == "field"


@pytest.mark.parametrize("column", [Column("a", "bytea", None, False), Column("a", "jsonb", None, False), TEXT])
def test_a_token_is_found_in_every_type_of_column(column, token):
    values = {"bytea": memoryview(token), "jsonb": f'{{"x": [1, "{token.decode()}"]}}', "text": token.decode()}
    assert target_survey._proved([values[column.type]], column, keyring(), ()) == "field"


def test_a_token_of_another_key_proves_nothing_and_leaves_no_scheme_behind(token):
    ring = keyring(stages={"current": KeySet({"FIELD_KEY": "another"})})
    assert target_survey._proved(["enc$" + token.decode(), token.decode()], TEXT, ring, ()) is None
    assert list(ring.schemes) == ["field"]


def test_no_value_is_no_proof():
    assert target_survey._proved([], TEXT, keyring(), ()) is None


@pytest.mark.parametrize(
    ("name", "says_so"),
    [
        ("notes_encrypted", True), ("encrypted_notes", True), ("encrypted_byline", True), ("ciphertext", True),
        ("ssn_enc", True), ("unencrypted_notes", False), ("encrypted_by", False), ("encrypted_by_id", False),
        ("encrypted_at", False),
    ],
)  # fmt: skip
def test_a_column_says_by_its_name_that_it_is_encrypted(name, says_so):
    assert target_survey._may_be_plain(replace(TEXT, name=name)) is says_so


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
        target_survey.refuse_unproved([survey(ring, *findings, found=[target], **found)], ring, "/srv/app/.env")
    assert refused.value.code == code
    assert "profile" in str(refused.value)
    assert "CANARY" not in str(refused.value)


@pytest.mark.parametrize(
    ("findings", "code", "named"),
    [
        ([("unproved", "profile.name", TOKENS)], "E_UNPROVED", "/srv/app/.env"),
        ([], "E_NO_TARGETS", "1 table "),
        ([("plain", "profile.name_encrypted")], "E_NO_TARGETS", "field"),
    ],
)
def test_without_a_target_it_is_said_why(findings, code, named):
    ring = keyring()
    with pytest.raises(RotationError) as refused:
        target_survey.refuse_unproved([survey(ring, *findings)], ring, "/srv/app/.env")
    assert refused.value.code == code
    assert named in str(refused.value)


def test_all_that_stops_is_in_one_error_of_bounded_length(target):
    ring = keyring()
    columns = [("unproved", f"profile.c{number}", TOKENS) for number in range(30)]
    with pytest.raises(RotationError) as refused:
        target_survey.refuse_unproved([survey(ring, *columns, ("missed", "profile.x"), found=[target])], ring, "/.env")
    error = refused.value
    assert error.code == "E_FINDINGS"
    assert "E_TARGET_MISSED: profile.x" in str(error)
    assert "E_UNPROVED: profile.c0: nothing known opens the 3 of 3" in str(error)
    assert "and 19 more, which the plan playbook shows" in str(error)
    assert len(str(error)) < 4000
    assert len(error.as_result()["findings"]) == 31


def test_one_code_for_several_columns_stays_that_code(target):
    ring = keyring()
    columns = [("plain", f"profile.{name}_encrypted") for name in "ab"]
    with pytest.raises(RotationError) as refused:
        target_survey.refuse_unproved([survey(ring, *columns, found=[target])], ring, "/.env")
    assert refused.value.code == "E_COLUMN_PLAIN"
    assert refused.value.what.startswith("2 findings: profile.a_encrypted is named as encrypted")
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
        target_survey.refuse_unproved([survey(ring, unproved, found=found)], ring, "/srv/app/.env")
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
    looked = survey(ring, (kind, "profile.x", facts), found=[target])
    found = target_survey.findings_of([looked], ring, "/.env", settled)
    assert bool(found) is stops
    if stops and kind == "ignored_open":
        assert "would make them unreadable" in found[0].todo
        assert 'key_rotation_settlements: {"table.column": {unreadable: "why"}}' in found[0].todo


def test_tokens_under_other_keys_alone_are_told_with_their_settings():
    described = schemes.parse({"field": FIELD})
    ring = Keyring(
        described, {"current": KeySet({"SECRET_KEY": "x"})}, ApplicationSettings({"FIELD_KEY": "CANARY"}.get)
    )
    fixed = [("fixed", name, {"scheme": "field"}) for name in ("profile.name", "profile.phone")]
    with pytest.raises(RotationError) as refused:
        target_survey.refuse_unproved([survey(ring, *fixed)], ring, "/srv/app/.env")
    assert refused.value.code == "E_OTHER_KEYS"
    assert "2 columns hold tokens, and all open under FIELD_KEY" in str(refused.value)


def test_plaintexts_that_are_tokens_under_no_key_at_hand_are_kept_for_the_proposal():
    ring = keyring("field")
    lost = Keyring(schemes.parse({"field": FIELD}), {"current": KeySet({"FIELD_KEY": "lost"})}, nothing_set)
    inner = lost.cipher("field", "current").seal(INSIDE)
    token = ring.cipher("field", "current").seal(INSIDE._replace(plaintext=inner))
    looked = survey(ring, inside={}, _database=SimpleNamespace(alias="default"))
    assert looked._rule(PROFILE, TEXT, "field", [token, b"text"]).foreign
    assert looked.inside == {"profile.name": [inner]}


@pytest.mark.parametrize(
    "findings", [[], [("empty", "profile.b", {"field": "lib.F"})], [("fixed", "profile.b", {"scheme": "field"})]]
)
def test_a_survey_that_is_good_enough_is_not_refused(target, findings):
    ring = keyring()
    assert target_survey.refuse_unproved([survey(ring, *findings, found=[target])], ring, "/.env") is None


def test_a_listed_target_may_be_in_any_one_of_several_databases(target):
    ring = keyring()
    here, there = survey(ring, found=[target]), survey(ring, missing={0: ("profile", "name")})
    assert target_survey.refuse_unproved([here, there], ring, "/.env") is None
    here.missing = {0: ("profile", "name")}
    with pytest.raises(RotationError, match="E_TABLE"):
        target_survey.refuse_unproved([here, there], ring, "/.env")


def test_what_a_sample_is_asked_by_is_no_pattern():
    assert target_survey._containing(b"50%_\\$", "text") == "%50\\%\\_\\\\$%"
    assert target_survey._containing(b"\x80_", "bytea") == b"\x80\\_%"
    assert target_survey._containing(b"gAAAAA", "bytea") == b"%gAAAAA%"


def test_a_salt_that_has_a_default_is_not_proposed_as_a_key():
    described = {**FIELD, "key": {**FIELD["key"], "derive": "pbkdf2_sha256", "iterations": 1}}
    described["key"]["salt"] = {"setting": "FIELD_SALT", "default": "salt"}
    ring = Keyring(schemes.parse({"field": described}), {"current": KEYS}, ApplicationSettings(str.lower))
    found = [SimpleNamespace(scheme="field", derived=())]
    assert target_survey.settings_of([survey(ring, found=found)], ring) == {"FIELD_KEY": [b"field_key"]}
