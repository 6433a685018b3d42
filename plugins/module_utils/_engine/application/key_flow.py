# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names that stand for a key in the application's own source, also for a key that is derived from it.

A key is followed through variables, attributes, functions that return it, parameters that receive it, and imports.
Names are compared as they are written, so an attribute of another object may count too: a key that is missed costs
data, and one too many costs a person one decision.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice

from . import key_uses
from .key_uses import called_name

Function = (ast.FunctionDef, ast.AsyncFunctionDef)
_STORING = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.NamedExpr, ast.For, ast.AsyncFor, ast.comprehension)
_IDENTIFIER = re.compile(r"[^\W\d]\w*")
_DEFINED = re.compile(r"^[ \t]*(?:(?:async[ \t]+)?def|class)[ \t]+(\w+)", re.MULTILINE)
# Calls that make or open a token. They do not return a key.
_CIPHER = re.compile(r"(?:en|de)crypt(?:or)?(?:$|_)|^(?:un)?(?:seal|sign)(?:_object)?$")
_DECRYPTING = re.compile(r"decrypt(?:or)?(?:$|_)|^unseal$|^unsign(?:_object)?$")
# What is used instead of a function: it calls the one that is its first argument.
PARTIAL = ("partial", "partialmethod")
_OF_PYTHON = {name for each in (str, bytes, dict, list, set) for name in dir(each)}  # methods


@dataclass(frozen=True)
class Code:
    """A function with all that is inside it, or the statements of a module or class outside of its functions."""

    name: str  # with that of its class, if it has one
    class_name: str
    node: ast.AST
    taken: ast.arguments | None = None  # of a function

    @cached_property
    def short_name(self) -> str:
        return self.name.rpartition(".")[2]

    @cached_property
    def parameters(self) -> list[str]:
        """The parameters without that of the object itself."""
        names = parameters_of(self.taken) if self.taken else []
        decorators = {getattr(each, "id", "") for each in getattr(self.node, "decorator_list", ())}
        return names[1:] if self.class_name and "staticmethod" not in decorators else names

    @cached_property
    def others(self) -> list[str]:
        """The parameters for all other arguments, as *args and **kwargs."""
        taken = self.taken
        return [each.arg for each in (taken.vararg, taken.kwarg) if each] if taken else []

    @cached_property
    def _values(self) -> list[tuple[list[str], ast.AST]]:
        statements = [part for part in ast.walk(self.node) if isinstance(part, _STORING)]
        values = ((part, part.iter if isinstance(part, _LOOPS) else part.value) for part in statements)
        return [(names_stored(part), value) for part, value in values if value is not None]

    @cached_property
    def stored(self) -> list[tuple[list[str], frozenset[str]]]:
        """The names that get a value, each with the words of that value. Those of attributes begin with a dot."""
        return [(names, words_of(value)) for names, value in self._values]

    @cached_property
    def stored_data(self) -> list[tuple[list[str], frozenset[str]]]:
        """The same with all words, also of what is decrypted."""
        return [(names, frozenset(filter(None, map(word_of, ast.walk(value))))) for names, value in self._values]

    @cached_property
    def calls(self) -> list[ast.Call]:
        return [part for part in ast.walk(self.node) if isinstance(part, ast.Call)]

    @cached_property
    def returned(self) -> list[frozenset[str]]:
        parts = (part for part in ast.walk(self.node) if isinstance(part, (ast.Return, ast.Yield, ast.YieldFrom)))
        return [words_of(part.value) for part in parts if part.value]

    @cached_property
    def local(self) -> set[str]:
        """The names of a function's own variables."""
        stored = {name for names, _ in self.stored for name in names if name[0] != "."}
        return stored.union(self.parameters, self.others) - self.shared

    @cached_property
    def shared(self) -> set[str]:
        """The module's variables that a function stores."""
        return {name for part in ast.walk(self.node) if isinstance(part, ast.Global) for name in part.names}

    @cached_property
    def defaults(self) -> list[tuple[str, frozenset[str]]]:
        """The parameters with a default, and the words of it."""
        taken = self.taken
        if taken is None:
            return []
        placed = [*taken.posonlyargs, *taken.args]
        pairs = [
            *zip(placed[len(placed) - len(taken.defaults) :], taken.defaults),
            *zip(taken.kwonlyargs, taken.kw_defaults),
        ]
        return [(parameter.arg, words_of(value)) for parameter, value in pairs if value]


_LOOPS = (ast.For, ast.AsyncFor, ast.comprehension)


def parameters_of(taken: ast.arguments) -> list[str]:
    return [parameter.arg for parameter in (*taken.posonlyargs, *taken.args, *taken.kwonlyargs)]


