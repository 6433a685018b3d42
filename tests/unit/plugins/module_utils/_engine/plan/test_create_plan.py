# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine import application_findings
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application import lasting_caches
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application.code_uses import CodeUses
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import schemes
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import (
    ApplicationSettings,
    Keyring,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery import (
    accounting,
    scheme_proposal,
    survey_findings,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings.findings import Finding
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.plan import plan
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.plan.create_plan import create_plan
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rotation import Application
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.discovery import NoTargets
from cryptography.fernet import Fernet

from ..survey_double import Part

OUTER, INNER = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.fixture(autouse=True)
def no_caches(monkeypatch):
    """No application has set CACHES in the process of these tests."""
    monkeypatch.setattr(lasting_caches, "lasting", lambda: [])


@pytest.fixture
def planned(monkeypatch, target):
    """What a plan proposes for columns under these schemes, and its findings, with these keys listed of the ones that
    a .env file has."""
    monkeypatch.setattr(Application, "other_databases", [])
    for name in ("caches", "catalog_findings", "put_left_out"):
        monkeypatch.setattr(plan, name, lambda *given, **named: [])
    monkeypatch.setattr(application_findings, "find_unaccounted", lambda application: [])
    monkeypatch.setattr(CodeUses, "by_key", lambda self: {})
    monkeypatch.setattr(CodeUses, "hashing", lambda self: {})

    def made(tried, settings, env, listed, **found):
        keys = KeySet({name: env[name] for name in listed if name in env})
        ring = Keyring(tried, {"current": keys}, ApplicationSettings(settings.get))
        entries = [{"name": name, "type": "fernet"} for name in listed]
        part = Part(**{"targets": [replace(target, scheme=name) for name in ring.schemes], **found})
        application = Application([(part, part)], ring, [], "/.env", None, {}, keys=entries)
        return create_plan(application, counted=False, env=env).as_document()

    return made


def test_a_plan_proposes_no_other_keys_if_both_layers_of_a_value_have_a_listed_one(planned):
    """The application reads the key of the inner layer under a name of its own."""
    library = schemes.parse("auto")["django_encrypted_model_fields"]
    both = library.over(schemes.of_keys(["INNER_key"])["fernet_of_INNER_key"])
    env = {"FIELD_ENCRYPTION_KEY": OUTER, "INNER_key": INNER}
    settings = {"FIELD_ENCRYPTION_KEY": OUTER, "INNER_KEY": INNER}
    assert "proposed" not in planned({both.name: both}, settings, env, ["FIELD_ENCRYPTION_KEY", "INNER_key"])


def test_a_key_of_some_values_of_a_column_has_values_under_it(planned, target):
    """The rest is under another listed key: that is refused, but nobody says that nothing was found under this one."""
    tried = schemes.of_keys(["EU_KEY", "OTHER_KEY"])
    one, other = "fernet_of_EU_KEY", "fernet_of_OTHER_KEY"
    env = {"EU_KEY": OUTER, "OTHER_KEY": INNER}
    given = (tried, env, env, ["EU_KEY", "OTHER_KEY"])
    evidence = {"profile.name": {"other_schemes": {other}}}
    made = planned(*given, targets=[replace(target, scheme=one)], evidence=evidence)
    assert {each["key"]: each["targets"] for each in made["keys"]} == {key: ["profile.name"] for key in env}
    assert "proposed" not in made, "none of the listed keys is dropped"


def test_a_plan_proposes_the_key_of_an_inner_layer_that_the_env_file_has(planned):
    library = schemes.parse("auto")["django_encrypted_model_fields"]
    env = {"FIELD_ENCRYPTION_KEY": OUTER, "INNER_key": INNER}
    evidence = {"profile.name": {"inside": [Fernet(INNER).encrypt(b"a note")]}}
    made = planned(
        {library.name: library}, {"FIELD_ENCRYPTION_KEY": OUTER}, env, ["FIELD_ENCRYPTION_KEY"], evidence=evidence
    )
    names = ["FIELD_ENCRYPTION_KEY", "INNER_key"]
    assert made["proposed"] == {"key_rotation_keys": [{"name": name, "type": "fernet"} for name in names]}
    assert INNER not in str(made)


@pytest.mark.parametrize(("listed", "code"), [(["KEY"], "E_UNPROVED"), (["OTHER"], "E_OTHER_KEYS")])
@pytest.mark.parametrize("written", ['"{}"', "{0},{0}", '{{"settings": "{{\\"key\\": \\"{}\\"}}"}}'])
def test_a_listed_key_is_not_called_unlisted_where_its_token_has_text_around_it(
    monkeypatch, planned, written, listed, code
):
    monkeypatch.setattr(scheme_proposal, "columns_of", lambda *given: [])
    env = {"KEY": OUTER, "COPY_OF_KEY": OUTER, "OTHER": INNER}
    token = Fernet(OUTER).encrypt(b"a note").decode()
    evidence = {"profile.note": {"samples": [written.format(token).encode(), token.encode()]}}
    made = planned(schemes.of_keys(listed), env, env, listed, evidence=evidence)
    assert [notice["code"] for notice in made["notices"]] == [code]


def test_a_plan_advises_to_list_the_variable_of_the_env_file_and_not_the_setting(planned):
    """Listed by the name of the setting, the key would not be found in the .env file."""
    library = schemes.parse("auto")["django_encrypted_model_fields"]
    env = {"APP_KEY": OUTER, "SALT": "s"}
    made = planned(
        {library.name: library},
        {"FIELD_ENCRYPTION_KEY": OUTER},
        env,
        ["SALT"],
        targets=[],
        fixed=["profile.name"],
        scheme=library.name,
    )
    (notice,) = made["notices"]
    assert notice["code"] == "E_OTHER_KEYS"
    assert "encrypted with FIELD_ENCRYPTION_KEY, which" in notice["notice"]
    assert notice["todo"] == "List the keys to rotate: key_rotation_keys: [{name: APP_KEY, type: fernet}]"
    assert made["proposed"] == {"key_rotation_keys": [{"name": "APP_KEY", "type": "fernet"}]}
    assert OUTER not in str(made)


def test_a_plan_of_nothing_is_made_and_says_why_it_is_not_ready(monkeypatch):
    """A person works through findings one after another, and the first of them may be that nothing was found."""
    stopping = Finding.of("", NoTargets(tables=1, keys="field"))
    monkeypatch.setattr(survey_findings, "findings_of", lambda *given: [stopping])
    monkeypatch.setattr(Application, "other_databases", [])
    for name in ("caches", "catalog_findings", "put_left_out"):
        monkeypatch.setattr(plan, name, lambda *given, **named: [])
    monkeypatch.setattr(application_findings, "find_unaccounted", lambda application: [])
    monkeypatch.setattr(CodeUses, "by_key", lambda self: {})
    monkeypatch.setattr(CodeUses, "hashing", lambda self: {})
    monkeypatch.setattr(accounting, "planned_keys", lambda *given: [])
    monkeypatch.setattr(Application, "census", lambda self, stage, searched: [])
    part, ring = Part(), Keyring({}, {"current": KeySet({})}, ApplicationSettings(lambda name: None))
    application = Application([(part, part)], ring, [], "/.env", None, {})
    made = create_plan(application, counted=True, unset=["SALT"]).as_document()
    assert made["ready"] is False
    assert [notice["code"] for notice in made["notices"]] == ["E_NO_TARGETS", "E_ENV_KEY_MISSING"]
    assert made["targets"] == []
