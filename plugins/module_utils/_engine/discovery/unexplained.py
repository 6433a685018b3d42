# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a column holds, from a sample of its values: plain data, random data with a known explanation, or ciphertext.

Ciphertext looks like random bytes, and every encoding of it betrays that: its characters change between
classes (letters, digits, capitals) about as often as chance has it, where words, names and numbers keep to one class.
Measured per value, and kept by test_unexplained.py: of 29 random bytes in hex,
base32, base64 or base85, with a prefix, separators or in lines, at least 93 % count as random, and 97 % from 80 bytes
on (of 16 bytes 93 %, in base85 83 %). Of sentences, source code, names, URLs, paths, slugs, e-mail addresses, times and
numbers at most 0.2 % do. A column is judged by all of its sample: of 25 values no column was judged wrongly.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Union

from .column_types import is_document
from .known_forms import COLUMNS, ENCRYPTED, FORMS, MAGICS
from .signatures import identify

PLAIN, EXPLAINED, UNEXPLAINED = "plain", "explained", "unexplained"
SHORTEST = 16  # bytes that a value must have to be judged: a block of AES, or a nonce and a few bytes
SHARE = 0.2  # of a column's values that must look random: applications leave old rows unencrypted
WHOLE = 0.6  # of a value that must be random: a sentence that quotes a token is no ciphertext

NAMES = "(name)"  # in place of a member's name: the names themselves

Value = Union[str, bytes]


@dataclass(frozen=True)
class Explanation:
    """The verdict on one column: PLAIN, EXPLAINED or UNEXPLAINED, ``what`` it holds, in ``member`` of its documents."""

    verdict: str
    what: str = ""
    member: str = ""
    count: int = 0  # of the values that nothing explains


# ---- One value -------------------------------------------------------------------------------------------------------


_RUN = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_HEX = re.compile(r"(?:[\da-f]{2}){8,}|(?:[\dA-F]{2}){8,}")
_BASE32 = re.compile(r"(?:[A-Z2-7]{16,}|[a-z2-7]{16,})={0,6}")
_BASE85 = re.compile(r"[!-~]{20,}")
_RARE = set("jqxzvkwJQXZVKW")  # letters that are 27 % of random ones, and 5 % of those in English
_WORDS = re.compile(r"[A-Za-z]?[a-z]{3,}(?![a-z])")


def _class_of(character: str) -> int:
    if character.isdigit():
        return 0
    if character.isalpha():
        return 1 if character.islower() else 2
    return 3


def _changes(run: str) -> float:
    """The share of neighbors in a text that are of different classes: digits, small letters, capitals, the rest."""
    classes = [_class_of(character) for character in run]
    return sum(one != other for one, other in zip(classes, classes[1:])) / (len(classes) - 1)


def _share(run: str, test: Callable[[str], bool]) -> float:
    return sum(map(test, run)) / len(run)


