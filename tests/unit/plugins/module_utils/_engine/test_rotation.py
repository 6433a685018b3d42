# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
from dataclasses import replace
from types import SimpleNamespace

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine import plan, rotation
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application import lasting_caches
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application.key_uses import Use
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import schemes
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import (
    ApplicationSettings,
    Keyring,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery import accounting, settlements
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings import (
    KINDS,
    Finding,
    Findings,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from cryptography.fernet import Fernet


@pytest.fixture(autouse=True)
def no_caches(monkeypatch):
    """No application has set CACHES in the process of these tests."""
    monkeypatch.setattr(lasting_caches, "lasting", lambda: [])


@pytest.mark.parametrize("entry", ["", "profile", "profile.name", "profile:7", ":", "7:profile.name"])
def test_a_row_that_is_not_named_in_full_is_refused_before_the_application_starts(entry):
    request = rotation.Request("/none", None, {}, leave_alone=["profile.name:7", entry])
    with pytest.raises(RotationError) as refused, rotation.open_application(request):
        pass
    assert (refused.value.code, refused.value.where) == ("E_LEAVE_ALONE", {"index": 1})


@pytest.mark.parametrize("entry", ["profile.name:7", "profile.name:7,de", "profile.name:2026-01-01 10:00:00"])
def test_a_row_that_is_named_in_full_is_taken(entry):
    request = rotation.Request("/none", None, {}, leave_alone=[entry])
    with pytest.raises(RotationError) as refused, rotation.open_application(request):
        pass
    assert refused.value.code == "E_PROJECT"


def test_a_request_never_shows_a_value():
    assert "CANARY" not in repr(rotation.Request("/srv/app", None, {"current": {"SECRET_KEY": "CANARY"}}))


def test_what_feeds_a_setting_is_looked_for_in_the_files_too(monkeypatch):
    """After a change by hand the application runs on keys that no version has."""
    asked = []
    monkeypatch.setattr(rotation.custom_functions, "processes", lambda *given: contextlib.nullcontext({}))
    for name, found in (("start", None), ("aliases", []), ("texts", {}), ("setting", None)):
        monkeypatch.setattr(rotation.django_project, name, lambda *given, found=found: found)
    monkeypatch.setattr(rotation.django_project, "feeds", lambda key_sets: asked.extend(key_sets) or {})
    request = rotation.Request("/srv/app", None, {"current": {"KEY": "a"}}, file_keys={"KEY": "by hand", "NEW": "b"})
    with pytest.raises(RotationError, match="E_DB_REPLICA"), rotation.open_application(request):
        pass
    assert asked == [{"KEY": "by hand"}, {"KEY": "a"}]


class Part:
    """A database and its survey, in place of real ones."""

    def __init__(self, **found):
        self.alias = "default"
        self.found = found.get("found", [])
        self.fixed = []
        self.closed = self.ignored = []
        self.tables = {}
        self.unopened = {}
        self.hashes = found.get("hashes", [])
        self.inside = found.get("inside", {})
        self.besides = found.get("besides", {})
        self.missing = {}
        self.every_column = lambda: self.tables
        self.findings = Findings()
        for column in found.get("fixed", ()):
            self.findings.put("fixed", column, scheme=found.get("scheme", "theirs"))

    def rows(self, *asked, **more):
        """Its catalogue names nothing, and no trigger."""
        return []


def test_the_targets_of_all_databases_are_one_list(target):
    first, second = Part(found=[target]), Part(found=[target])
    opened = rotation.Application([(first, first), (second, second)], None, [], "the key store", None, {})
    assert opened.targets == [target, target]


@pytest.mark.parametrize(
    ("described", "why"),
    [
        ({"format": "fernet"}, None),
        ({"format": "aes_gcm", "base64": True, "prefix": "enc:"}, None),
        ({"format": "aes_gcm", "base64": True}, "begin with nothing of their own"),
    ],
)
def test_a_column_whose_tokens_begin_with_nothing_of_their_own_cannot_be_mixed(target, described, why):
    """In it every text may be a token: Ada would be called unreadable, although a person has settled plain text."""
    tried = schemes.parse({"own": {**described, "key": {"secret": "KEY", "derive": "sha256"}}})
    part = Part(found=[replace(target, scheme="own")])
    part.tables = {target.table: [SimpleNamespace(name=target.column)]}
    ring = Keyring(tried, {"current": KeySet({"KEY": OUTER})}, ApplicationSettings(lambda name: None))
    settled = settlements.parse({target.name: {"mixed": "older rows"}})
    application = rotation.Application([(part, part)], ring, [], "/.env", None, {}, settlements=settled)
    if why is None:
        assert application._refuse_settlements_without_place() is None
        return
    with pytest.raises(RotationError, match=why) as refused:
        application._refuse_settlements_without_place()
    assert refused.value.code == "E_SETTLEMENT"


OUTER, INNER = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.fixture
def planned(monkeypatch, target):
    """What a plan proposes for columns under these schemes, and its findings, with these keys listed of the ones that
    an env file has."""
    monkeypatch.setattr(rotation.Application, "_elsewhere", [])
    for name in ("caches", "notices", "left_out"):
        monkeypatch.setattr(plan, name, lambda *given: [])
    monkeypatch.setattr(rotation.Application, "unaccounted", lambda self: [])
    monkeypatch.setattr(rotation.Application, "uses", lambda self: {})

    def made(tried, settings, env, listed, **found):
        keys = KeySet({name: env[name] for name in listed if name in env})
        ring = Keyring(tried, {"current": keys}, ApplicationSettings(settings.get))
        entries = [{"name": name, "type": "fernet"} for name in listed]
        part = Part(**{"found": [replace(target, scheme=name) for name in ring.schemes], **found})
        application = rotation.Application([(part, part)], ring, [], "/.env", None, {}, keys=entries)
        return application.plan(counted=False, env=env).as_document()

    return made


def test_a_plan_proposes_no_other_keys_where_both_layers_of_a_value_have_a_listed_one(planned):
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
    made = planned(*given, found=[replace(target, scheme=one)], besides={"profile.name": {other}})
    assert {each["key"]: each["targets"] for each in made["keys"]} == {key: ["profile.name"] for key in env}
    assert "proposed" not in made, "none of the listed keys is dropped"


def test_a_key_that_no_value_is_under_may_be_the_one_of_a_blind_index(target):
    """Declared to sign only, it would be rotated, and the index would stay as it is."""
    tried = schemes.of_keys(["EU_KEY", "INDEX_KEY"])
    ring = Keyring(
        tried, {"current": KeySet({"EU_KEY": OUTER, "INDEX_KEY": INNER})}, ApplicationSettings(lambda name: None)
    )
    part = Part(found=[replace(target, scheme="fernet_of_EU_KEY")])
    part.findings.put("digest", "profile.name_bidx")
    (found,) = accounting.keys([part], ring, [], dict)
    assert found.column == "INDEX_KEY"
    assert "Hashes in profile.name_bidx may be made with it" in str(found.as_error())


HASHING = {"INDEX_KEY": [Use("core/search.py", 7, "index", "hashes with it")], "EU_KEY": []}


@pytest.mark.parametrize(("hashing", "named"), [(HASHING, ["users.mail_hash"]), ({"EU_KEY": []}, [])])
def test_hashes_without_a_token_next_to_them_are_named_if_code_hashes_with_a_key(monkeypatch, hashing, named):
    monkeypatch.setattr(rotation.Application, "_elsewhere", [])
    part = Part(hashes=["users.mail_hash", "profile.name_bidx"])
    part.findings.put("digest", "profile.name_bidx")
    accounting.put_hashes([part], lambda: hashing)
    found = part.findings.of("keyed_hash")
    assert [each.column for each in found] == named
    for each in found:
        assert each.what.endswith("hashes with INDEX_KEY, which is rotated: core/search.py:7 index (hashes with it)")
        assert 'key_rotation_settlements: {users.mail_hash: {not_ours: "reason"}}' in each.todo
    assert [each.column for each in rotation.Application([(part, part)], None, [], "", None, {}).doubtful()] == [
        "profile.name_bidx",
        *named,
    ]


def test_without_a_hash_to_name_no_code_is_read():
    accounting.put_hashes([Part(hashes=[])], lambda: pytest.fail("read"))


def test_what_hashes_with_secret_key_unsaid_counts_as_a_use_of_it(monkeypatch, tmp_path):
    (tmp_path / "search.py").write_text("def index(mail):\n  return salted_hmac('mail', mail)\n")
    monkeypatch.setattr(rotation.key_uses, "installed_folders", dict)
    keys = KeySet({"SECRET_KEY": "CANARY", "INDEX_KEY": "x"})
    ring = Keyring({}, {"current": keys}, ApplicationSettings(lambda name: None))
    application = rotation.Application([], ring, [], "", None, {}, project_dir=str(tmp_path))
    assert {key: list(map(str, uses)) for key, uses in application._hashing().items()} == {
        "INDEX_KEY": [],
        "SECRET_KEY": ["search.py:2 index (hashes with it)"],
    }


def test_a_plan_proposes_the_key_of_an_inner_layer_that_the_env_file_has(planned):
    library = schemes.parse("auto")["django_encrypted_model_fields"]
    env = {"FIELD_ENCRYPTION_KEY": OUTER, "INNER_key": INNER}
    inside = {"profile.name": [Fernet(INNER).encrypt(b"a note")]}
    made = planned(
        {library.name: library}, {"FIELD_ENCRYPTION_KEY": OUTER}, env, ["FIELD_ENCRYPTION_KEY"], inside=inside
    )
    names = ["FIELD_ENCRYPTION_KEY", "INNER_key"]
    assert made["proposed"] == {"key_rotation_keys": [{"name": name, "type": "fernet"} for name in names]}
    assert INNER not in str(made)


def test_a_plan_advises_to_list_the_variable_of_the_env_file_and_not_the_setting(planned):
    """Listed by the name of the setting, the key would not be found in the env file."""
    library = schemes.parse("auto")["django_encrypted_model_fields"]
    env = {"APP_KEY": OUTER, "SALT": "s"}
    made = planned(
        {library.name: library},
        {"FIELD_ENCRYPTION_KEY": OUTER},
        env,
        ["SALT"],
        found=[],
        fixed=["profile.name"],
        scheme=library.name,
    )
    (notice,) = made["notices"]
    assert notice["code"] == "E_OTHER_KEYS"
    assert "open under FIELD_ENCRYPTION_KEY, which" in notice["notice"]
    assert notice["todo"] == "List the keys to rotate: key_rotation_keys: [{name: APP_KEY, type: fernet}]"
    assert made["proposed"] == {"key_rotation_keys": [{"name": "APP_KEY", "type": "fernet"}]}
    assert OUTER not in str(made)


def test_a_plan_of_nothing_is_made_and_says_why_it_is_not_ready(monkeypatch):
    """A person works through findings one after another, and the first of them may be that nothing was found."""
    stopping = Finding(KINDS["no_targets"], "", {"tables": 1, "schemes": "field"})
    monkeypatch.setattr(rotation.target_survey, "findings_of", lambda *given: [stopping])
    monkeypatch.setattr(rotation.Application, "_elsewhere", [])
    for name in ("caches", "notices", "left_out"):
        monkeypatch.setattr(plan, name, lambda *given: [])
    monkeypatch.setattr(rotation.Application, "unaccounted", lambda self: [])
    monkeypatch.setattr(rotation.Application, "uses", lambda self: {})
    monkeypatch.setattr(accounting, "planned_keys", lambda *given: [])
    monkeypatch.setattr(rotation.Application, "census", lambda self, stage, searched: [])
    part, ring = Part(), Keyring({}, {"current": KeySet({})}, ApplicationSettings(lambda name: None))
    made = (
        rotation.Application([(part, part)], ring, [], "/.env", None, {})
        .plan(counted=True, unset=["SALT"])
        .as_document()
    )
    assert made["ready"] is False
    assert [notice["code"] for notice in made["notices"]] == ["E_NO_TARGETS", "E_ENV_KEY_MISSING"]
    assert made["targets"] == []


@pytest.mark.parametrize(("limit", "named"), [(5000, []), (0, ["the application's code"])])
def test_a_search_of_the_code_that_ended_at_its_limit_is_in_the_plan(tmp_path, monkeypatch, limit, named):
    (tmp_path / "code.py").write_text("from django.conf import settings\nKEY = settings.SECRET_KEY\n")
    monkeypatch.setattr(rotation.key_uses, "MOST_FILES", limit)
    monkeypatch.setattr(rotation.key_uses, "installed_folders", dict)
    application = rotation.Application([], None, (), "", None, {}, project_dir=str(tmp_path))
    assert len(application._uses_of({"SECRET_KEY"})) == (not named)
    assert [each.column for each in application._cut_off()] == named
