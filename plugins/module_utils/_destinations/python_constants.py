# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read and replace a constant of a Python module, located by its syntax tree. Only the literal is replaced.

A path is the name of the constant, then keys and indexes of dictionaries and lists. The module is never run.
The default of a variable of the environment counts as a literal: ``K = os.getenv("K", "...")``.
"""

from __future__ import annotations

import ast
import codecs
import re
from collections.abc import Iterator, Sequence
from typing import cast

from .config_formats import InvalidText
from .config_values import RefusedValue, UnsetValue

_LITERAL = re.compile(r"(?P<prefix>[bBuUrR]{0,2})(?P<quote>\"\"\"|'''|\"|')")
_ENVIRONMENT = re.compile(r"(os\.)?(getenv|environ\.get)|(env|config)(\.(str|list))?")  # each with a default
_PLAIN = re.compile(r"[ -!#-&(-\[\]-~]*")  # printable ASCII without quotes and backslashes


def read(text: str, path: Sequence[str]) -> str:
    """Return the constant. The members of a list are joined by commas. Raise InvalidText or RefusedValue."""
    node = _find(_parse(text), path)
    return ",".join(_text_of(literal) for literal in _literals(node))


def variable(text: str, path: Sequence[str]) -> str | None:
    """Return the environment variable whose default the constant is, if there is one. Raise the errors of ``read``."""
    value = _given(_parse(text), path)
    if not isinstance(value, ast.Call) or _default(value) is value or not value.args:
        return None
    name = value.args[0]
    return name.value if isinstance(name, ast.Constant) and isinstance(name.value, str) else None


def moved(text: str, path: Sequence[str], name: str) -> tuple[int, str, str]:
    """Return the line of the constant, its place in Python, and the expression that reads the same value in the
    environment variable ``name``. Raise the errors of ``read``."""
    given = _given(_parse(text), path)
    node = _default(given)
    value = f'os.environ["{name}"]'
    if isinstance(node, (ast.List, ast.Tuple)):
        value += '.split(",")'
    if isinstance(_literals(node)[0].value, bytes):
        value = f"{value}.encode()" if isinstance(node, ast.Constant) else f"[key.encode() for key in {value}]"
    place = path[0] + "".join(f"[{step}]" if step.isdigit() else f'["{step}"]' for step in path[1:])
    return given.lineno, place, f"tuple({value})" if isinstance(node, ast.Tuple) else value


def rewritten(text: str, path: Sequence[str], value: str) -> str:
    """Return ``text`` with ``value`` in the literal. Raise the errors of ``read``.

    A list gets the parts between the commas: new members come first.
    """
    node = _find(_parse(text), path)
    _literals(node)
    values = [value] if isinstance(node, ast.Constant) else value.split(",")
    new_text = text
    if not isinstance(node, ast.Constant):
        new_text = _resized(text, path, values)
    for index, member in enumerate(values):
        literal = _literals(_find(_parse(new_text), path))[index]
        if _text_of(literal) != member:
            new_text = _replaced(new_text, literal, _spelled(new_text, literal, member))
    _refuse_other_change(text, new_text, path, value)
    return new_text


def _refuse_other_change(text: str, new_text: str, path: Sequence[str], value: str) -> None:
    """Raise RefusedValue unless the module is as before but for this constant, which reads back."""
    trees = [_parse(text), _parse(new_text)]
    if read(new_text, path) != value:
        raise RefusedValue("reads back differently than it was written")
    for tree in trees:
        node = _find(tree, path)
        if isinstance(node, ast.Constant):
            node.value = ""
        else:
            cast("ast.List", node).elts = []
    if ast.dump(trees[0]) != ast.dump(trees[1]):
        raise RefusedValue("cannot be replaced without changing something else")


def _parse(text: str) -> ast.Module:
    try:
        return ast.parse(text.encode("utf-8"))
    except SyntaxError as exc:
        raise InvalidText(exc.lineno) from None
    except (ValueError, RecursionError, MemoryError):
        raise InvalidText from None


def _find(module: ast.Module, path: Sequence[str]) -> ast.expr:
    """Return the node of the constant. Raise RefusedValue."""
    return _default(_given(module, path))


def _given(module: ast.Module, path: Sequence[str]) -> ast.expr:
    """Return the value that the module assigns to this name. Raise RefusedValue."""
    assignments = [(node, value) for node in _statements(module.body) for value in _assigned(node, path[0])]
    if not assignments:
        raise UnsetValue
    if len(assignments) > 1:
        lines = ", ".join(dict.fromkeys(str(node.lineno) for node, _ in assignments))
        raise RefusedValue(f"is set several times (lines {lines})")
    statement, value = assignments[0]
    _refuse_later_change(module, statement, path[0])
    for name in path[1:]:
        value = _member(value, name)
    if value is None:
        raise RefusedValue("is computed, not a literal")
    return value


def _default(value: ast.expr) -> ast.expr:
    """Return the default of a call that reads a variable of the environment, and any other value unchanged."""
    if not isinstance(value, ast.Call) or not _ENVIRONMENT.fullmatch(ast.unparse(value.func)):
        return value
    named = [keyword.value for keyword in value.keywords if keyword.arg == "default"]
    return (named or value.args[1:2] or [value])[0]


def _refuse_later_change(module: ast.Module, statement: ast.stmt, name: str) -> None:
    """Raise RefusedValue if a function or an import may change what this statement sets."""
    place = statement.lineno, statement.col_offset
    for node in ast.walk(module):
        if isinstance(node, ast.Global) and name in node.names:
            raise RefusedValue(f"is a global variable that a function may change (line {node.lineno})")
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*" and (node.lineno, node.col_offset) > place:
            raise RefusedValue(f'may be set again by a later "import *" (line {node.lineno})')


def _statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements that run when the module is imported, including those in branches and blocks."""
    for node in body:
        yield node
        for name in ("body", "orelse", "finalbody"):
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                yield from _statements(getattr(node, name, []))
        for name in ("handlers", "cases"):
            for block in getattr(node, name, []):
                yield from _statements(block.body)


