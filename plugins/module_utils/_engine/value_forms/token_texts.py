# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens in a text: all of it, another writing of the same bytes, or a part of a longer text.

Nothing here knows a key. A part that is found may be a token; only one that opens is a token.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Iterator
from functools import lru_cache

from ..crypto.fernet import HEADER
from ..crypto.fernet import SHORTEST as FRAME
from ..crypto.token_formats import FORMATS
from ..crypto.wrappers import Armor, unbase64
from .base64_texts import decode_cut_base64
from .token_look import FERNET, SHORTEST

DEPTH = 4  # writings of writings
LONGEST_RUN = 4096  # characters of one word whose beginnings are tried too
LONGEST_TAIL = 64  # bytes behind a longer token, such as what ends a pickled object
BLOCK = 16  # bytes by which tokens in Fernet's frame differ in length
RAW_FRAME = FORMATS["aes_cbc_hmac"].marker  # what the bytes of a token in Fernet's frame begin with
# For each beginning of a token in Fernet's frame: where the random bytes after its time begin and end, and how many
# of them may be alike. In random bytes, more are alike once in 10^17 times.
_RANDOM = {
    FERNET: (HEADER * 4 // 3, FRAME * 4 // 3, 24),
    RAW_FRAME: (HEADER, FRAME, 14),
}
_SURE = 6  # bytes of base64 in the middle of a word that no text has by chance
_QUOTED = re.compile(rb"b?(?P<quote>['\"])(?P<text>.*)(?P=quote)", re.DOTALL)  # of Python and JSON
_SHOWN_WITHIN = re.compile(rb"b(?P<quote>['\"])(?P<text>(?:\\.|(?!(?P=quote)|\\).)*)(?P=quote)", re.DOTALL)
_ESCAPE = re.compile(rb"\\(?:x(?P<hex>[\da-fA-F]{2})|(?P<letter>[\\'\"nrt]))")
_LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}
_SHOWN = (b"b'", b'b"', b"\\x", b"0x", b"\"b'", b'"b\\"', b'"\\\\x', b'"0x')  # how Python and PostgreSQL show bytes
_HEX = re.compile(rb"(?:\\x|0x)?(?P<digits>(?:[\da-fA-F]{2}){16,})")
_HEX_WORD = re.compile(rb"(?:[\da-fA-F]{2}){16,}")
_BASE64_WORD = re.compile(rb"[\w+/-]{22,}={0,2}", re.ASCII)
_WORD = re.compile(rb"[\w+/=:$.-]*", re.ASCII)
_FERNET_WORD = re.compile(rb"[\w-]*", re.ASCII)
_PADDING = re.compile(rb"=*")
# What may be a token without a mark of its own, in text, with the ID of a key or a nonce before it: 28 bytes or more.
_LONG_WORD = re.compile(rb"(?:[\w.-]{1,64}:)?[\w+/=-]{38,}", re.ASCII)


@lru_cache
def signs(markers: frozenset[bytes]) -> tuple[bytes, ...]:
    """Return the texts of which every text with a token has at least one. A token begins with one of ``markers``.

    A token may be in another writing too, such as hex or base64.
    """
    candidates = {sign for marker in markers for sign in _signs(marker)}
    return tuple(sorted(sign for sign in candidates if not any(other in sign for other in candidates - {sign})))