def _is_random_hex(run: str) -> bool:
    """Digits are 62 % of random ones, and stand next to letters in 47 % of all places."""
    data = bytes.fromhex(run)
    if _is_text(data):  # such as a token that an application keeps in hex
        return bool(_look(data.decode("utf-8")).encoding)
    if not 0.3 < _share(run, str.isdigit) < 0.9 or _changes(run) < 0.25:
        return False
    return len(set(run)) >= min(9, 5 + len(run) // 8)


def _is_random_base32(run: str) -> bool:
    """Digits are 19 % of random ones, and rare letters 22 %."""
    bare = run.rstrip("=")
    digits = _share(bare, str.isdigit)
    rare = _share(bare, _RARE.__contains__)
    return 0.03 < digits < 0.5 and rare > 0.03 and _changes(bare) > 0.1 and len(set(bare)) >= 10


def _is_random_base64(run: str) -> bool:
    """Neighbors differ in class in 65 % of all places; words, camel case and slugs stay below 35 %."""
    bare = run.rstrip("=")
    capitals, small = _share(bare, str.isupper), _share(bare, str.islower)
    if min(capitals, small) < 0.15 or _changes(bare) < 0.42 or len(set(bare)) < 10:
        return False
    return sum(len(word) for word in _WORDS.findall(bare) if len(word) > 8) < 0.2 * len(bare)


def _is_random_base85(run: str) -> bool:
    """All printable characters: symbols are 27 % of random ones, and neighbors differ in 73 % of all places."""
    small, capitals = _share(run, str.islower), _share(run, str.isupper)
    symbols = 1 - _share(run, str.isalnum)
    kinds = len({character for character in run if not character.isalnum()})
    return min(small, capitals) > 0.1 and 0.08 < symbols < 0.55 and kinds >= 3 and _changes(run) > 0.5


def _is_text(data: bytes) -> bool:
    """Whether bytes are UTF-8 of printable characters: 16 random ones are in 1 of 100,000 cases."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return _share(text, lambda character: character.isprintable() or character in "\r\n\t") > 0.95


def _is_random_bytes(data: bytes) -> bool:
    """Whether the bytes are spread over all values, without the zeros and the printable text of structured data."""
    if len(data) < SHORTEST or _is_text(data):
        return False
    size = len(data)
    counts = Counter(data)
    expected = 256 * (1 - (255 / 256) ** size)  # distinct values of random bytes
    printable = sum(count for byte, count in counts.items() if 32 <= byte < 127) / size
    chi_square = sum(count**2 for count in counts.values()) * 256 / size - size  # against size / 256 of each value
    return len(counts) > 0.8 * expected and printable < 0.8 and chi_square < 255 + 8 * (2 * 255) ** 0.5


# Of each encoding, how its runs are found, how random ones are recognized, and how many bytes a character stands for.
_TESTS: tuple[tuple[str, re.Pattern[str], Callable[[str], bool], float], ...] = (
    ("hex", _HEX, _is_random_hex, 1 / 2),
    ("base32", _BASE32, _is_random_base32, 5 / 8),
    ("base64", _RUN, _is_random_base64, 3 / 4),
    ("base85", _BASE85, _is_random_base85, 4 / 5),
)


@dataclass(frozen=True)
class _Looks:
    """One value: what explains it, or its random parts with their encoding, or neither if it is plain."""

    known: str = ""
    encoding: str = ""
    size: int = 0  # characters or bytes of a value that is random as a whole


_NOTHING = _Looks()


def _look(value: Value) -> _Looks:
    if isinstance(value, bytes):
        return _look_at_bytes(value)
    text = value.strip()
    if ENCRYPTED.match(text) or identify(text) is not None:
        return _Looks(encoding="a known format")
    for what, form in FORMS:
        if form.fullmatch(text):
            return _Looks(known=what)
    packed = "".join(text.split()) if _is_wrapped(text) else text
    for encoding, runs, is_random, density in _TESTS:
        if encoding != "hex" and any(character.isspace() for character in packed):
            continue  # what is left has words
        found = [run for run in runs.findall(packed) if is_random(run)]
        size = sum(map(len, found))
        if size * density >= SHORTEST and size >= WHOLE * len(packed):
            known = _known_inside(found[0], encoding) if len(found) == 1 else ""
            return _Looks(known, encoding, len(packed.rstrip("=")) if size == len(packed) else 0)
    return _NOTHING


def _look_at_bytes(data: bytes) -> _Looks:
    if _is_text(data):
        return _look(data.decode("utf-8"))
    known = _known_bytes(data)
    if known:
        return _Looks(known=known)
    return _Looks(encoding="bytes", size=len(data)) if _is_random_bytes(data) else _NOTHING


def _is_wrapped(text: str) -> bool:
    """Whether a text is one encoded value in lines of one length, as base64 of MIME and PEM is."""
    lines = text.split()
    return len(lines) > 1 and len(set(map(len, lines[:-1]))) == 1 and len(lines[0]) >= 60


def _known_inside(run: str, encoding: str) -> str:
    """What an encoded text is, if its bytes are of a known kind, or a text that is not random itself."""
    try:
        data = _DECODED[encoding](run.rstrip("="))
    except (KeyError, ValueError, binascii.Error):
        return ""
    if not _is_text(data):
        return _known_bytes(data)
    inside = _look(data.decode("utf-8"))
    return inside.known or ("" if inside.encoding else "encoded text")


def _base64(run: str) -> bytes:
    return base64.b64decode(run.replace("-", "+").replace("_", "/") + "=" * (-len(run) % 4))


_DECODED: dict[str, Callable[[str], bytes]] = {"hex": bytes.fromhex, "base64": _base64}


def _known_bytes(data: bytes) -> str:
    for what, begins in MAGICS:
        if begins.match(data):
            return what
    if data[:1] == b"\x78":  # RFC 1950: only a stream that decompresses is one
        try:
            if zlib.decompressobj().decompress(data, 1000):
                return "compressed data"
        except zlib.error:
            return ""
    return ""


# ---- A column --------------------------------------------------------------------------------------------------------

# Bytes of the digests that are in use: MD5, SHA-1, SHA-224, SHA-256, SHA-384, SHA-512.
DIGESTS = (16, 20, 28, 32, 48, 64)
_NO_BLOCKS = (20, 28)  # of them, those that are not also a few blocks of ciphertext: of the others the name must tell
# How many characters that many bytes are, without padding.
_SIZES: dict[str, Callable[[int], int]] = {
    "bytes": lambda length: length,
    "hex": lambda length: 2 * length,
    "base32": lambda length: -(-8 * length // 5),
    "base64": lambda length: -(-4 * length // 3),
}
# Whole words, or their ends: "research", "hashtag" and "committee" say nothing of the kind.
_SAYS_DIGEST = re.compile(
    r"(?:hash|digest|check_?sum|md5|(?:finger|thumb)_?print|hmac|signature|[ug]uid)(?:es|ed|s)?(?![a-z])|sha_?\d|"
    r"(?<![a-z])(?:etag|bidx|blind|search|lookup|commit|revision|nonce)s?(?![a-z])|"
    r"^(?:id|pk)$|(?:^|_)(?:oid|sid|idx|index|version|cache_key|session_key|trace_id)$",
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def _says_digest(name: str) -> bool:
    """Whether the name of a column or member says that it is a digest or random, in snake_case or camelCase."""
    return bool(_SAYS_DIGEST.search(_CAMEL.sub("_", name).lower()))


def classify(values: Iterable[Any], place: str, *, documents: bool = False) -> Explanation:
    """What a column holds, by values of it that are not null: texts, bytes, or the texts of JSON documents.

    ``place`` is its table and column, with a dot. In ``documents`` the members are judged by their names.
    """
    if place in COLUMNS:
        return Explanation(EXPLAINED, COLUMNS[place])
    texts: list[Value] = [value if isinstance(value, str) else bytes(value) for value in values]
    inside = [text for text in texts if isinstance(text, str) and (documents or is_document(text))]
    verdicts = [_judge([text for text in texts if text not in inside], place.rpartition(".")[2])]
    verdicts += (
        # Names of members are often IDs or digests: they count as such if they are as long.
        replace(_judge(leaves, "id" if member == NAMES else member or place), member=member)
        for member, leaves in _members(inside)
    )
    for verdict in (UNEXPLAINED, EXPLAINED):
        for found in verdicts:
            if found.verdict == verdict:
                return found
    return Explanation(PLAIN)


def _judge(values: Sequence[Value], name: str) -> Explanation:
    """The verdict on values of one kind under one name."""
    filled = [value for value in values if value]
    looks = [_look(value) for value in filled]
    random = [look for look in looks if look.encoding and not look.known]
    known = Counter(look.known for look in looks if look.known)
    if random and len(random) >= SHARE * len(filled):
        digest = _as_digest(random, name)
        if digest:
            return Explanation(EXPLAINED, digest)
        encoding = Counter(look.encoding for look in random).most_common(1)[0][0]
        return Explanation(
            UNEXPLAINED, f"{len(random)} of {len(filled)} values look like ciphertext in {encoding}", count=len(random)
        )
    return Explanation(EXPLAINED, known.most_common(1)[0][0]) if known else Explanation(PLAIN)


def _as_digest(random: Sequence[_Looks], name: str) -> str:
    """What fixed-length random values are, if their length and the name of their column say that they are digests."""
    (encoding, size), *others = {(look.encoding, look.size) for look in random}
    length = next((length for length in DIGESTS if _SIZES.get(encoding, int)(length) == size), 0)
    if others or not length:
        return ""
    return f"a digest or random ID of {length} bytes" if length in _NO_BLOCKS or _says_digest(name) else ""


_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"\s*(:)?')
_ESCAPE = re.compile(r"\\(?:u([\da-fA-F]{4})|(.))")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


def _members(documents: Iterable[str]) -> Iterator[tuple[str, list[Value]]]:
    """The texts of JSON documents by the name of the member that each is in. A document may be cut off."""
    found: dict[str, list[Value]] = {}
    for document in documents:
        name = ""
        for text, colon in _STRING.findall(document):
            if colon:
                name = text
                found.setdefault(NAMES, []).append(_unescaped(text))
            elif text:
                found.setdefault(name, []).append(_unescaped(text))
    yield from sorted(found.items())


def _unescaped(text: str) -> str:
    def character(found: re.Match[str]) -> str:
        return chr(int(found[1], 16)) if found[1] else _ESCAPES.get(found[2], found[2])

    return _ESCAPE.sub(character, text) if "\\" in text else text
