# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nested tokens: a plaintext that is itself a token of a known scheme, under any version, to any depth.

Some libraries return the stored text when they cannot decrypt it. A process with other keys then reads a token as text
and saves it, encrypted a second time. Such a value is unwrapped, and written as one token.

The test on every plaintext is cheap: does it begin as tokens begin? What looks like a token and opens under no key set
may be a token of another system that somebody stored. It is suspicious only if the column's library returns what it
cannot decrypt, and if tokens are not what the column holds as a rule (``Target.foreign``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..crypto.fernet import is_fernet_frame
from ..crypto.keyring import Keyring
from ..crypto.libraries import swallows_errors
from ..crypto.schemes import Scheme
from ..crypto.tokens import Opened
from ..crypto.wrappers import unbase64
from .column_types import FERNETS, SHORTEST

NESTED, NESTED_UNREADABLE = "nested", "nested_unreadable"  # classes of the census
LEAST = 5  # bytes of a marker that no text begins with by chance
FERNET, DOUBLED = KNOWN = tuple(begin.encode() for begin in FERNETS)
QUOTE = b'"'  # around a text that was encrypted as JSON
LETTERS = (b"s", b"b")  # before a text or bytes from functions of the application (child.preserved)
# What a function may put before its tokens, such as AES.2: or $encrypted$. A key ID may follow it.
_LABEL = re.compile(rb"[\w.$:|{}<>\[\]-]{3,22}?[$:|}>]", re.ASCII)
_WORD = re.compile(rb"[!-~]+")


class Inner(NamedTuple):
    """A nested value: the stages of its layers, the outer one first, and the inside of the one token to write.

    It is not ``readable`` if the last inside still looks like a token and opens under no key set.
    """

    stages: tuple[str, ...]
    inside: Opened
    readable: bool


@dataclass
class _Peeled:
    """How far one plaintext was unwrapped. Under a key that is not rotated, the rest is ``kept`` as it is."""

    outer: Opened
    text: bytes
    stages: tuple[str, ...]
    kept: bool = False


def unwrapped(
    keyring: Keyring,
    name: str,
    tokens: Sequence[bytes],
    opened: Sequence[tuple[str, Opened] | None],
    *,
    foreign: bool = False,
) -> dict[int, Inner]:
    """The nested ones among the ``opened`` tokens of the scheme ``name``, by their place.

    ``foreign`` says that the column's plaintexts are tokens of another system as a rule.
    """
    scheme = keyring.schemes[name]
    places = _suspects(scheme, opened, _begins(keyring, scheme, tokens))
    if not places:
        return {}
    label = _label(scheme, tokens)
    outers = {place: one for place in places if (one := opened[place]) is not None}
    peeled = {place: _Peeled(inside, scheme.text_of(inside), (stage,)) for place, (stage, inside) in outers.items()}
    _peel(keyring, scheme, peeled, label)
    found = {}
    for place, value in peeled.items():
        suspicious = not value.kept and _is_shaped(value.text, label)
        readable = not suspicious or foreign or _raises(scheme)
        if len(value.stages) > 1:
            found[place] = Inner(value.stages, scheme.with_text(value.outer, value.text), readable)
        elif not readable:
            found[place] = Inner(value.stages, value.outer, readable)
    return found


def _suspects(scheme: Scheme, opened: Sequence[tuple[str, Opened] | None], begins: tuple[bytes, ...]) -> list[int]:
    """The places whose plaintext begins like a token. By its first byte at first: this is asked of every value."""
    unmarked = len(scheme.marker) < LEAST and scheme.format.authenticated
    firsts = frozenset(begin[:1] for begin in begins)
    if scheme.functions or (scheme.format.authenticated and not unmarked):
        return [
            place
            for place, one in enumerate(opened)
            if one is not None and one[1].plaintext[:1] in firsts and one[1].plaintext.startswith(begins)
        ]
    texts = [(place, scheme.text_of(one[1])) for place, one in enumerate(opened) if one is not None]
    return [place for place, text in texts if text.startswith(begins) or (unmarked and _may_be_bare(scheme, text))]


def inner_schemes(keyring: Keyring) -> list[Scheme]:
    """The schemes that prove an inner token: it authenticates, and begins with a marker. Each is of one layer."""
    schemes = [scheme for scheme in keyring.tried if not scheme.functions and scheme.inside is None]
    return [scheme for scheme in schemes if scheme.format.authenticated and len(scheme.marker) >= LEAST]


def looks_nested(keyring: Keyring, text: bytes) -> bool:
    """Whether a plaintext looks like a token, of a scheme at hand or of another system."""
    return bare(text).startswith(_markers(inner_schemes(keyring))) and _is_shaped(text, b"")


def bare(text: bytes) -> bytes:
    """A text without the quotes of JSON."""
    return text[1:-1] if len(text) > 1 and text[:1] == text[-1:] == QUOTE else text


def _begins(keyring: Keyring, own: Scheme, tokens: Sequence[bytes]) -> tuple[bytes, ...]:
    """How a plaintext begins that may be a token."""
    label = _label(own, tokens)
    markers = (*_markers(inner_schemes(keyring)), *([label] if label else []))
    begins = markers + tuple(QUOTE + marker for marker in markers)
    return tuple(letter + begin for letter in LETTERS for begin in begins) if own.functions else begins


def _markers(schemes: Iterable[Scheme]) -> tuple[bytes, ...]:
    return tuple({*KNOWN, *(scheme.marker for scheme in schemes)})


def _label(scheme: Scheme, tokens: Sequence[bytes]) -> bytes:
    """What all tokens that functions of the application made begin with; empty for any other scheme."""
    found = _LABEL.match(tokens[0]) if scheme.functions and tokens else None
    return found[0] if found and all(token.startswith(found[0]) for token in tokens) else b""


def _may_be_bare(scheme: Scheme, text: bytes) -> bool:
    """Whether a text may be a token of a scheme without a marker: base64 alone, or bytes that are no text."""
    if scheme.text:
        return len(text) >= SHORTEST and bool(unbase64(text))
    if text.isascii() or len(text) < SHORTEST:
        return False
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False


def _peel(keyring: Keyring, own: Scheme, peeled: Mapping[int, _Peeled], label: bytes) -> None:
    """Open each text as a token as often as it is one."""
    left = dict(peeled)
    while left:
        again = {}
        for scheme in _candidates(keyring, own):
            places = [p for p, one in left.items() if p not in again and _fits(scheme, own, one.text, label)]
            found = keyring.stages_of(scheme.name, [bare(left[p].text) for p in places]) if places else []
            for place, inside in zip(places, found):
                one = left[place]
                if inside is not None and scheme.name in keyring.fixed:
                    one.kept = True
                elif inside is not None and not one.kept:
                    one.stages += (inside[0], *_within(scheme, inside))
                    one.text = scheme.text_of(inside[1])
                    again[place] = one
        left = again


def _within(scheme: Scheme, opened: tuple[str, Opened]) -> tuple[str, ...]:
    """The stage of the second layer, if the token has one by design."""
    return (opened[0],) if scheme.inside is not None and opened[1].within is not None else ()


def _candidates(keyring: Keyring, own: Scheme) -> Iterator[Scheme]:
    yield own
    yield from (scheme for scheme in inner_schemes(keyring) if scheme.name != own.name)


def _fits(scheme: Scheme, own: Scheme, text: bytes, label: bytes) -> bool:
    if len(scheme.marker) >= LEAST:
        return bare(text).startswith(scheme.marker)
    if scheme.functions:
        return bare(text).startswith((*KNOWN, label) if label else KNOWN)
    return scheme is own and scheme.format.authenticated and _may_be_bare(scheme, text)


def _is_shaped(text: bytes, label: bytes) -> bool:
    """Whether a text is whole as a token is, and not only begins like one."""
    text = bare(text)
    if label and text.startswith(label):
        return len(text) >= len(label) + SHORTEST and bool(_WORD.fullmatch(text))
    for begin in KNOWN:
        place = text.find(begin, 0, 64)
        if place >= 0:
            raw = unbase64(text[place:].partition(b"$")[0])
            return is_fernet_frame(raw if begin == FERNET else unbase64(raw))
    return False


def _raises(scheme: Scheme) -> bool:
    """Whether its library raises for what it cannot decrypt, so that no process saves a token as a text."""
    return not swallows_errors(scheme.name)
