# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies in real tables beside plain tokens: found, or refused, and never passed over or cut."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
import textwrap
import types
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application import (
    django_project,
    model_fields,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import schemes
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import (
    ApplicationSettings,
    Keyring,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.schemes import Scheme
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.tokens import Opened
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery import (
    survey_findings,
    target_survey,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.columns.target import Target
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.digests import fingerprint_columns
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.elsewhere import (
    other_databases,
    out_of_reach,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings import (
    findings,
    settlements,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings.finding_facts import (
    OtherDatabaseTried,
    SameTokens,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings.findings import (
    Finding,
    refuse,
    unsettled,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.plan import plan
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres import catalog, server_info
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.connection import Database
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof import (
    backup_difference,
    census,
    census_comparison,
    census_findings,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.tests.expected_errors import Containing, expect_error
from cryptography.fernet import Fernet

from .conftest import CHECKOUT, rewrite
from .test_engine import NEW, OLD, SCHEME, SCHEMES, keyring  # noqa: F401  # a fixture


def token(ring: Keyring, text: str = "a value of some length") -> str:
    return ring.cipher(SCHEME, "current").seal(Opened(text.encode(), 1_700_000_000)).decode()


def survey(database: Database, ring: Keyring) -> target_survey.Survey:
    return target_survey.find(database, "auto", (), ring)


def names(found: target_survey.Survey) -> set[str]:
    return {target.name for target in found.targets}


def unproved(found: target_survey.Survey) -> list[tuple[str, int]]:
    return [(each.column, each.fields["tokens"]) for each in found.findings.of("unproved")]


def stops_of(found: target_survey.Survey, ring: Keyring) -> list[Finding]:
    stops = survey_findings.findings_of([found], ring, "the test")
    return [each for each in stops if each.kind.name not in ("no_targets", "other_keys")]


def stopping(found: target_survey.Survey, ring: Keyring) -> list[dict[str, str]]:
    return [each.as_notice() for each in stops_of(found, ring)]


def left_out(database: Database, found: target_survey.Survey, ring: Keyring) -> list[dict[str, str]]:
    plan.put_left_out(database, found, ring)
    return [each.as_notice() for each in found.findings.with_text(stops=False)]


def kinds_of_catalog(database: Database, found: target_survey.Survey, ring: Keyring) -> set[str]:
    return {each.kind.name for each in plan.catalog_findings(database, found.targets, ring)}


def one(database: Database, sql_type: str, *values: Any) -> None:
    database.execute(f"CREATE TABLE secrets (id int PRIMARY KEY, a {sql_type})")
    for number, value in enumerate(values):
        database.execute("INSERT INTO secrets VALUES (%s, %s)", (number, value))


SHAPES = [
    '{{"api_key": "{0}", "note": "important",}}', "{{'api_key': '{0}'}}", '{{"inner": "{{\\"api_key\\": \\"{0}\\"}}"}}',
    '{0},{1}', "a note of more than forty characters stands before this: {0}",
    "{0} some note", '"{0}"', "{0}{1}",
    "alice pw=hunter2 {0}",
]  # fmt: skip


@pytest.fixture
def swapping(django: Any) -> Iterator[Any]:
    """An application whose model another one takes the place of, as AUTH_USER_MODEL does with Django's User."""
    from django.apps import AppConfig, apps
    from django.db import models
    from django.test import override_settings

    module = types.ModuleType("swapping")
    sys.modules["swapping"] = module
    module.Config = type("Config", (AppConfig,), {"name": "swapping", "path": "/"})  # type: ignore[attr-defined]
    with override_settings(INSTALLED_APPS=["swapping.Config"], OWNER_MODEL="swapping.Customer"):

        class EncryptedTextField(models.TextField):
            pass

        class Owner(models.Model):
            secret = EncryptedTextField()

            class Meta:
                app_label = "swapping"
                swappable = "OWNER_MODEL"

        class Customer(models.Model):
            secret, later = EncryptedTextField(), EncryptedTextField(null=True)

            class Meta:
                app_label = "swapping"

        assert Owner._meta.swapped
        yield module
        apps.all_models.pop("swapping")
    del sys.modules["swapping"]


@pytest.fixture
def branch(django: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """A database of SQLite, in which no field of a model says that anything is encrypted."""
    from django.db import connections

    sqlite = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "branch.sqlite3")}
    monkeypatch.setitem(connections.settings, "branch", {**connections["default"].settings_dict, **sqlite})
    monkeypatch.setattr("django.conf.settings.DATABASES", connections.settings)
    with connections["branch"].cursor() as cursor:
        cursor.execute("CREATE TABLE Clients (id integer PRIMARY KEY, name text, born date, photo blob, bad text)")
        for number in range(30):
            values = (f"a plain name, number {number}", b"\x89PNG" + bytes(40))
            cursor.execute("INSERT INTO clients (name, photo, bad, born) VALUES (%s, %s, x'fffe', 'never')", values)
        yield cursor
    connections["branch"].close()
    del connections["branch"]


@pytest.mark.parametrize("shape", SHAPES)
def test_what_stands_around_a_token_stops_the_rotation(database: Database, keyring: Keyring, shape: str) -> None:
    value = shape.format(token(keyring), token(keyring, "b"))
    one(database, "text", value, token(keyring))
    found = survey(database, keyring)
    targets = found.targets
    if targets:  # by the other row
        with pytest.raises(RotationError, match="E_TOKEN_IN_TEXT"):
            census_findings.refuse_unreadable(census.Census(database, targets, keyring, b"k").take())
        with pytest.raises(RotationError, match="E_TOKEN_IN_TEXT"):
            rewrite(database, targets, keyring, "pending")
        rewrite(database, targets, keyring, "pending", stop_at_unreadable=False)
    else:
        assert unproved(found) == [("secrets.a", 2)]
        assert "hunter2" not in str(unproved(found))
    assert database.rows("SELECT a FROM secrets WHERE id = 0") == [(value,)]


@pytest.mark.parametrize(
    ("sql_type", "value"),
    [
        ("jsonb", '{{"a": "{0}", "b": "enc${0}"}}'),
        ("jsonb", '{{"a": "{0}", "b": "{0} trailing"}}'),
        ("json", '{{"a": "{0}", "b": "\\u0022{0}"}}'),
        ("text[]", '{{"{0}","pre {0}"}}'),
    ],
)
def test_a_leaf_that_looks_like_a_token_and_is_not_one_is_found_out(
    database: Database, keyring: Keyring, sql_type: str, value: str
) -> None:
    one(database, sql_type, value.format(token(keyring)))
    (tally,) = census.Census(database, survey(database, keyring).targets, keyring, b"k").take()
    assert tally.classes["token_in_text"] == 1
    with pytest.raises(RotationError, match="E_TOKEN_IN_TEXT"):
        rewrite(database, survey(database, keyring).targets, keyring, "pending")


@pytest.mark.parametrize("sql_type", ["json", "text", "text[]"])
@pytest.mark.parametrize(
    "escape",
    [
        lambda sealed: sealed.replace("=", "\\u003d"),
        lambda sealed: "".join(f"\\u{ord(letter):04x}" for letter in sealed[:5]) + sealed[5:],
        lambda sealed: f"\\u0020{sealed[:80]}\\n{sealed[80:]}",
    ],
    ids=["as Gson writes it", "the first characters", "blanks"],
)
def test_a_token_that_a_document_has_with_escapes_is_rewritten_as_any_other(
    database: Database, keyring: Keyring, sql_type: str, escape: Callable[[str], str]
) -> None:
    shape = '{ "a" :  "%s", "a": "%s", "n":1e400, "k\\u003d": [ 1.10, "\\/x\\u0041" ], "%s": 1 }'
    sealed = [token(keyring, f"value {number}") for number in range(3)]
    document = shape % (sealed[0], escape(sealed[1]), sealed[2].replace("=", "\\u003d"))
    held = document if sql_type != "text[]" else "{" + json.dumps(document) + "}"
    one(database, sql_type, held)
    found = survey(database, keyring)
    assert unproved(found) == []
    (before,) = census.Census(database, found.targets, keyring, b"k").take()
    assert before.classes == {"current": 3}

    rewrite(database, found.targets, keyring, "pending")

    (after,) = census.Census(database, found.targets, keyring, b"k").take()
    assert after.classes == {"pending": 3}
    census_comparison.refuse_difference([before.result], [after.result])
    column = "a[1]" if sql_type == "text[]" else "a::text"
    ((text,),) = database.rows(f"SELECT {column} FROM secrets")
    tokens = re.findall('(?<=")( ?)(gAAAAA[^"]*)(?=")', text)
    assert text == shape % tuple(blank + written for blank, written in tokens)
    opened = [keyring.stage_of(SCHEME, written.encode()) for _, written in tokens]
    inside = [(stage, opened.plaintext) for stage, opened in filter(None, opened)]
    assert inside == [("pending", f"value {number}".encode()) for number in range(3)]


@pytest.mark.parametrize("sql_type", ["jsonb", "text"])
def test_tokens_in_named_members_of_documents_are_rewritten_and_nothing_else_is_one(
    database: Database, sql_type: str
) -> None:
    """A format whose tokens have no look: without the names, every leaf would be one."""
    key = {"derive": "sha256", "secret": "SECRET_KEY"}
    described = {"own": {"format": "aes_gcm_nonce_first", "key": key, "json_members": ["password"]}}
    ring = Keyring(schemes.parse(described), {"current": OLD, "pending": NEW}, ApplicationSettings(lambda name: None))
    sealed = [ring.cipher("own", "current").seal(Opened(f"pin {number}".encode())).decode() for number in range(3)]
    documents = [{"user": "bob", "password": each, "note": sealed[0]} for each in sealed]
    one(database, sql_type, *map(json.dumps, documents), json.dumps({"user": "eve", "password": ""}))
    found = survey(database, ring)
    assert [(target.name, target.members) for target in found.targets] == [("secrets.a", ("password",))]
    (tally,) = census.Census(database, found.targets, ring, b"k").take()
    assert tally.classes["current"] == 3
    assert not tally.classes["unreadable"] + tally.classes["plaintext"]

    rewrite(database, found.targets, ring, "pending")

    now = [json.loads(text) for (text,) in database.rows("SELECT a::text FROM secrets ORDER BY id")]
    assert [{**each, "password": ""} for each in now] == [
        *({**each, "password": ""} for each in documents),
        {"user": "eve", "password": ""},
    ]
    opened = [ring.cipher("own", "pending").open(each["password"].encode()).plaintext for each in now[:3]]
    assert opened == [b"pin 0", b"pin 1", b"pin 2"]


def test_members_of_documents_are_in_no_other_column(database: Database, keyring: Keyring) -> None:
    described = {**SCHEMES[SCHEME].described, "json_members": ["password"]}
    ring = Keyring(schemes.parse({"own": described}), {"current": OLD}, ApplicationSettings(lambda name: None))
    one(database, "text", token(keyring))
    assert unproved(survey(database, ring)) == [("secrets.a", 1)]
    with expect_error("E_SCHEME", scheme="own", fault=Containing("json_members", "secrets.a")):
        target_survey.find(database, [{"table": "secrets", "column": "a", "scheme": "own"}], (), ring)


def test_a_few_tokens_behind_many_blobs_are_found(database: Database, keyring: Keyring) -> None:
    blobs = [b"\x89PNG %d" % number for number in range(300)]
    one(database, "bytea", *blobs, *(token(keyring).encode() for _ in range(3)))
    assert names(survey(database, keyring)) == {"secrets.a"}


def test_a_few_tokens_behind_what_begins_like_another_kind_are_found(database: Database, keyring: Keyring) -> None:
    """C1 is how a message under an OpenPGP key begins: as many of each beginning are looked at."""
    blobs = [b"\xc1 some other bytes %d" % number for number in range(30)]
    one(database, "bytea", *blobs, *(token(keyring, text).encode() for text in "abc"))
    found = survey(database, keyring)
    assert (names(found), found.findings.columns("paired")) == ({"secrets.a"}, [])


def test_a_few_tokens_behind_many_of_somebody_elses_are_found(database: Database, keyring: Keyring) -> None:
    """Or a person who is told that the column is nobody's lists it in key_rotation_ignore, and loses them."""
    strangers = [Fernet(Fernet.generate_key()).encrypt(b"x").decode() for _ in range(30)]
    one(database, "text", *strangers, *(token(keyring, text) for text in "abc"))
    targets = survey(database, keyring).targets
    (tally,) = census.Census(database, targets, keyring, b"k").take()
    assert tally.classes == {"current": 3, "unreadable": 30}


def test_the_plan_says_of_an_ignored_column_whether_it_opens_anyway(database: Database, keyring: Keyring) -> None:
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a_token text, b_token text)")
    stranger = Fernet(Fernet.generate_key()).encrypt(b"x").decode()
    database.execute("INSERT INTO secrets VALUES (1, %s, %s)", (token(keyring), stranger))
    found = target_survey.find(database, "auto", ["secrets.a_token", "secrets.b_token"], keyring)
    told = {each.column: each for each in survey_findings.findings_of([found], keyring, "the test")}
    assert told["secrets.a_token"].kind.code == "E_IGNORED_OPEN"
    assert told["secrets.b_token"].kind.code == "E_IGNORED_TOKENS"
    described = {
        "secrets.a_token": {"unreadable": "nobody needs it"},
        "secrets.b_token": {"not_ours": "another service"},
    }
    settled = settlements.parse(described)
    assert survey_findings.findings_of([found], keyring, "the test", settled)[0].kind.name == "no_targets"
    assert not found.targets


def test_of_a_column_that_nothing_opens_each_value_counts_once(database: Database, keyring: Keyring) -> None:
    one(database, "text", *(Fernet(Fernet.generate_key()).encrypt(b"x").decode() for _ in range(40)))
    assert unproved(survey(database, keyring)) == [("secrets.a", 40)]


@pytest.mark.parametrize("base", ["text", "varchar(200)", "bytea"])
def test_a_domain_over_a_domain_is_what_that_one_is_based_on(database: Database, keyring: Keyring, base: str) -> None:
    database.execute("DROP DOMAIN IF EXISTS outer_one, inner_one")
    database.execute(f"CREATE DOMAIN inner_one AS {base}; CREATE DOMAIN outer_one AS inner_one")
    one(database, "outer_one", token(keyring) if base != "bytea" else token(keyring).encode())
    targets = survey(database, keyring).targets
    assert [(target.type, target.limit) for target in targets] == [
        (base.split("(")[0].replace("varchar", "character varying"), 200 if "200" in base else None)
    ]
    assert rewrite(database, targets, keyring, "pending").values == {"secrets.a": 1}
    database.execute("DROP TABLE secrets; DROP DOMAIN outer_one; DROP DOMAIN inner_one")


def test_a_domain_is_what_it_is_based_on(database: Database, keyring: Keyring) -> None:
    database.execute("DROP DOMAIN IF EXISTS sealed CASCADE")
    database.execute("CREATE DOMAIN sealed AS text CHECK (length(value) > 10)")
    one(database, "sealed", token(keyring))
    targets = survey(database, keyring).targets
    assert [target.name for target in targets] == ["secrets.a"]
    assert rewrite(database, targets, keyring, "pending").values == {"secrets.a": 1}
    database.execute("DROP DOMAIN sealed CASCADE")


@pytest.mark.parametrize("sql_type", ["jsonb", "json", "text"])
def test_tokens_that_are_names_of_members_are_rotated(database: Database, keyring: Keyring, sql_type: str) -> None:
    one(database, sql_type, json.dumps({token(keyring, "a name"): {"note": "x"}, "b": token(keyring)}))
    rewrite(database, survey(database, keyring).targets, keyring, "pending")
    ((text,),) = database.rows("SELECT a::text FROM secrets")
    inside = [keyring.stage_of("encryption_manager", name.encode()) for name in json.loads(text) if name != "b"]
    assert [(stage, opened.plaintext) for stage, opened in inside] == [("pending", b"a name")]
    assert json.loads(text)["b"].startswith("gAAAAA")


@pytest.mark.parametrize("sql_type", ["jsonb", "json", "text"])
def test_members_that_move_under_their_new_names_hold_what_they_held(
    database: Database, keyring: Keyring, sql_type: str
) -> None:
    held = {token(keyring, f"name {number}"): token(keyring, f"value {number}") for number in range(9)}
    one(database, sql_type, json.dumps(held))
    targets = survey(database, keyring).targets
    before, after = [], []
    stored = []
    for tallies in (before, after):
        tallies += [tally.result.as_result() for tally in census.Census(database, targets, keyring, b"key").take()]
        stored += [value for (value,) in database.rows("SELECT a::text FROM secrets")]
        rewrite(database, targets, keyring, "pending")
    assert after[0]["classes"] == {"pending": 18}
    assert after[0]["digest"] == before[0]["digest"]
    was, now = backup_difference.inside(targets[0], stored, keyring)
    assert was == now, "a restore does not count it as written since"
    (other,) = backup_difference.inside(targets[0], [stored[1].replace('": "', '": 7, "b": "', 1)], keyring)
    assert other != now


@pytest.mark.parametrize("alone", [True, False])
def test_names_that_are_tokens_of_a_described_scheme_are_rotated_too(database: Database, alone: bool) -> None:
    key = {"derive": "sha256", "secret": "SECRET_KEY"}
    described = schemes.parse({"gcm": {"format": "aes_gcm", "key": key, "prefix": "sealed:", "base64": True}})
    ring = Keyring(described, {"current": OLD, "pending": NEW}, ApplicationSettings(lambda name: None))
    name, value, other = (ring.cipher("gcm", "current").seal(Opened(text)).decode() for text in (b"n", b"v", b"o"))
    document = {name: 1, other: 2} if alone else {name: value, "plain": name, other: {"sealed:by": "x"}}
    one(database, "jsonb", json.dumps(document))
    targets = survey(database, ring).targets
    (before,) = census.Census(database, targets, ring, b"key").take()
    rewrite(database, targets, ring, "pending")
    (after,) = census.Census(database, targets, ring, b"key").take()
    assert (before.classes, after.classes) == ({"current": 2 if alone else 4}, {"pending": 2 if alone else 4})
    assert after.result.digest == before.result.digest


@pytest.mark.parametrize("sql_type", ["jsonb[]", "xml", "bytea[]"])
def test_a_token_in_a_type_that_cannot_be_written_is_listed(
    request: pytest.FixtureRequest, keyring: Keyring, sql_type: str
) -> None:
    database = request.getfixturevalue("debian_database" if sql_type == "xml" else "database")
    sealed = token(keyring)
    value = f"<a>{sealed}</a>" if sql_type == "xml" else "{" + json.dumps(json.dumps({"a": sealed})) + "}"
    if sql_type == "bytea[]":
        value = '{"\\\\x' + sealed.encode().hex() + '"}'
    one(database, sql_type, value)
    found = survey(database, keyring)
    assert found.findings.columns("unwritable") == ["secrets.a"]
    with expect_error("E_COLUMN_TYPE", column="secrets.a", type=sql_type):
        refuse(survey_findings.findings_of([found], keyring, "the test"))
    (stop,) = stops_of(found, keyring)
    assert (stop.kind.code, stop.fields["type"]) == ("E_COLUMN_TYPE", sql_type)


@pytest.mark.parametrize(
    ("sql_type", "written"), [("words", "[{},]"), ("words_multirange", "{{[{},]}}"), ("tsvector", "'{}':1")]
)
def test_a_token_in_a_range_or_a_text_to_search_is_listed(
    database: Database, keyring: Keyring, sql_type: str, written: str
) -> None:
    """A built-in range has numbers or dates."""
    database.execute("CREATE TYPE words AS RANGE (subtype = text, multirange_type_name = words_multirange)")
    try:
        database.execute(f"CREATE TABLE secrets (id int PRIMARY KEY, b numrange, c datemultirange, a {sql_type})")
        database.execute(
            f"INSERT INTO secrets VALUES (1, '[1,2)', '{{}}', %s::text::{sql_type})", (written.format(token(keyring)),)
        )
        found = survey(database, keyring)
        assert found.findings.columns() == ["secrets.a"]
        (stop,) = stops_of(found, keyring)
        assert (stop.kind.code, stop.fields["type"]) == ("E_COLUMN_TYPE", sql_type)
    finally:
        database.execute("DROP TABLE IF EXISTS secrets; DROP TYPE words")


def test_a_generated_column_follows_by_itself(database: Database, keyring: Keyring) -> None:
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a text, b text GENERATED ALWAYS AS (a) STORED)")
    database.execute("INSERT INTO secrets VALUES (1, %s)", (token(keyring),))
    targets = survey(database, keyring).targets
    assert [target.name for target in targets] == ["secrets.a"]
    rewrite(database, targets, keyring, "pending")
    assert database.rows("SELECT a = b FROM secrets") == [(True,)]


def test_a_table_without_a_key_is_listed_and_refused(database: Database, keyring: Keyring) -> None:
    database.execute("CREATE TABLE secrets (id int, a text)")
    database.execute("INSERT INTO secrets VALUES (1, %s)", (token(keyring),))
    found = survey(database, keyring)
    assert found.findings.columns("keyless") == ["secrets.a"]
    with pytest.raises(RotationError, match="E_TABLE_KEY"):
        refuse(survey_findings.findings_of([found], keyring, "the test"))


def test_tables_that_inherit_are_tables_of_their_own(database: Database, keyring: Keyring) -> None:
    one(database, "text", token(keyring))
    database.execute("CREATE TABLE heirs (PRIMARY KEY (id)) INHERITS (secrets)")
    database.execute("INSERT INTO heirs VALUES (0, %s)", (token(keyring),))
    targets = survey(database, keyring).targets
    assert {target.name for target in targets} == {"secrets.a", "heirs.a"}
    assert rewrite(database, targets, keyring, "pending").values == {"secrets.a": 1, "heirs.a": 1}
    assert [tally.rows for tally in census.Census(database, targets, keyring, b"k").take()] == [1, 1]
    database.execute("DROP TABLE heirs")


def test_rows_that_a_policy_hides_stop_the_rotation(database: Database, keyring: Keyring) -> None:
    one(database, "text", token(keyring))
    database.execute("ALTER TABLE secrets ENABLE ROW LEVEL SECURITY")
    database.execute("DROP ROLE IF EXISTS plain")
    database.execute("CREATE ROLE plain")
    database.execute("GRANT ALL ON secrets TO plain")
    database.execute("SET ROLE plain")
    try:
        found = survey(database, keyring)
    finally:
        database.execute("RESET ROLE")
        database.execute("DROP TABLE secrets")
        database.execute("DROP ROLE plain")
    assert (found.targets, found.findings.columns("guarded")) == ([], ["secrets"])
    with expect_error("E_ROW_SECURITY", column="secrets"):
        refuse(survey_findings.findings_of([found], keyring, "the test"))


OBSTACLES = {
    "foreign key": "ALTER TABLE secrets ADD UNIQUE (a); CREATE TABLE beside (id int, b text REFERENCES secrets (a))",
    "only some columns": "GRANT SELECT (id, a), UPDATE ON secrets TO plain; SET ROLE plain",
    "update": "GRANT SELECT ON secrets TO plain; GRANT UPDATE (id) ON secrets TO plain; SET ROLE plain",
    "rewrite rule": "CREATE RULE away AS ON UPDATE TO secrets DO INSTEAD NOTHING",
}


@pytest.mark.parametrize(("words", "sql"), OBSTACLES.items(), ids=OBSTACLES)
def test_a_column_that_cannot_be_rewritten_stops_the_rotation_before_its_first_write(
    database: Database, keyring: Keyring, words: str, sql: str
) -> None:
    one(database, "text", token(keyring))
    database.execute("DROP ROLE IF EXISTS plain; CREATE ROLE plain")
    database.execute(sql)
    try:
        found = survey(database, keyring)
    finally:
        database.execute("RESET ROLE; DROP TABLE IF EXISTS beside; DROP TABLE secrets; DROP ROLE plain")
    assert names(found) == {"secrets.a"}
    with expect_error("E_COLUMN_TIED", column="secrets.a", obstacle=Containing(words)):
        refuse(survey_findings.findings_of([found], keyring, "the test"))
    (stop,) = stops_of(found, keyring)
    assert stop.kind.code == "E_COLUMN_TIED"
    assert words in stop.fields["obstacle"]


KEYED = "DROP TABLE secrets; CREATE TABLE secrets (id int NOT NULL UNIQUE, a text)"
LEAVES = """
    DROP TABLE secrets; CREATE TABLE secrets (id int PRIMARY KEY, a text) PARTITION BY RANGE (id);
    CREATE TABLE secrets_1 PARTITION OF secrets FOR VALUES FROM (0) TO (10)
"""
PUBLISH = "CREATE PUBLICATION told FOR ALL TABLES"
PUBLISHED = {
    "primary key": ("", "CREATE PUBLICATION told FOR TABLE secrets", False),
    "no primary key": (KEYED, "CREATE PUBLICATION told FOR TABLE secrets", True),
    "all tables": (KEYED, PUBLISH, True),
    "inserts": (KEYED, "CREATE PUBLICATION told FOR ALL TABLES WITH (publish = 'insert')", False),
    "another table": (KEYED, "CREATE TABLE beside (); CREATE PUBLICATION told FOR TABLE beside", False),
    "the whole row": (f"{KEYED}; ALTER TABLE secrets REPLICA IDENTITY FULL", PUBLISH, False),
    "none": ("ALTER TABLE secrets REPLICA IDENTITY NOTHING", PUBLISH, True),
    "an index": (
        f"{KEYED}; ALTER TABLE secrets REPLICA IDENTITY USING INDEX secrets_id_key",
        PUBLISH,
        False,
    ),
    "a key that is deferred": (
        "ALTER TABLE secrets DROP CONSTRAINT secrets_pkey, ADD PRIMARY KEY (id) DEFERRABLE",
        PUBLISH,
        True,
    ),
    "partitions": (LEAVES, "CREATE PUBLICATION told FOR TABLE secrets", False),
    "a partition": (
        f"{LEAVES}; ALTER TABLE secrets_1 REPLICA IDENTITY NOTHING",
        "CREATE PUBLICATION told FOR TABLE secrets",
        True,
    ),
    "a partition as the whole": (
        f"{LEAVES}; ALTER TABLE secrets_1 REPLICA IDENTITY NOTHING",
        "CREATE PUBLICATION told FOR TABLE secrets WITH (publish_via_partition_root)",
        True,
    ),
    "the whole of partitions": (
        f"{LEAVES}; ALTER TABLE secrets REPLICA IDENTITY NOTHING",
        "CREATE PUBLICATION told FOR TABLE secrets WITH (publish_via_partition_root)",
        False,
    ),
}


def told_where_the_server_refuses(
    database: Database, keyring: Keyring, stops: bool, obstacle: str, advice: str, sqlstate: str
) -> None:
    """What keeps the column from being rewritten is told exactly where the UPDATE fails."""
    found = survey(database, keyring)
    assert bool(found.findings.of("tied")) is stops
    if stops:
        with expect_error(
            "E_COLUMN_TIED", column="secrets.a", obstacle=Containing(obstacle), advice=Containing(advice)
        ):
            refuse(survey_findings.findings_of([found], keyring, "the test"))
        with expect_error("E_DB") as refused:
            rewrite(database, found.targets, keyring, "pending")
        assert refused.value.where["sqlstate"].startswith(sqlstate)
    else:
        assert rewrite(database, found.targets, keyring, "pending").values == {"secrets.a": 1}


@pytest.mark.parametrize(("table", "sql", "stops"), PUBLISHED.values(), ids=PUBLISHED)
def test_a_table_whose_updates_the_server_cannot_publish_stops_the_rotation_before_its_first_write(
    database: Database, keyring: Keyring, table: str, sql: str, stops: bool
) -> None:
    database.execute(f"CREATE TABLE secrets (id int PRIMARY KEY, a text); {table}; {sql}")
    database.execute("INSERT INTO secrets VALUES (1, %s)", (token(keyring),))
    try:
        told_where_the_server_refuses(database, keyring, stops, "published", "REPLICA IDENTITY FULL", "55000")
    finally:
        database.execute("DROP PUBLICATION told; DROP TABLE IF EXISTS beside")


UNVALIDATED = {
    "a row violates it": ('ALTER TABLE secrets ADD CONSTRAINT "odd % one" CHECK (id % 2 = 1) NOT VALID', True),
    "it is of the whole row": ("ALTER TABLE {leaf} ADD CHECK ({leaf} IS NULL) NOT VALID", True),
    "no row violates it": ("ALTER TABLE secrets ADD CHECK (id < 5) NOT VALID", False),
    "it is unknown whether a row does": ("ALTER TABLE secrets ADD CHECK (NULL::bool) NOT VALID", False),
    "only rows without a token violate it": ("ALTER TABLE secrets ADD CHECK (a IS NOT NULL) NOT VALID", False),
}
SINCE_18 = {
    "a column has no value": ("ALTER TABLE secrets ADD z int, ADD CONSTRAINT z NOT NULL z NOT VALID", True),
    "it is not enforced": ("ALTER TABLE secrets ADD CHECK (id = 1) NOT ENFORCED", False),
}
PARTITIONED = """
    DROP TABLE secrets;
    CREATE TABLE secrets (id int PRIMARY KEY, a text) PARTITION BY RANGE (id);
    CREATE TABLE secrets_1 PARTITION OF secrets FOR VALUES FROM (0) TO (10);
    INSERT INTO secrets SELECT * FROM kept;
"""


@pytest.mark.parametrize(("table", "leaf"), [("", "secrets"), (PARTITIONED, "secrets_1")], ids=["one", "partitions"])
@pytest.mark.parametrize(("sql", "stops"), {**UNVALIDATED, **SINCE_18}.values(), ids={**UNVALIDATED, **SINCE_18})
def test_a_row_that_violates_a_constraint_stops_the_rotation_before_its_first_write(
    database: Database, keyring: Keyring, table: str, leaf: str, sql: str, stops: bool
) -> None:
    if (sql, stops) in SINCE_18.values() and server_info.read_server_major(database) < 18:
        pytest.skip("this is of PostgreSQL 18")
    one(database, "text", token(keyring), None)
    database.execute(f"CREATE TABLE kept AS SELECT * FROM secrets; {table} DROP TABLE kept")
    database.execute(sql.format(leaf=leaf))
    kinds = kinds_of_catalog(database, survey(database, keyring), keyring)
    assert ("unvalidated_constraint" in kinds) is ("NOT VALID" in sql)
    told_where_the_server_refuses(database, keyring, stops, "NOT VALID", "VALIDATE CONSTRAINT", "23")


KEPT = {"nothing comes of it": "RETURN NULL", "the old value again": "NEW.a := OLD.a; RETURN NEW"}


@pytest.mark.parametrize("body", KEPT.values(), ids=KEPT)
def test_a_trigger_that_keeps_old_tokens_is_named(database: Database, keyring: Keyring, body: str) -> None:
    one(database, "text", token(keyring), token(keyring, "b"))
    database.execute(f"""
        CREATE FUNCTION kept() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN {body}; END';
        CREATE TRIGGER "it keeps" BEFORE UPDATE ON secrets FOR EACH ROW WHEN (OLD.id = 1) EXECUTE FUNCTION kept();
        CREATE TRIGGER harmless AFTER UPDATE ON secrets FOR EACH STATEMENT EXECUTE FUNCTION kept();
    """)
    targets = survey(database, keyring).targets
    try:
        with expect_error(
            "E_DB_KEPT",
            table="secrets",
            rows=1,
            triggers="harmless, it keeps",
            changed=Containing("1 value was re-encrypted"),
            todo=Containing("DISABLE TRIGGER"),
        ):
            rewrite(database, targets, keyring, "pending")
        database.execute('ALTER TABLE secrets DISABLE TRIGGER "it keeps"')
        assert rewrite(database, targets, keyring, "pending").values == {"secrets.a": 1}
    finally:
        database.execute("DROP FUNCTION kept CASCADE")


def test_old_tokens_that_a_trigger_copies_elsewhere_are_rotated_too(database: Database, keyring: Keyring) -> None:
    one(database, "text", token(keyring), token(keyring, "b"))
    database.execute("""
        CREATE TABLE audited (id serial PRIMARY KEY, old jsonb);
        CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN INSERT INTO audited (old) VALUES (to_jsonb(OLD)); RETURN NULL; END';
        CREATE TRIGGER audit AFTER UPDATE ON secrets FOR EACH ROW EXECUTE FUNCTION audit();
        INSERT INTO audited (old) SELECT to_jsonb(s) FROM secrets s WHERE id = 0
    """)
    try:
        targets = survey(database, keyring).targets
        assert rewrite(database, targets, keyring, "pending").values == {"secrets.a": 2, "audited.old": 3}
        tallies = census.Census(database, targets, keyring, b"k").take()
        assert {tally.target.name: tally.classes for tally in tallies} == {
            "secrets.a": {"pending": 2},
            "audited.old": {"pending": 3},
        }
    finally:
        database.execute("DROP FUNCTION audit CASCADE; DROP TABLE audited")


DOCUMENTS = (
    '{{ "api_key":"{0}",\n\t"tags" : ["\\u00e9", {{"deep": "{1}"}}, 1.50, null], "api_key": "twice" }}\n',
    '["{0}"]', '{{"{0}": "a name"}}', '{{}}', '{{"note": "no token"}}',
)  # fmt: skip


@pytest.mark.parametrize("sql_type", ["text", "varchar(2000)"])
def test_tokens_in_documents_in_a_text_are_rotated_and_no_other_byte_is(
    database: Database, keyring: Keyring, sql_type: str
) -> None:
    sealed = (token(keyring), token(keyring, "b"))
    values = [document.format(*sealed) for document in DOCUMENTS] + [sealed[0], None]
    one(database, sql_type, *values)
    (target,) = survey(database, keyring).targets
    assert target.type.startswith("json in ")
    (before,) = census.Census(database, [target], keyring, b"k").take()
    assert before.classes == {"current": 5, "empty": 3}
    listed = [{"table": "secrets", "column": "a", "scheme": SCHEME}]
    assert target_survey.find(database, listed, (), keyring).targets == [target]

    assert rewrite(database, [target], keyring, "pending").values == {"secrets.a": 5}

    (after,) = census.Census(database, [target], keyring, b"k").take()
    assert after.classes == {"pending": 5, "empty": 3}
    assert after.result.digest == before.result.digest
    stored = [value for (value,) in database.rows("SELECT a FROM secrets ORDER BY id")]
    around = [[value and re.sub(r"gAAAAA[\w=-]{60,}", "TOKEN", value) for value in each] for each in (values, stored)]
    assert around[0] == around[1]


def test_a_document_in_a_text_that_holds_a_stranger_s_token_stops_the_rotation(
    database: Database, keyring: Keyring
) -> None:
    stranger = Fernet(Fernet.generate_key()).encrypt(b"x").decode()
    one(database, "text", json.dumps({"note": "x" * 90, "api_key": stranger}), json.dumps({"api_key": token(keyring)}))
    (target,) = survey(database, keyring).targets
    with pytest.raises(RotationError, match="E_UNREADABLE"):
        census_findings.refuse_unreadable(census.Census(database, [target], keyring, b"k").take())
    database.execute("DELETE FROM secrets WHERE id = 1")
    assert unproved(survey(database, keyring)) == [("secrets.a", 1)]


def test_a_file_in_base64_is_no_token(database: Database, keyring: Keyring) -> None:
    """What a token begins with stands wherever there are zeros in it."""
    one(database, "text", base64.b64encode(b"GIF89a" * 11 + b"\x80" + bytes(300)).decode())
    database.execute("ALTER TABLE secrets ADD b text DEFAULT %s", (token(keyring),))
    found = survey(database, keyring)
    assert (names(found), unproved(found)) == ({"secrets.b"}, [])


def test_no_two_targets_have_one_name(database: Database, keyring: Keyring) -> None:
    """Names with what stands between the words of a name are in quotes, in the plan and where a person lists them."""
    sealed = token(keyring)
    places = ['secrets."b.c"', '"secrets.b".c', "secrets.b.c", '"secrets.b"."c:1"', 'secrets."b""c"']
    try:
        database.execute('CREATE SCHEMA secrets; CREATE TABLE secrets (id int PRIMARY KEY, "b.c" text, "b""c" text)')
        database.execute('CREATE TABLE "secrets.b" (id int PRIMARY KEY, c text, "c:1" text)')
        database.execute("CREATE TABLE secrets.b (id int PRIMARY KEY, c text)")
        database.execute("INSERT INTO secrets VALUES (1, %s, %s)", (sealed, sealed))
        database.execute('INSERT INTO "secrets.b" VALUES (1, %s, %s)', (sealed, sealed))
        database.execute("INSERT INTO secrets.b VALUES (1, %s)", (sealed,))
        found = survey(database, keyring)
        assert sorted(target.name for target in found.targets) == sorted(places)
        ignored = target_survey.find(database, "auto", places[:2], keyring)
        assert names(ignored) == {*places[2:]}
        listed = [{"table": '"secrets.b"', "column": "c"}, {"table": "secrets.b", "column": "c"}]
        named = target_survey.find(database, [{**entry, "scheme": SCHEME} for entry in listed], places, keyring)
        assert names(named) == {'"secrets.b".c', "secrets.b.c"}
        tallies = census.Census(database, found.targets, keyring, b"k").take()
        census_comparison.refuse_difference(*[[tally.result for tally in each] for each in (tallies, tallies[::-1])])
        assert rewrite(database, found.targets, keyring, "pending").values == dict.fromkeys(places, 1)
    finally:
        database.execute('DROP SCHEMA secrets CASCADE; DROP TABLE "secrets.b"')


@pytest.mark.parametrize("condition", ["WHEN (OLD.current) ", ""])
def test_old_tokens_that_a_trigger_copies_into_the_same_table_are_rotated_or_it_is_named(
    database: Database, keyring: Keyring, condition: str
) -> None:
    """Where it copies every row that is updated, there is always one more; where it copies no copy, there is an end."""
    database.execute("CREATE TABLE secrets (id serial PRIMARY KEY, current bool DEFAULT true, a text)")
    for text in "ab":
        database.execute("INSERT INTO secrets (a) VALUES (%s)", (token(keyring, text),))
    database.execute(f"""
        CREATE FUNCTION history() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN INSERT INTO secrets (current, a) VALUES (false, OLD.a); RETURN NULL; END';
        CREATE TRIGGER "keep history" AFTER UPDATE ON secrets FOR EACH ROW {condition}EXECUTE FUNCTION history()
    """)
    targets = survey(database, keyring).targets
    try:
        if condition:
            assert rewrite(database, targets, keyring, "pending").values == {"secrets.a": 4}
        else:
            with expect_error("E_DB_KEPT", table="secrets", rows=2, triggers="keep history"):
                rewrite(database, targets, keyring, "pending")
            assert database.rows("SELECT count(*) FROM secrets")[0][0] < 20
            database.execute('ALTER TABLE secrets DISABLE TRIGGER "keep history"')
            rewrite(database, targets, keyring, "pending")
        (tally,) = census.Census(database, targets, keyring, b"k").take()
        assert set(tally.classes) == {"pending"}
    finally:
        database.execute("DROP FUNCTION history CASCADE")


@pytest.mark.parametrize(
    ("column", "plain"),
    [
        ("is_encrypted char(1)", False),
        ("encrypted varchar(3)", False),
        ("encrypted_name varchar(40)", True),
        ("name_enc text", True),
    ],
)
def test_a_column_named_as_encrypted_that_can_hold_a_token_and_holds_none_is_reported(
    database: Database, keyring: Keyring, column: str, plain: bool
) -> None:
    database.execute(f"CREATE TABLE secrets (id int PRIMARY KEY, {column})")
    database.execute("INSERT INTO secrets VALUES (1, 'y')")
    assert survey(database, keyring).findings.columns("plain") == [f"secrets.{column.split()[0]}"] * plain


@pytest.mark.parametrize(
    "key", ["a text PRIMARY KEY, id int", "id int, a text, PRIMARY KEY (id, a)", "id int, a text NOT NULL UNIQUE"]
)
def test_a_token_that_names_its_row_stops_the_rotation(database: Database, keyring: Keyring, key: str) -> None:
    database.execute(f"CREATE TABLE secrets ({key})")
    database.execute("INSERT INTO secrets (id, a) VALUES (1, %s)", (token(keyring),))
    found = survey(database, keyring)
    with expect_error("E_COLUMN_TIED", column="secrets.a", advice=Containing("O(ignore)")):
        refuse(survey_findings.findings_of([found], keyring, "the test"))
    assert [notice["column"] for notice in stopping(found, keyring)] == ["secrets.a"]


def test_a_partition_may_have_triggers_of_its_own(database: Database, keyring: Keyring) -> None:
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a text) PARTITION BY RANGE (id)")
    database.execute("CREATE TABLE secrets_1 PARTITION OF secrets FOR VALUES FROM (0) TO (10)")
    database.execute(
        "CREATE TRIGGER own BEFORE UPDATE ON secrets_1"
        " FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()"
    )
    database.execute("INSERT INTO secrets VALUES (1, %s)", (token(keyring),))
    found = survey(database, keyring).targets
    assert "update_trigger" in {each.kind.name for each in plan.catalog_findings(database, found, keyring)}
    assert catalog.update_triggers(database, found[0].table) == ["own"]


def test_what_stands_before_one_token_alone_is_no_prefix_unless_it_says_so(
    database: Database, keyring: Keyring
) -> None:
    one(database, "text", f"hunter2:{token(keyring)}")
    found = survey(database, keyring)
    assert (names(found), found.findings.columns("format", "unproved")) == (set(), ["secrets.a"])
    assert "hunter2" not in str(list(keyring.schemes))
    database.execute("UPDATE secrets SET a = 'ENC:' || substr(a, 9)")
    assert [target.scheme for target in survey(database, keyring).targets] == [f"{SCHEME} after ENC:"]


def test_of_swapped_models_the_one_in_use_is_walked(database: Database, keyring: Keyring, swapping: Any) -> None:
    database.execute("CREATE TABLE swapping_customer (id int PRIMARY KEY, secret text, later text)")
    database.execute("INSERT INTO swapping_customer VALUES (1, %s, NULL)", (token(keyring),))
    try:
        found = survey(database, keyring)
        assert {target.name: target.model for target in found.targets} == {
            "swapping_customer.secret": "swapping.Customer"
        }
        assert found.findings.columns("empty") == ["swapping_customer.later"]
        # The table that the other one had before is somebody's all the same.
        database.execute("CREATE TABLE swapping_owner AS SELECT * FROM swapping_customer")
        database.execute("ALTER TABLE swapping_owner ADD PRIMARY KEY (id)")
        found = survey(database, keyring)
        assert names(found) == {"swapping_customer.secret", "swapping_owner.secret"}
        told = [(each.column, each.kind.name) for each in plan.catalog_findings(database, found.targets, keyring)]
        assert told == [("swapping_owner.secret", "no_model")]
    finally:
        database.execute("DROP TABLE swapping_customer; DROP TABLE IF EXISTS swapping_owner")


def test_an_encrypted_field_in_a_database_of_another_kind_stops_once_it_has_a_value(
    django: Any, swapping: Any, keyring: Keyring, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from django.db import connections, router

    sqlite = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "legacy.sqlite3")}
    monkeypatch.setitem(connections.settings, "legacy", {**connections["default"].settings_dict, **sqlite})
    monkeypatch.setattr(router, "db_for_write", lambda model, **hints: "legacy")
    monkeypatch.setattr("django.conf.settings.DATABASES", connections.settings)
    (found,) = other_databases.look(keyring)
    assert (found.warning.column, found.findings) == ("DATABASES[legacy]", [])
    assert found.warning.facts.vendor == "sqlite"
    assert not (tmp_path / "legacy.sqlite3").exists()

    with connections["legacy"].cursor() as cursor:
        cursor.execute("CREATE TABLE Swapping_Customer (id int, Secret text)")  # `later` is not migrated yet
        cursor.execute("INSERT INTO swapping_customer VALUES (1, ''), (2, NULL)")
        assert other_databases.look(keyring)[0].findings == []
        cursor.execute("INSERT INTO swapping_customer VALUES (3, 'gAAAAAB')")
    (found,) = other_databases.look(keyring)
    (stop,) = found.findings
    assert (stop.kind.code, stop.column) == ("E_OUT_OF_REACH", "legacy:swapping_customer.secret")
    settled = settlements.parse({stop.column: {"not_ours": "under a key of its own"}})
    assert unsettled(found.findings, settled) == []
    assert found.columns.issuperset(settled)
    connections["legacy"].close()


def test_a_database_of_another_kind_with_plain_values_is_a_warning_and_nothing_else(
    branch: Any, keyring: Keyring
) -> None:
    branch.execute("UPDATE clients SET bad = name || CAST(x'fffe' AS text)")
    branch.execute("CREATE TABLE tokens (value text)")
    for _ in range(30):
        branch.execute("INSERT INTO tokens VALUES (%s)", (Fernet(Fernet.generate_key()).encrypt(b"theirs").decode(),))
    (found,) = other_databases.look(keyring)
    assert (found.findings, found.unread, found.is_reached) == ([], [], True)
    assert found.warning.facts == OtherDatabaseTried("sqlite", unread="")


@pytest.mark.parametrize("written", ["{}", "a note, then {}", '{{"ssn": "{}"}}', "enc$:{}"])
@pytest.mark.parametrize("column", ["name", "photo"])
def test_a_value_under_a_rotated_key_in_a_database_of_another_kind_stops(
    branch: Any, keyring: Keyring, column: str, written: str
) -> None:
    stored = written.format(token(keyring))
    branch.execute(
        f"UPDATE clients SET {column} = %s WHERE id = 7", (stored.encode() if column == "photo" else stored,)
    )
    (found,) = other_databases.look(keyring)
    (stop,) = found.findings
    assert (stop.kind.code, stop.column) == ("E_OUT_OF_REACH", f"branch:Clients.{column}")
    assert "open under a key that is" in stop.what
    settled = settlements.parse({stop.column: {"unreadable": "written again after it"}})
    assert unsettled(found.findings, settled) == []
    assert found.columns.issuperset(settled)


def test_tokens_in_sessions_of_a_database_of_another_kind_stop_nothing(branch: Any, keyring: Keyring) -> None:
    branch.execute("CREATE TABLE django_session (session_key text, session_data text, expire_date text)")
    branch.execute("INSERT INTO django_session VALUES ('a', %s, '')", (token(keyring),))
    assert other_databases.look(keyring)[0].findings == []


def test_a_database_of_another_kind_that_cannot_be_asked_is_a_warning_that_says_so(
    branch: Any, keyring: Keyring, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from django.db import connections

    with monkeypatch.context() as patched:
        patched.setattr(django_project, "PATIENCE", -1)
        (found,) = other_databases.look(keyring)
    unread = "branch:Clients.id, branch:Clients.name, branch:Clients.born and 2 more"
    assert found.warning.facts == OtherDatabaseTried("sqlite", unread=f". Not read: {unread}")

    (tmp_path / "broken.sqlite3").write_bytes(b"no database at all" * 100)
    broken = {**connections["branch"].settings_dict, "NAME": str(tmp_path / "broken.sqlite3")}
    monkeypatch.setitem(connections.settings, "broken", broken)
    monkeypatch.setattr("django.conf.settings.DATABASES", connections.settings)
    _, found = other_databases.look(keyring)
    assert (found.findings, found.is_reached) == ([], False)
    assert found.warning.kind.name == "unreached_database"
    del connections["broken"]


def test_a_materialized_view_keeps_old_tokens_and_is_named(database: Database, keyring: Keyring) -> None:
    one(database, "text", token(keyring))
    database.execute("CREATE MATERIALIZED VIEW copied AS SELECT id, a, 'plain' AS b FROM secrets")
    database.execute("CREATE MATERIALIZED VIEW never AS SELECT a FROM secrets WITH NO DATA")
    try:
        found = survey(database, keyring)
        told = {notice["column"]: notice for notice in left_out(database, found, keyring)}
    finally:
        database.execute("DROP MATERIALIZED VIEW copied; DROP MATERIALIZED VIEW never")
    assert names(found) == {"secrets.a"}
    with expect_error(
        "E_OUT_OF_REACH", column="copied.a", why=target_survey.COPY, advice=Containing("REFRESH MATERIALIZED VIEW")
    ):
        refuse(survey_findings.findings_of([found], keyring, "the test"))
    accepted = settlements.parse({"copied.a": {"unreadable": "refreshed after the rotation"}})
    refuse(survey_findings.findings_of([found], keyring, "the test", accepted))
    assert {column: notice["kind"] for column, notice in told.items()} == {"public.never": "unseen"}


def test_a_column_under_an_openpgp_key_pair_is_named_and_stops_the_rotation(
    database: Database, keyring: Keyring
) -> None:
    session_key, data = b"\x03" + bytes(8) + b"\x01" + bytes(200), b"\x01" + bytes(80)  # RFC 4880 5.1, 5.13
    message = b"\xc1\xc0\x12" + session_key + b"\xd2" + bytes([len(data)]) + data
    one(database, "bytea", message, b"\xc1 some other bytes")
    database.execute("ALTER TABLE secrets ADD b text DEFAULT %s", (token(keyring),))
    found = survey(database, keyring)
    assert (names(found), found.findings.columns("paired")) == ({"secrets.b"}, ["secrets.a"])
    with expect_error("E_KEY_PAIR", column="secrets.a", todo=Containing("key_rotation_settlements")):
        refuse(survey_findings.findings_of([found], keyring, "the test"))
    assert [notice["column"] for notice in stopping(found, keyring)] == ["secrets.a"]
    ignored = target_survey.find(database, "auto", ["secrets.a"], keyring)
    refuse(survey_findings.findings_of([ignored], keyring, "the test"))


def test_a_column_too_short_for_a_new_token_stops_a_plan(
    database: Database, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed = token(keyring)
    one(database, f"varchar({len(sealed) + 4})", sealed, token(keyring, ""))
    found = survey(database, keyring)
    assert "too_short" not in kinds_of_catalog(database, found, keyring)
    real = keyring.cipher(SCHEME, "current")
    longer = SimpleNamespace(open_all=real.open_all, seal=lambda inside: real.seal(inside) + b"12345")
    monkeypatch.setattr(keyring, "_ciphers", {SCHEME: {"current": longer, "pending": longer}})
    told = {each.kind.code: each.fields for each in plan.catalog_findings(database, found.targets, keyring)}
    assert told["E_TOKEN_TOO_LONG"] == {"table": "secrets", "limit": len(sealed) + 4, "needed": len(sealed) + 5}


@pytest.mark.parametrize(
    ("granted", "told"),
    [
        ("", ("public.secrets", "table", "GRANT SELECT ON public.secrets TO plain")),
        (
            "GRANT SELECT (id) ON secrets TO plain",
            ("public.secrets.a", "column", "GRANT SELECT (a) ON public.secrets TO plain"),
        ),
    ],
)
def test_what_the_role_may_not_read_stops_with_the_statement_to_type(
    database: Database, keyring: Keyring, granted: str, told: tuple[str, str, str]
) -> None:
    one(database, "text", token(keyring))
    database.execute(f"DROP ROLE IF EXISTS plain; CREATE ROLE plain; {granted}; SET ROLE plain")
    try:
        (found,) = out_of_reach.find(database, survey(database, keyring), {})
    finally:
        database.execute("RESET ROLE; DROP OWNED BY plain; DROP ROLE plain")
    name, what, grant = told
    assert (found.column, found.kind.code) == (name, "E_OUT_OF_REACH")
    assert found.what.startswith(f"a {what} that this role may not read")
    assert f"{grant}. " in found.todo


def test_two_rows_of_a_composite_key_are_never_one(database: Database) -> None:
    key = {"derive": "sha256", "secret": "SECRET_KEY"}
    described = {"ecb": {"format": "aes_ecb", "key": key, "base64": True}}
    ring = Keyring(schemes.parse(described), {"current": OLD, "pending": NEW}, ApplicationSettings(lambda name: None))
    database.execute(f"DROP TABLE IF EXISTS {catalog.JOURNAL}")  # of an earlier test
    database.execute("CREATE TABLE secrets (x text, y text, a text, PRIMARY KEY (x, y))")
    rows = [("a,b", "c"), ("a", "b,c"), ("a\\", ",b"), ("a\\,", "b")]
    assert len({catalog.row_name(row) for row in rows}) == 4
    for number, row in enumerate(rows):
        blocks = b"%d" % number + b"\x0f" * 15
        sealed = ring.cipher("ecb", "current").seal(Opened(blocks)).decode()
        database.execute("INSERT INTO secrets VALUES (%s, %s, %s)", (*row, sealed))
    (table,) = [table for table in catalog.columns(database) if table.name == "secrets"]
    target = Target(table, "a", "text", "ecb", "Secret", catalog.row_key(database, table), None)
    assert rewrite(database, [target], ring, "pending").values == {"secrets.a": 4}
    assert database.rows(f"SELECT count(*) FROM {catalog.JOURNAL}") == [(4,)]
    assert not rewrite(database, [target], ring, "pending").values
    database.execute(f"DROP TABLE {catalog.JOURNAL}")


@pytest.mark.parametrize(
    ("columns", "refused"),
    [
        (["secrets.a", "secrets.a"], r"E_TARGET: .* entry 1 names secrets\.a again"),
        (["secrets.a", "public.secrets.a"], r"E_TARGET: .* entry 1 names secrets\.a again"),
        (["secrets.a", "secrets.b"], r"E_COLUMN_TIED: .*secrets\.b.* is a generated column"),
        (["secrets.a", "secrets.c"], r"E_TABLE: there is no column secrets.c with one of the types"),
    ],
)
def test_a_list_with_what_cannot_be_rewritten_is_refused_before_the_first_write(
    database: Database, keyring: Keyring, columns: list[str], refused: str
) -> None:
    one(database, "text", token(keyring))
    database.execute("ALTER TABLE secrets ADD b text GENERATED ALWAYS AS (a) STORED, ADD c jsonb[]")
    listed = [name.rpartition(".") for name in columns]
    described = [{"table": table, "column": column, "scheme": SCHEME} for table, _, column in listed]
    with pytest.raises(RotationError, match=refused):
        refuse(survey_findings.findings_of([target_survey.find(database, described, (), keyring)], keyring, "the test"))


def test_a_library_is_found_next_to_a_scheme_that_a_person_described(database: Database) -> None:
    """Its tokens have another look than Fernet's: nothing else would tell of them in a table without a model."""
    own = {"own": {"format": "fernet", "key": {"derive": "raw", "secret": "SECRET_KEY"}}}
    keys = {"current": KeySet({"SECRET_KEY": "a" * 32}), "pending": KeySet({"SECRET_KEY": "b" * 32})}
    ring = Keyring(schemes.tried(own, ["SECRET_KEY"]), keys, ApplicationSettings(lambda name: None))
    made = {name: ring.cipher(name, "current").seal(Opened(b"x", 5)) for name in ("own", "django_cryptography")}
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a text, b bytea)")
    database.execute("INSERT INTO secrets VALUES (1, %s, %s)", (made["own"].decode(), made["django_cryptography"]))
    found = survey(database, ring)
    expected = {"secrets.a": "own", "secrets.b": "django_cryptography"}
    assert {target.name: target.scheme for target in found.targets} == expected
    listed = target_survey.find(database, [{"table": "secrets", "column": "a"}], (), ring)
    with expect_error("E_TARGET_MISSED", column="secrets.b"):
        refuse(survey_findings.findings_of([listed], ring, "the test"))
    both = [{"table": "secrets", "column": "a"}, {"table": "secrets", "column": "b", "scheme": "django_cryptography"}]
    refuse(survey_findings.findings_of([target_survey.find(database, both, (), ring)], ring, "the test"))


def test_tokens_without_a_mark_of_their_own_are_looked_for_too(database: Database) -> None:
    key = {"derive": "sha256", "secret": "SECRET_KEY"}
    described = {"gcm": {"format": "aes_gcm_nonce_first", "key": key}, "fernet": {"format": "fernet", "key": key}}
    ring = Keyring(schemes.parse(described), {"current": OLD, "pending": NEW}, ApplicationSettings(lambda name: None))
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a text, b text, c text)")
    gcm, fernet = (ring.cipher(name, "current").seal(Opened(b"x", 5)).decode() for name in ("gcm", "fernet"))
    database.execute("INSERT INTO secrets VALUES (1, %s, %s, 'in clear')", (gcm, fernet))
    found = survey(database, ring)
    assert {target.name: target.scheme for target in found.targets} == {"secrets.a": "gcm", "secrets.b": "fernet"}


def test_tokens_by_hand_are_found_behind_plain_values(database: Database) -> None:
    """An application that began to encrypt late: otherwise the reason would be an unknown key, or other data."""
    described = schemes.of_keys(["SECRET_KEY"])
    ring = Keyring(described, {"current": OLD, "pending": NEW}, ApplicationSettings(lambda name: None))
    text, binary = (f"aes_gcm_{form}_sha256_of_SECRET_KEY" for form in ("text", "bytes"))
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a text, b bytea, c text, d bytea)")
    database.execute(
        "INSERT INTO secrets SELECT n, 'plain ' || n, convert_to('plain ' || n, 'UTF8'), md5(n::text),"
        " decode(md5(n::text), 'hex') FROM generate_series(1, 300) AS n"
    )
    for number in range(301, 304):
        sealed = [ring.cipher(name, "current").seal(Opened(b"x", frame=b"hex")) for name in (text, binary)]
        database.execute("INSERT INTO secrets VALUES (%s, %s, %s)", (number, sealed[0].decode(), sealed[1]))
    found = survey(database, ring)
    assert {target.name: target.scheme for target in found.targets} == {"secrets.a": text, "secrets.b": binary}


def test_what_applications_of_their_own_stored_is_found_and_rotated(database: Database) -> None:
    """Every format of variants_app_formats.json, each in a column of its own."""
    path = CHECKOUT / "tests/libraries/vectors/variants_app_formats.json"
    variants = json.loads(path.read_text(encoding="utf-8"))
    rows, lists = variants["rows"], variants["rows"][5]
    salt = {"setting": "TOKENIZATION_SALT", "default": "hamsukypay_tokenization_salt"}
    vault_key = {"derive": "pbkdf2_sha256", "secret": "SECRET_KEY", "salt": salt, "iterations": 100_000}
    vault = {"format": "fernet", "key": vault_key, "base64": True, "prefix": "tok_1_"}
    old = KeySet({**variants["settings"], "FIELD_ENCRYPTION_KEY": lists["keys"]})
    fresh = base64.urlsafe_b64encode(bytes(32)).decode()
    new = KeySet({"SECRET_KEY": "another", "ENCRYPTION_SALT": "one", "FIELD_ENCRYPTION_KEY": fresh})
    described = {**schemes.parse("auto"), **schemes.parse({"vault": vault})}
    ring = Keyring(described, {"current": old, "pending": new}, ApplicationSettings(lambda name: None))
    columns = "doubled text, bare text, enc text, colons text, vault text, listed bytea"
    database.execute(f"CREATE TABLE secrets (id int PRIMARY KEY, {columns})")
    stored = [row["stored"] for row in rows[:5]] + [base64.b64decode(lists["stored_bytea_b64"])]
    database.execute("INSERT INTO secrets VALUES (1, %s, %s, %s, %s, %s, %s)", stored)
    targets = survey(database, ring).targets
    assert [target.column for target in targets] == ["doubled", "bare", "enc", "colons", "vault", "listed"]
    rewrite(database, targets, ring, "pending")
    ((_, *values),) = database.rows("SELECT * FROM secrets")
    for target, value, row in zip(targets, values, rows):
        raw = value.encode() if isinstance(value, str) else bytes(value)
        inside = ring.cipher(target.scheme, "pending").open(raw)
        expected = row["plaintext"]
        assert inside is not None, target.column
        assert (json.loads(inside.plaintext) if isinstance(expected, dict) else inside.plaintext.decode()) == expected
        assert ring.cipher(target.scheme, "current").open(raw) is None


@pytest.mark.parametrize("sql_type", ["jsonb", "json", "text"])
@pytest.mark.parametrize(
    ("value", "held"),
    [
        ("[]", False),
        ("{}", False),
        ("null", False),
        ('{"a": [1, 2.5, true, null], "b": {"c": ""}}', False),
        ('["", 7]', False),
        ('{"a \\" b": 1}', False),
        ('"x"', True),
        ('{"a": {"b": [1, "short"]}}', True),
        ('{"a": "", "b": "\\"x"}', True),
    ],
)
def test_a_document_without_a_text_is_no_value_that_nothing_opens(
    database: Database, keyring: Keyring, monkeypatch: pytest.MonkeyPatch, sql_type: str, value: str, held: bool
) -> None:
    one(database, sql_type, value)
    place = {("secrets", "a"): "a_library.EncryptedJSONField"}
    monkeypatch.setattr(model_fields, "encrypting", lambda aliases: place)
    found = survey(database, keyring)
    assert found.findings.columns("silent", "empty") == ["secrets.a"]
    assert bool(found.findings.of("silent")) is held


def test_a_text_that_is_no_document_is_a_value_in_an_encrypted_field(
    database: Database, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    one(database, "text", "plain words")
    for name in ("EncryptedJSONField", "EncryptedTextField"):
        place = {("secrets", "a"): f"a_library.{name}"}
        monkeypatch.setattr(model_fields, "encrypting", lambda aliases, place=place: place)
        assert survey(database, keyring).findings.columns("silent") == ["secrets.a"]


KID = {
    "before": ("text", "{kid}:{token}"),
    "in a document": ("text", '{{"kid": "{kid}", "ct": "{token}"}}'),
    "in a jsonb": ("jsonb", '{{"{kid}": "{token}"}}'),
    "next to it": ("text", "{token}"),
}


@pytest.mark.parametrize("where", KID)
def test_an_id_that_is_computed_from_the_key_stops_until_it_is_settled(
    database: Database, keyring: Keyring, where: str
) -> None:
    kid = hashlib.sha256(b"old-secret").hexdigest()[:8]
    sql_type, shape = KID[where]
    one(database, sql_type, *(shape.format(kid=kid, token=token(keyring)) for _ in range(3)))
    database.execute("ALTER TABLE secrets ADD COLUMN key_id varchar(20), ADD COLUMN note text DEFAULT 'e2b4c2e3'")
    if where == "next to it":
        database.execute("UPDATE secrets SET key_id = %s", (kid,))
    column = "secrets.key_id" if where == "next to it" else "secrets.a"
    found = survey(database, keyring)
    assert names(found) == {"secrets.a"}
    assert kid not in str(found.targets)
    (finding,) = fingerprint_columns.find(database, found, keyring)
    assert (finding.column, finding.kind.code) == (column, "E_KEY_FINGERPRINT")
    assert "the first 8 characters of the SHA256 of SECRET_KEY in hex" in finding.fields["fingerprint"]
    assert kid not in str(finding.as_notice())
    settled = settlements.parse({column: {"unused_key_id": "it is for people"}})
    assert findings.unsettled([finding], settled) == []


def test_a_prefix_of_tokens_under_keys_that_stay_is_looked_at_too(database: Database) -> None:
    stays = base64.urlsafe_b64encode(bytes(32)).decode()
    settings = ApplicationSettings({"FIELD_ENCRYPTION_KEY": stays}.get)
    ring = Keyring(SCHEMES, {"current": OLD}, settings)
    one(database, "text", *(f"enc${Fernet(stays).encrypt(b'x').decode()}" for _ in range(3)))
    found = survey(database, ring)
    assert found.findings.columns("fixed") == ["secrets.a"]
    assert fingerprint_columns.find(database, found, ring) == []


def test_a_small_table_that_lists_keys_by_an_id_that_is_computed_from_them_stops(
    database: Database, keyring: Keyring
) -> None:
    one(database, "text", token(keyring))
    database.execute("CREATE TABLE keys_in_use (fingerprint bytea, active bool)")
    try:
        database.execute("INSERT INTO keys_in_use VALUES (%s, true)", (hashlib.sha256(b"old-secret").digest()[:16],))
        found = fingerprint_columns.find(database, survey(database, keyring), keyring)
    finally:
        database.execute("DROP TABLE keys_in_use")
    assert [each.column for each in found] == ["keys_in_use.fingerprint"]


def test_what_functions_of_the_application_write_may_have_an_id_of_the_key(
    database: Database, keyring: Keyring
) -> None:
    """They write the ID of the new key."""
    kid = hashlib.sha256(b"old-secret").hexdigest()[:8]
    one(database, "text", f"{kid}:{token(keyring)}", f"{kid}:{token(keyring, 'another value')}")
    found = survey(database, keyring)
    (target,) = found.targets
    own = Scheme("own", {"application": {"decrypt": "core.decrypt", "encrypt": "core.encrypt"}})
    ring = SimpleNamespace(schemes={"own": own}, stages=keyring.stages, raw_keys=lambda name: ())
    found.targets = [replace(target, scheme="own")]
    assert fingerprint_columns.find(database, found, ring) == []


@pytest.mark.parametrize("constrained", [True, False], ids=["with a constraint", "without one"])
def test_a_relation_by_a_token_stops_the_rotation(
    database: Database, keyring: Keyring, monkeypatch: pytest.MonkeyPatch, constrained: bool
) -> None:
    from django.apps import apps
    from django.db import models

    class Device(models.Model):
        serial = models.TextField(unique=True)

        class Meta:
            app_label, db_table, managed = f"related_{constrained}", "secrets", False

    class Reading(models.Model):
        device = models.ForeignKey(Device, models.CASCADE, to_field="serial", db_constraint=constrained)

        class Meta:
            app_label, db_table, managed = f"related_{constrained}", "secrets_read", False

    monkeypatch.setattr(apps, "get_models", lambda **options: [Device, Reading])
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, serial text UNIQUE)")
    bound = "REFERENCES secrets (serial)" if constrained else ""
    database.execute(f"CREATE TABLE secrets_read (id int PRIMARY KEY, device_id text {bound}, other text)")
    try:
        for number in range(3):
            database.execute("INSERT INTO secrets VALUES (%s, %s)", (number, value := token(keyring, f"S{number}")))
            database.execute("INSERT INTO secrets_read VALUES (%s, %s, %s)", (number, value, token(keyring)))
        found = survey(database, keyring)
    finally:
        database.execute("DROP TABLE secrets_read")
    tied = [(each.column, each.fields["obstacle"]) for each in found.findings.of("tied")]
    by_models = "is bound to {} by a relation of the models, and their new values would differ"
    assert ("secrets.serial", by_models.format("secrets_read.device_id")) in tied
    assert ("secrets_read.device_id", by_models.format("secrets.serial")) in tied
    assert {column for column, _ in tied} == {"secrets.serial", "secrets_read.device_id"}
    assert {each["code"] for each in stopping(found, keyring)} == {"E_COLUMN_TIED"}


def test_tokens_that_two_columns_share_are_named_by_both(database: Database, keyring: Keyring) -> None:
    one(database, "text", *(token(keyring, f"S{number}") for number in range(3)))
    database.execute("ALTER TABLE secrets ADD COLUMN copied text, ADD COLUMN own text")
    database.execute("UPDATE secrets SET copied = a, own = %s", (token(keyring, "another"),))
    found = survey(database, keyring)
    (told,) = [each for each in left_out(database, found, keyring) if each["kind"] == "same_tokens"]
    assert (told["column"], told["facts"]) == ("secrets.a", {"other": "secrets.copied"})
    assert found.findings.typed(SameTokens) == [("secrets.a", SameTokens("secrets.copied", 3))]


def test_a_format_without_a_mark_is_found_behind_values_of_a_lost_key(database):
    scheme = {"format": "aes_gcm_hex", "key": {"derive": "sha256", "secret": "SECRET_KEY"}}
    described = schemes.parse({"own": scheme})
    ring = Keyring(described, {"current": KeySet({"SECRET_KEY": "s" * 40})}, ApplicationSettings({}.get))
    lost = Keyring(described, {"current": KeySet({"SECRET_KEY": "x" * 40})}, ApplicationSettings({}.get))
    sealed = [
        each.cipher("own", "current").seal(Opened(b"123-45-6789")).decode() for each in [lost] * 60 + [ring] * 300
    ]
    one(database, "text", *sealed)
    assert names(survey(database, ring)) == {"secrets.a"}


def test_a_column_of_empty_bytes_is_not_a_column_of_plain_text(database: Database, keyring: Keyring) -> None:
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, a text, name_encrypted bytea)")
    database.execute("INSERT INTO secrets VALUES (1, %s, ''), (2, NULL, NULL)", (token(keyring),))
    found = survey(database, keyring)
    assert names(found) == {"secrets.a"}
    assert found.findings.columns("plain") == []


def test_a_column_whose_tokens_all_are_wrapped_in_lines_is_a_target(database: Database, keyring: Keyring) -> None:
    """``base64.urlsafe_b64decode`` passes over line breaks, and so do the libraries that use it."""
    database.execute("CREATE TABLE secrets (id int PRIMARY KEY, note text, data jsonb)")
    for number in range(10):
        lines = "\n".join(textwrap.wrap(token(keyring, f"a note of some length, which is number {number}"), 76))
        document = json.dumps({"note": lines})
        database.execute("INSERT INTO secrets VALUES (%s, %s, %s)", (number, lines, document))
    found = target_survey.find(database, "auto", (), keyring)
    assert {target.name for target in found.targets} == {"secrets.note", "secrets.data"}
