# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""mypy does not see which facts a finding has: here every call that makes one is compared with the text of its kind."""

from __future__ import annotations

import ast
import string
from dataclasses import fields

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.findings import (
    KINDS,
    TypedFacts,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.by_code import CATALOGUE

from .....plugin_sources import trees

TYPED = {each.kind for each in TypedFacts.__subclasses__()}
# Calls whose kind or facts are known only when they run.
UNCHECKED = {
    "Finding(KINDS[kind], column, facts)",
    "Finding(KINDS[facts.kind], column, asdict(facts), typed=facts)",
    "known.put(kind, each.column, **each.facts, settings=library, source=source)",
    "known.put(each.kind.name, each.column, **each.facts)",
    "Finding(KINDS[value_class], tally.target.name, facts, listed)",
    "Finding(KINDS[kind], target.name, shown, listed)",
    "Finding(KINDS['round_trip'], trip['name'], {**trip})",
    "Finding(KINDS['refused'], one['name'], {**one})",
    "Finding(KINDS[kind], name)",
}


def needed(kind):
    """The facts that the texts of a kind name."""
    if KINDS[kind].stops:
        return set(CATALOGUE[KINDS[kind].code].__annotations__) - {"column"}
    texts = (KINDS[kind].what, KINDS[kind].todo)
    return {field for text in texts for _, field, _, _ in string.Formatter().parse(text) if field} - {"column"}


def values_of(node, scope):
    """The strings that an expression may be; None if that is not known."""
    if isinstance(node, ast.Constant):
        return {node.value}
    if isinstance(node, ast.IfExp):
        found = [values_of(each, scope) for each in (node.body, node.orelse)]
        return None if None in found else set().union(*found)
    if isinstance(node, ast.Name):
        found = [values_of(each, scope) for each in assigned(node.id, scope)]
        return set().union(*found) if found and None not in found else None
    return None


def names_of(node, scope):
    """The keys of a dictionary; None if these are not known."""
    if isinstance(node, ast.Name):
        found = [names_of(each, scope) for each in assigned(node.id, scope)]
        return found[0] if len(found) == 1 else None
    if not isinstance(node, ast.Dict):
        return None
    found = set()
    for key, value in zip(node.keys, node.values):
        more = names_of(value, scope) if key is None else values_of(key, scope)
        if more is None:
            return None
        found |= more
    return found


def assigned(name, scope):
    """What is assigned to a name in a function, or in its module."""
    for tree in scope:
        found = [
            value
            for node in ast.walk(tree)
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            for one, value in pairs(target, node.value)
            if isinstance(one, ast.Name) and one.id == name
        ]
        if found:
            return found
    return []


def pairs(target, value):
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        return list(zip(target.elts, value.elts))
    return [(target, value)]


def made(call, scope):
    """The kinds and facts of a call that makes a finding; None if it makes none."""
    if isinstance(call.func, ast.Name) and call.func.id == "Finding":
        kind = call.args[0].slice if isinstance(call.args[0], ast.Subscript) else call.args[0]
        return values_of(kind, scope), names_of(call.args[2], scope) if len(call.args) > 2 else set()
    holder = ast.unparse(call.func).split(".")
    if holder[-1] == "put" and len(holder) > 1 and holder[-2] in ("found", "findings", "known"):
        facts = ast.Dict(
            keys=[ast.Constant(each.arg) if each.arg else None for each in call.keywords],
            values=[each.value for each in call.keywords],
        )
        return values_of(call.args[0], scope), names_of(facts, scope)
    return None


def calls():
    for path, tree in trees().items():
        if "_engine" not in path.parts:
            continue
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        for function in functions:
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and (found := made(node, (function, tree))):
                    yield f"{path.name}:{node.lineno}", ast.unparse(node), *found


def test_every_finding_has_exactly_the_facts_of_its_text():
    checked, wrong = set(), []
    for place, call, kinds, facts in calls():
        if kinds is None or facts is None:
            wrong += [] if call in UNCHECKED else [(place, call)]
        else:
            checked |= kinds
            wrong += [(place, kind, facts ^ needed(kind)) for kind in kinds if facts != needed(kind) or kind in TYPED]
    assert wrong == []
    assert len(checked) > len(KINDS) / 2


@pytest.mark.parametrize("typed", TypedFacts.__subclasses__(), ids=lambda typed: typed.kind)
def test_typed_facts_are_all_that_the_text_of_their_kind_needs(typed):
    own = {one.name for one in fields(typed)}
    # Where the keys are from is put down once all databases have been looked at.
    assert needed(typed.kind) - own == ({"source"} if typed.kind == "unproved" else set())
