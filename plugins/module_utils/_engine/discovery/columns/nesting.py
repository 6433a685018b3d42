# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nested tokens: a plaintext that is, or holds, a token of a known scheme, under any version, to any depth.

Some libraries return the stored text when they cannot decrypt it. A process with other keys then reads a token as text
and saves it, encrypted a second time. It is then under the same scheme and another version. Only such a token is
unwrapped, in any writing, and written as one. The value alone decides, so that every step of a rotation decides the
same.

Layers under one version, or of two schemes, may be what the application intends. They stop until a person has settled
the column. So does a token with other text around it.

The test on every plaintext is cheap: it looks for something that every token has. A text that looks like a token and
opens under no key set may be a stored token of another system. It is suspicious only if the column's library returns
what it cannot decrypt.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

from ...crypto import text_encoding
from ...crypto.fernet import is_fernet_frame
from ...crypto.keyring import Keyring
from ...crypto.library_schemes import swallows_errors
from ...crypto.schemes import Scheme
from ...crypto.tokens import Opened
from ...crypto.wrappers import to_base64, unbase64
from ...value_forms.token_look import FERNET, FERNETS, SHORTEST
from ...value_forms.token_texts import (
    RAW_FRAME,
    has,
    long_words,
    may_be_written,
    quoted_words,
    signs,
    tokens_in,
    writings,
)
from .layer_classes import NESTED_UNREADABLE, TOKEN_INSIDE, TWO_LAYERS

SHORTEST_FRAME = 60  # bytes of any token that begins as Fernet's do, which has 73, in any writing but base64 twice
SHORTEST_BODY = 28  # bytes after a short prefix: a nonce and a tag
MOST_TRIED = 1 << 25  # bytes of possible tokens in one text: each is authenticated under every key
BATCH = 1 << 20  # bytes of them that are tried at once
LEAST = 5  # bytes of a marker that no text begins with by chance
KNOWN = tuple(begin.encode() for begin in FERNETS)
QUOTE = b'"'  # around a text that was encrypted as JSON
# What a function may put before its tokens, such as AES.2: or $encrypted$. A key ID may follow it.
_LABEL = re.compile(rb"[\w.$:|{}<>\[\]-]{3,22}?[$:|}>]", re.ASCII)
_WORD = re.compile(rb"[!-~]+")
_PICKLED = re.compile(rb"\x80[\x02-\x05].*\.\Z", re.DOTALL)
_BARE = re.compile(rb"[\w+/=-]+", re.ASCII)  # in hex or base64


class Inner(NamedTuple):
    """A nested value: the stages of its layers, the outer one first, and the inside of the one token to write.

    ``problem`` is the class of a value that is not read to its end. Either its last inside looks like a token and opens
    under no key set. Or it is or holds tokens of the stages ``held`` that must not or cannot be unwrapped.
    """

    stages: tuple[str, ...]
    inside: Opened
    problem: str = ""
    held: tuple[str, ...] = ()
    unsearched: bool = False  # too many of its parts begin like a token: not all were tried


@dataclass
class _Peeled:
    """The layers that were unwrapped of one plaintext. Under a key that is not rotated, the rest is ``kept``."""

    outer: Opened
    text: bytes
    stages: tuple[str, ...]
    kept: bool = False
    problem: str = ""
    held: set[str] = field(default_factory=set)
    unsearched: bool = False


class NestingDecision(NamedTuple):
    """A person's decision about the values of a column.

    At the places ``wrapped``, a token in another writing is accepted, and not unwrapped. With ``one_layer``, every
    inner token is there by accident.
    """

    wrapped: Container[int] = ()
    one_layer: bool = False


UNDECIDED = NestingDecision()