def _signs(marker: bytes) -> Iterator[bytes]:
    yield marker
    digits = marker.hex().encode()
    yield from {digits, digits.upper()}
    shown = repr(marker)[2:-1].encode()
    yield from {shown, shown.replace(b"\\", b"\\\\")}  # the latter in a document of JSON
    for before in range(3 if marker.isascii() else 1):  # base64 encodes three bytes at a time
        end = (before + len(marker)) * 8 // 6
        sure = base64.b64encode(bytes(before) + marker + bytes(2))[-(-before * 8 // 6) : end]
        if not before or len(sure) >= _SURE:
            yield from {sure, sure.translate(bytes.maketrans(b"+/", b"-_"))}


def has(text: bytes, signs: Collection[bytes]) -> bool:
    """Return whether a text contains one of the signs."""
    return any(sign in text for sign in signs)


def writings(text: bytes) -> list[bytes]:
    """Return the text, and the bytes that all of it stands for as one writing of others, to a depth of DEPTH.

    Blanks and quotes around it are removed; Python's text of bytes, hex and base64 are decoded.
    """
    forms, level = [text], [text]
    for _level in range(DEPTH):
        level = [read for each in level for read in _read(each) if read and read not in forms]
        forms += dict.fromkeys(level)
    return forms


def _read(text: bytes) -> Iterator[bytes]:
    yield text.strip()
    if quoted := _QUOTED.fullmatch(text):
        yield _ESCAPE.sub(_unescaped, quoted["text"])
    if written := _HEX.fullmatch(text):
        yield bytes.fromhex(written["digits"].decode())
    joined = b"".join(text.split())
    if len(joined) >= SHORTEST:
        yield unbase64(_padded(joined))


def _unescaped(match: re.Match[bytes]) -> bytes:
    if match["hex"]:
        return bytes.fromhex(match["hex"].decode())
    return _LETTERS.get(match["letter"], match["letter"])


def _padded(word: bytes) -> bytes:
    return word + b"=" * (-len(word) % 4)


def tokens_in(text: bytes, markers: Collection[bytes]) -> Iterator[bytes]:
    """Yield what may be a token with one of ``markers``, anywhere in a text or in what its words encode.

    The same token may come more than once, because no copies are kept.
    """
    asked = signs(frozenset(markers))
    level = writings(text)
    seen = {*level}
    for _level in range(DEPTH):
        for form in level:
            for marker in markers:
                yield from _beginning(form, marker)
        level = [read for form in level for read in _decoded(form, asked) if read not in seen and has(read, asked)]
        seen.update(level)


def _beginning(text: bytes, marker: bytes) -> Iterator[bytes]:
    """Yield what may be a token at each place of the marker. The text may not show where a token ends."""
    word, bare = _Run(_WORD, text), _Run(_FERNET_WORD, text)
    place = text.find(marker)
    while place >= 0:
        if not _may_begin(text, place, marker):
            pass
        elif marker.endswith(Armor.HEAD):
            yield text[place : text.find(Armor.TAIL, place) + len(Armor.TAIL)]
        elif not marker.isascii():
            yield from _frames(text, place)
        else:
            after = place + len(marker)
            yield from _words(text, place, word.end(after), bare.end(after))
        place = text.find(marker, place + 1)


def _may_begin(text: bytes, place: int, marker: bytes) -> bool:
    """Return whether a token may begin here: what follows a Fernet marker is long enough, and as mixed as random bytes.

    A set bit before zero bytes looks like this marker too, and base64 has one for every number of a list.
    """
    begin, end, alike = _RANDOM.get(marker, (0, 0, 0))
    mixed = text[place + begin : place + end]
    return len(mixed) == end - begin and max(map(mixed.count, {*mixed}), default=0) <= alike


def _words(text: bytes, begin: int, word: int, bare: int) -> Iterator[bytes]:
    whole = text[begin:word]
    yield from {whole, whole.rstrip(b".:$"), text[begin : _match(_PADDING, text, bare)]}
    # A word that goes on after its token, or has lost its padding: a Fernet token has one of some lengths.
    for size in range(FRAME, min(bare - begin, LONGEST_RUN) * 3 // 4 + 1, BLOCK):
        yield _padded(text[begin : begin - (-size * 4 // 3)])


def _frames(text: bytes, begin: int) -> Iterator[bytes]:
    """Yield what may be a token of bytes that begins here, in each length that its blocks can have.

    A text or a pickled object may continue after it.
    """
    left = len(text) - begin
    for size in range(FRAME, left + 1, BLOCK):
        if size <= LONGEST_RUN or left - size <= LONGEST_TAIL:
            yield text[begin : begin + size]


class _Run:
    """Finds where a run of a pattern ends. Places are asked in ascending order, so that each run is read once."""

    def __init__(self, pattern: re.Pattern[bytes], text: bytes) -> None:
        self._pattern, self._text, self._end = pattern, text, -1

    def end(self, place: int) -> int:
        if place > self._end:
            self._end = _match(self._pattern, self._text, place)
        return self._end


def _match(pattern: re.Pattern[bytes], text: bytes, place: int) -> int:
    match = pattern.match(text, place)
    return match.end() if match else place


def _decoded(text: bytes, asked: Collection[bytes]) -> Iterator[bytes]:
    """Yield what words of a text encode in hex and base64, and the whole text without Python's escapes."""
    if b"\\x" in text:
        yield _ESCAPE.sub(_unescaped, text)
        yield from (_ESCAPE.sub(_unescaped, shown["text"]) for shown in _SHOWN_WITHIN.finditer(text))
    if not has(text, asked):  # no word has one then: finding the words takes a hundred times as long
        return
    for word in _HEX_WORD.finditer(text):
        if has(word[0], asked):
            yield bytes.fromhex(word[0].decode())
    for word in _BASE64_WORD.finditer(text):
        if has(word[0], asked):
            bare = word[0].rstrip(b"=")
            yield from filter(None, (decode_cut_base64(bare[begin:]) for begin in range(4)))


def may_be_written(text: bytes) -> bool:
    """Return whether a token without a marker may be in a text, as one of its words or as all of it."""
    return text.startswith(_SHOWN) or bool(_LONG_WORD.search(text))


def quoted_words(text: bytes) -> set[bytes]:
    """Return the words of a text that may be tokens without a marker, as they are written."""
    return {part for word in _LONG_WORD.findall(text) for part in (word, word.rpartition(b":")[2])}


def long_words(text: bytes) -> set[bytes]:
    """Return the words of a text that may be tokens without a marker, and what they encode.

    A text that shows bytes counts as a whole, because its words do not encode them.
    """
    words = quoted_words(text)
    shown = {text} if text.startswith(_SHOWN) else set()
    return {read for word in words | shown for read in writings(word)}
