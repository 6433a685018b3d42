# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read and replace one value of a configuration file by its path, without changing any other byte.

This module knows no grammar. A place in the text belongs to the value if a change there changes only this value,
according to the format's parser. A new value is verified by parsing the new text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from .config_formats import ConfigFormat, InvalidText, Steps, Tree

MOST_PLACES = 200  # in which a value may be; a shorter value has many more
MOST_PARSED = 40_000_000  # characters in all, to try these places: about five seconds
QUOTES = ("", '"', "'")


class RefusedValue(Exception):
    """A value that cannot be read or written. ``fault`` completes a sentence about its path, and shows no value."""

    def __init__(self, fault: str) -> None:
        super().__init__(fault)
        self.fault = fault


class UnsetValue(RefusedValue):
    """The path does not exist."""

    def __init__(self) -> None:
        super().__init__("is not set")


def read(form: ConfigFormat, text: str, path: Sequence[str]) -> str:
    """Return the value at ``path``. The members of a list are joined by commas. Raise InvalidText, NoParser or
    RefusedValue."""
    members = _members(_look(form, form.parse(text), path)[1])
    if any(character in member for member in members for character in form.refused):
        raise RefusedValue(f"has a character that readers of {form.name} may expand (one of {form.refused})")
    return ",".join(members)


def rewritten(form: ConfigFormat, text: str, path: Sequence[str], value: str) -> str:
    """Return ``text`` with ``value`` at ``path``, such that ``read`` returns it.

    A list gets the parts between the commas: new members come first. The current value may be one that ``read``
    refuses. Raise the errors of ``read``.
    """
    steps, old = _look(form, form.parse(text), path)
    _members(old)
    if not isinstance(old, str):
        new_text = _with_members(form, text, steps, value.split(","))
    else:
        new_text = _replaced(form, text, steps, value) if value != old else text
    if read(form, new_text, path) != value:
        raise RefusedValue(f"cannot be written so that a parser of {form.name} returns it unchanged")
    return new_text


def _with_members(form: ConfigFormat, text: str, steps: Steps, values: Sequence[str]) -> str:
    """The text with these members in the list."""
    old = _get(form.parse(text), steps)
    for number in range(len(values) - len(old), 0, -1):
        text = _with_first(form, text, steps, values[number - 1])
    for _ in range(len(old) - len(values)):
        text = _without_first(form, text, steps)
    for index, member in enumerate(values):
        if _get(form.parse(text), [*steps, index]) != member:
            text = _replaced(form, text, [*steps, index], member)
    return text


def _members(value: Tree) -> list[str]:
    """Return the texts of a value. Raise RefusedValue."""
    several = value if isinstance(value, list) else [value]
    if not all(isinstance(member, str) for member in several):
        raise RefusedValue("is neither a text nor a list of texts")
    if not several or not all(several):
        raise RefusedValue("is empty")
    if isinstance(value, list) and any("," in member for member in several):
        raise RefusedValue("is a list with a comma in a member")
    return several


def _look(form: ConfigFormat, tree: Tree, path: Sequence[str]) -> tuple[Steps, Tree]:
    """Return the steps to a value, and the value. Raise RefusedValue.

    A step into a list is a number, or the NAME of a member NAME=value, as in Compose.
    """
    steps: list[str | int] = []
    for name in path:
        steps.append(_step(form, tree, name))
        tree = _get(tree, steps[-1:])
    return steps, tree


def _step(form: ConfigFormat, tree: Tree, name: str) -> str | int:
    if isinstance(tree, dict) and name in tree:
        return name
    if isinstance(tree, dict) and form.ignores_case:
        alike: list[str] = [own for own in tree if own.lower() == name.lower()]
        if len(alike) == 1:
            return alike[0]
    if isinstance(tree, list) and name.isdigit() and int(name) < len(tree):
        return int(name)
    if isinstance(tree, list):
        named = [member for member in tree if isinstance(member, str) and member.startswith(f"{name}=")]
        if len(named) > 1:
            raise RefusedValue("is set twice")
        if named:
            return f"{name}="
    raise UnsetValue


