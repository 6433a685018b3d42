# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Functions of the application that may encrypt and decrypt with a key, by its source: text to propose, never called.

A function at the top of a module counts if it takes one argument and has a name that says what it does. It must also
reach a key by names of the same module. If no function counts, those that they call do, such as those that a function
``prepare_for_view`` calls.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple, TypeVar

from . import encrypting_attributes, key_uses

ENCRYPTS, DECRYPTS = 0, 1  # the places in a row of VERBS
# Words of names, as a pair: those of the first rows are preferred.
VERBS = (
    ("encrypt", "decrypt"),
    ("encipher", "decipher"),
    ("seal", "unseal"),
    ("seal", "open"),
    ("enc", "dec"),
    ("protect", "unprotect"),
    ("conceal", "reveal"),
    ("hide", "reveal"),
    ("wrap", "unwrap"),
    ("lock", "unlock"),
    ("scramble", "unscramble"),
    ("obfuscate", "deobfuscate"),
    ("tokenize", "detokenize"),
    ("encode", "decode"),
    ("pack", "unpack"),
    ("dump", "load"),
    ("dumps", "loads"),
)
_NAMED = VERBS[:2]  # verbs that say what a single function does, and what one does that calls it


class OwnFunction(NamedTuple):
    """A function of the application by its module and name."""

    module: str
    name: str

    @property
    def path(self) -> str:
        return f"{self.module}.{self.name}"

    @property
    def names(self) -> set[str]:
        return {self.name}


class OwnPair(NamedTuple):
    """Two functions that undo each other by their names; ``place`` is that of their verbs."""

    place: int
    encrypt: OwnFunction
    decrypt: OwnFunction

    @property
    def names(self) -> set[str]:
        return {self.encrypt.name, self.decrypt.name}


_Choice = TypeVar("_Choice", OwnFunction, OwnPair)


@dataclass(frozen=True)
class Candidates:
    """The functions that may encrypt and decrypt, by dotted path; one of each if no other comes into question."""

    encrypt: Sequence[str] = ()
    decrypt: Sequence[str] = ()


@dataclass(frozen=True)
class CodeOfKeys:
    """The functions of an application that come to a key: in pairs, and all that encrypt and that decrypt."""

    pairs: Sequence[OwnPair] = ()
    encrypt: Sequence[OwnFunction] = ()
    decrypt: Sequence[OwnFunction] = ()

    def candidates(self, field: Any = None) -> Candidates:
        """Return those for the column of a model's ``field``: if code of its model names some of them, only these."""
        named = _names_in_code_of(field)
        if not self.pairs:
            return Candidates(_paths(_used(named, self.encrypt)), _paths(_used(named, self.decrypt)))
        pairs = _used(named, self.pairs)
        best = [pair for pair in pairs if pair.place == min(pairs).place]
        return Candidates(_paths(pair.encrypt for pair in best), _paths(pair.decrypt for pair in best))


def find(project_dir: str, folders: Mapping[str, str], uses: Mapping[str, Sequence[key_uses.Use]]) -> CodeOfKeys:
    """The functions of the project, and of its own ones of ``folders``, that come to one of these ``uses`` of keys."""
    lines: dict[str, set[int]] = {}
    for use in chain.from_iterable(uses.values()):
        lines.setdefault(use.file, set()).add(use.line)
    modules = {os.path.realpath(path): name for name, path in _loaded_files() if name != "__main__"}
    by_module = [
        _of_module(
            _TopLevel(source.tree, lines[source.shown_path]), modules.get(source.path) or _importable(source.shown_path)
        )
        for source in key_uses.own_sources(project_dir, folders, lines)
    ]
    return CodeOfKeys(
        sorted(pair for code in by_module for pair in code.pairs),
        sorted(function for code in by_module for function in code.encrypt),
        sorted(function for code in by_module for function in code.decrypt),
    )


def _loaded_files() -> Iterator[tuple[str, str]]:
    for name, module in list(sys.modules.items()):
        if path := getattr(module, "__file__", None):
            yield name, path


def _importable(shown: str) -> str:
    """The name of a module by its path from a folder of the import path on."""
    return shown.removesuffix(".py").removesuffix(f"{os.sep}__init__").replace(os.sep, ".")


def _of_module(code: _TopLevel, module: str) -> CodeOfKeys:
    """Return what one module has."""
    names = sorted(name for name in code.functions if code.comes_to_key(name))
    names = [name for name in names if not name.startswith("_")] or names
    own = {name: OwnFunction(module, name) for name in names}
    pairs = [
        OwnPair(place, own[name], own[other])
        for place, verbs in enumerate(VERBS)
        for name in names
        for other in _counterparts(name, *verbs)
        if other in own
    ]
    sides = ([own[name] for name in code.of_side(names, side)] for side in (ENCRYPTS, DECRYPTS))
    return CodeOfKeys(pairs, *sides)


