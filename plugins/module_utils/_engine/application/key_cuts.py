# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Places where the application uses only the first characters of a key, by its source: nothing is called."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from . import key_flow, key_uses
from .key_flow import Code, SourceFiles, word_of
from .key_uses import Use, called_name

# Calls that return the text itself, perhaps in bytes or filled up, as methods of it and as functions with it.
_METHODS = {"encode", "decode", "strip", "lstrip", "rstrip", "ljust", "rjust", "zfill"}
_FUNCTIONS = {"str", "bytes", "bytearray", "force_bytes", "force_str", "smart_bytes", "smart_str"}


class Cut(NamedTuple):
    """A place that cuts a key, and the number of characters, or of bytes in UTF-8, that are left of it."""

    use: Use
    size: int


def find(files: SourceFiles, key: str) -> Iterator[Cut]:
    """Yield where the application's own code cuts a key."""
    for path, shown in files.having([key]):
        if module := files.module(path, shown):
            for line, function, size in _CutSearch(module.codes, key).cuts():
                yield Cut(Use(shown, line, function, f"cuts it to {size}"), size)


@dataclass
class _CutSearch:
    """The code of a module, with the names that stand for the text of a key itself, each in its scope: a function, a
    class for the attributes of ``self``, or the module."""

    codes: Sequence[Code]
    key: str
    _names: set[tuple[str, str]] = field(default_factory=set)  # the name of a scope, and that of a variable in it

    def __post_init__(self) -> None:
        size = -1
        while size != (size := len(self._names)):
            for code in self.codes:
                for node in ast.walk(code.node):
                    self._learn(code, node)

    def cuts(self) -> Iterator[tuple[int, str, int]]:
        """Yield the line and the function of each cut, and the size that it leaves."""
        for code in self.codes:
            for node in ast.walk(code.node):
                if isinstance(node, ast.Subscript) and (size := _size(node.slice)) and self._is_key(code, node.value):
                    yield node.lineno, code.name, size

    def _learn(self, code: Code, node: ast.AST) -> None:
        if isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr)) and node.value:
            if self._is_key(code, node.value):
                self._names.update(_scope_of(code, name) for name in key_flow.names_stored(node))
        elif isinstance(node, ast.Return) and node.value and self._is_key(code, node.value):
            self._names.add((code.class_name, f".{code.short_name}") if code.class_name else ("", code.name))
        elif isinstance(node, ast.Call):
            self._learn_parameters(code, node)

    def _learn_parameters(self, code: Code, call: ast.Call) -> None:
        for called in self.codes:
            if called.name == _called_here(code, call) and called.taken:
                given = [
                    *zip(called.parameters, call.args),
                    *((keyword.arg or "", keyword.value) for keyword in call.keywords),
                ]
                self._names.update((called.name, name) for name, value in given if self._is_key(code, value))

    def _is_key(self, code: Code, node: ast.AST) -> bool:
        """Return whether an expression is the text of the key itself."""
        if self.key in (read.name for read in key_uses.names_read(node)) or self._is_named(code, node):
            return True
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute) and node.func.attr in _METHODS:
                return self._is_key(code, node.func.value)
            if called_name(node) in _FUNCTIONS:
                return bool(node.args) and self._is_key(code, node.args[0])
            return self._is_named(code, node.func)
        if isinstance(node, ast.BoolOp):
            return any(self._is_key(code, value) for value in node.values)
        return isinstance(node, ast.IfExp) and (self._is_key(code, node.body) or self._is_key(code, node.orelse))

    def _is_named(self, code: Code, node: ast.AST) -> bool:
        name = word_of(node)
        if isinstance(node, ast.Attribute) and not _is_self(node.value):
            return False
        scopes = (
            [_scope_of(code, name)] if name in code.local or name[:1] == "." else [_scope_of(code, name), ("", name)]
        )
        return bool(name) and not self._names.isdisjoint(scopes)


def _scope_of(code: Code, name: str) -> tuple[str, str]:
    """Return where a name that code stores has its value."""
    if name[:1] == ".":
        return code.class_name, name
    return ("" if code.taken is None or name in code.shared else code.name), name


def _called_here(code: Code, call: ast.Call) -> str:
    """Return the name of a function of the module, or of a method of the same class, that is called."""
    if isinstance(call.func, ast.Attribute):
        return f"{code.class_name}.{call.func.attr}" if _is_self(call.func.value) else ""
    return word_of(call.func)


def _is_self(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def _size(cut: ast.expr) -> int:
    """Return how many characters a slice from the beginning leaves, 0 for any other."""
    if not isinstance(cut, ast.Slice) or cut.step or not isinstance(cut.upper, ast.Constant):
        return 0
    if cut.lower is not None and getattr(cut.lower, "value", None) != 0:
        return 0
    return max(cut.upper.value, 0) if isinstance(cut.upper.value, int) else 0
