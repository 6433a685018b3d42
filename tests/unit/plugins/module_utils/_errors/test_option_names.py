# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.option_names import (
    spell_options,
    variable_of,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.options import InvalidOption

from ....conftest import CHECKOUT
from ....plugin_sources import trees
from ....yaml_files import read_yaml

OPTION = re.compile(r"\bO\(([a-z_]+)\)")


def variables() -> set[str]:
    """The variables that operators set, from the argument specs of all roles."""
    specs = [read_yaml(path) for path in CHECKOUT.glob("roles/*/meta/*specs.yml")]
    return {name for spec in specs for entry in spec["argument_specs"].values() for name in entry.get("options", {})}


def options_of_errors() -> Iterator[str]:
    """The options that are written as such with an invalid option."""
    for tree in trees().values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "InvalidOption":
                (option,) = [keyword.value for keyword in node.keywords if keyword.arg == "option"]
                if isinstance(option, ast.Constant):
                    yield str(option.value)


def test_a_person_reads_the_variable_of_an_option():
    assert spell_options("list it in O(ignore), or -e O(id)=r1") == (
        "list it in key_rotation_ignore, or -e key_rotation_id=r1"
    )
    assert spell_options("FOO(ignore), O(IGNORE) and O() are no options") == (
        "FOO(ignore), O(IGNORE) and O() are no options"
    )


def test_an_error_is_filled_before_its_options_are_spelled():
    error = InvalidOption(option="keys", fault="lists O(targets)", advice="Correct it.")
    assert "key_rotation_keys" in error.what
    assert "key_rotation_targets" in error.what


def test_every_option_that_a_text_names_is_a_variable():
    folder = CHECKOUT / "plugins/module_utils"
    texts = [path.read_text(encoding="utf-8") for path in folder.rglob("*.py") if path.name != "option_names.py"]
    named = {variable_of(option) for text in texts for option in OPTION.findall(text)}
    assert len(named) > 40
    assert named - variables() == set()


def test_every_option_that_an_error_is_about_is_a_variable():
    named = {variable_of(option) for option in options_of_errors()}
    assert len(named) > 15
    assert named - variables() == set()
