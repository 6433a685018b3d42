# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a column holds, from a sample of its values: plain data, random data with a known explanation, or ciphertext.

A column is judged by all of its sample: of 25 values no column was judged wrongly (test_unexplained.py).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .column_types import is_document
from .known_forms import COLUMNS
from .other_writings import looks_listed_by_chance, number_lists
from .packed_values import document_in
from .value_look import ENCODED, Look, Value, look_at

PLAIN, EXPLAINED, SPARSE, UNEXPLAINED = "plain", "explained", "sparse", "unexplained"
ENOUGH = 3  # values that look random, of however many: one in 500 plain ones does by chance
SHARE = 0.2  # of a column's values that is enough, if they are fewer
NAMES = "(name)"  # in place of a member's name: the names themselves


@dataclass(frozen=True)
class Explanation:
    """The verdict on one column: PLAIN, EXPLAINED, SPARSE or UNEXPLAINED, ``what`` it holds, in ``member`` of its
    documents. SPARSE is what is random in too few values to be sure."""

    verdict: str
    what: str = ""
    member: str = ""
    count: int = 0  # of the values that nothing explains


# Bytes of the digests that are in use: MD5, SHA-1, SHA-224, SHA-256, SHA-384, SHA-512.
DIGESTS = (16, 20, 28, 32, 48, 64)  # and of ciphertext too: only the name of a column tells
# How many characters that many bytes are, without padding.
_SIZES: dict[str, Callable[[int], int]] = {
    "bytes": lambda length: length,
    "hex": lambda length: 2 * length,
    "base32": lambda length: -(-8 * length // 5),
    "base64": lambda length: -(-4 * length // 3),
}
# Whole words, or their ends: "research", "hashtag" and "committee" say nothing of the kind.
_SAYS_DIGEST = re.compile(
    r"(?:hash|digest|check_?sum|md5|(?:finger|thumb)_?print|hmac|signature)(?:es|ed|s)?(?![a-z])|sha_?\d|"
    r"(?<![a-z])(?:etag|bidx|blind|search|lookup|commit|revision|nonce)s?(?![a-z])|"
    r"^(?:id|pk)$|(?:^|_)(?:oid|sid|idx|index|version|cache_key|session_key|trace_id)$",
)
_SAYS_UUID = re.compile(r"[ug]uids?(?![a-z])")
UUID = 16  # bytes: no other length is explained by that name
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def _says_digest(name: str, length: int) -> bool:
    """Whether the name of a column or member says that so many bytes are a digest or random, in snake_case or
    camelCase."""
    words = _CAMEL.sub("_", name).lower()
    return bool(_SAYS_DIGEST.search(words) or (length == UUID and _SAYS_UUID.search(words)))


def classify(values: Iterable[Any], place: str, *, documents: bool = False) -> Explanation:
    """What a column holds, by values of it that are not null: texts, bytes, or the texts of JSON documents.

    ``place`` is its table and column, with a dot. In ``documents`` the members are judged by their names.
    """
    if place in COLUMNS:
        return Explanation(EXPLAINED, COLUMNS[place])
    texts: list[Value] = [value if isinstance(value, str) else bytes(value) for value in values]
    inside = [text for text in texts if isinstance(text, str) and (documents or is_document(text))]
    opened = [(text, document_in(text)) for text in texts if text not in inside]
    packed = [document for _, document in opened if document]
    verdicts = [_judge([text for text, document in opened if not document], place.rpartition(".")[2])]
    verdicts += (
        # Names of members are often IDs or digests: they count as such if they are as long.
        replace(_judge(leaves, "id" if member == NAMES else member or place), member=member)
        for member, leaves in _members([*inside, *packed])
    )
    verdicts.append(_judge_lists([*inside, *packed]))
    if packed:
        verdicts.append(Explanation(EXPLAINED, ENCODED))
    for verdict in (UNEXPLAINED, SPARSE, EXPLAINED):
        for found in verdicts:
            if found.verdict == verdict:
                return found
    return Explanation(PLAIN)


def _judge(values: Sequence[Value], name: str) -> Explanation:
    """The verdict on values of one kind under one name."""
    filled = [value for value in values if value]
    looks = [look_at(value) for value in filled]
    random = [look for look in looks if look.encoding and not look.known]
    known = Counter(look.known for look in looks if look.known)
    if random:
        digest = _as_digest(random, name)
        if digest:
            return Explanation(EXPLAINED, digest)
        encoding = Counter(look.encoding for look in random).most_common(1)[0][0]
        verdict = UNEXPLAINED if len(random) >= min(ENOUGH, SHARE * len(filled)) else SPARSE
        what = f"{len(random)} of {len(filled)} values look like ciphertext in {encoding}"
        return Explanation(verdict, what, count=len(random))
    return Explanation(EXPLAINED, known.most_common(1)[0][0]) if known else Explanation(PLAIN)


def _judge_lists(documents: Iterable[str]) -> Explanation:
    """The verdict on lists of numbers in documents that may be bytes."""
    lists = [data for document in documents for data in number_lists(document)]
    random = [data for data in lists if look_at(data).is_unknown and not looks_listed_by_chance(data)]
    if not random:
        return Explanation(PLAIN)
    verdict = UNEXPLAINED if len(random) >= min(ENOUGH, SHARE * len(lists)) else SPARSE
    what = f"{len(random)} of {len(lists)} lists of byte numbers look like ciphertext"
    return Explanation(verdict, what, count=len(random))


def _as_digest(random: Sequence[Look], name: str) -> str:
    """What fixed-length random values are, if their length and the name of their column say that they are digests."""
    (encoding, size), *others = {(look.encoding, look.size) for look in random}
    length = next((length for length in DIGESTS if _SIZES.get(encoding, int)(length) == size), 0)
    if others or not length:
        return ""
    return f"a digest or random ID of {length} bytes" if _says_digest(name, length) else ""


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