def unwrapped(
    keyring: Keyring,
    name: str,
    tokens: Sequence[bytes],
    opened: Sequence[tuple[str, Opened] | None],
    decided: NestingDecision = UNDECIDED,
) -> dict[int, Inner]:
    """Return the nested values among the ``opened`` tokens of the scheme ``name``, by their place."""
    scheme = keyring.schemes[name]
    label = _label(scheme, tokens)
    unmarked = _find_unmarked(keyring, scheme, opened)
    own = [scheme, *(_other_unmarked(keyring, scheme) if unmarked else [])]
    places = sorted({*_suspects(keyring, scheme, opened, label), *unmarked})
    if not places:
        return {}
    outers = {place: opening for place in places if (opening := opened[place]) is not None}
    peeled = {place: _Peeled(inside, scheme.text_of(inside), (stage,)) for place, (stage, inside) in outers.items()}
    _peel(keyring, own, peeled, label, decided)
    _hold(keyring, [scheme], [value for value in peeled.values() if not value.kept and not value.problem], label)
    for place, stages in unmarked.items():
        if not (peeled[place].kept or peeled[place].problem or len(peeled[place].stages) > 1):
            peeled[place].held |= stages
    unread = swallows_errors(name)  # with a library that raises, no process saves a token as a text
    begins = [begin for begin in (label, _own_marker(scheme)) if begin]
    nested_values = {}
    for place, value in peeled.items():
        problem = value.problem or (TOKEN_INSIDE if value.held else "")
        if not problem and unread and not value.kept and _is_shaped(value.text, begins):
            problem = NESTED_UNREADABLE
        if len(value.stages) > 1 or problem or value.unsearched:
            inside = scheme.with_text(value.outer, value.text) if len(value.stages) > 1 else value.outer
            nested_values[place] = Inner(value.stages, inside, problem, tuple(sorted(value.held)), value.unsearched)
    return nested_values


def _suspects(keyring: Keyring, scheme: Scheme, opened: Sequence[tuple[str, Opened] | None], label: bytes) -> list[int]:
    """Return the places whose plaintext may have something of a token.

    Every value is tested: first by its length, then all at once.
    """
    markers = _markers(inner_schemes(keyring))
    asked = signs(frozenset([*markers, *([label] if label else [])]))
    unmarked = _is_unmarked(scheme)
    frames = all(map(_is_frame, markers)) and not unmarked
    least = 0 if scheme.functions else SHORTEST_FRAME if frames else SHORTEST
    places = [
        place for place, opening in enumerate(opened) if opening is not None and len(opening[1].plaintext) >= least
    ]
    texts = [(place, opening[1].plaintext) for place in places if (opening := opened[place]) is not None]
    some = has(b"\n".join([text for _, text in texts]), asked)
    return [
        place
        for place, text in (texts if some or unmarked else ())
        if (some and has(text, asked)) or (unmarked and (_may_be_bare(scheme, text) or may_be_written(text)))
    ]


def _find_unmarked(
    keyring: Keyring, scheme: Scheme, opened: Sequence[tuple[str, Opened] | None]
) -> dict[int, set[str]]:
    """Return the stages of tokens without a marker, of other schemes under rotated keys, that plaintexts are or quote.

    Only one that opens is one. Every value is tested, so words of plain prose are not tried.
    """
    texts = [(place, scheme.text_of(opening[1])) for place, opening in enumerate(opened) if opening is not None]
    whole = b"\n".join([text for _, text in texts])  # most pages are text in short words
    if max(map(len, whole.split()), default=0) < SHORTEST and text_encoding.is_utf8(whole):
        return {}
    words = [(place, word) for place, text in texts if len(text) >= SHORTEST for word in _quoted_words(text)]
    stages: dict[int, set[str]] = {}
    for other in _other_unmarked(keyring, scheme) if words else ():
        chosen = [(place, word) for place, word in words if word.isascii() == other.text]
        openings = keyring.stages_of(other.name, [word for _, word in chosen])
        for (place, _), opening in zip(chosen, openings):
            if opening is not None:
                stages.setdefault(place, set()).add(opening[0])
    return stages