def _get(tree: Tree, steps: Steps) -> Tree:
    for step in steps:
        if isinstance(tree, list) and isinstance(step, str):
            tree = next(member for member in tree if isinstance(member, str) and member.startswith(step))[len(step) :]
        else:
            tree = tree[step]
    return tree


def _with(tree: Tree, steps: Steps, value: Tree) -> Tree:
    """A copy of the tree with another value there."""
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    if isinstance(tree, list):
        if isinstance(step, int):
            return [_with(member, rest, value) if index == step else member for index, member in enumerate(tree)]
        return [f"{step}{value}" if isinstance(member, str) and member.startswith(step) else member for member in tree]
    return {name: _with(member, rest, value) if name == step else member for name, member in tree.items()}


def _replaced(form: ConfigFormat, text: str, steps: Steps, value: str) -> str:
    start, end = _span(form, text, steps)
    expected = _with(form.parse(text), steps, value)
    for quote in QUOTES:
        new_text = f"{text[:start]}{quote}{value}{quote}{text[end:]}"
        if _reads_as(form, new_text, expected):
            return new_text
    raise RefusedValue(f"cannot be written so that a parser of {form.name} returns it unchanged")


def _with_first(form: ConfigFormat, text: str, steps: Steps, value: str) -> str:
    """The list with one more member, before the others and written like the first."""
    tree = form.parse(text)
    expected = _with(tree, steps, [value, *_get(tree, steps)])
    start, end = _quoted_span(form, text, steps, 0)
    quote = text[start] if text[start] in "\"'" else ""
    for between in _separators(form, text, steps, (start, end)):
        new_text = f"{text[:start]}{quote}{value}{quote}{between}{text[start:]}"
        if _reads_as(form, new_text, expected):
            return new_text
    raise RefusedValue("is a list to which no member can be added")


def _separators(form: ConfigFormat, text: str, steps: Steps, first: tuple[int, int]) -> Iterator[str]:
    """Yield what may separate the members of a list."""
    if len(_get(form.parse(text), steps)) > 1:
        yield text[first[1] : _quoted_span(form, text, steps, 1)[0]]
    yield ", "
    end = "\r\n" if "\r\n" in text else "\n"
    yield end + text[text.rfind("\n", 0, first[0]) + 1 : first[0]]


def _without_first(form: ConfigFormat, text: str, steps: Steps) -> str:
    tree = form.parse(text)
    start, second = (_quoted_span(form, text, steps, index)[0] for index in (0, 1))
    new_text = text[:start] + text[second:]
    if not _reads_as(form, new_text, _with(tree, steps, _get(tree, steps)[1:])):
        raise RefusedValue("is a list from which a member cannot be removed")
    return new_text


def _quoted_span(form: ConfigFormat, text: str, steps: Steps, index: int) -> tuple[int, int]:
    """Return the span of a list member, including its quotes."""
    start, end = _span(form, text, [*steps, index])
    if text[start - 1 : start] in ('"', "'") and text[start - 1] == text[end : end + 1]:
        return start - 1, end + 1
    return start, end


def _span(form: ConfigFormat, text: str, steps: Steps) -> tuple[int, int]:
    """Return the span of the value in the text. Raise RefusedValue if it is written differently than it reads."""
    tree = form.parse(text)
    value = _get(tree, steps)
    mark = ("k" if value[0] != "k" else "m") * len(value)
    expected = _with(tree, steps, mark)
    first, last = form.find(text, steps)
    places = [first + match.start() for match in re.finditer(f"(?={re.escape(value)})", text[first:last])]
    if len(places) > min(MOST_PLACES, 1 + MOST_PARSED // len(text)):
        raise RefusedValue("is a value too short to be found in a file of this size")
    for start in places:
        end = start + len(value)
        if _reads_as(form, text[:start] + mark + text[end:], expected):
            return start, end
    raise RefusedValue("is written with escapes, over several lines, or as an alias that several values share")


def _reads_as(form: ConfigFormat, text: str, expected: Tree) -> bool:
    try:
        return bool(form.parse(text) == expected)
    except InvalidText:
        return False
