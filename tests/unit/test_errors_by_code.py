# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import ast
import functools
import re
import string

from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import (
    PAGE,
    RotationError,
    address,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.database import ConnectionLost
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.errors_by_code import CATALOG, build_error

from .conftest import CHECKOUT
from .plugin_sources import trees

CODE = re.compile(r"E_[A-Z_]*[A-Z]")
NOT_YET_USED: set[str] = set()
# Not plain American English: what to write instead is in test_language.py.
DIALECT = re.compile(
    r"\banew\b|\bmend\b|\bbeside\b|\b(lies|lie) |\b(is|are) told\b|\btells? of\b|\b(goes|go|gone) on\b|\bsee that\b"
    r"|\bbefore it,|\bkeys before\b|\b(are|is) none(?! *,)|\ball the same\b|\bin clear\b|(?-i:\bElse )|(?-i:\bWhere )"
    r"|\b(brings?|brought|takes?) .*\bback\b",
    re.IGNORECASE,
)


@functools.cache
def used() -> set[str]:
    """Every code whose class the plugins name outside the catalog, or that stands there as a string."""
    found = set()
    names = {error.__name__: code for code, error in CATALOG.items()}
    for path, tree in trees().items():
        if path.parent.name == "_errors" and path.name != "unexpected.py":
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and node.id in names:
                found.add(names[node.id])
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value):
                found.add(node.value)
    return found


def named(error: type[RotationError]) -> set[str]:
    """The fields that the texts of an error name."""
    texts = (error.whole_problem(), error.remedy)
    return {field for text in texts for _, field, _, _ in string.Formatter().parse(text) if field}


def test_every_code_that_is_used_is_in_the_catalog():
    assert used() - set(CATALOG) == set()


def test_every_code_of_the_catalog_is_used():
    assert set(CATALOG) - used() - NOT_YET_USED == set()


def test_every_code_has_its_entry_where_its_message_says():
    headings = re.findall(r"^### (\S+)$", (CHECKOUT / PAGE).read_text(encoding="utf-8"), re.MULTILINE)
    assert headings == list(CATALOG)
    assert [address(code) for code in headings] == [f"{PAGE}#{heading.lower()}" for heading in headings]


def test_every_error_class_is_in_the_catalog_under_a_code_of_its_own():
    errors = [
        node.name
        for path, tree in trees().items()
        if path.parent.name == "_errors"
        for node in tree.body
        if isinstance(node, ast.ClassDef) and any(getattr(base, "id", "") == "RotationError" for base in node.bases)
    ]
    assert sorted(error.__name__ for error in CATALOG.values()) == sorted(errors)


def test_every_code_in_roles_and_playbooks_is_in_the_catalog():
    files = [path for folder in ("roles", "playbooks") for path in (CHECKOUT / folder).rglob("*.yml")]
    assert files
    assert {code for path in files for code in CODE.findall(path.read_text(encoding="utf-8"))} <= set(CATALOG)


PLAYBOOK = re.compile(r"(?:the |key_rotation\.)(rotate|rollback|restore|maintenance)\b")
RESERVED = {"code", "prefix", "problem", "remedy", "next_command", "changed", "where", "what", "todo", "args"}


def test_the_fields_of_an_error_are_what_its_texts_name():
    for code, error in CATALOG.items():
        assert set(error.__annotations__) == named(error), code
        assert not named(error) & RESERVED, code


COUNTED = "values|rows|columns|tables|findings|checks|records|lines|sessions|processes|statements|passes|hours|days"
# Of a share the noun is always in the plural: 1 of 34 lines.
PLURAL = re.compile(rf"(?<!\}} of )\{{\w+\}} (?:{COUNTED})\b")


def test_a_count_says_its_noun_in_the_right_number():
    assert [code for code, error in CATALOG.items() if PLURAL.search(f"{error.whole_problem()}. {error.remedy}")] == []


def test_an_error_is_in_plain_english():
    assert [code for code, error in CATALOG.items() if DIALECT.search(f"{error.whole_problem()}. {error.remedy}")] == []


def test_the_next_command_of_an_error_is_in_what_to_do():
    commands = {code: error for code, error in CATALOG.items() if error.next_command}
    assert commands
    for code, error in commands.items():
        playbook, *options = error.next_command.split(" -e ")
        assert PLAYBOOK.search(error.remedy)[1] == playbook, code
        assert [option for option in options if option not in error.remedy] == [], code


def test_an_error_is_built_from_its_code_with_its_fields():
    error = build_error("E_DB_LOST", changed="3 values were re-encrypted.", table="profile")
    assert isinstance(error, ConnectionLost)
    assert (error.table, error.where, error.changed) == ("profile", {"table": "profile"}, "3 values were re-encrypted.")
