# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The content of a column, judged by a sample of its values: plain, random with a known explanation, or ciphertext.

A column is judged by all of its sample. With 25 values, no column was judged wrongly (test_unexplained.py).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...crypto.tokens import as_text_or_bytes
from ...value_forms import addresses, python_literals, xml_text
from ...value_forms.json_text import is_document
from ...value_forms.known_forms import COLUMNS, GIVEN, MEMBERS
from ...value_forms.packed_values import document_in
from ...value_forms.unusual_encodings import are_all_distinct, looks_listed_by_chance, number_lists
from ...value_forms.value_look import (
    ENCODED,
    KNOWN_FORMAT,
    NOTHING,
    Look,
    Value,
    has_random_word,
    is_mostly_random_words,
    look_at,
)

PLAIN, EXPLAINED, SPARSE, UNEXPLAINED = "plain", "explained", "sparse", "unexplained"
ENOUGH = 2  # values that look random, of however many: hardly any plain one does by chance
LIKE_CODE = "base85"  # of these one more is needed: a line of source code can look so
LISTED = "numbers of bytes"
LIKE_ID, LONGEST_ID = "base32", 32  # and of so many characters only a share counts: 3 % of IDs in capitals are such
SHARE = 0.2  # of a column's values that is enough, if they are fewer
RULE = 0.5  # of a column's values that have a form which explains single values only: then it is what the column holds
QUOTING = 0.7  # of a column's values with a random word: a program writes such a column, and not people
FEWEST = 3  # values with a random word; of fewer values, all must be such a word for the most part
NAMES = "(name)"  # instead of a member's name: the names themselves


@dataclass(frozen=True)
class Explanation:
    """The verdict on one column: PLAIN, EXPLAINED, SPARSE or UNEXPLAINED.

    ``what`` is its content, in ``member`` of its documents. A person should check a SPARSE column. It has a random
    value among many others, or values as long as the digests that its name may mean.
    """

    verdict: str
    what: str = ""
    member: str = ""
    count: int = 0  # of the values that nothing explains
    hashed: bool = False  # whether the name says that they are hashes, as those of a blind index are


