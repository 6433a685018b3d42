# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Places where the application uses only the first characters of a key, by its source: nothing is called."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from . import key_flow, key_uses
from .key_flow import SourceFiles, word_of
from .key_uses import Use, called_name

# Calls that return the text itself, perhaps in bytes or filled up, as methods of it and as functions with it.
_METHODS = {"encode", "decode", "strip", "lstrip", "rstrip", "ljust", "rjust", "zfill"}
_FUNCTIONS = {"str", "bytes", "bytearray", "force_bytes", "force_str", "smart_bytes", "smart_str"}


class Cut(NamedTuple):
    """A place that cuts a key, and the number of characters, or of bytes in UTF-8, that are left of it."""

    use: Use
    size: int


def find(
    project_dir: str, folders: Mapping[str, str], keys: Collection[str], packages: Collection[str] = ()
) -> dict[str, list[Cut]]:
    """Return by key where the application's own code, as of keyed_hashes, cuts it."""
    if not keys:
        return {}
    files = SourceFiles(project_dir, folders, packages)
    found = {
        key: {
            Cut(Use(shown, line, function, f"cuts it to {size}"), size)
            for path, shown in files.having([key])
            for line, function, size in _Module(key_uses.parse(path) or ast.Module([], []), key).cuts()
        }
        for key in sorted(keys)
    }
    return {key: sorted(cuts) for key, cuts in found.items() if cuts}


@dataclass
class _Module:
    """A module, with the names that stand for the text of a key itself: those of attributes begin with a dot."""

    tree: ast.Module
    key: str
    _names: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        size = -1
        while size != (size := len(self._names)):
            for node in ast.walk(self.tree):
                self._learn(node)

    def cuts(self) -> Iterator[tuple[int, str, int]]:
        """Yield the line and the function of each cut, and the size that it leaves."""
        for code in key_flow.codes_of(self.tree):
            for node in ast.walk(code.node):
                if isinstance(node, ast.Subscript) and (size := _size(node.slice)) and self._is_key(node.value):
                    yield node.lineno, code.name, size

    def _learn(self, node: ast.AST) -> None:
        if isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr)) and node.value and self._is_key(node.value):
            self._names.update(key_flow.names_stored(node))
        elif isinstance(node, key_flow.Function):
            returned = (part.value for part in ast.walk(node) if isinstance(part, ast.Return) and part.value)
            if any(self._is_key(value) for value in returned):
                self._names.update((node.name, f".{node.name}"))
        elif isinstance(node, ast.Call):
            self._learn_parameters(node)

    def _learn_parameters(self, call: ast.Call) -> None:
        called = [
            node for node in self.tree.body if isinstance(node, key_flow.Function) and node.name == word_of(call.func)
        ]
        for function in called:
            given = [
                *zip(key_flow.parameters_of(function.args), call.args),
                *((keyword.arg or "", keyword.value) for keyword in call.keywords),
            ]
            self._names.update(name for name, value in given if self._is_key(value))

    def _is_key(self, node: ast.AST) -> bool:
        """Return whether an expression is the text of the key itself."""
        if self.key in (read.name for read in key_uses.names_read(node)) or word_of(node) in self._names:
            return True
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute) and node.func.attr in _METHODS:
                return self._is_key(node.func.value)
            if called_name(node) in _FUNCTIONS:
                return bool(node.args) and self._is_key(node.args[0])
            return word_of(node.func) in self._names
        if isinstance(node, ast.BoolOp):
            return any(self._is_key(value) for value in node.values)
        return isinstance(node, ast.IfExp) and (self._is_key(node.body) or self._is_key(node.orelse))


def _size(cut: ast.expr) -> int:
    """Return how many characters a slice from the beginning leaves, 0 for any other."""
    if not isinstance(cut, ast.Slice) or cut.step or not isinstance(cut.upper, ast.Constant):
        return 0
    if cut.lower is not None and getattr(cut.lower, "value", None) != 0:
        return 0
    return max(cut.upper.value, 0) if isinstance(cut.upper.value, int) else 0
