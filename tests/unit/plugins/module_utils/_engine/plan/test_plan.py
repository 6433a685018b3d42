# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import copy
import datetime
import hashlib
import json
from dataclasses import fields, replace
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine import application_findings
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import schemes
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import (
    ApplicationSettings,
    Keyring,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.schemes import Scheme
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.columns.search_recipes import (
    SearchColumnRecipe,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings.finding_facts import (
    SameTokens,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings.finding_kinds import KINDS
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings.findings import Finding
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings.settlements import (
    Settlement,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.survey_findings import findings_of
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.plan import plan, plan_document, plan_notices
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.catalog import Column, Table
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof.census_tally import Tally
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rotation import Application
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError

from ..conftest import nothing_set
from ..discovery.surveys import survey
from ..survey_double import FACTS

OWN = {
    "format": "aes_cbc_hmac",
    "key": {"derive": "raw", "secret": {"bytes": b"CANARY-bytes-of-a-key-in-code-32"}},
    "signing_key": {"derive": "raw", "secret": "SECRET_KEY"},
}
FIXED = {"format": "fernet", "key": {"derive": "sha256", "secret": "OTHER_KEY"}}
NOTICES = [
    Finding(KINDS[kind], column).as_notice()
    for column, kind in (
        ("profile.phone", "index"),
        ("profile.name", "unique_constraint"),
        ("profile.name", "index"),
    )
]


@pytest.fixture
def ring(old_keys) -> Keyring:
    application = {"OTHER_KEY": "CANARY of another key", "ENCRYPTION_SALT": ["a", "b"]}
    made = Keyring(schemes.parse("auto"), {"current": old_keys}, ApplicationSettings(application.get))
    made.add(Scheme("own", OWN))
    made.add(Scheme("theirs", FIXED))
    return made


@pytest.fixture
def targets(target):
    phone = replace(target, column="phone", limit=400, derived=(SearchColumnRecipe("search", "xx", "ENCRYPTION_SALT"),))
    own = replace(target, table=Table("archive", "card", False), column="number", type="bytea", scheme="own")
    return [phone, own, target]


THEIRS = ("fixed", "profile.theirs", {"scheme": "theirs"})
LATER = ("empty", "profile.later", {"field": "lib.EncryptedTextField"})


@pytest.fixture
def surveys(ring, targets):
    return [survey(ring, THEIRS, LATER, targets=targets)]


def counted(targets, *counts: int) -> list[Tally]:
    tallies = [Tally(target) for target in targets]
    for tally, count in zip(tallies, counts or (3, 2, 1)):
        for row in range(count):
            tally.rows += 1
            tally.add("current", str(row))
        tally.rows += 1
        tally.add("empty", "9")
    return tallies


@pytest.fixture
def made(surveys, targets, ring) -> dict[str, Any]:
    return plan.Plan(surveys, counted(targets), ring, NOTICES).as_document()


def test_values_that_are_left_alone_are_counted_and_another_count_is_the_same_plan(made, surveys, targets, ring):
    tallies = counted(targets)
    tallies[0].left_alone = 2
    other = plan.Plan(surveys, tallies, ring, NOTICES).as_document()
    counts = {target["column"]: target.get("left_alone") for target in other["targets"]}
    assert counts == {target.name: 2 if target is targets[0] else None for target in targets}
    assert (other["hash"], plan_document.difference(made, other)) == (made["hash"], [])


def test_a_column_that_is_settled_as_mixed_is_another_plan_and_its_count_is_not(made, surveys, targets, ring):
    settled = {targets[0].name: Settlement(targets[0].name, "mixed", "older rows")}
    hashes = set()
    for count in (2, 3):
        tallies = counted(targets)
        tallies[0].plain = count
        now = plan.Plan(surveys, tallies, ring, NOTICES, settled).as_document()
        assert {target.get("plain") for target in now["targets"]} == {None, count}
        hashes.add(now["hash"])
    assert len(hashes) == 1
    assert made["hash"] not in hashes


def test_values_that_are_left_alone_by_name_are_in_the_plan_and_its_hash(made, surveys, targets, ring):
    names = ["profile.phone:7", "profile.name:3"]
    now = plan.Plan(surveys, counted(targets), ring, NOTICES, leave_alone=names).as_document()
    assert now["left_alone"] == [{"column": "profile.name:3"}, {"column": "profile.phone:7"}]
    assert now["hash"] != made["hash"]
    assert plan_document.difference(made, now) == [
        "the value profile.name:3 in key_rotation_leave_alone is new",
        "the value profile.phone:7 in key_rotation_leave_alone is new",
    ]
    assert plan_document.difference(now, made)[0] == "the value profile.name:3 in key_rotation_leave_alone is gone"


def test_a_new_settlement_is_no_new_column(made, surveys, targets, ring):
    settled = {"profile.name": Settlement("profile.name", "not_ours", "of a partner")}
    now = plan.Plan(surveys, counted(targets), ring, NOTICES, settled).as_document()
    assert plan_document.difference(made, now) == ["the settlement of profile.name is new"]
    assert plan_document.difference(now, made) == ["the settlement of profile.name is gone"]
    other = {"profile.name": Settlement("profile.name", "unreadable", "of a partner")}
    then = plan.Plan(surveys, counted(targets), ring, NOTICES, other).as_document()
    assert plan_document.difference(now, then) == [
        "the settlement of profile.name: decision was not_ours, is unreadable",
    ]


@pytest.mark.parametrize("part", ["left_alone", "command", "notices", None])
def test_a_plan_of_an_earlier_version_is_recognized_whatever_its_parts(made, part):
    earlier = {**{name: value for name, value in made.items() if name != part}, "format": 1}
    with pytest.raises(plan_document.FormerPlan):
        plan_document.check(earlier)


def test_keys_that_nobody_listed_are_named_as_the_env_file_has_them_outside_of_the_plan_too(ring):
    about = {"leave_alone": (), "keys_from": "/.env", "started": None, "processes": {}}
    parts = [(None, survey(ring, THEIRS))]
    env = {"PARTNER_VARIABLE": "CANARY of another key", "DEBUG": "1"}
    application = Application(databases=parts, keyring=ring, env=lambda: env, **about)
    with pytest.raises(RotationError) as refused:
        application_findings.refuse_unproved(application)
    assert refused.value.code == "E_OTHER_KEYS"
    assert refused.value.where["settings"] == "OTHER_KEY"
    assert refused.value.where["line"] == "key_rotation_keys: [{name: PARTNER_VARIABLE}]"


def test_a_plan_lists_what_a_rotation_would_do_in_the_order_of_names(made):
    assert [entry["column"] for entry in made["targets"]] == ["archive.card.number", "profile.name", "profile.phone"]
    assert made["targets"][2] == {
        "column": "profile.phone",
        "model": "customer.Profile",
        "type": "text",
        "scheme": "encryption_manager",
        "settings": ["ENCRYPTION_SALT", "SECRET_KEY"],
        "reads_several_keys": True,
        "key": ["id"],
        "recomputed": ["search as sha256_value_salt under ENCRYPTION_SALT, hex"],
        "rows": 4,
        "classes": {"current": 3, "previous": 0, "plaintext": 0, "unreadable": 0, "nested": 0, "empty": 1},
    }
    assert "recomputed" not in made["targets"][1]
    assert made["under_other_keys"] == [{"column": "profile.theirs", "scheme": "theirs", "settings": ["OTHER_KEY"]}]
    assert made["empty_fields"] == [{"column": "profile.later", "field": "lib.EncryptedTextField"}]
    assert list(made["schemes"]) == ["encryption_manager", "own", "theirs"]
    assert [(notice["column"], notice["kind"]) for notice in made["notices"]] == [
        ("profile.name", "index"), ("profile.name", "unique_constraint"), ("profile.phone", "index"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "reads"),
    [
        ({}, "if FERNET_KEYS is a list"),
        ({"FERNET_KEYS": ["one"]}, True),
        ({"FERNET_KEYS": "one"}, "if FERNET_KEYS is a list"),
    ],
)
def test_a_library_that_could_read_several_keys_is_reported_with_the_setting(target, old_keys, settings, reads):
    keys = KeySet({**old_keys.values, "FERNET_KEYS": "one"})
    ring = Keyring(schemes.parse("auto"), {"current": keys}, ApplicationSettings(settings.get))
    ring.add(ring.schemes.get("django_fernet_fields", schemes.parse("auto")["django_fernet_fields"]))
    looked = survey(ring, targets=[replace(target, scheme="django_fernet_fields")])
    (entry,) = plan.Plan([looked], [], ring, []).as_document()["targets"]
    assert entry["reads_several_keys"] == reads


def test_a_plan_holds_plain_values_only(made):
    assert json.loads(json.dumps(made)) == made


def test_no_key_shows_in_a_plan(made, old_keys):
    text = json.dumps(made)
    assert "CANARY" not in text
    assert not any(value in text for value in old_keys.values.values())
    assert made["schemes"]["own"]["key"] == {"derive": "raw", "secret": {"bytes": "(in the code)"}}


def test_the_same_application_has_the_same_plan(made, surveys, targets, ring):
    surveys[0].targets = list(reversed(targets))
    again = plan.Plan(surveys, list(reversed(counted(targets))), ring, reversed(NOTICES)).as_document()
    assert json.dumps(again) == json.dumps(made)


def test_targets_of_several_databases_are_one_plan(made, targets, ring, surveys):
    phone, own, name = targets
    parts = [
        survey(ring, LATER, targets=[own]),
        survey(ring, THEIRS, targets=[name, phone]),
    ]
    assert plan.Plan(parts, counted(targets), ring, NOTICES).as_document() == made


def test_counts_are_not_in_the_hash(made, surveys, targets, ring):
    numbered = [Finding.of("a.b", SameTokens("a.c", count)).as_notice() for count in (7, 8)]
    assert numbered[0]["notice"] != numbered[1]["notice"]
    one, other = (
        plan.Plan(surveys, counted(targets, *counts), ring, [notice]).as_document()
        for counts, notice in zip([(7, 0, 9), (1, 2, 3)], numbered)
    )
    assert one["targets"] != other["targets"]
    assert one["hash"] == other["hash"]
    assert made["content_hash"] == one["content_hash"]


@pytest.mark.parametrize("kind", sorted({*FACTS} - {"unproved"}))
def test_only_the_facts_that_a_person_approves_are_in_the_hash(made, kind):
    """Neither a number nor the wording is: no plan has another hash because one row became two."""
    names = [each.name for each in fields(FACTS[kind])]

    def hash_of(changed):
        facts = FACTS[kind](**{name: 2 if name in changed else 1 for name in names})
        return plan_document.plan_hash({**made, "notices": [Finding.of("a.b", facts).as_notice()]})

    approved = FACTS[kind].approved
    assert hash_of({*names}.difference(approved)) == hash_of(())
    assert len({hash_of([name]) for name in approved} | {hash_of(())}) == len(approved) + 1


def test_another_wording_of_a_finding_is_the_same_plan(made):
    reworded = copy.deepcopy(made)
    for notice in reworded["notices"]:
        notice.update(notice="in other words", todo="Do it in another way.")
    assert plan_document.plan_hash(reworded) == made["hash"]
    assert plan_document.difference(made, reworded) == []


@pytest.mark.parametrize(
    "change", [{"column": "a.c"}, {"code": "E_UNPROVED"}, {"kind": "digest"}, {"facts": {"key": "KEY"}}, None]
)
def test_two_plans_with_different_findings_have_different_hashes(made, surveys, targets, ring, change):
    notice = {"kind": "index", "column": "a.b", "notice": "an index", "todo": ""}
    notices = [{**notice, **change}] if change else []
    one, other = (plan.Plan(surveys, counted(targets), ring, found).as_document() for found in ([notice], notices))
    assert one["hash"] != other["hash"]
    assert (one["content_hash"], plan_document.difference(one, other)) == (other["content_hash"], [])


def test_the_hash_is_sha_256_and_can_be_taken_again(made):
    assert len(made["hash"]) == len(hashlib.sha256().hexdigest())
    assert plan_document.plan_hash(made) == made["hash"]
    assert plan_document.plan_hash(json.loads(json.dumps(made))) == made["hash"]


CHANGES = {
    "format": lambda made: made.update(format=3),
    "a target more": lambda made: made["targets"].append({**made["targets"][0], "column": "profile.new"}),
    "a target less": lambda made: made["targets"].pop(),
    "scheme of a target": lambda made: made["targets"][1].update(scheme="sha256_of_secret_key"),
    "type of a target": lambda made: made["targets"][1].update(type="jsonb"),
    "key of a target": lambda made: made["targets"][1].update(key=["uuid"]),
    "search column": lambda made: made["targets"][2].update(recomputed=["other"]),
    "under other keys": lambda made: made["under_other_keys"].clear(),
    "their settings": lambda made: made["under_other_keys"][0].update(settings=["X"]),
    "empty field": lambda made: made["empty_fields"][0].update(column="profile.other"),
    "class of an empty field": lambda made: made["empty_fields"][0].update(field="lib.Other"),
    "scheme": lambda made: made["schemes"]["encryption_manager"]["key"].update(iterations=1),
}


@pytest.mark.parametrize("change", CHANGES)
def test_everything_else_is_in_the_hash(made, change):
    other = copy.deepcopy(made)
    CHANGES[change](other)
    assert plan_document.plan_hash(other) != made["hash"]


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        (lambda made: None, []),
        (lambda made: made["targets"][0].update(rows=99, classes={"current": 99}), []),
        (lambda made: made["notices"].clear(), []),
        (
            lambda made: made["notices"].append(Finding(KINDS["update_trigger"], "profile.name").as_notice()),
            ["profile.name: update trigger is new"],
        ),
        (lambda made: made["notices"].append(Finding(KINDS["digest"], "a.b").as_notice()), []),
        (lambda made: made["notices"].append(Finding(KINDS["index"], "a.b").as_notice()), []),
        (lambda made: made["targets"].pop(0), ["archive.card.number is gone"]),
        (
            lambda made: made["targets"].append({**made["targets"][0], "column": "profile.new"}),
            ["profile.new is new"],
        ),
        (
            lambda made: made["targets"][1].update(scheme="django_fernet_fields", type="jsonb"),
            [
                "profile.name: scheme was encryption_manager, is django_fernet_fields",
                "profile.name: type was text, is jsonb",
            ],
        ),
        (lambda made: made["targets"][1].update(key=["uuid"]), ["profile.name: key was ['id'], is ['uuid']"]),
        (
            lambda made: made["targets"][1].update(recomputed=["search"]),
            ["profile.name: recomputed was None, is ['search']"],
        ),
        (lambda made: made["under_other_keys"].clear(), ["profile.theirs is gone"]),
        (
            lambda made: made["under_other_keys"][0].update(settings=["X"]),
            ["profile.theirs: settings was ['OTHER_KEY'], is ['X']"],
        ),
        (
            lambda made: made["empty_fields"][0].update(column="profile.other"),
            ["profile.other is new", "profile.later is gone"],
        ),
        (
            lambda made: made["empty_fields"][0].update(field="lib.Other"),
            ["profile.later: field was lib.EncryptedTextField, is lib.Other"],
        ),
        (
            lambda made: made["schemes"]["own"]["signing_key"].update(secret="X"),
            ["scheme own has another description"],
        ),
        (lambda made: made["schemes"].update(fresh=FIXED), ["scheme fresh has another description"]),
    ],
)  # fmt: skip
def test_a_difference_is_reported_in_words(made, change, lines):
    now = copy.deepcopy(made)
    change(now)
    assert plan_document.difference(made, now) == lines


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found.pop("targets"),
        lambda found: found.update(empty_fields=None),
        lambda found: found.update(schemes=[]),
        lambda found: found["targets"].append("text"),
        lambda found: found["targets"][0].pop("column"),
        lambda found: found.update(format=3),
        lambda found: found.pop("notices"),
        lambda found: found["notices"].append({"column": "profile.name", "kind": "index"}),
        lambda found: found["notices"].append({"column": "profile.name", "notice": "index"}),
        lambda found: found["schemes"].update(own=datetime.date(2026, 1, 1)),
        lambda found: found["targets"][0].update({5: "five"}),
    ],
)
def test_a_document_with_parts_missing_is_no_plan(made, change):
    plan_document.check(made)
    change(made)
    with pytest.raises(ValueError, match=r"parts missing|without a column|say nothing|no plan holds"):
        plan_document.check(made)