def _assigned(node: ast.stmt, name: str) -> Iterator[ast.expr | None]:
    """Yield the new value that a statement assigns to a name, or None if it is unknown."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Name) and target.id == name:
                yield node.value
            elif _has(target, name):
                yield None
    elif isinstance(node, ast.AnnAssign) and node.value and _has(node.target, name):
        yield node.value
    elif isinstance(node, (ast.AugAssign, ast.Delete, ast.For, ast.With)) and _has(_head(node), name):
        yield None
    elif isinstance(node, ast.Expr) and _has(node.value, name) and isinstance(node.value, ast.Call):
        yield None  # such as FERNET_KEYS.insert(0, ...)
    if any(_binds(child, name) for child in _own_nodes(node)):
        yield None


def _own_nodes(statement: ast.stmt) -> Iterator[ast.AST]:
    """A statement and all in it, without the statements in it."""
    nodes: list[ast.AST] = [statement]
    while nodes:
        node = nodes.pop()
        yield node
        nodes += [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.stmt)]


def _binds(node: ast.AST, name: str) -> bool:
    """Return whether a node changes the meaning of a name: an import, ``:=``, ``def``, ``except ... as`` or a
    pattern."""
    if isinstance(node, ast.NamedExpr):
        return _has(node.target, name)
    if isinstance(node, ast.alias):
        return (node.asname or node.name.partition(".")[0]) == name
    return name in (getattr(node, "name", None), getattr(node, "rest", None))


def _head(node: ast.stmt) -> ast.AST:
    if isinstance(node, ast.With):
        return ast.Tuple([item.optional_vars for item in node.items if item.optional_vars], ast.Store())
    if isinstance(node, ast.Delete):
        return ast.Tuple(node.targets, ast.Del())
    return cast("ast.AugAssign", node).target


def _has(node: ast.AST, name: str) -> bool:
    return any(isinstance(child, ast.Name) and child.id == name for child in ast.walk(node))


def _member(value: ast.expr | None, name: str) -> ast.expr:
    if isinstance(value, ast.Dict):
        members = [
            member
            for key, member in zip(value.keys, value.values)
            if isinstance(key, ast.Constant) and str(key.value) == name
        ]
        if len(members) == 1 and None not in value.keys:
            return members[0]
    if isinstance(value, (ast.List, ast.Tuple)) and name.isdigit() and int(name) < len(value.elts):
        return value.elts[int(name)]
    raise UnsetValue


def _literals(node: ast.expr) -> list[ast.Constant]:
    """Return the literals of a text, or of a list of texts. Raise RefusedValue."""
    several = node.elts if isinstance(node, (ast.List, ast.Tuple)) else [node]
    if not several:
        raise RefusedValue("is an empty list")
    for element in several:
        if not isinstance(element, ast.Constant) or not isinstance(element.value, (str, bytes)):
            raise RefusedValue(f"is computed (line {node.lineno}), not a literal")
        if not element.value:
            raise RefusedValue("is empty")
        if not isinstance(node, ast.Constant) and "," in _text_of(element):
            raise RefusedValue("is a list with a comma in a member")
    return cast("list[ast.Constant]", several)


def _text_of(literal: ast.Constant) -> str:
    if isinstance(literal.value, str):
        return literal.value
    try:
        return cast("bytes", literal.value).decode("utf-8")
    except UnicodeDecodeError:
        raise RefusedValue("is bytes that are not text") from None


def _spelled(text: str, literal: ast.Constant, value: str) -> str:
    """The literal of ``value``, in the quotes of the one it replaces."""
    start, end = _span(text, literal)
    match = _LITERAL.match(text[start:end])
    is_bytes = isinstance(literal.value, bytes)
    if match is None or not _PLAIN.fullmatch(value):
        return repr(value.encode("utf-8") if is_bytes else value)
    return f"{match['prefix']}{match['quote']}{value}{match['quote']}"


def _replaced(text: str, literal: ast.expr, spelling: str) -> str:
    start, end = _span(text, literal)
    return text[:start] + spelling + text[end:]


def _resized(text: str, path: Sequence[str], values: Sequence[str]) -> str:
    """Return the text with this many members in the list. Members are added and removed at its beginning."""
    literals = _literals(_find(_parse(text), path))
    while len(literals) < len(values):
        start, end = _span(text, literals[0])
        between = text[end : _span(text, literals[1])[0]] if len(literals) > 1 else ", "
        new = _spelled(text, literals[0], values[len(values) - len(literals) - 1])
        text = text[:start] + new + between + text[start:]
        literals = _literals(_find(_parse(text), path))
    while len(literals) > len(values):
        text = text[: _span(text, literals[0])[0]] + text[_span(text, literals[1])[0] :]
        literals = _literals(_find(_parse(text), path))
    return text


def _span(text: str, node: ast.expr) -> tuple[int, int]:
    """Return the span of a node in characters of the text. The tree counts bytes of a line."""
    raw = text.encode("utf-8")
    mark = len(codecs.BOM_UTF8) if raw.startswith(codecs.BOM_UTF8) else 0
    starts = [mark, *(match.end() for match in re.finditer(rb"\r\n|\r|\n", raw))]
    start, end = (
        starts[node.lineno - 1] + node.col_offset,
        starts[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0),
    )
    try:
        is_there = ast.literal_eval(raw[start:end].decode("utf-8").join("()")) == cast("ast.Constant", node).value
    except (SyntaxError, ValueError):  # Python reads the file in another encoding, by its first lines
        is_there = False
    if not is_there:
        raise RefusedValue("cannot be located in the file, which may have to be read in another encoding")
    return len(raw[:start].decode("utf-8")), len(raw[:end].decode("utf-8"))
