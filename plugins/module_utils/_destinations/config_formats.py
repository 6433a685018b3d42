# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parse configuration files: each text becomes a tree of dictionaries, lists and strings.

Trees are compared with each other. A value that is not a string is kept as its type and its spelling.
"""

from __future__ import annotations

import configparser
import functools
import importlib
import json
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from . import unit_lines

Tree = Any  # a dictionary or a list of trees, a text, or another value
Steps = Sequence["str | int"]  # to a value: names, numbers in a list, and NAME= for the member NAME=value of a list
YAML_TEXT = "tag:yaml.org,2002:str"
DEPTH = 100


class OtherValue(NamedTuple):
    """A value that is not a string, as its type and its spelling."""

    type: str
    spelling: str


class InvalidText(Exception):
    """A text that is not valid in its format. ``line`` is the place, if the parser reports one."""

    def __init__(self, line: int | None = None) -> None:
        super().__init__()
        self.line = line


class NoParser(Exception):
    """A format for which this Python has no parser."""


@dataclass(frozen=True)
class ConfigFormat:
    """A format of configuration files.

    ``parse`` raises InvalidText or NoParser. ``split`` turns a path into the steps to its value. ``find`` returns the
    two places in the text between which the parser has seen the value of these steps.
    """

    name: str
    suffixes: Sequence[str]
    parse: Callable[[str], Tree]
    split: Callable[[str], list[str]] = lambda path: path.split(".")
    packages: str = ""  # of which one must be installed
    find: Callable[[str, Steps], tuple[int, int]] = lambda text, steps: (0, len(text))
    refused: str = ""  # characters that a reader of the format may take for more than themselves
    ignores_case: bool = False  # of names, as some of its readers do


def _plain(value: Any, depth: int = 0) -> Tree:
    if depth > DEPTH:
        raise InvalidText
    if isinstance(value, Mapping):
        return {str(name): _plain(member, depth + 1) for name, member in value.items()}
    if isinstance(value, list):
        return [_plain(member, depth + 1) for member in value]
    return value if isinstance(value, str) else OtherValue(type(value).__name__, repr(value))


def _unique(pairs: list[tuple[str, Tree]]) -> dict[str, Tree]:
    tree = dict(pairs)
    if len(tree) < len(pairs):
        raise InvalidText
    return tree


def _parse_json(text: str) -> Tree:
    try:
        return _plain(json.loads(text, object_pairs_hook=_unique))
    except json.JSONDecodeError as exc:
        raise InvalidText(exc.lineno) from None
    except RecursionError:
        raise InvalidText from None


def _parse_ini(text: str) -> Tree:
    parser = configparser.RawConfigParser(default_section="\0", allow_no_value=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(text)
    except configparser.Error as exc:
        of_lines = [line for line, _ in getattr(exc, "errors", [])]
        raise InvalidText(getattr(exc, "lineno", None) or next(iter(of_lines), None)) from None
    return {section: _plain(dict(parser.items(section))) for section in parser.sections()}


def _parse_toml(text: str) -> Tree:
    module = _first_module("tomllib", "tomli")
    try:
        return _plain(module.loads(text.replace("\r\n", "\n")))
    except (ValueError, RecursionError) as exc:
        line = re.search(r"at line (\d+)", str(exc))
        raise InvalidText(int(line[1]) if line else None) from None


def _parse_yaml(text: str) -> Tree:
    try:
        documents = [_of_node(node) for node in _compose(text)]
    except RecursionError:
        raise InvalidText from None
    if len(documents) != 1:
        raise InvalidText
    return documents[0]


def _compose(text: str) -> list[Any]:
    """The node of each YAML document, by PyYAML or by its successor."""
    return _nodes(_first_module("yaml", "ruamel.yaml"), text)


@functools.lru_cache(maxsize=2)  # one and the same text is asked for several times, and takes a second for 150 kB
def _nodes(module: Any, text: str) -> list[Any]:
    is_first = module.__name__ == "yaml"
    error: type[Exception] = module.YAMLError if is_first else module.error.YAMLError
    try:
        if is_first:
            return list(module.compose_all(text, Loader=module.SafeLoader))
        return list(module.YAML(typ="safe", pure=True).compose_all(text))
    except error as exc:  # its text has the line
        mark = getattr(exc, "problem_mark", None)
        raise InvalidText(mark.line + 1 if mark else None) from None


def _of_node(node: Any, depth: int = 0) -> Tree:
    """The tree of a YAML node. No tag is acted on, so that those of the application need no code."""
    if depth > DEPTH:  # an alias to what it is in
        raise InvalidText
    if node.id == "mapping":
        return _unique([(_name_of(name), _of_node(value, depth + 1)) for name, value in node.value])
    if node.id == "sequence":
        return [_of_node(value, depth + 1) for value in node.value]
    return node.value if str(node.tag) == YAML_TEXT else OtherValue(str(node.tag), node.value)


def _find_yaml(text: str, steps: Steps) -> tuple[int, int]:
    """Return the place of the node with its tag, anchor and quotes. For an alias, it is that of the anchored node."""
    node = _compose(text)[0]
    for step in steps:
        if node.id == "mapping":
            node = next(value for name, value in node.value if _name_of(name) == step)
        elif isinstance(step, int):
            node = node.value[step]
        else:
            node = next(child for child in node.value if str(child.tag) == YAML_TEXT and child.value.startswith(step))
    return node.start_mark.index, node.end_mark.index


def _name_of(node: Any) -> str:
    return node.value if node.id == "scalar" else repr(_of_node(node))


def _parse_unit(text: str) -> Tree:
    """A systemd unit or drop-in (systemd.syntax(7)): ``Environment=`` as names and values, other lines unchanged."""
    sections: dict[str, dict[str, Tree]] = {}
    section: dict[str, Tree] = {}
    for number, line, _, _ in unit_lines.joined(text):
        name, is_set, value = (part.strip() for part in line.partition("="))
        if line.startswith("[") and line.endswith("]"):
            section = sections.setdefault(line[1:-1], {})
        elif not is_set or unit_lines.is_open(line):
            raise InvalidText(number)
        elif name == "Environment":
            section[name] = {**section.get(name, {}), **_unit_variables(value, number)} if value else {}
        else:
            section[name] = [*section.get(name, []), value]
    return sections


def _unit_variables(value: str, number: int) -> dict[str, str]:
    try:
        pairs = [word.partition("=") for word in shlex.split(value)]
    except ValueError:
        raise InvalidText(number) from None
    if len({name for name, _, _ in pairs}) < len(pairs):
        raise InvalidText(number)
    return {name: variable for name, _, variable in pairs}


def _first_module(*names: str) -> Any:
    from .._system import library_warnings

    for name in names:
        try:
            with library_warnings.ignored():
                return importlib.import_module(name)
        except ImportError:
            continue
    raise NoParser


def _split_section(path: str) -> list[str]:
    """Split a path into section and option. A section may have dots in its name, an option may not."""
    return path.rsplit(".", 1)


CONFIG_FORMATS = {
    config_format.name: config_format
    for config_format in (
        ConfigFormat("ini", (".ini", ".cfg", ".conf"), _parse_ini, _split_section, refused="%$", ignores_case=True),
        ConfigFormat("json", (".json",), _parse_json),
        ConfigFormat("unit", (), _parse_unit, refused="%\\\"'"),
        ConfigFormat("toml", (".toml",), _parse_toml, packages="tomli"),
        ConfigFormat("yaml", (".yaml", ".yml"), _parse_yaml, packages="PyYAML or ruamel.yaml", find=_find_yaml),
    )
}