def test_what_is_gone_is_reported(made):
    approved = {
        **made,
        "targets": [{**made["targets"][0], "recomputed": ["x"]}, *made["targets"][1:]],
        "schemes": {**made["schemes"], "gone": {}},
    }
    lines = plan_document.difference(approved, made)
    assert any("recomputed was ['x'], is None" in line for line in lines)
    assert "scheme gone has another description" in lines


def test_the_findings_that_a_person_must_have_read_are_of_the_catalog():
    assert {*plan_notices.QUERIES} > plan_document.TO_BE_READ
    assert not [kind for kind in plan_document.TO_BE_READ if KINDS[kind].todo.endswith(" Nothing to do.")]


def test_what_keeps_a_rotation_from_starting_is_a_notice(ring, target):
    looked = survey(
        ring,
        ("unproved", "a.b", {"tokens": 3, "field": "", "look": "", "advice": ""}),
        ("silent", "a.c", {"field": "lib.EncryptedField"}),
        ("plain", "a.d_encrypted"),
        ("missed", "a.e"),
        targets=[target],
    )
    found = {each.column: each for each in findings_of([looked], ring, "/.env")}
    assert {column: each.as_notice()["code"] for column, each in found.items()} == {
        "a.e": "E_TARGET_MISSED",
        "a.b": "E_UNPROVED",
        "a.c": "E_FIELD_UNPROVED",
        "a.d_encrypted": "E_COLUMN_PLAIN",
    }
    assert list(found) == ["a.e", "a.b", "a.c", "a.d_encrypted"]
    assert (found["a.b"].fields["tokens"], found["a.c"].fields["field"]) == (3, "lib.EncryptedField")
    for name in ("a.b", "a.c", "a.d_encrypted"):
        assert 'key_rotation_settlements: {"table.column": {not_ours: "why"}}' in found[name].as_notice()["todo"]


