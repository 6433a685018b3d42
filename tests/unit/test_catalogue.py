# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import ast
import functools
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import CATALOGUE, DOMAINS

from .conftest import CHECKOUT

CODE = re.compile(r"E_[A-Z_]*[A-Z]")
NOT_YET_USED: set[str] = set()


@functools.cache
def trees() -> list[tuple[Path, ast.Module]]:
    paths = sorted((CHECKOUT / "plugins").rglob("*.py"))
    return [(path, ast.parse(path.read_text(encoding="utf-8"))) for path in paths]


@functools.cache
def used() -> set[str]:
    """Every code that stands in the plugins as a string, the catalogue's own entries apart."""
    found = set()
    for _path, tree in trees():
        entries = {id(key) for node in ast.walk(tree) if _is_catalogue(node) for key in node.value.keys}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in entries:
                found.update(CODE.findall(node.value) if CODE.fullmatch(node.value) else [])
    return found


def _is_catalogue(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.AnnAssign)
        and getattr(node.target, "id", "") == "ERRORS"
        and isinstance(node.value, ast.Dict)
    )


def raised() -> Iterator[tuple[str, str, set[str], bool]]:
    """Each RotationError with a fixed code: place, code, names it is filled with, and whether there may be others."""
    for path, tree in trees():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or getattr(node.func, "id", "") != "RotationError":
                continue
            if isinstance(node.args[0], ast.Constant):
                names = {keyword.arg for keyword in node.keywords}
                place = f"{path.relative_to(CHECKOUT)}:{node.lineno}"
                yield place, node.args[0].value, names - {"changed", None}, None in names


def test_every_code_that_is_used_is_in_the_catalogue():
    assert used() - set(CATALOGUE) == set()


def test_every_code_of_the_catalogue_is_used():
    assert set(CATALOGUE) - used() - NOT_YET_USED == set()


def test_each_code_is_in_one_file_only():
    assert len(CATALOGUE) == sum(len(domain.ERRORS) for domain in DOMAINS)


def test_every_file_of_the_folder_is_a_domain_of_the_catalogue():
    folder = CHECKOUT / "plugins/module_utils/_errors"
    files = {path.stem for path in folder.glob("*.py")} - {"__init__", "base"}
    assert files == {domain.__name__.rpartition(".")[2] for domain in DOMAINS}


def test_every_code_in_roles_and_playbooks_is_in_the_catalogue():
    files = [path for folder in ("roles", "playbooks") for path in (CHECKOUT / folder).rglob("*.yml")]
    assert files
    assert {code for path in files for code in CODE.findall(path.read_text(encoding="utf-8"))} <= set(CATALOGUE)


@pytest.mark.parametrize(("place", "code", "names", "others"), [pytest.param(*one, id=one[0]) for one in raised()])
def test_an_error_is_filled_with_what_its_text_names(place, code, names, others):
    named = {field for text in CATALOGUE[code] for _, field, _, _ in string.Formatter().parse(text) if field}
    assert names <= named if others else names == named
