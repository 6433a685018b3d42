# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A scheme as an operator, a library's entry or a model's field describes it, and the sources of its keys."""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict, Union

Group = Literal["first", "all", "join"]  # a source made of sources
SourceRole = Literal["secret", "salt", "info"]  # what a derivation takes
DerivationNumber = Literal["iterations", "length"]
KeyRole = Literal["key", "signing_key", "public_key", "iv"]


class CompositeSource(TypedDict, total=False):
    """A source that is not the bare name of a setting. It has one of these members; ``setting`` has a ``default``."""

    setting: str
    default: str
    text: str
    bytes: builtins.bytes
    entries: list[str]
    first: list[KeySource]
    all: list[KeySource]
    join: list[KeySource]


KeySource = Union[str, CompositeSource]


class _NamedDerivation(TypedDict):
    derive: str


class KeyDescription(_NamedDerivation, total=False):
    """The derivation of one key of a scheme: its name, its sources and its numbers."""

    secret: KeySource
    salt: KeySource
    info: KeySource
    iterations: int
    length: int


class _FunctionPaths(TypedDict):
    decrypt: str
    encrypt: str


class FunctionsDescription(_FunctionPaths, total=False):
    """The application's own functions as a scheme, by dotted path."""

    binary: bool
    context: Sequence[str]


class SchemeDescription(TypedDict, total=False):
    """Either ``format`` with its keys, or ``application``; and what is around the tokens or inside them."""

    format: str
    key: KeyDescription
    signing_key: KeyDescription
    public_key: KeyDescription
    iv: KeyDescription
    prefix: str
    base64: bool
    armor: bool
    nested: bool
    hash_salt: KeySource
    json_members: Sequence[str]
    inside: SchemeDescription
    application: FunctionsDescription


class TargetDescription(TypedDict):
    """An entry of the option ``targets``."""

    table: str
    column: str
    scheme: str


class SearchColumnDescription(TypedDict):
    """An entry of the option ``targets`` for a search column. given_recipes.py checks its recipe."""

    table: str
    column: str
    digest_of: str
    recipe: Mapping[str, object]


SchemesOption = Union[str, Mapping[str, SchemeDescription]]  # a text is `auto`
TargetsOption = Union[str, Sequence[Union[str, TargetDescription, SearchColumnDescription]]]
