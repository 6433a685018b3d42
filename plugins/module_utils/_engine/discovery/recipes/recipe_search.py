# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The search for recipes that compute the content of columns from the plaintexts in their rows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product

from ...crypto.keyring import Keyring
from ...postgres.catalog import Column
from ..columns.search_recipes import (
    HASHES,
    LENGTHS,
    MAY_BE,
    WRITTEN,
    WRITTEN_IN,
    SearchColumnRecipe,
    possible_keys,
    texts_of,
)
from .digest_look import cut_length
from .search_samples import TRIED

EVERY = 12  # of the others, the one on which every recipe is tried: the first ones may be older than the column
PREFIX = 8  # characters that may precede it
_MAY_BE = re.compile(MAY_BE)
# The rows that a recipe explains, by the column of the token and the recipe.
RecipeMatches = dict[tuple[str, SearchColumnRecipe], set[int]]


class RecipeSearch:
    """Tries recipes on the rows of a sample. ``matches`` are the rows that each recipe explains, by the column."""

    def __init__(self, stored: Mapping[Column, Sequence[str | None]], rows: int, keyring: Keyring) -> None:
        self._stored, self._rows = stored, rows
        self._cuts = {column: cut_length(list(filter(None, held))) for column, held in stored.items()}
        self._secrets = {stage: keyring.secrets(stage) for stage in keyring.stages}
        self._keys = {stage: possible_keys(values) for stage, values in self._secrets.items()}
        self.matches: dict[Column, RecipeMatches] = {column: {} for column in stored}
        self._met: Counter[tuple[Column, str]] = Counter()
        self._tried: Counter[tuple[Column, str]] = Counter()

    def add(self, number: int, name: str, stage: str, plaintext: bytes) -> None:
        """Try one row, by its number, with the plaintext of the column ``name``."""
        texts = _telling_texts(plaintext)
        inside = _Inside(texts, self._keys[stage])
        for column, held in self._stored.items():
            text = held[number] or ""
            if not (_MAY_BE.fullmatch(text) or 0 < self._cuts[column] <= len(text)):
                continue
            known = [recipe for of, recipe in self.matches[column] if of == name]
            again = [recipe for recipe in known if _makes(recipe, texts, text, self._secrets[stage])]
            if not again and self._is_due(column, name, number):
                again = list(_recipes(column, inside, text, self._cuts[column]))
                self._tried[column, name] += 1
            self._met[column, name] += 1
            for recipe in again:
                self.matches[column].setdefault((name, recipe), set()).add(number)

    def _is_due(self, column: Column, name: str, number: int) -> bool:
        """Return whether every recipe is tried on a row that no known recipe explains."""
        pair = column, name
        return self._tried[pair] < TRIED or self._met[pair] % EVERY == 0 or number >= self._rows - TRIED


class _Inside:
    """The texts of a plaintext and all digests of them, computed once for all columns that may hold one."""

    def __init__(self, texts: Sequence[bytes], keys: Sequence[tuple[str, str, bytes]]) -> None:
        self._texts, self._keys = texts, keys
        self._digests: dict[str, list[tuple[bytes, tuple[str, str]]]] = {}
        self._written: dict[tuple[str, str, int], dict[str, list[tuple[str, str]]]] = {}

    def recipes(self, stored: str, hashed: str, written: str, length: int) -> Sequence[tuple[str, str]]:
        """Return the secrets and keys whose digest, so written and cut to ``length``, ends ``stored``."""
        recipes_by_digest = self._written.get((hashed, written, length))
        if recipes_by_digest is None:
            recipes_by_digest = self._written[hashed, written, length] = {}
            for digest, how in self._compute_digests(hashed):
                recipes_by_digest.setdefault(WRITTEN[written](digest)[:length], []).append(how)
        return recipes_by_digest.get(stored[-length:], ())

    def _compute_digests(self, hashed: str) -> list[tuple[bytes, tuple[str, str]]]:
        if hashed not in self._digests:
            self._digests[hashed] = [
                (HASHES[hashed](text, derived_key), (secret, key))
                for (secret, key, derived_key), text in product(self._keys, self._texts)
            ]
        return self._digests[hashed]


def _telling_texts(plaintext: bytes) -> list[bytes]:
    """Return the texts that prove a recipe.

    An empty text does not, if it is what remains of a name without digits: every empty row of another column has it.
    """
    return [text for text in texts_of(plaintext) if text or not plaintext]


def _makes(recipe: SearchColumnRecipe, texts: Sequence[bytes], stored: str, secrets: Mapping[str, bytes]) -> bool:
    try:
        return any(recipe.of(text, secrets[recipe.secret]) == stored for text in texts)
    except (KeyError, ValueError):  # the setting is not there, or makes no key
        return False


def prove(matches: RecipeMatches) -> RecipeMatches:
    """Return the ways in which stored values are computed, the one of most rows first.

    The beginning of a digest alone proves nothing, because it may match by chance. A way that explains only rows of
    another way is chance too, for example if two columns hold the same. Two ways of writing may differ in no stored
    character, such as base64 without its last two. Then both are returned.
    """
    proved_matches: RecipeMatches = {}
    for (name, recipe), rows in sorted(
        matches.items(), key=lambda match: -len(match[1])
    ):  # of equals, the one tried first
        proved = len(rows) > 1 or not recipe.length
        chance = (
            rows < more or (rows == more and name == column and replace(other, written=recipe.written) != recipe)
            for (column, other), more in proved_matches.items()
        )
        if proved and not any(chance):
            proved_matches[name, recipe] = rows
    return proved_matches


def _recipes(column: Column, inside: _Inside, stored: str, cut: int) -> Iterator[SearchColumnRecipe]:
    """Yield the recipes that compute what is stored, or a digest that begins with it, from the plaintext."""
    for (name, written), full in LENGTHS.items():
        if written not in WRITTEN_IN.get(column.type, WRITTEN):
            continue
        whole = 0 <= len(stored) - full <= PREFIX
        for length in [full] * whole + [cut] * (0 < cut < full and "hex" in written):
            before = stored[: len(stored) - length]
            for secret, key in inside.recipes(stored, name, written, length):
                yield SearchColumnRecipe(
                    column=column.name,
                    prefix=before,
                    secret=secret,
                    hash=name,
                    key=key,
                    written=written,
                    type=column.type,
                    length=length if length < full else 0,
                )