@pytest.mark.parametrize(
    ("column", "told"),
    [
        ("api_key", True),
        ("apikey", True),
        ("Password_Hint", True),
        ("access_token", True),
        ("client_secret", True),
        ("iban", True),
        ("name", False),
        ("comment", False),
    ],
)
def test_a_column_that_is_named_like_a_secret_is_a_notice(ring, column, told):
    looked = survey(ring, tables={Table("public", "profile", True): [Column(column, "text", None, False)]})
    plan.put_secret_names(looked)
    assert looked.findings.columns("secret_name") == ([f"profile.{column}"] if told else [])


@pytest.mark.parametrize(
    ("table", "findings"),
    [
        ("auth_user", []),
        ("django_session", []),
        *(("profile", [(kind, "profile.secret")]) for kind in KINDS),
    ],
)
def test_what_is_known_otherwise_is_no_such_notice(ring, table, findings):
    tables = {Table("public", table, True): [Column("secret", "text", None, False)]}
    looked = survey(ring, *findings, tables=tables)
    before = len(looked.findings.columns())
    plan.put_secret_names(looked)
    assert len(looked.findings.columns()) == before


def test_a_target_is_no_such_notice(ring, target):
    tables = {target.table: [Column("secret", "text", None, False)]}
    looked = survey(ring, tables=tables, targets=[replace(target, column="secret")])
    plan.put_secret_names(looked)
    assert not looked.findings.columns()


