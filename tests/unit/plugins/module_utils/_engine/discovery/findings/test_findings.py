# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""mypy checks the facts of a finding; these tests check that they are what the text of its kind needs."""

from __future__ import annotations

import ast
import string
from collections import Counter
from dataclasses import fields
from typing import get_args

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.columns.layer_classes import NESTED
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings.finding_facts import (
    StayingPlain,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings.finding_kinds import (
    KINDS,
    KindName,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings.findings import Finding
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof.value_classes import UNOPENED
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.discovery import ColumnTied, NoTargets

from ......plugin_sources import trees
from ...survey_double import FACTS

SHARED = {
    error.__name__ for error, count in Counter(kind.error for kind in KINDS.values() if kind.error).items() if count > 1
}


def needed(kind):
    """The facts that the texts of a kind name."""
    texts = (KINDS[kind].what, KINDS[kind].todo)
    return {field for text in texts for _, field, _, _ in string.Formatter().parse(text) if field} - {"column"}


@pytest.mark.parametrize("kind", sorted({*FACTS} - {"unproved"}))
def test_the_facts_of_a_warning_are_those_that_its_text_needs(kind):
    own = {field.name for field in fields(FACTS[kind])}
    assert own == needed(kind) or not KINDS[kind].what
    assert {*FACTS[kind].approved} <= own


def test_each_kind_has_a_name_that_mypy_knows():
    assert get_args(KindName) == tuple(KINDS)


def test_every_warning_whose_text_needs_facts_has_a_class_for_them():
    assert {name for name, kind in KINDS.items() if not kind.stops and needed(name)} <= {*FACTS}


def test_the_errors_of_value_classes_have_the_same_facts():
    for value_class in {*UNOPENED} - {NESTED}:
        assert {*KINDS[value_class].error.__annotations__} == {"count", "rows"}


def calls(*names):
    """The calls of methods of these names in the engine."""
    for path, tree in trees().items():
        if "_engine" in path.parts:
            for node in ast.walk(tree):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in names:
                    yield node


def constants(node):
    return {each.value for each in ast.walk(node) if isinstance(each, ast.Constant) and isinstance(each.value, str)}


def test_a_finding_without_facts_is_of_a_kind_whose_text_needs_none():
    kinds = set().union(*(constants(call.args[0]) for call in calls("put_kind")))
    assert len(kinds) > 8
    assert {kind for kind in kinds if needed(kind) or KINDS[kind].stops} == set()


def test_an_error_of_several_kinds_comes_with_its_kind():
    named = {keyword.arg: constants(keyword.value) for call in calls("put", "of") for keyword in call.keywords}
    assert named["kind"] <= {name for name, kind in KINDS.items() if kind.stops and kind.error.__name__ in SHARED}
    for call in calls("put", "of"):
        errors = {each.func.id for each in ast.walk(call) if isinstance(each, ast.Call) and hasattr(each.func, "id")}
        if errors & SHARED:
            assert "kind" in {keyword.arg for keyword in call.keywords}, ast.unparse(call)
    with pytest.raises(ValueError, match="too many values"):
        Finding.of("a.b", ColumnTied(column="a.b", obstacle="x", advice="y"))


def test_a_finding_that_stops_is_its_error():
    error = NoTargets(tables=2, keys="field")
    found = Finding.of("", error)
    assert found.as_error() is error
    assert found.as_notice() == {
        "kind": "no_targets",
        "column": "",
        "notice": error.what,
        "todo": error.todo,
        "code": "E_NO_TARGETS",
    }


def test_the_notice_of_a_warning_has_the_facts_that_a_person_approves():
    notice = Finding.of("a.b", StayingPlain(3, "a.b:1", "words")).as_notice()
    assert (notice["kind"], notice["facts"], "code" in notice) == ("stays_plain", {"look": "words"}, False)
    with pytest.raises(TypeError):
        Finding.of("a.b", StayingPlain(3, "a.b:1", "words")).as_error()
