# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventories that users begin with."""

from __future__ import annotations

import re

import pytest
import yaml

from .conftest import CHECKOUT
from .yaml_files import read_yaml

INVENTORIES = ["demo", "staging", "production"]
TEMPLATE = CHECKOUT / "inventories/production/group_vars/application.yml"


@pytest.mark.parametrize("name", INVENTORIES)
def test_each_is_there_for_who_types_its_name_in_playbooks(name: str) -> None:
    link = CHECKOUT / "playbooks" / name
    assert link.is_symlink()
    assert link.resolve() == (CHECKOUT / "inventories" / name).resolve()
    assert (link / "hosts.yml").is_file()


def operators_variables() -> set[str]:
    spec = read_yaml(CHECKOUT / "roles/key_rotation/meta/argument_specs.yml")
    return set(spec["argument_specs"]["settings"]["options"])


def explained() -> set[str]:
    return set(re.findall(r"^(?:# )?(key_rotation_\w+):", TEMPLATE.read_text(encoding="utf-8"), re.MULTILINE))


def test_the_template_for_production_explains_every_variable() -> None:
    assert operators_variables() - explained() == set()


def test_the_template_names_no_variable_that_nothing_reads() -> None:
    assert explained() - operators_variables() == set()
    paths = [*CHECKOUT.glob("roles/*/tasks/*"), *CHECKOUT.glob("roles/*/vars/*"), *CHECKOUT.glob("roles/*/templates/*")]
    text = "".join(path.read_text(encoding="utf-8") for path in [*paths, *CHECKOUT.glob("roles/[!k]*/defaults/*")])
    assert operators_variables() - set(re.findall(r"\bkey_rotation_\w+", text)) == set()


def test_the_template_is_yaml_with_its_comments_and_without() -> None:
    text = TEMPLATE.read_text(encoding="utf-8")
    assert set(yaml.safe_load(text)) < operators_variables()
    examples = re.findall(r"^# (key_rotation_\w+:.*(?:\n#   .*)*)", text, re.MULTILINE)
    for example in examples:
        assert yaml.safe_load(re.sub(r"^# ", "", example, flags=re.MULTILINE)), example
