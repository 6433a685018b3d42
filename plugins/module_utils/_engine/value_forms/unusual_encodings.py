# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes inside a value that is not encoded as a whole: percent signs, lists of numbers in JSON, parts of a URL.

Also encodings of a whole value that no decoder reads: numbers, groups of digits, Python's own, Latin-1 text.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from operator import mul
from urllib.parse import unquote_to_bytes

_PERCENT = re.compile(rb"(?:[^%\s]|%[\da-fA-F]{2})*%[\da-fA-F]{2}(?:[^%\s]|%[\da-fA-F]{2})*")
_LIST = re.compile(r"\[(\s*-?\d{1,3}(?:\s*,\s*-?\d{1,3}){15,})\s*(?:\]|\Z)")  # a document may be cut off
_INDEXED = re.compile(r'\{\s*"0"\s*:\s*\d{1,3}(?:\s*,\s*"\d+"\s*:\s*\d{1,3}){27,}\s*\}')  # as JSON has a Uint8Array
_PLACED = re.compile(r'"(\d+)"\s*:\s*(\d+)')
_URL = re.compile(rb"[a-zA-Z][\w+.-]{1,20}:/?/[^\s]+")
_BETWEEN = re.compile(rb"[/?&=#;,]+")
_PART = 38  # characters of 28 bytes in base64: a nonce of 12, and a tag of 16
_FEWEST_SIGNED = 32  # numbers
_LISTENED = 256  # numbers that show whether a list has a rhythm
_LOW, _HIGH = 40, 215  # 29 random bytes have one below and one above in 98 of 100 cases
_CLIPPED = 0.1  # of numbers that are 0 or 255, as those of colors are: of random bytes 1 in 128
_FAR = 0.25  # of numbers that are far from the middle: of random bytes half, of the numbers of a vector few
_REPEATS = 9  # pairs of equal numbers: if so many are expected, one of 8,000 lists has no pair
_NOISE = 3  # deviations of what a short list has in common with itself
_RHYTHM = 0.45  # of what a list has in common with itself, a few places on: 32 random numbers in one of ten cases


def percent_decoded(text: bytes) -> bytes:
    """Return the bytes of a percent-encoded text. Empty if it has no percent signs, or one of another kind."""
    return unquote_to_bytes(text) if b"%" in text and _PERCENT.fullmatch(text) else b""


def number_lists(text: str) -> Iterator[bytes]:
    """Yield the lists of a JSON text that may be bytes, and empty bytes for one that is signed but is not bytes."""
    for match in _LIST.finditer(text):
        numbers = [int(number) for number in match[1].split(",")]
        if min(numbers) < 0:
            yield _of_signed(numbers)
        elif max(numbers) < 256:
            yield bytes(numbers)
    for match in _INDEXED.finditer(text):
        placed = {int(place): int(number) for place, number in _PLACED.findall(match[0])}
        if [*placed] == [*range(len(placed))] and max(placed.values()) < 256:
            yield bytes(placed.values())


def _of_signed(numbers: Sequence[int]) -> bytes:
    """Return the bytes of numbers from -128 to 127, as Java writes them. Empty unless they look random."""
    if len(numbers) < _FEWEST_SIGNED or not (-128 <= min(numbers) <= -120 and 120 <= max(numbers) <= 127):
        return b""
    far, negative = (sum(kind) / len(numbers) for kind in zip(*((abs(each) >= 64, each < 0) for each in numbers)))
    if not (0.38 < far < 0.62 and 0.35 < negative < 0.65) or _has_rhythm(numbers[:_LISTENED]):
        return b""
    data = bytes(number & 255 for number in numbers)
    return b"" if _is_ordered_or_low(data) else data