def names_stored(node: ast.AST) -> list[str]:
    """The names to which a statement gives a value. Those of attributes begin with a dot."""
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    parts = [part for target in targets if target for part in ast.walk(target)]
    entries = {id(part.value) for part in parts if isinstance(part, ast.Subscript)}  # of these a part is stored
    named = [part for part in parts if isinstance(getattr(part, "ctx", None), ast.Store) or id(part) in entries]
    return [part.id for part in named if isinstance(part, ast.Name)] + [
        f".{part.attr}" for part in named if isinstance(part, ast.Attribute)
    ]


def word_of(node: ast.AST) -> str:
    """The name that a node is, with a dot before that of an attribute; empty for anything else."""
    return node.id if isinstance(node, ast.Name) else f".{node.attr}" if isinstance(node, ast.Attribute) else ""


def words_of(node: ast.AST) -> frozenset[str]:
    """The names in an expression that may make it a key. Those of attributes begin with a dot, those of settings in a
    text with a quote. What is decrypted with a key is another value, which a rotation does not change."""
    words = set()
    waiting = [node]
    while waiting:
        part = waiting.pop()
        if isinstance(part, ast.Call) and _DECRYPTING.search(called_name(part)):
            continue
        if word := word_of(part):
            words.add(word)
        else:
            words.update(f"'{read.name}" for read in key_uses.names_read(part))
        waiting += ast.iter_child_nodes(part)
    return frozenset(words)


def spread(stored: Collection[tuple[Collection[str], frozenset[str]]], names: Collection[str]) -> set[str]:
    """These names, and those that get a value with one of them."""
    reached = {*names}
    size = -1
    while size != (size := len(reached)):
        for targets, words in stored:
            if not reached.isdisjoint(words):
                reached.update(targets)
    return reached


@dataclass
class Module:
    """A module of the application. ``keys`` are the names in it that stand for the key."""

    path: str
    shown_path: str
    tree: ast.Module
    keys: set[str] = field(default_factory=set)
    passed: dict[str, set[str]] = field(default_factory=dict)  # by function, the parameters that receive the key

    @cached_property
    def name(self) -> str:
        return _name_of(self.path)

    @cached_property
    def codes(self) -> list[Code]:
        return codes_of(self.tree)

    @cached_property
    def functions(self) -> list[Code]:
        return [code for code in self.codes if code.taken is not None]

    @cached_property
    def classes(self) -> dict[str, ast.ClassDef]:
        return {node.name: node for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef)}

    @cached_property
    def imports(self) -> list[tuple[str, str, str]]:
        """What is imported: the name of the module, the name in it (empty for the module itself), and as what."""
        found = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found += [(each.name.rpartition(".")[2], "", each.asname or each.name) for each in node.names]
            elif isinstance(node, ast.ImportFrom):
                folder = self.path
                for _ in range(node.level):
                    folder = os.path.dirname(folder)
                name = (node.module or os.path.basename(folder)).rpartition(".")[2]
                found += [(name, each.name, each.asname or each.name) for each in node.names]
                found += [(each.name, "", each.asname or each.name) for each in node.names]  # if it is a module
        return found

    def visible(self, code: Code) -> set[str]:
        """The names that stand for the key in some of its code, before its own statements."""
        own = {name for name, words in code.defaults if not self.keys.isdisjoint(words)}
        return (self.keys - code.local if code.taken else self.keys) | own

    def keys_in(self, code: Code) -> set[str]:
        """The names that stand for the key in some of its code."""
        return spread(code.stored, self.visible(code) | self.passed.get(code.name, set()))


def _name_of(path: str) -> str:
    name = os.path.basename(path)
    return os.path.basename(os.path.dirname(path)) if name == "__init__.py" else name.removesuffix(".py")


def codes_of(tree: ast.Module) -> list[Code]:
    """The code of a module: its own statements, those of each class, and each function."""
    statements = [node for node in tree.body if not isinstance(node, (*Function, ast.ClassDef))]
    return [Code("", "", ast.Module(statements, [])), *_codes_in(tree)]


def _codes_in(node: ast.AST, inside: str = "") -> Iterator[Code]:
    class_name = inside.rstrip(".")
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function):
            yield Code(f"{inside}{child.name}", class_name, child, child.args)
        elif isinstance(child, ast.ClassDef):
            statements = [each for each in child.body if not isinstance(each, (*Function, ast.ClassDef))]
            yield Code(f"{inside}{child.name}", f"{inside}{child.name}", ast.Module(statements, []))
            yield from _codes_in(child, f"{inside}{child.name}.")
        elif isinstance(child, ast.Assign) and isinstance(child.value, ast.Lambda):
            returned = ast.copy_location(ast.Return(child.value.body), child.value)
            for name in (each.id for each in child.targets if isinstance(each, ast.Name)):
                function = ast.FunctionDef(name, child.value.args, [returned], [])
                yield Code(f"{inside}{name}", class_name, ast.copy_location(function, child), child.value.args)