def _words(name: str) -> list[str]:
    return name.lower().split("_")


def _counterparts(name: str, verb: str, undoing: str) -> Iterator[str]:
    """The names that a function would have which undoes what one of this name does."""
    words = name.split("_")
    for place, word in enumerate(words):
        if word == verb:
            yield "_".join([*words[:place], undoing, *words[place + 1 :]])


def _side_of(words: Collection[str]) -> int | None:
    """Return which side these words name; None if they name neither, or both."""
    sides = [any(verbs[side] in words for verbs in _NAMED) for side in (ENCRYPTS, DECRYPTS)]
    return sides.index(True) if sum(sides) == 1 else None


class _TopLevel:
    """The definitions at the top of a module, in the order of its code. It has the names in each, and which are
    functions that take one argument."""

    def __init__(self, tree: ast.Module, lines: Collection[int]) -> None:
        self._names: dict[str, set[str]] = {}
        self._reads: set[str] = set()
        self.functions: dict[str, ast.FunctionDef] = {}
        for node in _definitions(tree.body):
            for name in _defined(node):
                self._names.setdefault(name, set()).update(_loaded_names(node))
                if any(node.lineno <= line <= (node.end_lineno or node.lineno) for line in lines):
                    self._reads.add(name)
                if isinstance(node, ast.FunctionDef) and _takes_one(node.args):
                    self.functions[name] = node

    def comes_to_key(self, name: str) -> bool:
        """Return whether a definition reads a key, or names one that does."""
        waiting, visited = [name], {name}
        while waiting:
            current = waiting.pop()
            if current in self._reads:
                return True
            waiting += self._names[current] & self._names.keys() - visited
            visited |= self._names[current]
        return False

    def of_side(self, names: Sequence[str], side: int) -> list[str]:
        """The functions that encrypt, or decrypt: by their own names, otherwise by what they call."""
        own = [name for name in names if _side_of(_words(name)) == side]
        return own or [name for name in names if _side_of(_called_words(self.functions[name])) == side]


def _definitions(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements at the top of a module, those under an ``if`` or ``try`` included."""
    for node in body:
        yield node
        if isinstance(node, (ast.If, ast.Try, ast.With)):
            handlers = [part for handler in getattr(node, "handlers", ()) for part in handler.body]
            rest = [*getattr(node, "orelse", ()), *getattr(node, "finalbody", ())]
            yield from _definitions([*node.body, *handlers, *rest])


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, ast.ImportFrom):
        return [alias.asname or alias.name for alias in node.names]
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _loaded_names(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)}


def _called_words(node: ast.AST) -> set[str]:
    calls = (each for each in ast.walk(node) if isinstance(each, ast.Call))
    return {word for each in calls for word in _words(key_uses.called_name(each))}


def _takes_one(taken: ast.arguments) -> bool:
    """Return whether a function can be called with one positional argument."""
    placed = [*taken.posonlyargs, *taken.args]
    needed = len(placed) - len(taken.defaults)
    return needed <= 1 and bool(placed or taken.vararg) and None not in taken.kw_defaults


def _names_in_code_of(field: Any) -> list[set[str]]:
    """The names in the code of a field's class and of its model, first those in functions that name the field too."""
    if field is None:
        return []
    own, of_model = ([*_codes(cls)] for cls in (type(field), field.model))
    with_field = [*own, *(names for names in of_model if field.attname in names)]
    return [set().union(*with_field), set().union(*own, *of_model)]


def _codes(cls: Any) -> Iterator[set[str]]:
    """The names in each function of a class."""
    for _, member in encrypting_attributes.members(cls):
        functions = (member, *(getattr(member, name, None) for name in ("fget", "fset", "func", "__func__")))
        codes = (getattr(function, "__code__", None) for function in functions)
        yield from (set(encrypting_attributes.names_in(code)) for code in codes if code)


def _used(named: Iterable[set[str]], choices: Sequence[_Choice]) -> Sequence[_Choice]:
    """Return the items with a name in the first of these sets that has any of them; otherwise all items."""
    matching = ([choice for choice in choices if choice.names & names] for names in named)
    return next(filter(None, matching), choices)


def _paths(functions: Iterable[OwnFunction]) -> list[str]:
    return [function.path for function in dict.fromkeys(functions)]