def _has_rhythm(numbers: Sequence[int], least: float = _RHYTHM) -> bool:
    """Return whether numbers repeat earlier ones, as samples of sound, sensors and pairs do, and random ones do not."""
    power = sum(number * number for number in numbers)
    products = (sum(map(mul, numbers, numbers[lag:])) for lag in range(1, len(numbers) // 4 + 1))
    return any(abs(product) > max(least, _RHYTHM) * power for product in products)


def looks_listed_by_chance(data: bytes) -> bool:
    """Return whether a list is not ciphertext: not spread over all bytes, or with an order or a rhythm."""
    if min(data) > _LOW or max(data) < _HIGH or _is_ordered_or_low(data):
        return True
    if sum(abs(number - 128) >= 64 for number in data) < _FAR * len(data):
        return True
    clipped = sum(number in (0, 255) for number in data)
    centered = [2 * number - 255 for number in data[:_LISTENED]]
    return clipped > max(_CLIPPED * len(data), 2) or _has_rhythm(centered, _NOISE / len(centered) ** 0.5)


def are_all_distinct(lists: Sequence[bytes]) -> bool:
    """Return whether no list repeats a number. Lists of IDs and of ranks do not; random lists, all together, would."""
    expected = sum(len(data) * (len(data) - 1) / 512 for data in lists)
    return expected > _REPEATS and all(len({*data}) == len(data) for data in lists)


def _is_ordered_or_low(listed: Sequence[int]) -> bool:
    """Return whether numbers are sorted, as IDs are, or too low or too high to be random, as shares are."""
    numbers = list(listed)
    high = sum(number > 127 for number in numbers) / len(numbers)
    return numbers in (sorted(numbers), sorted(numbers, reverse=True)) or not 0.25 < high < 0.75


def url_parts(text: bytes) -> list[bytes]:
    """Return the parts of a URL's path and the values of its query that are long enough for a token."""
    if not _URL.fullmatch(text):
        return []
    parts = [unquote_to_bytes(part) for part in _BETWEEN.split(text)]
    return [part for part in parts if len(part) >= _PART]


# Writings of a whole value: the name of each, and a function that returns the bytes, or empty if it is another writing.
_SHORTEST = 16  # bytes
_NUMBER = re.compile(r"[1-9]\d{35,}", re.ASCII)  # but for a few of the highest, the digits of so many bytes
_RUN = re.compile(r"(\d)\1{3}")  # in one of 15 random numbers; in numbers that people make, zeros in front
_NUMBERS = re.compile(r"[\[({]?\s*(\d{1,3}(?:(?:\s*[,;|]\s*|\s+|[.:-])\d{1,3}){15,})\s*[\])}]?", re.ASCII)
_ADDRESSES = re.compile(r"\D?(?:\d+\.\d+\.\d+\.\d+(?:\s*[,;|\s-]\s*|\D?\Z))+")  # of IPv4
_SIGNED = re.compile(r"[\[({]?\s*(-?\d{1,3}(?:(?:\s*[,;|]\s*|\s+)-?\d{1,3}){31,})\s*[\])}]?", re.ASCII)
_PAIRS = re.compile(r"(?:[\da-f]{2}(?P<one>[ :,_-]))(?:[\da-f]{2}(?P=one)){14,}[\da-f]{2}", re.ASCII | re.IGNORECASE)
_GROUPS = re.compile(r"[\da-f]{4,16}(?P<one>[ :_-])(?:[\da-f]{4,16}(?P=one))+[\da-f]{2,16}", re.ASCII | re.IGNORECASE)
_SPELLED = re.compile(r"(?:(?:0x|\\x)[\da-f]{2}[ ,;]*){16,}", re.ASCII | re.IGNORECASE)
_SHOWN = re.compile(r"""(?:b|bytearray\(b|memoryview\(b)(['"]).*\1\)?""", re.DOTALL)
_CONTROL = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def _of_number(text: str) -> bytes:
    if not _NUMBER.fullmatch(text) or _RUN.search(text) or len(set(text)) < 8:
        return b""
    number, digits = 0, text
    while digits:  # in parts: Python limits how many digits it reads at once
        part, digits = digits[:1000], digits[1000:]
        number = number * 10 ** len(part) + int(part)
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _of_numbers(text: str) -> bytes:
    match = _NUMBERS.fullmatch(text)
    numbers = [int(number) for number in re.findall(r"\d+", match[1])] if match else []
    if not numbers or max(numbers) > 255 or _ADDRESSES.fullmatch(text):
        return b""
    return b"" if looks_listed_by_chance(bytes(numbers)) else bytes(numbers)


def _of_signed_numbers(text: str) -> bytes:
    match = _SIGNED.fullmatch(text) if "-" in text else None
    return _of_signed([int(number) for number in re.findall(r"-?\d+", match[1])]) if match else b""


def _of_spelled(text: str) -> bytes:
    pairs = re.findall(r"[\da-f]{2}", text.lower().replace("0x", " ")) if _SPELLED.fullmatch(text) else []
    return bytes.fromhex("".join(pairs))


def _parse_python_bytes(text: str) -> bytes:
    """Bytes as Python shows them."""
    if not _SHOWN.fullmatch(text):
        return b""
    try:
        literal = ast.literal_eval(text.partition("(")[2].rstrip(")") if "(" in text[:12] else text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return b""
    return literal if isinstance(literal, bytes) else b""


def _of_characters(text: str) -> bytes:
    """Return the codes of a text with control characters, which a quarter of random bytes are in Latin-1."""
    if text.isascii() or max(text) > "\xff" or len(_CONTROL.findall(text)) < 0.1 * len(text):
        return b""
    return text.encode("latin-1")


WRITINGS: tuple[tuple[str, Callable[[str], bytes]], ...] = (
    ("a decimal number", _of_number),
    ("numbers of bytes", _of_numbers),
    ("signed numbers of bytes", _of_signed_numbers),
    ("hex with signs", _of_spelled),
    ("Python's writing of bytes", _parse_python_bytes),
    ("characters of Latin-1", _of_characters),
)


def joined_groups(text: str) -> str:
    """Return hex or base64 without the signs between its bytes or equal groups. Empty if it has no such signs."""
    pairs = _PAIRS.fullmatch(text) or _GROUPS.fullmatch(text)
    groups = text.split(pairs["one"]) if pairs else text.split()
    if len(groups) < 4 or len(set(map(len, groups[:-1]))) > 1 or len(groups[-1]) > len(groups[0]):
        return ""
    return "".join(groups) if sum(map(len, groups)) >= 2 * _SHORTEST or not pairs else ""