class SourceFiles:
    """The source files of the application, each read once, and parsed if it has one of the names that are followed."""

    def __init__(self, project_dir: str, folders: Mapping[str, str], packages: Collection[str]) -> None:
        self._texts: dict[str, tuple[str, frozenset[str], frozenset[str]]] = {}
        self._trees: dict[str, ast.Module | None] = {}
        for path, shown in islice(key_uses.own_files(project_dir, folders, packages), key_uses.MOST_FILES):
            if text := key_uses.read_source(path):
                defined = frozenset(_DEFINED.findall(text))
                self._texts[path] = (shown, frozenset(_IDENTIFIER.findall(text)), defined)

    def having(self, names: Collection[str], defining: Collection[str] = ()) -> Iterator[tuple[str, str]]:
        """Yield the files that have one of these names, or define a function or class with one of them."""
        for path, (shown, words, defined) in self._texts.items():
            if not (words.isdisjoint(names) and defined.isdisjoint(defining)):
                yield path, shown

    def importing(self, name: str, names: Collection[str]) -> Iterator[tuple[str, str]]:
        """Yield the files that have the name of a module and one of these names."""
        for path, (shown, words, _) in self._texts.items():
            if name in words and not words.isdisjoint(names):
                yield path, shown

    def module(self, path: str, shown: str) -> Module | None:
        if path not in self._trees:
            self._trees[path] = key_uses.parse(path)
        tree = self._trees[path]
        return Module(path, shown, tree) if tree else None