def _quoted_words(text: bytes) -> Collection[bytes]:
    """Return what may be a token without a marker in a plaintext: all of it, or a word of a document or an object."""
    if may_be_unmarked(text):
        if text.isascii() or not _PICKLED.match(text):
            return (text,)
        from ...value_forms import pickles  # for few values alone

        return quoted_words(pickles.document(text).encode()) if may_be_written(text) else ()
    return quoted_words(text) if QUOTE in text else ()


def held_inside(
    keyring: Keyring, scheme: Scheme, opened: Sequence[tuple[str, Opened] | None]
) -> dict[int, tuple[str, ...]]:
    """Return the stages of tokens under rotated keys in the plaintexts of a scheme that stays unchanged, by place."""
    unmarked = _find_unmarked(keyring, scheme, opened)
    suspects = [(place, opened[place]) for place in {*_suspects(keyring, scheme, opened, b""), *unmarked}]
    peeled = {
        place: _Peeled(opening[1], scheme.text_of(opening[1]), opening[:1])
        for place, opening in suspects
        if opening is not None
    }
    _hold(keyring, [scheme], list(peeled.values()), b"")
    for place, stages in unmarked.items():
        peeled[place].held |= stages
    return {place: tuple(sorted(value.held)) for place, value in peeled.items() if value.held}


def holding(keyring: Keyring, names: Collection[str], texts: Sequence[bytes]) -> dict[int, set[str]]:
    """Return the stages of tokens under rotated keys in the texts, by the place of each text that holds one.

    Tokens are of any scheme with a marker, and of those among the schemes ``names`` that have no marker. A Fernet token
    may be there as its bytes.
    """
    left = [_Peeled(Opened(text), text, ()) for text in texts]
    unmarked = [keyring.schemes[name] for name in names if _is_unmarked(keyring.schemes[name])]
    _hold(keyring, unmarked or inner_schemes(keyring)[:1], left, b"", raw=True)
    return {place: value.held for place, value in enumerate(left) if value.held}


def inner_schemes(keyring: Keyring) -> list[Scheme]:
    """Return the schemes that prove an inner token: it authenticates and begins with a marker. Each has one layer."""
    schemes = [scheme for scheme in keyring.tried if not scheme.functions and scheme.inside is None]
    return [scheme for scheme in schemes if scheme.format.authenticated and len(scheme.marker) >= LEAST]


def unmarked_schemes(keyring: Keyring) -> list[Scheme]:
    """Return the schemes under rotated keys that prove an inner token by opening it: none of its bytes shows one."""
    schemes = [scheme for scheme in keyring.schemes.values() if not scheme.marker and scheme.inside is None]
    return [scheme for scheme in schemes if _is_unmarked(scheme)]


def _other_unmarked(keyring: Keyring, own: Scheme) -> list[Scheme]:
    return [scheme for scheme in unmarked_schemes(keyring) if scheme.name != own.name]


def may_be_unmarked(text: bytes) -> bool:
    """Return whether all of a plaintext may be a token without a marker."""
    if len(text) < SHORTEST:
        return False
    return bool(_BARE.fullmatch(text)) if text.isascii() else not text_encoding.is_utf8(text)


def looks_nested(keyring: Keyring, texts: Sequence[bytes]) -> list[bool]:
    """Return for each plaintext whether it looks like a token, of an available scheme or of another system."""
    markers = _markers(inner_schemes(keyring))
    shaped = [each for each in markers if not _is_frame(each)]
    return [bare(text).startswith(markers) and _is_shaped(text, shaped) for text in texts]


def bare(text: bytes) -> bytes:
    """Return a text without the quotes of JSON."""
    return text[1:-1] if len(text) > 1 and text[:1] == text[-1:] == QUOTE else text


