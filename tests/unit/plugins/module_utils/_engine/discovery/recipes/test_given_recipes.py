# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hmac
from types import SimpleNamespace

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.tokens import Opened
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery import target_survey
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.columns.search_recipes import (
    RowValue,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.recipes import given_recipes
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.recipes.given_recipes import (
    FunctionRecipe,
    InputPart,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.catalog import Column
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._batched_part import Part

from ..surveys import ARCHIVED, PROFILE, keyring

TYPES = {"id": "bigint", "name": "text", "tenant": "integer", "digest": "text", "raw": "bytea", "uuid": "uuid"}
TABLES = {PROFILE: [Column(name, sql_type, None, False) for name, sql_type in TYPES.items() if name != "tenant"]}
KEY = {"derive": "hkdf_sha256", "secret": "FIELD_KEY", "info": {"text": "label"}}
RECIPE = {"hash": "hmac_sha256", "key": KEY, "input": ["value"]}
FUNCTION = {"application": "shop.search.digest"}
RAW = {**RECIPE, "key": {"derive": "raw", "secret": "FIELD_KEY"}}


def parsed(recipe, column="digest", **members):
    entry = {"table": "profile", "column": column, "digest_of": "name", "recipe": recipe, **members}
    return given_recipes.parse(entry, 3, TABLES, lambda table: TYPES)


@pytest.mark.parametrize(
    ("recipe", "fault"),
    [
        ("a text", "not a mapping"),
        ({}, "no hash and no key and no input"),
        ({**RECIPE, "salt": "x"}, "has salt in its recipe"),
        ({**RECIPE, "hash": "sha256"}, "recipe.hash"),
        ({**RECIPE, "key": "FIELD_KEY"}, "recipe.key.derive"),
        ({**RECIPE, "key": {"derive": "hkdf_sha256"}}, "recipe.key.secret"),
        ({**RECIPE, "key": {**KEY, "label": "x"}}, "recipe.key.label"),
        ({**RECIPE, "input": "value"}, "not a list"),
        ({**RECIPE, "input": []}, "not a list"),
        ({**RECIPE, "input": [{"text": "x"}]}, "without value"),
        ({**RECIPE, "input": ["value", 7]}, "with a member"),
        ({**RECIPE, "input": ["value", {"text": 7}]}, "with a member"),
        ({**RECIPE, "input": ["value", {"setting": "x"}]}, "with a member"),
        ({**RECIPE, "input": [{"value": ["reversed"]}]}, "with a member"),
        ({**RECIPE, "input": [{"value": "lower"}]}, "with a member"),
        ({**RECIPE, "input": ["value", "nobody"]}, "nobody"),
        ({**RECIPE, "input": ["value", "name"]}, "which the rotation changes"),
        ({**RECIPE, "encoding": "base32"}, "recipe.encoding"),
        ({**RECIPE, "encoding": "raw"}, "a column of type text cannot hold"),
        ({**RECIPE, "length": 0}, "recipe.length"),
        ({**RECIPE, "length": True}, "recipe.length"),
        ({**RECIPE, "length": 65}, "more than 64"),
        ({**RECIPE, "prefix": 1}, "recipe.prefix"),
        ({**FUNCTION, "hash": "hmac_sha256"}, "has hash in its recipe"),
        ({"application": "digest"}, "dotted path"),
        ({**FUNCTION, "context": "tenant"}, "recipe.context"),
        ({**FUNCTION, "context": ["nobody"]}, "nobody"),
        ({**FUNCTION, "context": ["digest"]}, "which the rotation changes"),
        ({**FUNCTION, "secret": ["KEY"]}, "recipe.secret"),
    ],
)
def test_a_wrong_recipe_is_refused_by_the_index_of_its_entry(recipe, fault):
    with pytest.raises(RotationError) as refused:
        parsed(recipe)
    assert (refused.value.code, refused.value.where["index"]) == ("E_TARGET", 3)
    assert fault in refused.value.where["fault"]
    assert "digest_of:" in str(refused.value)


@pytest.mark.parametrize(
    ("column", "recipe"),
    [
        ("raw", {**RECIPE, "encoding": "hex"}),
        ("raw", {**RECIPE, "length": 33}),
        ("raw", {**RECIPE, "prefix": "v1:"}),
        ("uuid", RECIPE),
        ("tenant", RECIPE),
        ("name", RECIPE),
    ],
)
def test_a_recipe_that_does_not_fit_its_column_is_refused(column, recipe):
    with pytest.raises(RotationError, match="E_TARGET"):
        parsed(recipe, column)


@pytest.mark.parametrize("member", ["table", "column", "digest_of", "recipe"])
def test_an_entry_without_a_member_is_refused(member):
    entry = {"table": "profile", "column": "digest", "digest_of": "name", "recipe": RECIPE}
    assert target_survey.is_search_column(entry)
    del entry[member]
    with pytest.raises(RotationError, match=f"has no {member}"):
        given_recipes.parse(entry, 0, TABLES, lambda table: TYPES)
    with pytest.raises(RotationError, match="has scheme"):
        parsed(RECIPE, scheme="field")


def test_an_entry_of_another_database_is_missing():
    assert parsed(RECIPE, table="nobody") is None
    assert parsed(RECIPE, column="nobody") is None
    assert parsed(RECIPE, table="public.profile").name == "profile.digest"
    entry = {"table": "archive.profile", "column": "digest", "digest_of": "name", "recipe": RECIPE}
    assert given_recipes.parse(entry, 0, {ARCHIVED: TABLES[PROFILE]}, lambda table: TYPES).table == ARCHIVED


@pytest.mark.parametrize(
    ("column", "recipe", "expected"),
    [
        ("digest", RAW, lambda digest: digest.hex()),
        ("digest", {**RAW, "length": 10, "prefix": "v1:"}, lambda digest: "v1:" + digest.hex()[:10]),
        ("raw", RAW, lambda digest: "\\x" + digest.hex()),
        ("raw", {**RAW, "length": 4}, lambda digest: "\\x" + digest[:4].hex()),
    ],
)
def test_a_recipe_as_data_is_computed_under_the_keys_of_a_stage(column, recipe, expected):
    given = parsed({**recipe, "input": [{"value": ["stripped", "lower"]}, {"text": "|"}, "tenant"]}, column).recipe
    assert (given.columns, given.settings, given.is_given) == (("tenant",), {"FIELD_KEY"}, True)
    make = given.maker(keyring(), "current")
    digest = hmac.digest(b"CANARY", b"ann|7", "sha256")
    assert make(RowValue(b" Ann ", {"tenant": "7"})) == [expected(digest)]
    assert make(RowValue(b" Ann ", {"tenant": None})) == [], "nothing says what is hashed then"
    assert "CANARY" not in f"{given!r} {given}"
    assert {given: 1}, "statements are remembered by their targets"


def test_a_default_takes_the_place_of_null():
    part = InputPart("column", "tenant", default="")
    assert [part.of(RowValue(b"", {"tenant": text})) for text in (None, "7")] == [b"", b"7"]


def test_a_function_receives_integers_as_such():
    asked = []

    class Process:
        def seal(self, inside):
            asked.append(inside)
            return b"\x01\x02"

    ring = keyring()
    ring.build_row_cipher = lambda functions, stage: Process()
    given = parsed({**FUNCTION, "context": ["tenant", "uuid"], "secret": "INDEX_KEY"}, "raw").recipe
    assert isinstance(given, FunctionRecipe)
    assert (given.needs_process, given.settings) == (True, {"INDEX_KEY"})
    assert given.maker(ring, "current")(RowValue(b"Ann", {"tenant": "7", "uuid": "u"})) == ["\\x0102"]
    assert asked == [Opened(b"sAnn", frame=b'[["tenant", 7], ["uuid", "u"]]')]


@pytest.mark.parametrize(
    ("targets", "forks"),
    [("auto", False), (["auto", {"recipe": RECIPE}], False), (["auto", {"recipe": FUNCTION}], True)],
)
def test_a_recipe_that_is_a_function_needs_processes_of_its_own(targets, forks):
    part = Part.__new__(Part)
    part._args = {"targets": targets, "schemes": "auto"}
    assert part.forks_first is forks


def test_targets_that_are_search_columns_alone_are_refused(monkeypatch):
    monkeypatch.setattr(target_survey, "Survey", lambda *given: SimpleNamespace())
    with pytest.raises(RotationError, match="no entry is the column of its values"):
        target_survey.find(None, [{"digest_of": "name"}], (), keyring())
