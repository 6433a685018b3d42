# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people read is in plain American English: task and play names, role descriptions, documents, docstrings."""

from __future__ import annotations

import re
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from . import plugin_sources
from .conftest import CHECKOUT
from .yaml_files import read_yaml

# What must not occur in any text, and what to write instead.
WORDS = {
    r"\banew\b": "again, or the verb with re-: recreate",
    r"\bmend\b": "fix",
    r"\bbeside\b": "next to",
    r"\bl(ies|ay) (in|on|at|there|next)\b": "is in",
    r"(?<!\bthere )\b(is|are|was|were) none\b": "is not a ..., there is no ...",
    r"\b(is|are|was|were|be) told\b|\btells? of\b": "is reported, the error says",
    r"\b(go|goes|gone|going) on with\b": "resume",
    r"\btak(e|es|en|ing) (\w+ ){1,2}back\b": "roll back",
    r"\bby whose word\b": "approved by",
    r"\bin clear\b": "unencrypted",
    r"\ball the same\b": "still",
    r"\bat large\b": "leave it out",
    r"\bor else\b": "otherwise",
    r"\b(strangers?|ruins?|ruined)\b": "independent process, damage",
    r"\bway back\b": "rollback",
    r"\bfor ever\b": "endless",
}
ANY = re.compile("|".join(WORDS))
# What must not occur in a name or a description either; in a sentence it may be right.
REPLACEMENTS = {
    **WORDS,
    r"\bthere (is|are|was|were) none\b": "there is no ...",
    r"\b(bring|brings|brought) .*\b(back|under|together)\b": "restore, re-encrypt",
    r"\b(keys?|versions?|stores?|one) before$": "the previous keys, the previous version",
    r"\bwhere\b": "if, or in which",
    r"\bsee (that|which|whether|how|who|whose|under|again|what)\b": "check that ...",
    r"\b(holds?|what has) (the |old |new )*keys?\b": "the services that use the keys",
    r"\bas (it|they) (is|are|was|were)\b": "unchanged",
    r"\bmakes? (the|a|an|one|its|it) (plan|reports?|pages?|backup|record|copy|keys)\b": "create or write",
    r"\b(was|is|been|be) made\b": "created",
    r"\belse\b": "otherwise",
    r"\b(picture|meanwhile)\b": "snapshot, during ...",
    r"\b(let|lets) go\b|\bgiv(e|es|en) .*\bback\b": "release",
    r"\bits default\b": "the default",
    r"\b(ends?|answers?) well\b": "succeed",
    r"\blook at\b": "check",
}


def tasks(node: Any) -> Iterator[dict[str, Any]]:
    """Every play, block and task of a file."""
    if isinstance(node, list):
        for item in node:
            yield from tasks(item)
    elif isinstance(node, dict):
        yield node
        for section in ("pre_tasks", "tasks", "post_tasks", "handlers", "block", "rescue", "always"):
            yield from tasks(node.get(section))


def descriptions(node: Any) -> Iterator[str]:
    """Every description of a specification, at any depth."""
    if not isinstance(node, dict):
        return
    for key, value in node.items():
        if key in ("short_description", "description") and not isinstance(value, dict):
            yield from [value] if isinstance(value, str) else value
        else:
            yield from descriptions(value)


def task_files() -> list[Path]:
    folders = (
        "playbooks/*.yml",
        "playbooks/steps/*.yml",
        "roles/*/tasks/*.yml",
        "roles/*/handlers/*.yml",
        "molecule/**/*.yml",
    )
    return sorted(path for folder in folders for path in CHECKOUT.glob(folder))


def texts(path: Path) -> list[str]:
    if path.parent.name == "meta":
        return list(descriptions(read_yaml(path)))
    return [task["name"] for task in tasks(read_yaml(path)) if "name" in task]


DOCUMENTS = [
    CHECKOUT / "README.md",
    CHECKOUT / "CONTRIBUTING.md",
    *(path for folder in ("docs", "roles", "examples", "benchmarks") for path in CHECKOUT.glob(f"{folder}/**/*.md")),
    *CHECKOUT.glob("tests/harness/*.md"),
]
FILES = [*task_files(), *sorted(CHECKOUT.glob("roles/*/meta/*.yml"))]


def faults(text: str) -> list[str]:
    """What to write instead of each word to replace; the step before the bar does not count."""
    name = text.split(" | ")[-1]
    return [
        f"{text!r}: write {instead}" for word, instead in REPLACEMENTS.items() if re.search(word, name, re.IGNORECASE)
    ]


def test_names_and_descriptions_have_no_word_to_replace() -> None:
    assert [(path, fault) for path in FILES for text in texts(path) for fault in faults(text)] == []


def words_to_replace(path: Path, lines: Iterable[str]) -> list[str]:
    suspects = filter(ANY.search, lines)
    return [f"{path}: {line}: write {WORDS[word]}" for line in suspects for word in WORDS if re.search(word, line)]


def prose(text: str) -> str:
    """A document without what it quotes as code."""
    return re.sub(r"^```.*?^```|`[^`\n]*`", "", text, flags=re.MULTILINE | re.DOTALL)


def notes(path: Path) -> Iterator[str]:
    """The lines of the docstrings and comments of a Python file."""
    with path.open("rb") as source:
        for token in tokenize.tokenize(source.readline):
            if token.type == tokenize.COMMENT or token.string.lstrip("rbf").startswith('"""'):
                yield from token.string.splitlines()


def test_a_docstring_or_comment_has_no_word_to_replace() -> None:
    assert [fault for path in plugin_sources.FILES for fault in words_to_replace(path, notes(path))] == []


def test_a_document_has_no_word_to_replace() -> None:
    lines = {path: prose(path.read_text(encoding="utf-8")).splitlines() for path in DOCUMENTS}
    assert [fault for path in DOCUMENTS for fault in words_to_replace(path, lines[path])] == []


def test_names_and_descriptions_are_found() -> None:
    found = {text for path in FILES for text in texts(path)}
    assert "Switch | Write the new keys to the .env file" in found, "a task in a block"
    assert "Rotate the encryption keys" in found, "a play"
    assert "Process IDs." in found, "an option of an option"
    assert len(found) > 400


@pytest.mark.parametrize(
    "text",
    [
        "See that the window still holds what is left",
        "Make the pages of the records anew",
        "Bring every value back under the keys before",
        "A backup in clear is allowed, where there is no other",
        "Close | Let go of the databases",
        "Stop | Stop what holds keys",
    ],
)
def test_a_word_to_replace_is_found(text: str) -> None:
    assert faults(text)