def _markers(schemes: Iterable[Scheme]) -> tuple[bytes, ...]:
    return tuple({*KNOWN, *(scheme.marker for scheme in schemes)})


def _label(scheme: Scheme, tokens: Sequence[bytes]) -> bytes:
    """Return the common beginning of tokens that functions of the application made. Empty for any other scheme."""
    match = _LABEL.match(tokens[0]) if scheme.functions and tokens else None
    return match[0] if match and all(token.startswith(match[0]) for token in tokens) else b""


def _own_marker(scheme: Scheme) -> bytes:
    """Return what the tokens of a scheme begin with, if a text can be searched for it and it is not Fernet's beginning.

    A marker of a few bytes that are not text is in every other text, so it does not count.
    """
    marker = scheme.marker
    if scheme.functions or not scheme.format.authenticated or _is_frame(marker):
        return b""
    return marker if len(marker) >= LEAST or marker.isascii() else b""


def _is_frame(marker: bytes) -> bool:
    return marker.startswith(KNOWN)


def _is_unmarked(scheme: Scheme) -> bool:
    """Return whether tokens prove themselves, but have no marker that shows one before it is decrypted."""
    return not scheme.functions and scheme.format.authenticated and len(scheme.marker) < LEAST


def _may_be_bare(scheme: Scheme, text: bytes) -> bool:
    """Return whether a text may be a token of a scheme without a marker, or with a short one.

    That is hex or base64, alone or after a colon, or bytes that are not text.
    """
    if marker := _own_marker(scheme):
        return marker in text and len(text) >= SHORTEST
    if scheme.text:
        return len(text) >= SHORTEST and bool(text_encoding.of(text) or unbase64(text.rpartition(b":")[2]))
    return not text.isascii() and len(text) >= SHORTEST and not text_encoding.is_utf8(text)


def _peel(
    keyring: Keyring, own: Sequence[Scheme], peeled: Mapping[int, _Peeled], label: bytes, decided: NestingDecision
) -> None:
    """Open each text as a token as often as it is one that may be unwrapped. The first of ``own`` is the column's."""
    left = dict(peeled)
    while left:
        again: dict[int, _Peeled] = {}
        forms = [
            (place, form)
            for place, value in left.items()
            for form in (_plain(value.text) if place in decided.wrapped else writings(value.text))
        ]
        for scheme in _candidates(keyring, own):
            rest = [(place, form) for place, form in forms if place not in again]
            for place, form, inside in _fitting(keyring, scheme, own, rest, label):
                value = left[place]
                if place in again or value.kept or value.problem:
                    continue
                if scheme.name in keyring.fixed:
                    value.kept = True
                elif decided.one_layer or _is_damage(own[0], scheme, value.stages[-1], inside[0]):
                    value.stages += (inside[0], *_within(scheme, inside))
                    value.text = scheme.text_of(inside[1])
                    if scheme.is_same_layer(own[0]):  # the encoding of a token depends on its length
                        value.outer = value.outer._replace(frame=inside[1].frame)
                    again[place] = value
                elif form in _plain(value.text):  # in another writing it is a token inside a text
                    value.problem = TWO_LAYERS
                    value.held.add(inside[0])
        left = again


def _is_damage(own: Scheme, scheme: Scheme, outer: str, inner: str) -> bool:
    """Return whether a process with other keys made two layers: it read a token, and saved it as a text."""
    return outer != inner and scheme.is_same_layer(own) and swallows_errors(own.name)


def _plain(text: bytes) -> tuple[bytes, ...]:
    return (text, bare(text))


def _hold(keyring: Keyring, own: Sequence[Scheme], left: Sequence[_Peeled], label: bytes, *, raw: bool = False) -> None:
    """Find the tokens of rotated keys in the remaining texts, between other text. With ``raw``, also find Fernet tokens
    as their bytes."""
    begins = (*_markers(inner_schemes(keyring)), label, *map(_own_marker, own), RAW_FRAME if raw else b"")
    markers = dict.fromkeys(each for each in begins if each)
    for words in _batches(_words(left, markers, unmarked=any(map(_is_unmarked, own)))):
        for scheme in _candidates(keyring, own):
            if scheme.name in keyring.schemes:
                for place, _, (stage, _) in _fitting(keyring, scheme, own, words, label):
                    left[place].held.add(stage)


