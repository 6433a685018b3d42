# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls in which the application hashes values with a key, as for a blind index, by its source: nothing is called.

A call counts if a key and other data go into it. The hash of a key, with or without a salt, is another key. A hash that
is compared at once belongs to a signature, and one next to a cipher belongs to a token. Neither is in a column of
hashes.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from . import key_uses
from .key_uses import SALTED_HMAC, Use, called_name

WITH_SECRET = 3  # arguments of SALTED_HMAC with a secret
_MODULES = {"hmac", "hashlib"}
_NAMES = {SALTED_HMAC, "HMAC", "md5", "sha1", "sha224", "sha256", "sha384", "sha512", "blake2b", "blake2s"}
_OF_OTHER_USE = {"compare_digest", "constant_time_compare", "verify", "encryptor", "decryptor"}
_NO_DATA = re.compile(r"(?:^|_)(?:cls|salt|nonce|iv|info|key|secret|purpose|context|version)s?$")  # parameters
_Function = (ast.FunctionDef, ast.AsyncFunctionDef)


def find(
    project_dir: str,
    folders: Mapping[str, str],
    uses: Mapping[str, Collection[Use]],
    packages: Collection[str] = (),
) -> dict[str, list[Use]]:
    """Return by key the calls that hash with one of the keys whose ``uses`` these are. The project is searched, and the
    ``folders`` that are its own, among them those of the installed ``packages``."""
    calls: dict[str, set[Use]] = {}
    files = {use.file for each in uses.values() for use in each}
    for source in key_uses.own_sources(project_dir, folders, files, packages):
        for key in uses:
            for line, function in _Module(source.tree, key).hashes():
                calls.setdefault(key, set()).add(Use(source.shown_path, line, function, "hashes with it"))
    return {key: sorted(uses_of_key) for key, uses_of_key in sorted(calls.items())}