class Catalog:
    """Answers the questions of a plan in place of PostgreSQL; what it says yes to is told by a part of the question."""

    def __init__(self, *yes: str) -> None:
        self.yes = yes
        self.asked: list[tuple[Any, ...]] = []

    def rows(self, sql, params=(), *, table="the database"):
        self.asked.append(params)
        return [(1,)] if any(part in sql for part in self.yes) else []


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ("AND i.indisunique", "unique_constraint"),
        ("NOT i.indisunique", "index"),
        ("pg_trigger", "update_trigger"),
        ("pg_attrdef", "generated_column"),
        ("row_security_active", "row_security"),
        ("relkind = 'p'", "partitioned_table"),
    ],
)
def test_what_the_catalog_says_is_a_finding(target, two_keys, part, kind):
    database = Catalog(part)
    (found,) = plan.catalog_findings(database, [target], two_keys)
    assert (found.column, found.kind.name) == ("profile.name", kind)
    assert set(database.asked) == {('"public"."profile"', "name")}


def test_a_column_in_no_model_is_a_finding(target, two_keys):
    (found,) = plan.catalog_findings(Catalog(), [replace(target, model="profile")], two_keys)
    assert found.kind.name == "no_model"
    assert list(plan.catalog_findings(Catalog(), [target], two_keys)) == []


def test_a_format_without_authentication_is_a_finding(target, old_keys):
    described = {"ecb": {"format": "aes_ecb", "key": {"derive": "sha256", "secret": "SECRET_KEY"}, "base64": True}}
    keyring = Keyring(schemes.parse(described), {"current": old_keys}, nothing_set)
    column = replace(target, scheme="ecb", model="customer.Profile")
    (found,) = plan.catalog_findings(Catalog(), [column], keyring)
    assert found.kind.name == "unauthenticated"
    assert "Stop every writer" in found.todo


def test_of_functions_it_is_unknown_whether_they_authenticate(target):
    own = schemes.parse({"own": {"application": {"decrypt": "core.decrypt", "encrypt": "core.encrypt"}}})
    keyring = SimpleNamespace(schemes=own, names=set())
    column = replace(target, scheme="own", model="customer.Profile")
    (found,) = plan.catalog_findings(Catalog(), [column], keyring)
    assert found.kind.name == "unknown_functions"
    assert "Stop every writer" in found.todo