def _words(left: Sequence[_Peeled], markers: Collection[bytes], *, unmarked: bool) -> Iterator[tuple[int, bytes]]:
    """Yield what may be a token in the texts, each with its text's place. The work for each text is bounded."""
    for place, value in enumerate(left):
        size = 0
        whole = {value.text, *long_words(value.text)} if unmarked else ()
        for word in chain(whole, tokens_in(value.text, markers)):
            size += len(word)
            if size > MOST_TRIED:
                value.unsearched = True
                break
            yield place, word
            if is_fernet_frame(word):
                yield place, to_base64(word)


def _batches(words: Iterable[tuple[int, bytes]]) -> Iterator[list[tuple[int, bytes]]]:
    """Yield the same in lists of about BATCH bytes."""
    batch, size = list[tuple[int, bytes]](), 0
    for place, word in words:
        batch.append((place, word))
        size += len(word)
        if size >= BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _fitting(
    keyring: Keyring, scheme: Scheme, own: Sequence[Scheme], texts: Sequence[tuple[int, bytes]], label: bytes
) -> Iterator[tuple[int, bytes, tuple[str, Opened]]]:
    """Yield the texts that are tokens of a scheme, each with its place."""
    chosen = [(place, text) for place, text in texts if _fits(scheme, own, text, label)]
    openings = keyring.stages_of(scheme.name, [text for _, text in chosen]) if chosen else []
    return ((place, text, inside) for (place, text), inside in zip(chosen, openings) if inside is not None)


def _within(scheme: Scheme, opened: tuple[str, Opened]) -> tuple[str, ...]:
    """Return the stage of the second layer, if the token has one by design."""
    return (opened[0],) if scheme.inside is not None and opened[1].within is not None else ()


def _candidates(keyring: Keyring, own: Sequence[Scheme]) -> Iterator[Scheme]:
    names = {scheme.name for scheme in own}
    yield from own
    yield from (scheme for scheme in inner_schemes(keyring) if scheme.name not in names)


def _fits(scheme: Scheme, own: Sequence[Scheme], text: bytes, label: bytes) -> bool:
    if len(scheme.marker) >= LEAST:
        return text.startswith(scheme.marker)
    if scheme.functions:
        return text.startswith((*KNOWN, label) if label else KNOWN)
    if not any(scheme is each for each in own) or not scheme.format.authenticated:
        return False
    return text.startswith(scheme.marker) and _may_be_bare(scheme, text)


def _is_shaped(text: bytes, begins: Collection[bytes]) -> bool:
    """Return whether a text is a whole token in any writing, and does not only begin like one.

    ``begins`` are what tokens begin with, besides Fernet's.
    """
    return any(_is_token_like(form, begins) for form in writings(text))


def _is_token_like(text: bytes, begins: Collection[bytes]) -> bool:
    if any(text.startswith(begin) and _is_body(text[len(begin) :], begin) for begin in begins):
        return True
    for begin in KNOWN:
        place = text.find(begin, 0, 64)
        if place >= 0:
            raw = unbase64(text[place:].partition(b"$")[0])
            return is_fernet_frame(raw if begin == FERNET else unbase64(raw))
    return False


def _is_body(body: bytes, begin: bytes) -> bool:
    """Return whether a text may follow what a token begins with: base64, except for a few signs at first."""
    if len(begin) >= LEAST:
        return len(body) >= SHORTEST and (not begin.isascii() or bool(_WORD.fullmatch(body)))
    return len(unbase64(body)) >= SHORTEST_BODY
