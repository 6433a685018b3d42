# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scheme that opens values: an available one, or Fernet with what an application puts around its tokens."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, cast

from ...crypto.key_fingerprints import KeyFingerprints
from ...crypto.keyring import Keyring
from ...crypto.loose_base64 import without_foreign
from ...crypto.schemes import Scheme
from ...postgres.catalog import Column
from ...value_forms.token_look import FERNET, FERNET_BEGINS, around_token
from .column_sample import as_it_holds, pieces_of
from .column_types import KINDS, JsonCodec

# Such as enc$, enc::, tok_1_, $encrypted$UTF8$AESCBC$. Any other text before a token is a value: plans do not show it.
_PREFIX = re.compile(r"(?:[\w.$:|{}<>\[\]-]{0,23}[$:|}>_\].-])?", re.ASCII)
# What a prefix of a single token must say: otherwise it could be a part of that row's value.
_SAYS_TOKEN = re.compile(r"enc|crypt|cipher|fernet|aes|tok|^\W*$", re.IGNORECASE)


def match_scheme(samples: Sequence[Any], column: Column, keyring: Keyring, hinted: Collection[str]) -> str | None:
    """Return the scheme that opens a token among the samples, with what its tokens have around them. None if none does.

    A scheme without authentication is tried only if ``hinted`` names it, or if its tokens have a mark of their own.
    """
    pieces = [piece for value in samples for piece in pieces_of(column, value)]
    return _match_known(samples, pieces, column, keyring, hinted) or _match_dressed(pieces, keyring)


def _match_known(
    samples: Sequence[Any], pieces: Sequence[bytes], column: Column, keyring: Keyring, hinted: Collection[str]
) -> str | None:
    """Return the first available scheme that opens a token.

    A key in base64 may be of either alphabet, and then two schemes open its tokens: of these, the one that can also
    make a key of the values of every other stage.
    """
    elsewhere = None  # the first scheme that opens tokens only outside of the members that it names
    for scheme in sorted(
        keyring.tried, key=lambda each: (each.name in keyring.fixed, not keyring.is_usable(each.name))
    ):
        if elsewhere and scheme.name in keyring.fixed:
            break  # a token under a rotated key counts for more than one under a key that stays
        if not _is_candidate(scheme, column, hinted):
            continue
        if any(keyring.stages_of(scheme.name, _in_members(samples, column, scheme))):
            return scheme.name
        if _opens(keyring, scheme, _anywhere(samples, pieces, column, scheme)):
            if not scheme.json_members:
                return scheme.name
            elsewhere = elsewhere or scheme.name
    return elsewhere


def _is_candidate(scheme: Scheme, column: Column, hinted: Collection[str]) -> bool:
    """Return whether a scheme can be that of the column, and would prove it by opening a token.

    In a document, only a marker or a name tells which texts are to be tokens. A person may know that all are.
    """
    tells = bool(scheme.marker or scheme.json_members) or not scheme.trial
    fits = tells if isinstance(KINDS[column.type], JsonCodec) else not scheme.json_members
    proves = scheme.format.authenticated or scheme.name in hinted or bool(scheme.marker)
    return fits and proves and not scheme.functions


def _opens(keyring: Keyring, scheme: Scheme, tokens: Sequence[bytes]) -> bool:
    """Return whether a scheme opens tokens of a column. Of one by hand, a few that open may be others' values: most
    that may be tokens must open."""
    opened = sum(opening is not None for opening in keyring.stages_of(scheme.name, tokens))
    return opened > 0 and (not scheme.by_hand or 2 * opened >= sum(map(scheme.may_be_whole, tokens)))


def _anywhere(samples: Sequence[Any], pieces: Sequence[bytes], column: Column, scheme: Scheme) -> list[bytes]:
    """Return what may be tokens of a scheme, wherever they are in a value."""
    loose = _without_foreign(pieces) if scheme.format.loose else []
    return [*pieces, *_names(samples, column, scheme), *loose]


def _match_dressed(pieces: Sequence[bytes], keyring: Keyring) -> str | None:
    """Return the scheme of Fernet tokens after a fixed text, or in base64 again. It is added to the keyring."""
    around = [wrapping for piece in dict.fromkeys(pieces) if (wrapping := around_token(piece)) is not None]
    if len(set(around)) != 1:  # text before a single token is a part of that value, which must not be shown
        return None
    prefix, doubled = around[0]
    if (prefix or doubled) and _PREFIX.fullmatch(prefix) and (len(around) > 1 or _SAYS_TOKEN.search(prefix)):
        for scheme in filter(_is_bare_fernet, keyring.tried):
            shown = KeyFingerprints(keyring, [scheme.name]).without_ids(prefix)
            dressed = scheme.around(prefix, doubled, shown)
            known = dressed.name in {each.name for each in keyring.tried}  # another column may be a target by it
            if keyring.add(dressed) and any(keyring.stages_of(dressed.name, pieces)):
                return dressed.name
            if not known:
                keyring.remove(dressed)
    return None


def _in_members(samples: Sequence[Any], column: Column, scheme: Scheme) -> list[bytes]:
    """Return what may be tokens in the members of JSON documents that a scheme names. Empty if it names none."""
    if not scheme.json_members:
        return []
    kind = cast("JsonCodec", KINDS[column.type])
    named = replace(kind, names=scheme.json_members)
    return [token for value in samples for token in named.tokens(value, b"")]


def _without_foreign(pieces: Sequence[bytes]) -> list[bytes]:
    """Return the pieces from which a loose decoder of base64 drops characters, such as line breaks, without these."""
    return [bare.token for bare in map(without_foreign, pieces) if bare]


def rotated_scheme(values: Sequence[str | bytes], keyring: Keyring) -> str | None:
    """Return the scheme that opens one of the values under rotated keys. Bytes may stand for a text.

    The values may be of a database of any kind.
    """
    texts = [value if isinstance(value, str) else bytes(value).decode("utf-8", "replace") for value in values]
    binary = [bytes(value) for value in values if not isinstance(value, str)]
    named = any(scheme.json_members for scheme in keyring.tried)
    for sql_type, samples in (("text", texts), ("bytea", binary)):
        bare = Column("", sql_type, None, generated=False)
        markers = {scheme.marker for scheme in keyring.tried if scheme.text} - FERNET_BEGINS - {b""}
        column = as_it_holds(bare, samples, named=named, markers=markers)
        scheme = match_scheme(samples, column, keyring, ())
        if scheme in keyring.schemes:
            return scheme
    return None


def _names(samples: Sequence[Any], column: Column, scheme: Scheme) -> list[bytes]:
    """Return what may be tokens of a scheme with a mark of its own, including names of members."""
    kind = KINDS[column.type]
    if not isinstance(kind, JsonCodec) or not scheme.text or scheme.marker in FERNET_BEGINS | {b""}:
        return []
    return [token for value in samples for token in kind.tokens(value, scheme.marker)]


def _is_bare_fernet(scheme: Scheme) -> bool:
    return scheme.marker == FERNET