class KeyFlow:
    """The modules of the application that a key comes to, with the names that stand for it."""

    def __init__(self, files: SourceFiles, key: str) -> None:
        self.modules: dict[str, Module] = {}
        self._files = files
        self.key = key
        self._ciphers: set[str] = set()
        self._handed: set[str] = set()  # names of functions and classes that are called with the key
        waiting = {*files.having([key])}
        while waiting:
            for path, shown in sorted(waiting):
                if module := files.module(path, shown):
                    self.modules[path] = module
            self._ciphers = self._find_ciphers()
            self._learn_all()
            waiting = {each for each in self._related() if each[0] not in self.modules}
            waiting = {each for each in waiting if files.module(*each)}

    def _related(self) -> Iterator[tuple[str, str]]:
        """The files to which the key may come from the modules that are known."""
        constants = {name for module in self.modules.values() for name in map(_bare, module.keys) if name.isupper()}
        yield from self._files.having(constants, self._handed)
        for module in self.modules.values():
            yield from self._files.importing(module.name, {*map(_bare, module.keys)})

    def _learn_all(self) -> None:
        size = -1
        while size != (size := self._count_names()):
            constants = {name for module in self.modules.values() for name in module.keys if _bare(name).isupper()}
            for module in self.modules.values():
                # A constant may be a setting, or be read from its module.
                module.keys.update(f"{sign}{_bare(name)}" for name in constants for sign in ".'")
                module.keys.update([self.key, f".{self.key}", f"'{self.key}"])
                self._learn_imports(module)
                for code in module.codes:
                    self._learn(module, code)

    def _count_names(self) -> int:
        passed = sum(len(names) for module in self.modules.values() for names in module.passed.values())
        return passed + len(self._handed) + sum(len(module.keys) for module in self.modules.values())

    def _learn_imports(self, module: Module) -> None:
        for other in self.modules.values():
            for module_name, name, alias in module.imports if other is not module else ():
                if module_name == other.name:
                    module.keys.update(each for each in other.keys if each[0] == ".")
                    own = {each for each in other.keys if each[0] not in ".'"}
                    if not name:
                        module.keys.update(f".{each}" for each in own)
                    elif name == "*":
                        module.keys.update(own)
                    elif name in own:
                        module.keys.add(alias)

    def _learn(self, module: Module, code: Code) -> None:
        """Follow the key one step: into variables and attributes, out of functions, and to those that are called."""
        keys = module.keys_in(code)
        if code.taken is None:
            stored = {name for names, _ in code.stored for name in names} & keys
            module.keys.update(f".{_bare(name)}" for name in stored if code.class_name)
            module.keys.update(name for name in stored if not code.class_name)
        else:
            module.keys.update(name for name in keys if name[0] == "." or name in code.shared)
            if self._returns_key(module, code):
                module.keys.add(_word_for_result(code))
        for call in code.calls:
            self._pass_on(module, code, call, keys)

    def _returns_key(self, module: Module, code: Code) -> bool:
        """Return whether a function returns the key, whatever it is called with."""
        is_plain = not (code.parameters or code.class_name)
        if not is_plain and (_word_for(code) in self._ciphers or code.short_name.startswith("__")):
            return False
        keys = spread(code.stored, module.visible(code))
        return any(not keys.isdisjoint(words) for words in code.returned)

    # ---- Calls -------------------------------------------------------------------------------------------------------

    def _pass_on(self, module: Module, code: Code, call: ast.Call, keys: Collection[str]) -> None:
        """Follow the key into the parameters of the function or class that is called with it."""
        function, given = call.func, [*call.args]
        if called_name(call) in PARTIAL and given:
            function, given = given[0], given[1:]
        received = [place for place, value in enumerate(given) if not words_of(value).isdisjoint(keys)]
        named = [each.arg or "" for each in call.keywords if not words_of(each.value).isdisjoint(keys)]
        if not (received or named):
            return
        is_starred = "" in named or any(isinstance(given[place], ast.Starred) for place in received)
        for other, called in self._called(module, code, function):
            parameters = called.parameters
            names = {parameters[place] for place in received if place < len(parameters)} | {*named} & {*parameters}
            if is_starred:
                names.update(parameters)
            if len(names) < len(received) + len(named):
                names.update(called.others)
            if called.taken is None:  # a class whose fields are its parameters
                other.keys.update(f".{name}" for name in names)
            else:
                other.passed.setdefault(called.name, set()).update(names)

    def _called(self, module: Module, code: Code, function: ast.expr) -> Iterator[tuple[Module, Code]]:
        """Yield the functions that a call may mean. A class is its constructor, or if it has none, its fields."""
        if isinstance(function, ast.Name) and function.id == "cls" and code.class_name:
            yield from self._constructors([code.class_name.rpartition(".")[2]])
        elif isinstance(function, ast.Name):
            names = {function.id} | {name for _, name, alias in module.imports if alias == function.id and name}
            self._handed.update(names)
            imported = {(each, name) for each, name, alias in module.imports if alias == function.id}
            for other in self.modules.values():
                for called in other.functions:
                    is_here = other is module and called.name == function.id
                    if is_here or (not called.class_name and (other.name, called.name) in imported):
                        yield other, called
            yield from self._constructors(names)
        elif isinstance(function, ast.Attribute) and function.attr == "__init__":
            node = module.classes.get(code.class_name.rpartition(".")[2])
            yield from self._constructors(bases(node) if node else ())
        elif isinstance(function, ast.Attribute):
            self._handed.add(function.attr)
            for other in self.modules.values():
                for called in other.functions:
                    if called.short_name == function.attr:
                        yield other, called
            yield from self._constructors([function.attr])

    def _constructors(
        self, names: Iterable[str], passed_by: frozenset[str] = frozenset()
    ) -> Iterator[tuple[Module, Code]]:
        """Yield what takes the arguments of these classes, or of the classes that they inherit it from."""
        for name in names:
            self._handed.add(name)
            for module in self.modules.values():
                node = module.classes.get(name)
                if node is None:
                    continue
                own = [each for each in module.functions if each.class_name.rpartition(".")[2] == name]
                constructors = [each for each in own if each.short_name in ("__init__", "__new__")]
                fields = _fields(node)
                if constructors:
                    yield from ((module, each) for each in constructors)
                else:
                    if fields:
                        yield module, _FieldCode(name, name, ast.Module([], []), None, fields)
                    known = passed_by | {name}
                    yield from self._constructors([each for each in bases(node) if each not in known], known)

    # ---- Tokens ------------------------------------------------------------------------------------------------------

    def _find_ciphers(self) -> set[str]:
        """Return the functions that make or open tokens, or call others that do, as they are written in a call."""
        codes = [code for module in self.modules.values() for code in module.functions]
        ciphers: set[str] = set()
        size = -1
        while size != (size := len(ciphers)):
            for code in codes:
                if any(_CIPHER.search(called_name(call)) or word_of(call.func) in ciphers for call in code.calls):
                    ciphers.update([_word_for(code), f".{code.short_name}"])
        return ciphers


@dataclass(frozen=True)
class _FieldCode(Code):
    """A class without a constructor of its own, as a dataclass is."""

    fields: Sequence[str] = ()

    @cached_property
    def parameters(self) -> list[str]:
        return [*self.fields]


def _bare(name: str) -> str:
    return name.lstrip(".'")


def _word_for(code: Code) -> str:
    """How a function is written in a call."""
    return f".{code.short_name}" if code.class_name else code.name


def _word_for_result(code: Code) -> str:
    """How the result of a function is written. A method named as those of Python's types does not tell its class."""
    is_common = code.class_name and code.short_name in _OF_PYTHON
    return code.class_name.rpartition(".")[2] if is_common else _word_for(code)


def bases(node: ast.ClassDef) -> list[str]:
    """The names of the classes that a class extends."""
    return [word_of(base).lstrip(".") for base in node.bases if word_of(base)]


def _fields(node: ast.ClassDef) -> list[str]:
    return [
        each.target.id for each in node.body if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
    ]
