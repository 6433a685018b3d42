# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The look of one value: of a known form, like ciphertext in some encoding, or plain.

Ciphertext looks like random bytes, and every encoding shows that. Its characters change between classes (letters,
digits, capitals) about as often as by chance. Words, names and numbers keep to one class.

test_unexplained.py measures this for each value. Of values of 29 random bytes, at least 93 % count as random. They are
in hex, base32, base64 or base85, with a prefix, separators or in lines. It is 97 % from 80 bytes on (of 16 bytes 93 %,
in base85 83 %). Of sentences, source code, names, URLs, paths, slugs, e-mail addresses, times and numbers at most 0.2 %
do.

A column has many values, so ``look_at`` is enough for each. For a single value in a column that is usually encrypted,
``looks_encrypted`` asks more. There a value is plain only if it has a known form, or consists of words and numbers.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Union

from . import addresses, binary_forms, json_text, notation_texts, pickles, plain_text_look, quoted_parts
from .base64_texts import decode_base64, decode_cut_base64
from .known_forms import DATA_URI, ENCRYPTED, UUID, WRITTEN_AS_UUID, body_of, form_of
from .packed_values import LONGEST, decompressed
from .plain_text_look import CODES
from .recognized_formats import FERNET, identify
from .unusual_encodings import WRITINGS, joined_groups, percent_decoded, url_parts

SHORTEST = 16  # bytes that a value must have to be judged: a block of AES, or a nonce and a few bytes
WHOLE = 0.6  # of a value that must be random: a sentence that quotes a token is not ciphertext
ENCRYPTED_DOCUMENT = "an encrypted document"
ENCODED = "encoded text"
KNOWN_FORMAT = "a known format"  # instead of an encoding: the value has a format of recognized_formats.py
LOOKED_AT = 20_000  # bytes of what was compressed

Value = Union[str, bytes]

_RUN = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_HEX = re.compile(r"(?:[\da-f]{2}){8,}|(?:[\dA-F]{2}){8,}", re.ASCII)
_BASE32 = re.compile(r"(?:[A-Z2-7]{16,}|[a-z2-7]{16,})={0,6}")
_BASE85 = re.compile(r"[!-~]{20,}")
_BETWEEN = re.compile(r"[/\\@:?&=#;,.]+")  # the parts of an address
_SIGNS = re.compile(r"[^\w\s+/=-]+", re.ASCII)  # between parts that have an encoding each
_SHORT_CODE = re.compile(r"[A-Za-z\d]{,31}")  # a part that is as often an ID or a token, if no sign says base64
_PREFIX = re.compile(r"^(?:0x|\\x)(?=[\da-fA-F]+$)")
_RARE = set("jqxzvkwJQXZVKW")  # letters that are 27 % of random ones, and 5 % of those in English
_WORDS = re.compile(r"[A-Za-z]?[a-z]{3,}(?![a-z])")
# The class of each sign that a run can have.
_KINDS = {string.digits: "0", string.ascii_lowercase: "a", string.ascii_uppercase: "A", string.punctuation: "-"}
_CLASSES = str.maketrans({sign: name for signs, name in _KINDS.items() for sign in signs})


def _as_text(value: Value) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace")


def _changes(run: str) -> float:
    """Return the share of neighbors in a text that are of different classes: digits, lowercase, capitals, the rest."""
    classes = run.translate(_CLASSES)
    return sum(map(str.__ne__, classes, classes[1:])) / (len(classes) - 1)


def _share(run: str, test: Callable[[str], bool]) -> float:
    return sum(map(test, run)) / len(run)