@dataclass
class _Module:
    """A module, with the names in it that stand for ``key``: those of attributes begin with a dot."""

    tree: ast.Module
    key: str
    _keys: set[str] = field(default_factory=set)  # everywhere in the module
    _passed: dict[str, set[str]] = field(default_factory=dict)  # by function, the parameters that receive the key

    def __post_init__(self) -> None:
        constructors = [node for name, node in _functions_in(self.tree) if name.endswith("__init__")]
        # Attributes of every new object: they are no data, as those of a model are.
        self._state = {
            name for node in constructors for part in ast.walk(node) for name in _targets(part) if name[0] == "."
        }
        self._functions = {node.name: node for node in self.tree.body if isinstance(node, _Function)}
        size = -1
        while size != (size := len(self._keys) + sum(map(len, self._passed.values()))):
            self._learn()

    def hashes(self) -> Iterator[tuple[int, str]]:
        """The line and the function of each call that hashes other data with the key."""
        for name, node in _functions_in(self.tree):
            calls = [part for part in ast.walk(node) if isinstance(part, ast.Call)]
            hashing = [call for call in calls if _is_hash(call)]
            if not hashing or any(called_name(call) in _OF_OTHER_USE for call in calls):
                continue
            taken = [
                argument
                for call in calls
                if call in hashing or called_name(call) == "update"
                for argument in _taken(call)
            ]
            keys = self._keys_in(node)
            data = self._spread(node, {*_data_of(node)} - keys, is_key=False)
            with_key = any(self._has(argument, keys, is_key=True) for argument in taken) or self._is_implicit(hashing)
            if with_key and any(self._has(argument, data, is_key=False) for argument in taken):
                yield hashing[0].lineno, name

    def _learn(self) -> None:
        """Follow the key one step: into variables and attributes, out of functions, and to those that are called."""
        statements = [node for node in self.tree.body if not isinstance(node, (*_Function, ast.ClassDef))]
        self._keys |= self._spread(ast.Module(statements, []), self._keys, is_key=True)
        for name, node in _functions_in(self.tree):
            keys = self._keys_in(node)
            self._keys |= {known_name for known_name in keys if known_name.startswith(".")}
            returned = [part.value for part in ast.walk(node) if isinstance(part, ast.Return) and part.value]
            if name in self._functions and not _parameters(node):
                self._keys |= {name for value in returned if self._has(value, keys, is_key=True)}
            for call in (part for part in ast.walk(node) if isinstance(part, ast.Call)):
                self._pass_on(call, keys)

    def _pass_on(self, call: ast.Call, keys: Collection[str]) -> None:
        function = self._functions.get(call.func.id) if isinstance(call.func, ast.Name) else None
        if function is not None:
            given = [
                *zip(_parameters(function), call.args),
                *((keyword.arg or "", keyword.value) for keyword in call.keywords),
            ]
            received = {name for name, value in given if self._has(value, keys, is_key=True)}
            self._passed.setdefault(function.name, set()).update(received)

    def _keys_in(self, node: ast.AST) -> set[str]:
        passed = self._passed.get(getattr(node, "name", ""), set())
        return self._spread(node, self._keys | passed, is_key=True)

    def _spread(self, node: ast.AST, names: Collection[str], *, is_key: bool) -> set[str]:
        """These names, and those to which an expression with one of them is assigned."""
        reached = {*names}
        assigned = [
            (_targets(statement), statement.value)
            for statement in ast.walk(node)
            if isinstance(statement, _ASSIGNING)
            if statement.value
        ]
        for _ in assigned:
            new = {name for targets, value in assigned if self._has(value, reached, is_key=is_key) for name in targets}
            if new <= reached:
                break
            reached |= new
        return reached

    def _has(self, node: ast.AST, names: Collection[str], *, is_key: bool) -> bool:
        """Return whether an expression has one of these names; or reads the key itself, if they are its names."""
        waiting = [node]
        while waiting:
            part = waiting.pop()
            own = part.id if isinstance(part, ast.Name) else f".{part.attr}" if isinstance(part, ast.Attribute) else ""
            if own in names or (is_key and self.key in (read.name for read in key_uses.names_read(part))):
                return True
            if is_key or own not in self._state | self._keys:
                waiting += ast.iter_child_nodes(part)
        return False

    def _is_implicit(self, hashing: Iterable[ast.Call]) -> bool:
        calls = (call for call in hashing if self.key == SALTED_HMAC == called_name(call))
        return any(
            len(call.args) < WITH_SECRET and "secret" not in (keyword.arg for keyword in call.keywords)
            for call in calls
        )


_ASSIGNING = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.NamedExpr)


def _targets(node: ast.AST) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    parts = [part for target in targets if target for part in ast.walk(target)]
    return [part.id for part in parts if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)] + [
        f".{part.attr}" for part in parts if isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store)
    ]


def _functions_in(node: ast.AST, inside: str = "") -> Iterator[tuple[str, ast.AST]]:
    """Every function of a module and of its classes, by its name with that of the class."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _Function):
            yield f"{inside}{child.name}", child
        elif isinstance(child, ast.ClassDef):
            yield from _functions_in(child, f"{inside}{child.name}.")


def _parameters(node: ast.AST) -> list[str]:
    taken: ast.arguments = node.args  # type: ignore[attr-defined]
    return [parameter.arg for parameter in (*taken.posonlyargs, *taken.args, *taken.kwonlyargs)]


def _data_of(node: ast.AST) -> Iterator[str]:
    """The names in a function that stand for data: parameters, and what its loops go over."""
    yield from (name for name in _parameters(node) if not _NO_DATA.search(name))
    for loop in ast.walk(node):
        if isinstance(loop, (ast.For, ast.comprehension)):
            yield from (part.id for part in ast.walk(loop.target) if isinstance(part, ast.Name))


def _is_hash(call: ast.Call) -> bool:
    owner = getattr(call.func, "value", None)
    return called_name(call) in _NAMES or (isinstance(owner, ast.Name) and owner.id in _MODULES - {called_name(call)})


def _taken(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(keyword.value for keyword in call.keywords)]