# Bytes of the digests that are in use: MD5, SHA-1, SHA-224, SHA-256, SHA-384, SHA-512.
DIGESTS = (16, 20, 28, 32, 48, 64)  # and of ciphertext too: only the name of a column shows the difference
# How many characters that many bytes are, without padding.
_SIZES: dict[str, Callable[[int], int]] = {
    "bytes": lambda length: length,
    "hex": lambda length: 2 * length,
    "base32": lambda length: -(-8 * length // 5),
    "base64": lambda length: -(-4 * length // 3),
}
# Whole words, or their ends: not "research", "hashtag" or "committee". They name the random text itself; an encrypted
# value would be longer.
_SAYS_DIGEST = re.compile(
    r"(?:hash|digest|check_?sum|md5|(?:finger|thumb)_?print|hmac)(?:es|ed|s)?(?![a-z])|sha_?\d|"
    r"(?<![a-z])(?:bidx|blind)s?(?![a-z])",
)
# Digests of files and similar content, which need no key.
_OF_CONTENT = re.compile(
    r"check_?sum|(?<![a-z])(?:file|content|object|body|image|artifact|blob|commit)s?(?![a-z])|"
    r"^(?:md5|sha_?\d+|(?:finger|thumb)_?print)$"
)
# These name an ID, which an application may encrypt, and what it then stores is longer.
_SAYS_ID = re.compile(
    r"(?<![a-z])(?:e_?tag|sha|commit|revision|tx_?id|tx)s?(?![a-z])|^(?:id|pk|oid)$|"
    r"(?:^|_)(?:cache_key|session_key|trace_id|(?:device|push|apns)_token|message_id|event_id|in_response_to|tree_id)$",
)
IDS = (16, 20, 32)  # bytes of them: MD5, SHA-1, SHA-256, the token of a device
_SAYS_ETAG = re.compile(r"(?:^|_)e_?tags?$")
_ETAG = re.compile(r'(?:W/)?"?([\da-fA-F]{32,128})(?:-\d{1,5})?"?')  # RFC 9110, and how many parts a store got it in
# Names of what a service sends, as long as its digests and signatures are: a warning stays.
_SAYS_SENT: tuple[tuple[re.Pattern[str], tuple[int, ...]], ...] = (
    (re.compile(r"^(?:before|after)$"), (20,)),  # a commit of Git
    (re.compile(r"(?<![a-z])(?:signature(?:_value)?|modulus|sello\w*)$"), (256, 384, 512)),  # of RSA
)
# Names of numbers that may be any from 0 to 255: a warning stays.
_SAYS_NUMBERS = re.compile(r"(?:^|_)(?:rgba?|colou?rs?|palettes?|pixels?|ids|order|order_list|samples|waveform)$")
LONG_IDS = (48, 64)  # hardly any: a warning stays
# These may name the text of which it is a digest, or another meaning of the word: a warning stays.
_MAY_SAY_DIGEST = re.compile(
    r"(?<![a-z])(?:signature|nonce|search|lookup|serial)(?:es|ed|s)?(?![a-z])|"
    r"(?:^|_)(?:oid|sid|idx|index|version|serial_number|auth|raw_?id|credential_id)$",
)
_SAYS_UUID = re.compile(r"[ug]uids?(?![a-z])")
# The name of its column decides about a single random value among plain ones: one secret in a table of settings.
_SAYS_SECRET = re.compile(
    r"(?:^|_)(?:value|setting|secret|token|password|passwd|passphrase|pwd|key|credential|config|auth|pin|ssn|iban)s?$"
)
_SAYS_POINT = re.compile(r"p256dh$")
POINT = 65  # bytes of the public key of notifications to a browser
UUID = 16  # bytes: that name explains only this length
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def _says(pattern: re.Pattern[str], name: str) -> bool:
    """Return whether the name of a column or member, in snake_case or camelCase, has one of the words."""
    return bool(pattern.search(_CAMEL.sub("_", name).lower()))


def classify(values: Sequence[Any], place: str, *, documents: bool = False, is_sealed: bool = False) -> Explanation:
    """Judge a column by values of it that are not null: texts, bytes, or the texts of JSON documents.

    ``place`` is its table and column, with a dot. In ``documents`` the members are judged by their names. ``is_sealed``
    says that code encrypts here what a service returns. Otherwise such a place only leads to a warning.
    """
    texts = [as_text_or_bytes(value) for value in values]
    explanation = _classify(texts, place, documents)
    if (
        explanation.verdict == UNEXPLAINED
        and place in GIVEN
        and not is_sealed
        and not any(map(_has_known_format, texts))
    ):
        return replace(explanation, verdict=SPARSE)
    return explanation


def _has_known_format(value: Value) -> bool:
    return look_at(value).encoding == KNOWN_FORMAT


def _classify(values: list[Value], place: str, documents: bool) -> Explanation:
    what, texts = _other_than_known(values, COLUMNS.get(place))
    if what and not texts:
        return Explanation(EXPLAINED, what)
    written = [(text, _document_of(text, documents) if isinstance(text, str) else "") for text in texts]
    inside = [document for _, document in written if document]
    opened = [(text, document_in(text)) for text, document in written if not document]
    packed = [document for _, document in opened if document]
    verdicts = [_judge([text for text, document in opened if not document], place.rpartition(".")[2])]
    verdicts += (_judge_member(leaves, place, member) for member, leaves in _members([*inside, *packed]))
    verdicts.append(_judge_lists([*inside, *packed], place))
    if packed:
        verdicts.append(Explanation(EXPLAINED, ENCODED))
    for verdict in (UNEXPLAINED, SPARSE, EXPLAINED):
        for explanation in verdicts:
            if explanation.verdict == verdict:
                return explanation
    return Explanation(PLAIN)


def _document_of(text: str, is_one: bool) -> str:
    """Return the document that a text is, in JSON or XML. Empty if it is anything else."""
    return text if is_one or is_document(text) or xml_text.is_document(text) else python_literals.document(text)


def _other_than_known(values: list[Value], known: tuple[str, re.Pattern[str]] | None) -> tuple[str, list[Value]]:
    """Return the known content of a column or member of a known package or service, and the values of another form."""
    if known is None:
        return "", values
    what, form = known
    explained = (isinstance(each, str) and form.fullmatch(each) and not _has_known_format(each) for each in values)
    return what, [value for value, is_explained in zip(values, explained) if not is_explained]


def _judge_member(values: list[Value], place: str, member: str) -> Explanation:
    """Judge a member of the documents in a column."""
    what, values = _other_than_known(values, COLUMNS.get(f"{place}.{member}") or MEMBERS.get(member))
    if what and not values:
        return Explanation(EXPLAINED, what, member)
    # Names of members are often IDs or digests: they count as such if they are as long.
    return replace(_judge(values, "id" if member == NAMES else member or place), member=member)


def _judge(values: Sequence[Value], name: str) -> Explanation:
    """Judge values of one kind under one name."""
    filled = [value for value in values if value]
    if _says(_SAYS_ETAG, name):
        filled = [_bare_etag(value) for value in filled]
    looks = [look_at(value) for value in filled]
    is_rule = sum(bool(look.form) for look in looks) >= RULE * len(filled)
    random = [look for look in looks if look.is_unknown and (is_rule or not look.form)]
    if random:
        return _as_digest(random, name) or _judge_random(random, len(filled), name)
    is_random = has_random_word if len(filled) >= FEWEST else is_mostly_random_words
    quoting = [value for value, look in zip(filled, looks) if look == NOTHING and is_random(value)]
    if quoting and len(quoting) >= max(min(FEWEST, len(filled)), QUOTING * len(filled)):
        what = f"{len(quoting)} of {len(filled)} values have a word that looks like ciphertext"
        return Explanation(UNEXPLAINED, what, count=len(quoting))
    named = [host for value in filled if (host := random_url_host(value))]
    if len(named) >= max(ENOUGH, RULE * len(filled)):
        return Explanation(SPARSE, f"{len(named)} of {len(filled)} values are URLs that end in what may be ciphertext")
    known = Counter(look.explanation or look.form for look in looks if look.explanation or look.form)
    return Explanation(EXPLAINED, known.most_common(1)[0][0]) if known else Explanation(PLAIN)


def random_url_host(value: Value) -> str:
    """Return the host of a URL that ends in what may be ciphertext. Empty for any other value."""
    host, names = addresses.names_in_url(value) if isinstance(value, str) else ("", [])
    return host if any(look_at(name).is_unknown for name in names) else ""


def classify_own_urls(values: Sequence[Any], is_own: Callable[[str], bool]) -> Explanation:
    """Judge URLs on the application's own hosts: no other service creates the random end of one."""
    texts = [value for value in map(as_text_or_bytes, values) if value]
    count = sum(bool((host := random_url_host(text)) and is_own(host)) for text in texts)
    what = f"{count} of {len(texts)} values are URLs of this application that end in what looks like ciphertext"
    if count < ENOUGH:
        return Explanation(PLAIN)
    return Explanation(UNEXPLAINED if count >= SHARE * len(texts) else SPARSE, what, count=count)


def _bare_etag(value: Value) -> Value:
    match = _ETAG.fullmatch(value) if isinstance(value, str) else None
    return match[1] if match else value


def _judge_random(random: Sequence[Look], count: int, name: str) -> Explanation:
    encodings = Counter(look.encoding for look in random)
    encoding = encodings.most_common(1)[0][0]
    likely = len(random) - sum(look.encoding == LIKE_ID and look.size <= LONGEST_ID for look in random)
    sure = likely - encodings[LIKE_CODE]
    is_enough = len(random) >= SHARE * count or likely >= ENOUGH + 1 or sure >= ENOUGH
    if encoding == LISTED and _says(_SAYS_NUMBERS, name):
        is_enough = False
    if sure and (KNOWN_FORMAT in encodings or _says(_SAYS_SECRET, name)):
        is_enough = True
    verdict = UNEXPLAINED if is_enough else SPARSE
    return Explanation(
        verdict, f"{len(random)} of {count} values look like ciphertext in {encoding}", count=len(random)
    )


def _judge_lists(documents: Iterable[str], place: str) -> Explanation:
    """Judge lists of numbers in documents that may be bytes."""
    lists = [data for document in documents for data in number_lists(document)]
    random = [data for data in lists if data and look_at(data).is_unknown and not looks_listed_by_chance(data)]
    if not random or are_all_distinct(random):
        return Explanation(PLAIN)
    is_enough = len(random) >= min(ENOUGH, SHARE * len(lists)) and not _says(_SAYS_NUMBERS, place.rpartition(".")[2])
    verdict = UNEXPLAINED if is_enough else SPARSE
    what = f"{len(random)} of {len(lists)} lists of byte numbers look like ciphertext"
    return Explanation(verdict, what, count=len(random))


def _as_digest(random: Sequence[Look], name: str) -> Explanation | None:
    """Return what fixed-length random values are, if their length and the column's name say that they are digests."""
    (encoding, size), *others = {(look.encoding, look.size) for look in random}
    sent = next((lengths for says, lengths in _SAYS_SENT if _says(says, name)), ())
    lengths = (POINT,) if _says(_SAYS_POINT, name) else (*DIGESTS, *sent)
    length = next((length for length in lengths if _SIZES.get(encoding, int)(length) == size), 0)
    if others or not length:
        return None
    if (
        length == POINT
        or _says(_SAYS_DIGEST, name)
        or (length in IDS and _says(_SAYS_ID, name))
        or (length == UUID and _says(_SAYS_UUID, name))
    ):
        what = f"a digest or random ID of {length} bytes"
        return Explanation(EXPLAINED, what, hashed=_says(_SAYS_DIGEST, name) and not _says(_OF_CONTENT, name))
    if length in sent or _says(_MAY_SAY_DIGEST, name) or (length in LONG_IDS and _says(_SAYS_ID, name)):
        what = f"as long as a digest of {length} bytes, and as ciphertext can be: {len(random)} of the values"
        return Explanation(SPARSE, what)
    return None


# A number of a JSON document that is as long as ciphertext, or a text, with the colon if it is a member's name.
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"\s*(:)?|(?<![\w.-])(\d{36,})(?![\w.])')
_ESCAPE = re.compile(r"\\(?:u([\da-fA-F]{4})|(.))")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


def _members(documents: Iterable[str]) -> Iterator[tuple[str, list[Value]]]:
    """Yield the texts and long numbers of JSON documents by the name of their member. A document may be cut off."""
    values_by_member: dict[str, list[Value]] = {}
    for document in documents:
        if xml_text.is_document(document):
            for member, text in xml_text.members(document):
                values_by_member.setdefault(member, []).append(text)
            continue
        name = ""
        for text, colon, number in _TEXT.findall(document):
            if colon:
                name = text
                values_by_member.setdefault(NAMES, []).append(_unescaped(text))
            elif text or number:
                values_by_member.setdefault(name, []).append(_unescaped(text or number))
    yield from sorted(values_by_member.items())


def _unescaped(text: str) -> str:
    def character(match: re.Match[str]) -> str:
        return chr(int(match[1], 16)) if match[1] else _ESCAPES.get(match[2], match[2])

    return _ESCAPE.sub(character, text) if "\\" in text else text
