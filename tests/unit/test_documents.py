# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents and comments name only pages, files and folders that exist."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.writer import Record
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._record_entry import RECORDED

from .conftest import CHECKOUT
from .yaml_files import read_yaml

CITING = ("plugins", "roles", "playbooks", "tests", "benchmarks")
ENDS = {".py", ".yml", ".j2", ".md", ".json"}
PAGE = re.compile(r"(?<![\w./-])(?:docs|facts)/[\w/-]+\.md\b")
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
PATH = re.compile(
    r"`((?:plugins|roles|playbooks|tests|benchmarks|examples|docs|inventories|molecule|scripts)/[\w./*-]+)`"
)
DOCUMENTS = sorted(
    [
        *CHECKOUT.glob("*.md"),
        *(path for folder in ("docs", "roles", "examples", "benchmarks") for path in (CHECKOUT / folder).rglob("*.md")),
        *(CHECKOUT / "tests").glob("harness/*.md"),
    ]
)
# One writes the events of a run, one only looks, and one runs others that are recorded.
NOT_RECORDED = {"rotation_record", "rollback_strategy_info", "host_tasks"}
WITH_PATHS = [CHECKOUT / "CONTRIBUTING.md", *sorted((CHECKOUT / "docs/design").glob("*.md"))]


def relative(path: Path) -> str:
    return path.relative_to(CHECKOUT).as_posix()


def cited() -> Iterator[tuple[str, str]]:
    """Each page that a file cites, with the file."""
    for folder in CITING:
        for path in (CHECKOUT / folder).rglob("*"):
            if path.suffix in ENDS and path.is_file():
                yield from ((relative(path), page) for page in PAGE.findall(path.read_text(encoding="utf-8")))


def test_code_cites_only_pages_that_exist() -> None:
    pages = set(cited())
    assert pages
    assert [(path, page) for path, page in sorted(pages) if not (CHECKOUT / page).is_file()] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=relative)
def test_links_of_a_document_lead_somewhere(path: Path) -> None:
    links = LINK.findall(path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", WITH_PATHS, ids=relative)
def test_files_that_a_document_names_exist(path: Path) -> None:
    named = PATH.findall(path.read_text(encoding="utf-8"))
    assert [name for name in named if not any(CHECKOUT.glob(name.rstrip("/")))] == []


def test_a_checkout_is_linked_under_the_name_of_its_collection(tmp_path: Path) -> None:
    """The README's playbooks, run from a fresh checkout, find their roles there."""
    shutil.copy(CHECKOUT / "Makefile", tmp_path)
    subprocess.run(["make", "link"], cwd=tmp_path, check=True, capture_output=True)
    paths = re.findall(
        r"^collections_path = (.*)$", (CHECKOUT / "ansible.cfg").read_text(encoding="utf-8"), re.MULTILINE
    )
    linked = tmp_path / paths[0].split(":")[0] / "ansible_collections/tetech/key_rotation"
    assert linked.resolve() == tmp_path.resolve()


def test_make_build_prints_an_installation_that_leaves_the_checkout() -> None:
    """In it, ansible.cfg would have the collection installed where no other folder's playbooks look."""
    makefile = (CHECKOUT / "Makefile").read_text(encoding="utf-8").replace("$(CURDIR)", "/path/to/checkout")
    (printed,) = re.findall(r"^\t@echo '(.* collection install .*)'$", makefile, re.MULTILINE)
    (told,) = re.findall(
        r"^.*ansible-galaxy collection install .*$", (CHECKOUT / "README.md").read_text(), re.MULTILINE
    )
    assert told == printed
    assert told.startswith("cd ~ && ")


def test_ci_installs_the_packages_that_contributing_lists() -> None:
    (needed,) = re.findall(r"^needed=\((.*)\)$", (CHECKOUT / ".ci/run").read_text(encoding="utf-8"), re.MULTILINE)
    text = (CHECKOUT / "CONTRIBUTING.md").read_text(encoding="utf-8").replace("\\\n", "")
    listed = re.findall(r"^apt-get install ([^#\n]*)", text, re.MULTILINE)[1]
    assert sorted(listed.split()) == sorted(needed.split())


def test_the_record_format_describes_every_member_and_every_step(tmp_path: Path) -> None:
    record = Record(str(tmp_path), "r1")
    record.append("rotate", "intent")
    record.append("rotate", "done")
    members = {member for line in record.text().splitlines() for member in json.loads(line)}
    groups = read_yaml(CHECKOUT / "meta/runtime.yml")["action_groups"]
    steps = set(groups["rotation"]) - NOT_RECORDED
    text = (CHECKOUT / "docs/design/record-format.md").read_text(encoding="utf-8")
    assert {name for name in {*members, *RECORDED, *steps} if f"`{name}`" not in text} == set()
