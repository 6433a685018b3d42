# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people read is in plain American English: task and play names, role descriptions, documents, docstrings."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from . import plugin_sources
from .conftest import CHECKOUT
from .yaml_files import read_yaml

# What must not occur in any text that a person reads, and what to write instead.
WORDS = {
    r"\banew\b": "again, or the verb with re-: recreate",
    r"\bmend\b": "fix",
    r"\bbeside\b": "next to",
    r"\bl(ies|ay) (in|on|at|there|next)\b": "is in",
    r"(?<!\bthere )\b(is|are|was|were) (?-i:none)\b": "is not a ..., there is no ...",
    r"\btold\b|\btells? of\b": "is reported, is notified, the error says",
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
    r"(?<!\bthere )\bis no\b(?! (longer|more|worse)\b|[.,;:])": "is not a ...",
    r"\bstands?\b(?! for\b)": "is",
    r"\b(go|goes) by\b": "uses, depends on",
    r"\blooked at\b": "checked, sampled",
    r"\bmeanwhile\b": "during ...",
    r"\b(be|been|is|was) made\b": "created, computed, derived",
    r"\b(gives?|gave) (back|out|no)\b": "returns, cannot ...",
    r"\bhave the application\b": "let the application",
    r"\bin place of\b": "instead of",
    r"\bafter all\b(?! (checks|rows|services|values)\b)": "leave it out",
    r"\bnobody (can|has|knows|named)\b": "it is unknown, is not",
    r"\bfor good\b(?! reason\b)": "permanently",
    r"\bby somebody else than\b": "by somebody other than",
    r"(?<!\.)\benv(ironment)? file\b": "the .env file",
    r"\b(?-i:key id)\b": "key ID",
    r"(?<!resume )\bwhere (they|that|there|no|none|nothing)\b": "if, or in which",
    r"^(?-i:Of) (the|what|a)\b": "begin with the subject",
    r"\bby (its|their) look\b": "by its appearance",
    r"\banother than\b": "differs from",
    r"\bat hand\b": "available",
    r"\bmakes? none\b": "is not a valid ...",
    r"\b(no telling|to be seen)\b": "unknown",
    r"\bany more\b": "anymore",
    r"\btowards\b": "toward",
    r"armour|behaviour|colour|favour|honour|neighbour": "-or",
    r"catalogue|\bcentre\b|\bgrey\b|\blicence\b|cancell(ed|ing)": "catalog, center, gray, license, canceled",
    r"\b(author|final|initial|minim|normal|optim|organ|real|recogn|serial|special|summar)is(e|ing|ation)": "-ize",
}
# And in a docstring: a condition is not a place, and errors have one form.
CONDITIONS = {
    r"\b(?-i:Raises)\b": "Raise",
    r"\bRaises?\b(?:[^.]|\.(?! ))*?\bwhere\b": "if",
    r"\b(None|True|False|empty|nothing|nobody|zero) where\b": "if",
}
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
    r"\belse\b": "otherwise",
    r"\bpicture\b": "snapshot",
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
TEMPLATES = sorted(CHECKOUT.glob("plugins/**/*.j2"))
FILES = [*task_files(), *sorted(CHECKOUT.glob("roles/*/meta/*.yml"))]


def faults(text: str) -> list[str]:
    """What to write instead of each word to replace, in the step before the bar as in what it does."""
    return [
        f"{text!r}: write {instead}" for word, instead in REPLACEMENTS.items() if re.search(word, text, re.IGNORECASE)
    ]


def test_names_and_descriptions_have_no_word_to_replace() -> None:
    assert [(path, fault) for path in FILES for text in texts(path) for fault in faults(text)] == []


def words_to_replace(path: Path, texts: Iterable[str], words: Mapping[str, str] = WORDS) -> list[str]:
    """What to write instead of each word in these texts, one search of all words first: few texts have any."""
    suspects = filter(_any_of(tuple(words)).search, texts)
    return [
        f"{path}: {text}: write {instead}"
        for text in suspects
        for word, instead in words.items()
        if re.search(word, text, re.IGNORECASE)
    ]


@functools.cache
def _any_of(words: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(words), re.IGNORECASE)


def prose(text: str) -> str:
    """A text without what it quotes as code, placeholders such as *ENV FILE*, and Ansible's markup such as C(name)."""
    return re.sub(_QUOTED, "", text, flags=re.MULTILINE | re.DOTALL)


_QUOTED = r"^```.*?^```|`+[^`\n]*`+|\*[A-Z0-9 ]+\*|\b[A-Z]+\([^)\n]*\)"
_TAG = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", re.DOTALL)
_LITERAL = re.compile(r'"([^"]*)"')
_COMMENT = re.compile(r"(?:^|\s)#:? (.*)$", re.MULTILINE)
_SQL = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|WHERE|FROM|JOIN|ELSE)\b")
_LETTERS = re.compile(r"[^\W\d_]{2,}")
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def docstring_of(node: ast.AST) -> ast.Constant | None:
    if isinstance(node, _DOCUMENTED) and node.body and isinstance(node.body[0], ast.Expr):
        value = node.body[0].value
        return value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None
    return None


def split_strings(tree: ast.Module) -> tuple[list[str], list[str]]:
    """The docstrings of a file, and its other texts and parts of f-strings."""
    nodes = list(ast.walk(tree))
    described = [found for found in map(docstring_of, nodes) if found]
    known = set(map(id, described))
    texts = [
        node.value
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in known
    ]
    return [" ".join(str(each.value).split()) for each in described], texts


