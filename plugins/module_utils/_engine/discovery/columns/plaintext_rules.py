# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The usual plaintext of a column: text, tokens of an inner layer by design, or tokens of another system.

A column that the application encrypts twice by design has one scheme of two layers. It keeps values of one layer
unchanged, so one value of two layers is enough. If both layers have the same keys, it is an accident unless most values
have two layers, and also if the application reads the inner token itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ...crypto.keyring import Keyring
from ...crypto.schemes import Scheme
from ...value_forms.token_texts import writings
from .nesting import inner_schemes, looks_nested, may_be_unmarked, unmarked_schemes


class PlaintextRule(NamedTuple):
    """The scheme of a column, and whether most of its plaintexts are tokens of another system."""

    scheme: str
    foreign: bool = False


def rule(keyring: Keyring, name: str, pieces: Sequence[bytes], reads: Callable[[set[str]], bool]) -> PlaintextRule:
    """Return the rule in a column of which the scheme ``name`` opens ``pieces``.

    ``reads`` returns whether the application itself reads some of these inner tokens.
    """
    scheme = {each.name: each for each in keyring.tried}[name]
    if scheme.functions or scheme.inside or not scheme.format.authenticated:
        return PlaintextRule(name)
    opened = [(opening[0], opening[1].plaintext) for opening in keyring.stages_of(name, pieces) if opening is not None]
    looks = looks_nested(keyring, [text for _, text in opened])
    suspects = [each for each, is_token in zip(opened, looks) if is_token]
    unmarked = [each for each in opened if may_be_unmarked(each[1])]
    if not suspects and not unmarked:
        return PlaintextRule(name)
    candidates = [(inner, suspects) for inner in inner_schemes(keyring)]
    for inner, texts in [*candidates, *((inner, unmarked) for inner in unmarked_schemes(keyring))]:
        inside = _inside(keyring, scheme, inner, texts)
        if not inside or inner.name in keyring.fixed:  # under keys that are not rotated, they stay unchanged
            continue
        is_rule = 2 * len(inside) > len(opened)
        if inner.described == scheme.described and (
            not is_rule or reads({text.decode("utf-8", "replace") for text in inside})
        ):
            continue
        both = scheme.over(inner)
        if keyring.add(both):
            return PlaintextRule(both.name)
    known = {text for inner in inner_schemes(keyring) for text in _find_openable(keyring, inner, suspects)}
    return PlaintextRule(name, foreign=2 * len(suspects) > len(opened) and 2 * len(known) < len(suspects))


def _inside(keyring: Keyring, outer: Scheme, inner: Scheme, texts: Sequence[tuple[str, bytes]]) -> list[bytes]:
    """Return the texts that are tokens of the inner scheme, under the outer token's version if that is rotated."""
    openings = keyring.stages_of(inner.name, [text for _, text in texts])
    return [
        text
        for (stage, text), opening in zip(texts, openings)
        if opening is not None and (opening[0] == stage or {outer.name, inner.name} & {*keyring.fixed})
    ]


def _find_openable(keyring: Keyring, inner: Scheme, texts: Sequence[tuple[str, bytes]]) -> set[bytes]:
    forms = [(text, form) for _, text in texts for form in writings(text)]
    openings = keyring.stages_of(inner.name, [form for _, form in forms])
    return {text for (text, _), opening in zip(forms, openings) if opening is not None}