def _is_random_hex(run: str) -> bool:
    """Return whether hex is random: 62 % are digits, and 47 % of all neighbors are a digit and a letter."""
    data = bytes.fromhex(run)
    if _is_text(data):  # such as a token that an application keeps in hex
        return bool(look_at(data.decode("utf-8")).encoding)
    if not 0.3 < _share(run, str.isdigit) < 0.9 or _changes(run) < 0.25:
        return False
    return len(set(run)) >= min(9, 5 + len(run) // 8)


def _is_random_base32(run: str) -> bool:
    """Return whether base32 is random: 19 % of its characters are digits, and 22 % rare letters."""
    bare = run.rstrip("=")
    digits = _share(bare, str.isdigit)
    rare = _share(bare, _RARE.__contains__)
    return 0.03 < digits < 0.5 and rare > 0.03 and _changes(bare) > 0.1 and len(set(bare)) >= 10


def _is_random_base64(run: str) -> bool:
    """Return whether base64 is random: 65 % of neighbors differ in class, in words and slugs below 35 %."""
    bare = run.rstrip("=")
    capitals, small = _share(bare, str.isupper), _share(bare, str.islower)
    if min(capitals, small) < 0.15 or _changes(bare) < 0.42 or len(set(bare)) < 10:
        return False
    return sum(len(word) for word in _WORDS.findall(bare) if len(word) > 8) < 0.2 * len(bare)


def _is_random_base85(run: str) -> bool:
    """Return whether base85 is random: 27 % of its characters are symbols, and 73 % of neighbors differ in class."""
    small, capitals = _share(run, str.islower), _share(run, str.isupper)
    symbols = 1 - _share(run, str.isalnum)
    kinds = len({character for character in run if not character.isalnum()})
    return min(small, capitals) > 0.1 and 0.08 < symbols < 0.55 and kinds >= 3 and _changes(run) > 0.5


def _is_text(data: bytes) -> bool:
    """Return whether bytes are UTF-8 of printable characters. By chance, 16 random bytes are in 1 of 100,000 cases."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return not text or _share(text, lambda character: character.isprintable() or character in "\r\n\t") > 0.95


def _is_random_bytes(data: bytes) -> bool:
    """Return whether bytes are spread over all values, without the zeros and printable text of structured data."""
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

_DENSITIES = {encoding: density for encoding, _, _, density in _TESTS}


@dataclass(frozen=True)
class Look:
    """The look of one value: what explains it, or the encoding of its random parts. Both are empty if it is plain."""

    explanation: str = ""
    encoding: str = ""
    size: int = 0  # characters or bytes of a value that is random as a whole
    form: str = ""  # of a random value: it explains some values among others, but not a column of such values only

    @property
    def is_unknown(self) -> bool:
        """Return whether the value is random, and nothing explains it."""
        return bool(self.encoding and not self.explanation)


NOTHING = Look()


def look_at(value: Value) -> Look:
    if isinstance(value, bytes):
        return _look_at_bytes(value, len(value) >= LONGEST)
    text = value.strip()
    if ENCRYPTED.match(text) or identify(text) is not None:
        return Look(encoding=KNOWN_FORMAT)
    if uri := DATA_URI.fullmatch(text):
        return _look_at_data_uri(uri, len(value) >= LONGEST)
    if decoded := percent_decoded(text.encode("utf-8", "replace")):
        inside = look_at(decoded)
        return Look(encoding=f"percent-encoded {inside.encoding}") if inside.is_unknown else inside
    if known := form_of(text):
        return Look(explanation=known)
    if WRITTEN_AS_UUID.fullmatch(text):
        inside = _look_at_run(text.rpartition(":")[2].strip("{}").replace("-", ""), "hex")
        return replace(inside, form=UUID) if inside.encoding else Look(explanation=UUID)
    form, explains = addresses.form_of(text)
    if form and has_known_format(text):
        return Look(encoding=KNOWN_FORMAT)
    if form and explains:
        return Look(explanation=form)
    look = _look_at_writing(text) or _look_at_encoding(body_of(text), len(value) >= LONGEST)
    if look.is_unknown and (known := notation_texts.kind_of(text, len(value) >= LONGEST)):
        return Look(explanation=known)
    if not form or look.explanation:
        return look
    is_random = bool(look.encoding) and any(map(_is_random_part, _BETWEEN.split(text)))
    return replace(look, form=form) if is_random else Look(explanation=form)


def _is_random_part(part: str) -> bool:
    return len(part) >= _LEAST and bool(_look_at_encoding(part, False).encoding)


def _look_at_encoding(text: str, is_cut: bool) -> Look:
    """Return the look of a text that is random, as a whole or in most of it, in one of the usual encodings."""
    packed = "".join(text.split()) if _is_wrapped(text) else _PREFIX.sub("", text)
    has_words = len(packed.split()) > 1
    for encoding, runs, is_random, density in _TESTS:
        if encoding != "hex" and has_words:
            continue
        random_runs = [run for run in runs.findall(packed) if is_random(run)]
        size = sum(map(len, random_runs))
        if size * density >= SHORTEST and size >= WHOLE * len(packed):
            if has_words and (rest := quoted_parts.without(packed)) != packed:
                return _look_at_encoding(rest, is_cut)
            known = _known_inside(random_runs[0], encoding, is_cut) if len(random_runs) == 1 else ""
            return Look(known, encoding, len(packed.rstrip("=")) if size == len(packed) else 0)
    return NOTHING if has_words else _look_at_parts(packed, is_cut)


def _look_at_parts(text: str, is_cut: bool) -> Look:
    """Return the look of a text with parts in several encodings, such as an IV in hex and ciphertext in base64."""
    parts = [part for part in _SIGNS.split(text) if len(part) >= SHORTEST]
    if len(parts) < 2 or sum(map(len, parts)) < WHOLE * len(text):
        return NOTHING
    names = [_encoding_of(part, is_cut) for part in parts]
    encodings = [name for name in _DENSITIES if name in names]
    random = [(len(part), _DENSITIES[name] * len(part)) for name, part in zip(names, parts) if name]
    characters, size = map(sum, zip((0, 0), *random))
    is_random = size >= SHORTEST and characters >= WHOLE * len(text)
    return Look(encoding=" and ".join(encodings)) if is_random else NOTHING


def _encoding_of(part: str, is_cut: bool) -> str:
    """Return the encoding in which a part is random, with nothing known in it. Empty if it is not random."""
    for encoding, runs, is_random, _ in _TESTS:
        if encoding == "base64" and _SHORT_CODE.fullmatch(part):
            return ""
        if encoding != "base85" and runs.fullmatch(part) and is_random(part):  # which has the signs between parts too
            return "" if _known_inside(part, encoding, is_cut) else encoding
    return ""


def _look_at_writing(text: str) -> Look | None:
    """Return the look of bytes in an unusual encoding. None if the text is not one."""
    if joined := joined_groups(text):
        for encoding in ("hex", "base64"):
            look = _look_at_run(joined, encoding)
            if look.encoding:
                return look
    for writing, read in WRITINGS:
        if data := read(text):
            look = _look_at_bytes(data, False)
            return replace(look, encoding=writing, size=0) if look.is_unknown else look
    return None


def _look_at_run(text: str, encoding: str) -> Look:
    """Return the look of a text as one run of an encoding."""
    for name, runs, is_random, density in _TESTS:
        if name == encoding and len(text) * density >= SHORTEST and runs.fullmatch(text) and is_random(text):
            return Look(encoding=encoding, size=len(text.rstrip("=")))
    return NOTHING


def has_random_word(value: Value) -> bool:
    """Return whether a text has a random word that it does not explain."""
    text = _as_text(value)
    return _is_any_word_random(text) and _is_any_word_random(quoted_parts.without(text))


def is_mostly_random_words(value: Value) -> bool:
    """Return whether random words, which the text does not explain, are most of it."""
    text = _as_text(value)
    words = quoted_parts.without(text).split()
    random = (word for word in words if len(word) >= _LEAST and look_at(word).is_unknown)
    return sum(map(len, random)) >= WHOLE * len("".join(text.split()))


def _is_any_word_random(text: str) -> bool:
    words = text.split()
    return len(words) > 1 and any(look_at(word).is_unknown for word in words if len(word) >= _LEAST)


def has_known_format(text: str) -> bool:
    """Return whether a part of a URL is in a known format. Any other part could be an ID or a signature."""
    return any(identify(part) is not None for part in url_parts(text.encode("utf-8", "replace")))


def _look_at_data_uri(uri: re.Match[str], is_cut: bool) -> Look:
    """Return the look of a data URI. It is explained if its data is: random bytes of an unknown kind are ciphertext."""
    data = decode_cut_base64(uri["data"]) if uri["base64"] else b""
    look = _look_at_bytes(data, is_cut) if data else look_at(uri["data"])
    return Look(encoding="a data URI") if look.is_unknown else Look(explanation="a data URI")


def _look_at_bytes(data: bytes, is_cut: bool) -> Look:
    if _is_text(data):
        return look_at(data.decode("utf-8"))
    known = _known_bytes(data, is_cut)
    if known:
        return Look(explanation=known)
    if binary_forms.is_encrypted(data, is_cut):
        return Look(encoding=ENCRYPTED_DOCUMENT)
    if decompressed(data):  # known content was returned above
        return Look(encoding="compressed bytes")
    return Look(encoding="bytes", size=len(data)) if _is_random_bytes(data) else NOTHING


def _is_wrapped(text: str) -> bool:
    """Return whether a text is one encoded value in lines of equal length, as base64 in MIME and PEM is."""
    lines = text.split()
    return len(lines) > 1 and len(set(map(len, lines[:-1]))) == 1 and len(lines[0]) >= 60


def _known_inside(run: str, encoding: str, is_cut: bool) -> str:
    """Return what an encoded text holds, if that is of a known kind or a text that is not random. Otherwise empty."""
    data = _DECODED[encoding](run) if encoding in _DECODED else b""
    if not data:
        return ""
    if not _is_text(data):
        return _known_bytes(data, is_cut)
    inside = look_at(data.decode("utf-8"))
    return inside.explanation or ("" if inside.encoding or _TOKEN.search(data) else ENCODED)


_DECODED: dict[str, Callable[[str], bytes]] = {"hex": bytes.fromhex, "base64": decode_base64}


def _known_bytes(data: bytes, is_cut: bool) -> str:
    if inside := decompressed(data):  # only a stream that decompresses is one, and of plain data
        return (
            ""
            if _look_at_bytes(inside[:LOOKED_AT], len(inside) > LOOKED_AT).is_unknown or _TOKEN.search(inside)
            else "compressed data"
        )
    if pickled := pickles.document(data, is_cut):
        document = json_text.parse(pickled)
        return "" if document is None or _is_encrypted_document(document) else "a pickled object"
    return binary_forms.kind_of(data, is_cut)


# A Fernet token with anything around it: under a key that is rotated, it would be unreadable.
_TOKEN = re.compile(rb"(?<![\w+/-])" + FERNET)
_LEAST = 20  # characters of SHORTEST bytes in base85, the densest encoding
_LONG_NUMBER = re.compile(r"\d{36,}", re.ASCII)  # digits of SHORTEST bytes as an integer, but for a few of the highest
# Members of JSON documents in which ciphertext is stored, in lowercase: one of _SEALED is enough, or two of _PARTS.
_SEALED = frozenset(("ciphertext", "cipher_text", "encrypted_data", "encrypted_value"))
_PARTS = frozenset(("ct", "nonce", "iv", "tag", "auth_tag", "authtag"))


def looks_encrypted(value: bytes) -> bool:
    """Return whether one value may be or contain ciphertext of any format: it has no known form and is not words."""
    if not value:
        return False
    if not _is_text(value):
        return True
    text = value.decode("utf-8").strip()
    if inside := _text_in_hex(text):
        return looks_encrypted(inside)
    document = json_text.parse(text)
    if document is not None:
        return _is_encrypted_document(document)
    look = look_at(text)
    if look.encoding or look.explanation:
        return look.explanation in ("", ENCODED)
    words = text.split()
    if any(map(_LONG_NUMBER.fullmatch, words)):
        return True
    return bool(_TOKEN.search(value)) or sum(map(len, filter(_may_be_encoded, words))) > WHOLE * sum(map(len, words))


def _text_in_hex(text: str) -> bytes:
    """Return the text that is written in hex. Empty if there is none."""
    data = bytes.fromhex(text) if _HEX.fullmatch(text) else b""
    return data if data and _is_text(data) else b""


def _is_encrypted_document(document: json_text.Document) -> bool:
    """Return whether a JSON document may have ciphertext: by its member names, in one text, or over several texts."""
    if document.names & _SEALED or len(document.names & _PARTS) > 1:
        return True
    if any(looks_encrypted(text.encode("utf-8", "replace")) for text in document.texts):
        return True
    if any((max(data) > 127 and _is_random_bytes(data)) or looks_encrypted_text(data) for data in document.bytes):
        return True
    pieces = "".join(text.rstrip("=") for text in document.texts if plain_text_look.look_of(text) == CODES)
    return len(pieces) >= _LEAST and bool(look_at(pieces).encoding)


def looks_encrypted_text(data: bytes) -> bool:
    """Return whether bytes are a text that looks encrypted, such as a token by its character codes."""
    return _is_text(data) and looks_encrypted(data)


def _may_be_encoded(word: str) -> bool:
    """Return whether a word may stand for bytes: it is not mostly digits or words, and has no known form."""
    bare = "".join(filter(str.isalnum, word))
    if len(word) < _LEAST or not word.isascii() or not bare:
        return False
    words, numbers = _share_of_words(bare), _share(bare, str.isdigit)
    return words < 0.5 and numbers < 0.75 and not look_at(word).explanation


def _share_of_words(text: str) -> float:
    return sum(map(len, _WORDS.findall(text))) / len(text)