@functools.cache
def texts_of_plugins() -> Mapping[Path, tuple[list[str], list[str]]]:
    return {path: split_strings(tree) for path, tree in plugin_sources.trees().items()}


def is_sentence(text: str) -> bool:
    """Whether a person reads it: two words or more, and neither SQL nor the description of a module."""
    return len(_LETTERS.findall(text)) >= 2 and not _SQL.search(text) and text.count("\n") < 6


def template_texts(source: str) -> list[str]:
    """The lines of a template without its tags and expressions, and the texts in these."""
    texts = (text for tag in _TAG.findall(source) for text in _LITERAL.findall(tag))
    return [*re.sub(r"<[^>]*>", "", _TAG.sub("", source)).splitlines(), *filter(is_sentence, texts)]


def test_a_message_has_no_word_to_replace() -> None:
    found = {path: filter(is_sentence, texts) for path, (_, texts) in texts_of_plugins().items()}
    assert [fault for path, texts in found.items() for fault in words_to_replace(path, texts)] == []


def test_a_template_has_no_word_to_replace() -> None:
    found = {path: template_texts(path.read_text(encoding="utf-8")) for path in TEMPLATES}
    assert len(found) > 4
    assert [fault for path, texts in found.items() for fault in words_to_replace(path, texts)] == []


def test_a_docstring_has_no_word_to_replace() -> None:
    words = {**WORDS, **CONDITIONS}
    found = {path: map(prose, texts) for path, (texts, _) in texts_of_plugins().items()}
    assert [fault for path, texts in found.items() for fault in words_to_replace(path, texts, words)] == []


def test_a_comment_has_no_word_to_replace() -> None:
    found = {path: _COMMENT.findall(path.read_text(encoding="utf-8")) for path in plugin_sources.FILES}
    assert [fault for path, lines in found.items() for fault in words_to_replace(path, map(prose, lines))] == []


def test_the_description_of_a_module_has_no_word_to_replace() -> None:
    found = {
        path: [line for text in texts if text.count("\n") >= 6 for line in prose(text).splitlines()]
        for path, (_, texts) in texts_of_plugins().items()
    }
    described = {path: [re.sub(r"^[ -]*\w+:", "", line) for line in lines] for path, lines in found.items()}
    assert sum(map(len, described.values())) > 1000
    assert [fault for path, lines in described.items() for fault in words_to_replace(path, lines)] == []


@pytest.mark.parametrize(
    "text",
    [
        "All the same, the web server was started.",
        "the value is no key for the scheme",
        "rotation r1 stands half way",
        "Of the values, two are encrypted",
        "3 of 3 values looked at are tokens",
        "the path of the env file is wrong",
        "nobody named",
        "does not go in any more",
        "it gave no answer",
        "it is no text",
        "the catalogue of errors",
    ],
)
def test_a_word_to_replace_in_a_message_is_found(text: str) -> None:
    assert is_sentence(text)
    assert words_to_replace(Path(), [text])


def test_a_word_to_replace_in_a_template_is_found() -> None:
    texts = template_texts('<p>{% if told %}All the same{% endif %}</p>{{ people or "nobody named" }}')
    assert len(words_to_replace(Path(), texts)) == 2


def test_what_a_text_quotes_is_not_its_own() -> None:
    assert prose("`told` and ``told``, C(told), *LOOKED AT*") == " and , , "


def test_where_for_if_in_a_docstring_is_found() -> None:
    texts, _ = split_strings(ast.parse('def f():\n    """Raise\n    E_OPTION where it is wrong."""\n    g("as it is")'))
    assert words_to_replace(Path(), texts, CONDITIONS)


def test_another_form_of_the_errors_of_a_docstring_is_found() -> None:
    assert words_to_replace(Path(), ["Read it. Raises E_OPTION."], CONDITIONS)


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
        "Picture | Measure the application",
    ],
)
def test_a_word_to_replace_is_found(text: str) -> None:
    assert faults(text)


# A function is a verb with its object, and a field is a noun: these words are neither.
NO_NAMES = {"asked", "each", "found", "known", "left", "made", "one", "shown", "told"}
# Members of records, of results and of the memory of monitoring, as they are stored.
STORED = {
    "Event.asked",
    "LogMemory.asked",
    "LogSnapshot.told",
    "Notification.found",
    "NotificationEvent.found",
    "Problem.found",
    "RepairEvent.left",
    "RotationFacts.asked",
    "RunEvent.found",
    "SeenBefore.told",
}
OTHER_MEANING = {"Bar.left"}  # a side, as in CSS


def names_of(tree: ast.Module) -> Iterator[str]:
    """The functions of a file, and the fields of its classes as Class.field."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name
        elif isinstance(node, ast.ClassDef):
            targets = (part.target for part in node.body if isinstance(part, ast.AnnAssign))
            yield from (f"{node.name}.{target.id}" for target in targets if isinstance(target, ast.Name))


def test_no_function_and_no_field_has_a_pronoun_or_a_bare_participle_as_its_name() -> None:
    names = {name for tree in plugin_sources.trees().values() for name in names_of(tree)}
    assert {name for name in names if name.rpartition(".")[2].strip("_") in NO_NAMES} == STORED | OTHER_MEANING
